/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/observe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "core/advice.h"

/* The name of the only TSM, where none was asked for. */
static void choose_tsm(const struct snapshot *snap, struct request *request)
{
	if (!request->tsm[0] && snap->n_tsms == 1)
		text_copy(request->tsm, sizeof(request->tsm), snap->tsms[0].name);
}

/* The TSM of a link that is gone: that which tiod connected it to, or which was last seen. */
static const char *last_tsm(const struct engine *engine, const struct request *request)
{
	const struct journal *journal = engine->journal;

	for (size_t i = journal->n_records; i-- > 0;)
		if (strcmp(journal->records[i].step, "connect-tsm") == 0 &&
		    bdf_equal(journal->records[i].function, request->family))
			return journal->records[i].wanted_tsm;
	return request->last_tsm;
}

/* A link that is made anew stays with its TSM, where there are several. */
static void keep_tsm(const struct engine *engine, struct request *request)
{
	const struct function *dsm = snapshot_find(engine->snap, request->family);
	const char *tsm = dsm ? dsm->tsm : "";

	if (request->verb != VERB_RECONNECT || request->tsm[0])
		return;
	if (!tsm[0])
		tsm = last_tsm(engine, request);
	/* Of one that is gone for good the refusal says that there are several others. */
	if (snapshot_find_tsm(engine->snap, tsm))
		text_copy(request->tsm, sizeof(request->tsm), tsm);
}

/*
 * An established stream tells that a card is connected without the lock that tsm/connect waits
 * for, so that another card's connect does not hold this family up.
 */
static int look_at_link(struct engine *engine, const struct request *request,
			struct tio_error *err)
{
	struct function *dsm = snapshot_find(engine->snap, request->family);
	int r;

	if (!dsm || !dsm->tsm_group || request->verb == VERB_DETACH)
		return 0;
	if (dsm->stream.present && dsm->tsm[0] && request->verb == VERB_ATTACH)
		return 0;
	/* Who only asks does not wait behind a connect for what is known. */
	if (engine->plan_only && dsm->link_known)
		return 0;
	r = engine->ops->tsm_take(engine->host, request->tsm, err);
	if (r < 0)
		return r;
	r = engine->ops->read_link(engine->host, dsm, err);
	engine->ops->tsm_give(engine->host);
	return r;
}

static int refresh_or_drop(struct engine *engine, struct bdf bdf, struct tio_error *err)
{
	struct function *f = snapshot_find(engine->snap, bdf);
	int r;

	if (!f)
		return 0;
	r = engine->ops->refresh(engine->host, f, err);
	if (r != -ENODEV)
		return r;
	snapshot_remove(engine->snap, bdf);
	if (err)
		*err = TIO_ERROR_NONE;
	return 0;
}

static bool is_concerned(const struct snapshot *snap, const struct request *request,
			 const struct function *f)
{
	for (size_t i = 0; i < request->n_families; i++)
		if (bdf_equal(function_family(f), request->families[i]))
			return true;
	for (size_t i = 0; f->iommu_group >= 0 && i < request->n_targets; i++) {
		const struct function *target = snapshot_find(snap,
							      request->targets[i].function);

		if (target && target->iommu_group == f->iommu_group)
			return true;
	}
	return false;
}

/*
 * VFs of the request that were enabled only a moment ago, by another VM's attach or by hand:
 * what the daemon knows of the host may be older.
 */
static int discover_vfs(struct engine *engine, const struct request *request,
			struct tio_error *err)
{
	struct function f;
	int r = 0;

	for (size_t i = 0; r == 0 && i < request->n_targets; i++) {
		const struct target *target = &request->targets[i];

		if (target->vf_index < 0 || snapshot_find(engine->snap, target->function))
			continue;
		r = engine->ops->discover(engine->host, target->function, &f, err);
		if (r == 0 && bdf_equal(f.physfn, target->physfn))
			r = snapshot_put(engine->snap, &f);
		if (r == -ENODEV) {
			r = 0;
			if (err)
				*err = TIO_ERROR_NONE;
		}
	}
	return r;
}

/* Reads again all that the plan will look at: the family, the targets, their groups. */
static int observe(struct engine *engine, const struct request *request, struct tio_error *err)
{
	auto_free struct bdf *list = NULL;
	size_t n = 0;
	int r;

	r = discover_vfs(engine, request, err);
	if (r < 0)
		return r;
	/* Functions that are gone leave the snapshot meanwhile: walk a list of addresses. */
	list = calloc(engine->snap->n_functions + 1, sizeof(*list));
	if (!list)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < engine->snap->n_functions; i++)
		if (is_concerned(engine->snap, request, &engine->snap->functions[i]))
			list[n++] = engine->snap->functions[i].bdf;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = refresh_or_drop(engine, list[i], err);
	return r;
}

/* VFs that tiod made go with the last of them: whoever took another one is concerned. */
static bool may_be_removed(const struct journal *journal, const struct function *f)
{
	for (size_t i = 0; f->kind == FUNCTION_VF && i < journal->n_records; i++)
		if (strcmp(journal->records[i].step, "enable-vfs") == 0 &&
		    bdf_equal(journal->records[i].function, f->physfn))
			return true;
	return false;
}

/* Whose link is made anew under whoever has it: a function that a VM may be running on. */
static bool is_behind_link(const struct request *request, const struct function *f)
{
	return request->verb == VERB_RECONNECT && f->cdev[0] &&
	       bdf_equal(function_family(f), request->family);
}

static int find_holders(struct engine *engine, const struct request *request,
			struct tio_error *err)
{
	int r = 0;

	if (request->verb == VERB_CONNECT || request->verb == VERB_DISCONNECT)
		return 0;
	for (size_t i = 0; r == 0 && i < engine->snap->n_functions; i++) {
		const struct function *f = &engine->snap->functions[i];

		if (request_has_target(request, f->bdf) || is_behind_link(request, f) ||
		    (request->verb == VERB_DETACH && f->driver[0] &&
		     may_be_removed(engine->journal, f)))
			r = engine->ops->find_holders(engine->host, engine->snap, f,
						      plugins_claim(engine->plugins, f).traits,
						      err);
	}
	return r;
}

/* What cannot be read now is said when the step is taken, if it is. */
static int read_vf_admin(struct engine *engine, const struct request *request,
			 struct tio_error *err)
{
	for (size_t i = 0; i < request->n_targets; i++) {
		const struct target *target = &request->targets[i];
		const struct function *f = snapshot_find(engine->snap, target->function);
		struct vf_admin admin = { .function = target->function };
		struct tio_error ignored;

		if (!f || f->kind != FUNCTION_VF ||
		    !request_vf_settings(engine->snap, engine->all, request, target).given ||
		    engine->ops->vf_admin_get(engine->host, f, &admin.now, &ignored) < 0)
			continue;
		if (snapshot_add_vf_admin(engine->snap, &admin) < 0)
			return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static bool has_record(const struct journal *journal, const char *step, struct bdf function)
{
	for (size_t i = 0; i < journal->n_records; i++)
		if (strcmp(journal->records[i].step, step) == 0 &&
		    bdf_equal(journal->records[i].function, function))
			return true;
	return false;
}

/* As the oldest record: what is taken back last. */
static int want_record(struct journal *journal, const char *step, struct bdf function,
		       const char *tsm, struct tio_error *err)
{
	struct record record = { .function = function, .synthetic = true };

	if (has_record(journal, step, function))
		return 0;
	text_copy(record.step, sizeof(record.step), step);
	text_copy(record.wanted_tsm, sizeof(record.wanted_tsm), tsm);
	if (journal_add(journal, &record) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	memmove(&journal->records[1], &journal->records[0],
		(journal->n_records - 1) * sizeof(record));
	journal->records[0] = record;
	return 0;
}

/*
 * What is to be taken back although no record of this boot says so: a reservation that
 * outlived a reboot, and a link that an admin made.
 */
static int add_missing_records(struct engine *engine, const struct request *request,
			       struct tio_error *err)
{
	const struct function *dsm = snapshot_find(engine->snap, request->family);
	int r = 0;

	if (request->verb == VERB_DISCONNECT && dsm && dsm->tsm[0])
		return want_record(engine->journal, "connect-tsm", dsm->bdf, dsm->tsm, err);
	if (request->verb != VERB_DETACH)
		return 0;
	for (size_t i = 0; r == 0 && i < request->n_targets; i++)
		if (assignments_find(engine->all, request->targets[i].function))
			r = want_record(engine->journal, "reserve",
					request->targets[i].function, "", err);
	return r;
}

/* What came along with another function stands as it is, by whatever name it is asked for. */
static void keep_leads(const struct assignments *all, struct request *request)
{
	for (size_t i = 0; i < request->n_targets; i++) {
		struct target *target = &request->targets[i];
		const struct assignment *one = assignments_find(all, target->function);
		const struct assignment *lead = one ? assignments_find(all, one->lead) : NULL;

		if (lead && strcmp(one->vm, request->vm.name) == 0 &&
		    strcmp(lead->vm, one->vm) == 0)
			target->lead = one->lead;
	}
}

int observe_for_request(struct engine *engine, struct request *request, struct tio_error *err)
{
	int r = 0;

	choose_tsm(engine->snap, request);
	if (request->verb == VERB_ATTACH)
		keep_leads(engine->all, request);
	if (request->verb == VERB_ATTACH)
		r = request_add_companions(engine->snap, engine->plugins, request, err);
	else if (request->verb == VERB_DETACH)
		r = request_add_led(engine->all, request, err);
	if (r == 0)
		r = request_check_locked(engine->snap, request, err);
	if (r == 0)
		r = observe(engine, request, err);
	if (r == 0)
		r = look_at_link(engine, request, err);
	if (r == 0)
		keep_tsm(engine, request);
	if (r == 0)
		r = read_vf_admin(engine, request, err);
	if (r == 0)
		r = find_holders(engine, request, err);
	if (r == 0)
		r = advice_collect(engine->plugins, request, engine->snap, err);
	if (r == 0)
		r = add_missing_records(engine, request, err);
	return r;
}
