/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/engine.h"
#include "core/report.h"
#include "host/hugepages.h"
#include "host/plugins.h"
#include "host/tsm.h"
#include "host/vfio.h"
#include "open-devices.h"

/*
 * Nothing here is freed: the process writes its result, which borrows most of it, and
 * exits.
 */

static bool is_touched(const struct request *request, const struct function *f)
{
	for (size_t i = 0; i < request->n_families; i++)
		if (bdf_equal(function_family(f), request->families[i]))
			return true;
	return false;
}

/*
 * Of a family that a change touched everything is told: a scan may have shown the daemon how
 * it stood in the middle.
 */
static bool is_news(const struct work *work, const struct function *f)
{
	const struct function *old = snapshot_find(work->known, f->bdf);

	if (work->kind == WORK_CHANGE || work->kind == WORK_RECOVER)
		if (is_touched(work->request, f))
			return true;
	return !old || memcmp(old, f, sizeof(*f)) != 0;
}

/* Fills @ret with what @now has that the daemon does not know. */
static int tell_difference(const struct work *work, const struct snapshot *now,
			   struct result *ret)
{
	struct function *functions = calloc(now->n_functions + 1, sizeof(*functions));
	struct bdf *removed = calloc(work->known->n_functions + 1, sizeof(*removed));

	if (!functions || !removed)
		return error_set(&ret->error, -ENOMEM, "tell what was found");
	ret->functions = functions;
	ret->removed = removed;
	for (size_t i = 0; i < now->n_functions; i++) {
		const struct function *f = &now->functions[i];

		if (is_news(work, f))
			functions[ret->n_functions++] = *f;
	}
	for (size_t i = 0; i < work->known->n_functions; i++)
		if (!snapshot_find(now, work->known->functions[i].bdf))
			removed[ret->n_removed++] = work->known->functions[i].bdf;
	return 0;
}

static int read_assignments(const struct work *work, struct result *ret)
{
	struct assignments all = { 0 };
	int r;

	r = host_assignments_read(work->host, &all, &ret->error);
	if (r < 0)
		return r;
	ret->assignments = all.list;
	ret->n_assignments = all.n;
	ret->has_assignments = true;
	return 0;
}

/* --- Reading the host --- */

static void add_family(struct left *left, struct bdf family)
{
	for (size_t i = 0; i < left->n_families; i++)
		if (bdf_equal(left->families[i], family))
			return;
	if (left->n_families < REQUEST_FAMILIES_MAX)
		left->families[left->n_families++] = family;
}

/* A journal that cannot be read speaks of its own family at least. */
static struct left what_was_left(const struct work *work, const struct snapshot *now,
				 struct bdf family)
{
	struct tio_error ignored = TIO_ERROR_NONE;
	struct left left = { .family = family };
	struct journal journal = { 0 };

	add_family(&left, family);
	if (host_journal_open(work->host, family, &journal, NULL, &ignored) < 0)
		return left;
	for (size_t i = 0; i < journal.n_records; i++) {
		const struct function *f = snapshot_find(now, journal.records[i].function);

		if (f)
			add_family(&left, function_family(f));
	}
	return left;
}

static int list_journals(const struct work *work, const struct snapshot *now,
			 struct result *ret)
{
	struct bdf *families = NULL;
	struct left *list;
	int r;

	r = host_journal_list(work->host, &families, &ret->n_journals, &ret->error);
	if (r < 0)
		return r;
	list = calloc(ret->n_journals + 1, sizeof(*list));
	if (!list)
		return error_set(&ret->error, -ENOMEM, "list the journals");
	for (size_t i = 0; i < ret->n_journals; i++)
		list[i] = what_was_left(work, now, families[i]);
	ret->journals = list;
	return 0;
}

static int scan(const struct work *work, struct result *ret)
{
	struct snapshot known = { 0 }, now = { 0 };
	int r;

	if (!work->from_nothing && snapshot_copy(work->known, &known) < 0)
		return error_set(&ret->error, -ENOMEM, "read the host");
	for (size_t i = 0; i < work->n_gone; i++)
		snapshot_remove(&known, work->gone[i]);

	r = host_scan(work->host, work->from_nothing ? NULL : &known, work->dirty,
		      work->n_dirty, work->links, &now, &ret->error);
	if (r < 0)
		return r;
	ret->host = now;
	ret->has_host = true;
	r = tell_difference(work, &now, ret);
	if (r < 0 || !work->first)
		return r;

	r = list_journals(work, &now, ret);
	if (r < 0)
		return r;
	/* What is in flight can be put back without them. */
	if (read_assignments(work, ret) < 0) {
		ret->unreadable = ret->error;
		ret->error = TIO_ERROR_NONE;
	}
	return 0;
}

/* --- Changing it --- */

struct bench {
	struct engine engine;
	struct snapshot snap;
	struct journal journal;
	struct plugins plugins;
	struct assignments all; /* after a recovery, instead of the daemon's */
	int lock;
};

/* What is going back, or was left by a dead worker, must not wait for a plugin. */
static bool may_do_without_plugins(const struct work *work)
{
	return work->kind == WORK_RECOVER || work->request->verb == VERB_DETACH ||
	       work->request->verb == VERB_DISCONNECT;
}

static int load_plugins(const struct work *work, struct plugins *plugins, struct tio_error *err)
{
	int r = host_plugins_start(work->host, plugins, err);

	for (size_t i = 0; i < plugins->n_refused; i++)
		log_warning("%s", plugins->refused[i].why);
	if (r >= 0 || !may_do_without_plugins(work))
		return r;
	log_warning("%s", err->text);
	*err = TIO_ERROR_NONE;
	return 0;
}

/* Gets ready what the engine needs; waits while a former worker of the family lives. */
static int set_up(const struct work *work, struct bench *bench, struct tio_error *err)
{
	char name[BDF_STRLEN];
	int r;

	*bench = (struct bench){ .lock = -1 };
	if (snapshot_copy(work->known, &bench->snap) < 0)
		return error_set(err, -ENOMEM, "copy what is known of the host");
	/* Who only looks need not wait for whoever changes it. */
	r = host_journal_open(work->host, work->request->family, &bench->journal,
			      work->kind == WORK_PLAN ? NULL : &bench->lock, err);
	if (r < 0)
		return r;
	if (bench->journal.of_another_boot && work->kind != WORK_PLAN)
		log_warning("%s: its journal was written before the last reboot; it is "
			    "dropped, and nothing of it is taken back",
			    bdf_format(work->request->family, name));
	r = load_plugins(work, &bench->plugins, err);
	if (r < 0)
		return r;
	bench->engine = (struct engine){ .ops = &host_ops,
					 .host = work->host,
					 .snap = &bench->snap,
					 .all = work->all,
					 .journal = &bench->journal,
					 .plugins = &bench->plugins,
					 .deadline_ms = work->deadline_ms,
					 .plan_only = work->kind == WORK_PLAN };
	return 0;
}

static int keep_plan(const struct plan *plan, const struct request *request, struct result *ret)
{
	json_t *json = report_plan(plan, request);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (!text)
		return error_set(&ret->error, -ENOMEM, "write the plan down");
	ret->text = text;
	ret->text_size = strlen(text) + 1;
	return 0;
}

/* What is told is how the families stand at the end, whichever way it was reached. */
static void look_again(const struct work *work, struct snapshot *snap)
{
	struct tio_error ignored = TIO_ERROR_NONE;

	for (size_t i = snap->n_functions; i-- > 0;) {
		struct function *f = &snap->functions[i];
		struct bdf bdf = f->bdf;

		if (is_touched(work->request, f) &&
		    host_ops.refresh(work->host, f, &ignored) == -ENODEV)
			snapshot_remove(snap, bdf);
	}
}

/* What an earlier command left unfinished goes first; it may have ended reservations. */
static int recover_first(const struct work *work, struct bench *bench, struct tio_error *err)
{
	enum recovery how;
	int r;

	r = engine_recover(&bench->engine, &how, err);
	if (r < 0)
		return r;
	*err = TIO_ERROR_NONE;
	bench->engine.all = &bench->all;
	return host_assignments_read(work->host, &bench->all, err);
}

/*
 * Of a card that is gone nothing can be put back: its journal goes first, so that a death in
 * between leaves a reservation that is found again.
 */
static int move(const struct work *work, struct bench *bench, struct result *ret)
{
	const struct request *request = work->request;
	char name[BDF_STRLEN];
	int r;

	for (size_t i = 0; i < bench->journal.n_records; i++) {
		const struct record *record = &bench->journal.records[i];
		const struct function *f = snapshot_find(&bench->snap, record->function);

		if (!f || !identity_may_be(&record->identity, f))
			continue;
		error_kind_set(&ret->error, ERROR_CONFLICT, -EBUSY,
			       "its card is at another address now, but %s, which came along, "
			       "is as it was",
			       bdf_format(record->function, name));
		error_fix(&ret->error, "`tioctl detach %s`, then attach the card anew",
			  bdf_format(request->family, name));
		return -EBUSY;
	}
	r = host_ops.journal_write(work->host, request->family, NULL, &ret->error);
	if (r == 0)
		r = host_assignments_move(work->host, &bench->snap, request->family,
					  request->moved_to, &ret->error);
	ret->n_steps = r == 0;
	return r;
}

static int keep_held(const struct bench *bench, struct request *request, struct tio_error *err)
{
	size_t n = request->n_targets;
	int r;

	if (request->verb != VERB_ATTACH && request->verb != VERB_DETACH)
		return 0;
	r = request_keep_held(bench->engine.all, request, err);
	if (r == 0 && request->n_targets < n)
		log_warning("%zu functions are left as they are: other VMs have them now",
			    n - request->n_targets);
	return r;
}

/*
 * A driver that came first, after the plan was made, is -EALREADY.  With it known, the function
 * can be taken from it, and given back to it.
 */
static int run_engine(const struct work *work, struct bench *bench, struct plan *plan,
		      struct tio_error *err)
{
	bool plan_only = work->kind == WORK_PLAN;
	int r = engine_run(&bench->engine, work->request, plan_only, plan, err);

	if (r != -EALREADY || bench->journal.in_flight)
		return r;
	log_info("%s; trying once more", err->text);
	*err = TIO_ERROR_NONE;
	return engine_run(&bench->engine, work->request, false, plan, err);
}

static int carry_out(const struct work *work, struct bench *bench, struct result *ret)
{
	bool plan_only = work->kind == WORK_PLAN;
	struct request *request = work->request;
	struct plan plan = { 0 };
	int r;

	if (work->kind == WORK_RECOVER)
		return engine_recover(&bench->engine, &ret->recovery, &ret->error);
	if (bench->journal.in_flight && !plan_only) {
		r = recover_first(work, bench, &ret->error);
		if (r < 0)
			return r;
	}
	if (request->verb == VERB_MOVE)
		return move(work, bench, ret);
	if (request->reserved_only)
		request_keep_reserved(bench->engine.all, request);
	if (request->reserved_only && request->n_targets == 0)
		return 0;
	r = keep_held(bench, request, &ret->error);
	if (r < 0)
		return r;
	request->n_locked = plan_only ? 0 : request->n_families;
	r = run_engine(work, bench, &plan, &ret->error);
	ret->n_steps = (unsigned)plan.n_steps;
	if (request->n_locked && request->n_families > request->n_locked) {
		ret->families = request->families;
		ret->n_families = request->n_families;
	}
	if (r == 0 && plan_only)
		r = keep_plan(&plan, request, ret);
	return r;
}

static int change(const struct work *work, struct result *ret)
{
	struct tio_error why;
	struct bench bench;
	int r, r2;

	r = set_up(work, &bench, &ret->error);
	if (r < 0)
		return r;
	look_at_host(work->host, &bench.snap);
	r = carry_out(work, &bench, ret);
	why = ret->error;
	if (work->kind != WORK_PLAN)
		look_again(work, &bench.snap);

	/* What was found on the way is worth having after a failure, too. */
	r2 = tell_difference(work, &bench.snap, ret);
	ret->whole = r2 == 0 && work->kind != WORK_PLAN;
	if (r2 == 0 && work->kind != WORK_PLAN)
		r2 = read_assignments(work, ret);
	if (work->kind == WORK_RECOVER)
		r2 = 0;
	look_at_host(work->host, &bench.snap);
	ret->host = bench.snap;
	ret->has_host = true;
	if (r < 0 || r2 == 0)
		ret->error = why;
	return r < 0 ? r : r2;
}

void work_run(struct channel *channel, void *arg, struct result *ret)
{
	struct work *work = arg;

	channel->turn_seconds = work->turn_seconds;
	work->host->progress = channel_progress;
	work->host->tsm_take = channel_tsm_take;
	work->host->tsm_give = channel_tsm_give;
	work->host->arg = channel;
	if (work->kind == WORK_SCAN)
		ret->code = scan(work, ret);
	else if (work->kind == WORK_LOOK && work->look->kind == LOOK_DEVICES)
		ret->code = open_devices(work->host, work->known, work->all, &work->request->vm,
					 channel, ret);
	else if (work->kind == WORK_LOOK)
		ret->code = look_run(work->host, work->known, work->look, ret);
	else
		ret->code = change(work, ret);
}
