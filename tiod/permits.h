/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the users of a VM may ask for: the second look at a call, with its parameters, for a
 * caller who is neither admin nor reader.  One function a kind of method; the table of
 * methods names it, and a method without one is not for them.
 *
 * Each returns 0, or -EPERM with a sentence; a list too long to be looked through is refused
 * with -E2BIG, before names that stand in it twice are dropped.
 */

#include "daemon.h"

/* The parameter "vm" is a VM of the caller's. */
int permit_vm(const struct daemon *daemon, const struct call *call, struct tio_error *err);

/* GetStatus: of a VM of its own, of a function that such a VM has, or of both at once. */
int permit_status(const struct daemon *daemon, const struct call *call, struct tio_error *err);

/* Plan and Attach: what was given to that VM, and as it was given. */
int permit_attach(const struct daemon *daemon, const struct call *call, struct tio_error *err);

/* Detach: what such a VM has. */
int permit_detach(const struct daemon *daemon, const struct call *call, struct tio_error *err);

/*
 * Notes in @target of an attach to @vm that the caller may do it only as long as @target is
 * reserved for that VM, where that is so; @access is what the method takes of others.
 */
void permit_note_held(const struct daemon *daemon, const struct call *call, enum access access,
		      const struct vm *vm, struct target *target);
