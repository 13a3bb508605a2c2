/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a VM is to be given, as the daemon made it, printed for whoever starts the VM.
 * For attach and qemu.
 */

#include <jansson.h>

struct screen;
struct tioctl;

/*
 * On stdout: the arguments, quoted for a shell, an option and its value a line, to be pasted
 * behind "qemu-system-x86_64 \".  With @format "json" the handoff object, with "libvirt" the
 * elements of a domain.
 */
void handoff_print(struct tioctl *t, const json_t *handoff, const char *format);

void handoff_print_notes(const struct screen *screen, const json_t *handoff);
