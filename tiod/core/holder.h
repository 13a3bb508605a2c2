/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A user of a function in words: the clause of a refusal, what would free it, and which
 * word of --force overrides it.  One table has a row for each kind; host/holders-*.c find
 * the users, refusals-use.c tells them.
 */

#include "core/snapshot.h"

struct tio_error;

/*
 * What a caller may take away from its users.  What would lose data is none of them: a file
 * system, swap, a volume or a pool is never taken away.
 */
enum force {
	FORCE_NET = 1 << 0,  /* addresses, routes, bridges and bonds of an interface */
	FORCE_OPEN = 1 << 1, /* device nodes that a process has open */
};

/* Adds the bit of @word ("net", "open") to @mask.  -EINVAL: the sentence names the words. */
int force_add(const char *word, unsigned *mask, struct tio_error *err);

/* "net,open"; returns @buf. */
const char *force_format(unsigned mask, char *buf, size_t size);

/* What a block device can be part of. */
enum stack_kind {
	STACK_LVM,
	STACK_CRYPT,
	STACK_MULTIPATH,
	STACK_DM, /* other device mapper targets */
	STACK_MD,
	STACK_BCACHE,
	STACK_LOOP,
	STACK_OTHER,
	STACK_KIND_COUNT
};

/*
 * @h is a user of a device called @name (of the volume group @group, for LVM), which is built
 * on what @h was a user of so far: adds it to h->stack and to h->undo.
 */
void holder_stack_on(struct holder *h, enum stack_kind kind, const char *name,
		     const char *group);

/* "/dev/nvme0n1p2 is mounted on /data"; returns @buf. */
const char *holder_describe(const struct holder *h, char *buf, size_t size);

/* "`umount /data`"; returns @buf. */
const char *holder_fix(const struct holder *h, char *buf, size_t size);

/* The bit of enum force that overrides it, or 0. */
unsigned holder_force(const struct holder *h);

/* A process has its device node open: one that runs a virtual machine, or any other. */
bool holder_is_opener(const struct holder *h);

/* It is only worth telling: nobody is known to use the function. */
bool holder_is_note(const struct holder *h);

/* On the way back the device is a VM's: only who has it open counts. */
bool holder_counts(const struct holder *h, bool from_vm);

/* The function must not be taken from its driver: that counts, and @force does not cover it. */
bool holder_forbids(const struct holder *h, bool from_vm, unsigned force);
