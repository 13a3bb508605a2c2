/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who owns what: function → VM.  The only state of tiod that lasts over a
 * reboot; what a device *is* is always read from the kernel.
 *
 * Pure list and its JSON form (assignments.json); host/store.c keeps the file.
 */

#include <stddef.h>

#include "core/function.h"
#include "core/vf-settings.h"

struct tio_error;

#define VM_NAME_MAX 64 /* with its NUL */

struct assignment {
	struct bdf function;
	struct bdf family;        /* of the function it was asked for with */
	struct bdf lead;          /* the function that was named; itself unless a companion */
	struct bdf physfn;        /* of a VF, else BDF_NONE */
	int vf_index;             /* of a VF, else -1 */
	struct identity identity; /* the card that was named */
	char vm[VM_NAME_MAX];
	char named[48];              /* what the admin typed: address, slot, … */
	struct vf_settings settings; /* that were asked for; applied at every attach */
	int port; /* root port in the VM: 0, 1, … unique within it; -1: not decided */
	int port_function; /* function number behind that port */
	unsigned vfs;      /* of a VF: how many its PF had; 0: not known */
};

struct assignments {
	struct assignment *list; /* owned, sorted by function */
	size_t n;
};

void assignments_finish(struct assignments *all);

const struct assignment *assignments_find(const struct assignments *all, struct bdf function);

/* Adds or replaces; keeps the order.  0 or -ENOMEM. */
int assignments_put(struct assignments *all, const struct assignment *one);

/* True if there was one. */
bool assignments_remove(struct assignments *all, struct bdf function);

/* The lowest root port number that no function of @vm sits behind. */
int assignments_free_port(const struct assignments *all, const char *vm);

/*
 * Decides where @one with port -1 sits in its VM: a companion behind its lead's root port
 * under its own function number, anything else behind a port of its own.  -EEXIST when the
 * function is another VM's.  Called by host_ops.assign under the file's lock, so that two
 * workers never choose the same port.
 */
int assignments_place(const struct assignments *all, struct assignment *one,
		      struct tio_error *err);

/*
 * The file's text, ending in a newline (free() it), and back.  The parser refuses
 * unknown versions and malformed entries with a sentence; @ret is then untouched.
 */
int assignments_to_json(const struct assignments *all, char **ret, struct tio_error *err);
int assignments_from_json(const char *text, size_t size, struct assignments *ret,
			  struct tio_error *err);
