/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What an operation of the file system meets on its way: faults laid out by a test,
 * and the trace.
 *
 * fuse-file.c and fuse-dir.c wrap each operation in act_begin() and act_end(), ctl.c
 * adds the rules.  The lock is held for all of it; a hang lets go of it.
 */

#include <jansson.h>
#include <stddef.h>

#include "tree.h"

enum act_op {
	ACT_READ,
	ACT_WRITE,
	ACT_OPEN,
	ACT_RENAME,
	ACT_FSYNC,
	ACT_UNLINK,
	ACT_CREATE,
	ACT_MKDIR,
	ACT_RMDIR,
	ACT_TRUNCATE,
	ACT_COUNT,
};

struct fault;

struct act {
	enum act_op op;
	const struct node *node; /* what it is done to, or the directory of @name */
	const char *name;        /* a name in @node that need not exist; or NULL */
	const struct node *to;   /* rename: the directory it goes to */
	const char *to_name;
	const char *value; /* what is written */
	size_t size;
	const struct sim_caller *who;

	struct fault *fault; /* the rule that was hit, held; for act_end() */
	char *path;          /* owned; only while somebody watches */
};

enum { ACT_GO = 1, ACT_PRETEND = 0 };

/* ACT_GO: do it; ACT_PRETEND: answer success without doing it; or a negative errno. */
int act_begin(struct act *act);
/* What to answer instead of @result (negative errno, or any success).  Always called. */
ssize_t act_end(struct act *act, ssize_t result);

/* Commands: replies as model_ctl() does. */
json_t *faults_add(const json_t *command);
json_t *faults_list(const json_t *command);
json_t *faults_clear(const json_t *command);
json_t *faults_release(const json_t *command);
json_t *faults_trace(const json_t *command);
void faults_free(void);
