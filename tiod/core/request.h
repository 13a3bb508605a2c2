/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What is asked of one family of functions, resolved to addresses: the input of
 * plan.c and of the engine.  A command that names devices of several families is
 * several requests.
 */

#include <stddef.h>

#include "core/assignments.h"
#include "core/plugins.h"
#include "core/snapshot.h"
#include "core/vm.h"

#define REQUEST_TARGETS_MAX  288 /* 256 VFs, and what may come along */
#define REQUEST_FAMILIES_MAX 8

enum verb {
	VERB_ATTACH,
	VERB_DETACH,
	VERB_CONNECT,
	VERB_DISCONNECT,
	VERB_RECONNECT,
	VERB_MOVE, /* the link alone, anew */
	VERB_COUNT
};

/* One function that changes hands. */
struct target {
	struct bdf function; /* for a VF that is still to be made: the address it will have */
	struct bdf physfn;   /* of a VF */
	int vf_index;        /* of a VF, else -1 */
	struct bdf lead;     /* the function it comes along with, or itself */
	char named[48];      /* what the caller typed */

	/*
	 * The VM that it was reserved for when it was asked for, "": whoever has it.  Detach:
	 * the one that loses it.  Attach: set where that reservation alone lets the caller.
	 */
	char held_by[VM_NAME_MAX];
};

struct request {
	enum verb verb;
	struct bdf family;                         /* function 0: lock and journal */
	struct bdf families[REQUEST_FAMILIES_MAX]; /* all that are touched, family first */
	size_t n_families;
	size_t n_locked; /* the first that nobody else's change touches now; 0: not asked */
	struct target targets[REQUEST_TARGETS_MAX];
	size_t n_targets;
	unsigned vfs;                /* VFs to enable, 0: as many as there are */
	char tsm[TSM_NAME_MAX];      /* the TSM to connect to, "": the only one */
	char last_tsm[TSM_NAME_MAX]; /* reconnect: the last that the link was seen with */
	bool with_companions;        /* all of the IOMMU group goes along */
	bool reserved_only;          /* attach: only what is reserved for that VM still */
	bool grant_only;             /* attach: give nodes to the VM's user, and nothing else */
	struct bdf moved_to;         /* move: function 0 of the card at its new address */
	unsigned force;              /* enum force: whose use of the device does not count */
	bool refresh;                /* reconnect: new keys for the link that stands */
	struct vf_settings settings; /* attach: of its VFs, as asked for in this call */
	/* Memory in pages of the VM's size that others with functions count on as well. */
	uint64_t promised;
	char promised_to[64]; /* their names */
	struct vm vm;         /* attach: what it is to be given to */
};

/* Attach's or detach's word on the wire: "attach", …; never NULL. */
const char *verb_to_string(enum verb verb);

/* Takes steps, rather than taking back those of others. */
bool verb_goes_forward(enum verb verb);

/* @function is one of those that change hands. */
bool request_has_target(const struct request *request, struct bdf function);

/*
 * What the VF of @target is to be set to, of @all that is known: what its VM's file says of
 * network cards, over it what its assignment keeps, over that what this call asks for.
 */
struct vf_settings request_vf_settings(const struct snapshot *snap,
				       const struct assignments *all,
				       const struct request *request,
				       const struct target *target);

/*
 * One name as typed, as addresses: "0000:e1:00.0", "e1:00.0", "e1:00.0/vf3",
 * "slot:7" (function 0 in that slot), "serial:00-11-22-33-44-55-66-77".  Fills @ret with
 * function, physfn, vf_index and named.  -EINVAL for a malformed name, -ENODEV for what is not
 * there; the sentence says which names there are.
 */
int request_resolve(const struct snapshot *snap, const char *name, struct target *ret,
		    struct tio_error *err);

/* A call names @n functions, which are more than REQUEST_TARGETS_MAX; -E2BIG. */
int request_refuse_many(size_t n, struct tio_error *err);

/* What @one reserves, as it was asked for. */
struct target target_of_assignment(const struct assignment *one);

/*
 * Completes an attach request whose targets were resolved and are of one family: adds the
 * members of their IOMMU groups that go along (all of them with request->with_companions,
 * else those of which a plugin says so), and lists the families touched.
 */
int request_add_companions(const struct snapshot *snap, const struct plugins *plugins,
			   struct request *request, struct tio_error *err);

/*
 * -EAGAIN: a target's card is not among the locked ones; it is then added to the families, so
 * that whoever locks knows.
 */
int request_check_locked(const struct snapshot *snap, struct request *request,
			 struct tio_error *err);

/*
 * Drops the targets that are not reserved for the request's VM any more: whoever was before it
 * in the queue may have given them up.
 */
void request_keep_reserved(const struct assignments *all, struct request *request);

/*
 * What changed hands while the request waited, by what held_by says.  A detach leaves what
 * another VM has now, and -EBUSY says that nothing else was asked for; an attach of what is not
 * reserved for its VM any more is -EPERM as a whole.
 */
int request_keep_held(const struct assignments *all, struct request *request,
		      struct tio_error *err);

/* Completes a detach request: adds what, by @all, came along with its targets. */
int request_add_led(const struct assignments *all, struct request *request,
		    struct tio_error *err);
