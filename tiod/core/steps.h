/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The steps of the bring-up, in order; detach is the same table read upwards.
 *
 * plan.c asks needed() and describe(), which only look; engine.c calls the rest in a
 * worker.  Every step may be asked for twice, and every undo too: each looks at what is
 * there before it writes.  Adding a step is adding a row.
 */

#include "core/host.h"
#include "core/journal.h"
#include "core/plugins.h"

/* On which function a row works. */
enum step_subject {
	SUBJECT_TARGET,   /* each function that changes hands */
	SUBJECT_PF,       /* the PF of each VF that changes hands */
	SUBJECT_DSM,      /* function 0 of the card: the TSM link is the family's */
	SUBJECT_HOST,     /* once; carried by function 0 */
	SUBJECT_CARRIERS, /* what each of them stands on: itself or its PF, and function 0 */
};

/* What needed() and describe() may look at. */
struct step_facts {
	const struct snapshot *snap;
	const struct assignments *all;
	const struct request *request;
	const struct plugins *plugins; /* may be NULL */
	const struct journal *journal; /* of the family */
};

/* What apply(), verify() and undo() work with. */
struct step_work {
	const struct host_ops *ops;
	void *host;
	struct snapshot *snap;
	const struct assignments *all;
	const struct request *request; /* NULL in recovery */
	const struct plugins *plugins; /* may be NULL */
	enum verb verb;                /* of the change, in recovery too */
	const struct journal *journal; /* of the family */
};

struct step {
	const char *name;
	enum step_subject subject;
	unsigned deadline_ms;        /* for apply and for undo */
	unsigned deadline_per_vf_ms; /* beside it, for each VF made or removed */
	bool journaled;              /* has something to put back */
	bool tsm_turn;               /* waits for its turn before the deadline runs */
	bool transient;              /* of a reconnect only, which leaves nothing to put back */
	bool parallel;               /* functions do not mind each other: all at once */
	bool grants;                 /* gives nodes to users, and does nothing else */
	bool held;                   /* taken again if another step's undo took it back */
	enum plugin_wait wait;       /* what a plugin may know to take longer */

	/* @f is NULL for a VF that is still to be made. */
	bool (*needed)(const struct step_facts *facts, const struct target *target,
		       const struct function *f);
	void (*describe)(const struct step_facts *facts, const struct target *target,
			 const struct function *f, char *buf, size_t size);
	void (*describe_undo)(const struct record *record, char *buf, size_t size);

	/* Notes in @record what is about to change and what is wanted. */
	void (*capture)(const struct step_work *work, const struct target *target,
			const struct function *f, struct record *record);

	/* apply is NULL for a row that only checks. */
	int (*apply)(const struct step_work *work, const struct record *record,
		     struct tio_error *err);
	int (*verify)(const struct step_work *work, const struct record *record,
		      struct tio_error *err);
	int (*undo)(const struct step_work *work, const struct record *record,
		    struct tio_error *err);

	/* @older is dropped for @newer: what it alone knows is kept.  May be NULL. */
	void (*overtake)(struct record *newer, const struct record *older);
};

#define STEPS_N 13

/* Rows in the order of attach. */
extern const struct step *const steps[];

/* The number of the row called @name, or -1. */
int steps_find(const char *name);

#define STEP_SUBJECTS_MAX 2

/* The functions that @step works on for @target; returns how many, 0 to STEP_SUBJECTS_MAX. */
size_t step_subjects(const struct step *step, const struct request *request,
		     const struct target *target, struct bdf ret[STEP_SUBJECTS_MAX]);

/* Reads @f of the snapshot again; of a VF that is gone says what may have become of it. */
int steps_refresh(const struct step_work *work, struct function *f, struct tio_error *err);

/*
 * The VF @f is in a guest's hands, or as good as: on vfio-pci because tiod put it there for its
 * assignment, or open.  Its settings are to stay what they are.
 */
bool steps_vf_is_given(const struct step_facts *facts, const struct function *f);

/* The VFIO driver that functions are given to. */
#define VFIO_DRIVER "vfio-pci"

/*
 * Members of the IOMMU group of @f that keep it from being given to a VM: bound to a host
 * driver and not among @request's targets.  Writes their names into @buf; returns how many.
 */
size_t steps_group_blockers(const struct snapshot *snap, const struct request *request,
			    const struct function *f, char *buf, size_t size);
