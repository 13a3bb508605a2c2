/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whose the nodes of attached functions are after the configuration was read: a VM's file that
 * names another user or group takes them from the former one, by a job of that step alone.
 * Used by reload.c.
 */

struct config;
struct daemon;

/* daemon->config has taken the place of @before. */
void regrant(struct daemon *daemon, const struct config *before);

/*
 * Notes, in daemon->config, the VMs that no file describes any more and whose former users keep
 * what is attached: they are gone, or their files are broken.
 */
void regrant_note_orphans(struct daemon *daemon, const struct config *before);
