/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The model as JSON, in the shapes of io.tiod.varlink: what the socket, --json and tests see.
 * Every function returns a new reference, or NULL when memory is short.
 */

#include <jansson.h>

#include "base/error.h"
#include "core/groups.h"
#include "core/host.h"
#include "core/ide.h"
#include "core/link.h"
#include "core/plan.h"

#define REPORT_GROUP_LISTED 64 /* members of a group that each function of a list names */

/* What the daemon knows of a function beside the kernel's view. */
struct standing {
	const char *job; /* "attach", …, while one runs or waits; NULL */
	uint64_t job_id;
	const struct tio_error *stuck;      /* a change that could not be undone; NULL */
	const struct tio_error *last_error; /* of the last change; NULL */
	const struct link_state *link;      /* of its card's link; NULL: nobody watches it */
	bool reconnects;                    /* a link that went with its TSM is made anew */
	bool gone;                          /* assigned, but no longer in the host */
	double age;                         /* seconds since its state was read */
	const struct groups *groups;        /* of the snapshot; NULL: made for this one */
	bool in_list;                       /* one of many: not every member of a group */
};

/*
 * States, one at a time: "absent", "stuck", "busy", "attached", "degraded" (attached or
 * connected, but the link has fallen), "reserved" (assigned, not brought up), "connected",
 * "idle", "incapable".
 */
const char *report_state(const struct function *f, const struct function *dsm,
			 const struct assignment *assignment, const struct standing *standing);

json_t *report_function(const struct snapshot *snap, const struct assignments *all,
			const struct function *f, const struct standing *standing);
json_t *report_status(const struct snapshot *snap, const struct assignments *all,
		      struct bdf function, const struct standing *standing);
/* report-ide.c: of function 0; the registers of an end that has none are NULL. */
json_t *report_ide(const struct function *dsm, const struct ide_registers *endpoint,
		   const struct ide_registers *root_port);
json_t *report_ide_registers(struct bdf bdf, const struct ide_registers *registers);
json_t *report_host(const struct snapshot *snap, size_t n_assignments);
json_t *report_hugepages(const struct snapshot *snap);
json_t *report_plan(const struct plan *plan, const struct request *request);
json_t *report_progress(const struct progress *progress);
json_t *report_assignment(const struct assignment *one);

/* The parameters of an error reply: function, step, attribute, errno, errnoName, sentence, fix.
 */
json_t *report_error(const struct tio_error *err);

/* "io.tiod.InUse", … : the name of an error reply. */
const char *report_error_name(const struct tio_error *err);
