/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The rules that faults.c keeps, and what each kind of them does.
 */

#include "faults.h"

enum fault_act {
	FAULT_ERRNO,
	FAULT_HANG,
	FAULT_DELAY,
	FAULT_NOEFFECT,
	FAULT_VANISH,
	FAULT_TSM_GONE,
	FAULT_KILL,
	FAULT_KILL_PARENT,
	FAULT_KILL_BOTH,
	FAULT_STOP,
	FAULT_COUNT, /* only counts */
	FAULT_ACT_COUNT,
};

struct fault {
	struct fault *next;
	unsigned int refs; /* the list, and each operation that it was applied to */
	int id;
	char *path;       /* owned: a glob; without a slash it is about the last name */
	unsigned int ops; /* bits of enum act_op */
	enum fault_act act;
	bool after;
	enum sim_wait_mode mode;
	int error; /* positive */
	int ms;
	unsigned long nth;   /* 0: every */
	unsigned long count; /* how often at most; 0: no limit */
	unsigned long seen, applied;
};

/* As act_begin(): whether the operation goes on.  Lock held; a hang lets go of it. */
int fault_do(const struct fault *fault, const struct act *act);

int fault_hanging(int id); /* how many operations hang on it */
int fault_release(int id); /* 0: all; returns how many were released */

enum fault_act fault_act_parse(const char *name); /* FAULT_ACT_COUNT: none */
const char *fault_act_name(enum fault_act act);
bool fault_mode_parse(const char *name, enum sim_wait_mode *ret);
