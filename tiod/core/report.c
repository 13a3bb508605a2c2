/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/text.h"
#include "core/json.h"
#include "core/platform.h"
#include "core/report-link.h"
#include "core/steps.h"

/* --- Small values --- */

static json_t *hex(int digits, unsigned value)
{
	return json_sprintf("0x%0*x", digits, value);
}

/* A number, or null where -1 means "none" or "unknown". */
static json_t *number_or_null(int value)
{
	return value < 0 ? json_null() : json_integer(value);
}

/* Names come from devices and files: what is no UTF-8 is replaced. */
static json_t *safe_string(const char *text)
{
	char clean[512];
	json_t *json = json_string(text);

	if (json)
		return json;
	text_copy(clean, sizeof(clean), text);
	escape_blot(clean);
	return json_string(clean);
}

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value ? value : json_null());
}

/* --- Functions --- */

const char *report_state(const struct function *f, const struct function *dsm,
			 const struct assignment *assignment, const struct standing *standing)
{
	bool bound = strcmp(f->driver, VFIO_DRIVER) == 0;
	bool needs_link = dsm && function_is_tdisp(dsm) && assignment &&
			  bdf_equal(assignment->lead, assignment->function);

	if (standing->gone || (assignment && !identity_may_be(&assignment->identity, f)))
		return "absent";
	if (standing->stuck)
		return "stuck";
	if (standing->job)
		return "busy";
	if (assignment && bound)
		return needs_link && report_link_has_fallen(dsm, standing) ? "degraded"
									   : "attached";
	if (assignment)
		return "reserved";
	if (!function_is_tdisp(f))
		return "incapable";
	if (!dsm || !dsm->tsm[0])
		return "idle";
	return report_link_has_fallen(dsm, standing) ? "degraded" : "connected";
}

/* What comes next, in words: nothing may just wait without saying for what. */
static json_t *waits_for(const struct snapshot *snap, const char *state,
			 const struct function *dsm, const struct assignment *assignment,
			 const struct standing *standing)
{
	char name[BDF_STRLEN];

	if (strcmp(state, "absent") == 0)
		return json_string(
			"the card to come back; `tioctl detach` ends the reservation");
	if (strcmp(state, "stuck") == 0)
		return safe_string(standing->stuck->fix[0] ? standing->stuck->fix
							   : standing->stuck->text);
	if (strcmp(state, "busy") == 0)
		return json_sprintf("job %llu (%s)", (unsigned long long)standing->job_id,
				    standing->job);
	if (strcmp(state, "degraded") == 0)
		return report_link_waits_for(dsm, standing);
	if (strcmp(state, "reserved") == 0)
		return json_sprintf("`tioctl attach %s --vm %s`: reserved, not brought up",
				    bdf_format(assignment->lead, name), assignment->vm);
	if (strcmp(state, "idle") == 0 && snap->n_tsms == 0)
		return json_string("a TSM: /sys/class/tsm is empty");
	return json_string("");
}

/* No kernel up to 7.2 binds a TDI by itself: say what was reached and not more. */
static const char *tdi_word(const struct function *f, const struct function *dsm)
{
	if (f->bound[0])
		return "bound";
	return dsm && dsm->tsm[0] ? "unbound (this kernel cannot bind)" : "unbound";
}

/* A list in which each of n functions names n others would grow by the square. */
static void set_group(json_t *json, const struct groups *groups, const struct function *f,
		      bool in_list)
{
	const struct group_member *members;
	json_t *list = json_array();
	char name[BDF_STRLEN], why[384];
	size_t n;

	members = groups_members(groups, f->iommu_group, &n);
	for (size_t i = 0; i < n && (!in_list || i < REPORT_GROUP_LISTED); i++)
		json_array_append_new(
			list, json_string(bdf_format(groups->snap->functions[members[i].at].bdf,
						     name)));
	set(json, "iommuGroup", number_or_null(f->iommu_group));
	set(json, "groupMembers", list);
	set(json, "groupSize", json_integer((json_int_t)n));
	set(json, "groupWhy", json_string(groups_explain(groups, f, why, sizeof(why))));
}

json_t *report_assignment(const struct assignment *one)
{
	if (!one)
		return json_null();
	return json_pack("{so ss so ss si si so so}", "function", json_bdf(one->function), "vm",
			 one->vm, "lead", json_bdf(one->lead), "named", one->named, "port",
			 one->port, "portFunction", one->port_function, "vf",
			 number_or_null(one->vf_index), "vfSettings",
			 one->settings.given ? vf_to_json(&one->settings) : json_null());
}

static void set_identity(json_t *json, const struct function *f)
{
	set(json, "address", json_bdf(f->bdf));
	set(json, "kind", json_string(function_kind_to_string(f->kind)));
	set(json, "name", safe_string(f->name));
	set(json, "vendor", hex(4, f->vendor));
	set(json, "device", hex(4, f->device));
	set(json, "class", hex(6, f->class));
	set(json, "serial", safe_string(f->serial));
	set(json, "slot", safe_string(f->slot));
	set(json, "numaNode", number_or_null(f->numa_node));
	set(json, "family", json_bdf(function_family(f)));
	set(json, "rootPort", json_bdf(f->root_port));
	set(json, "physfn", json_bdf(f->physfn));
	set(json, "vf", f->kind == FUNCTION_VF ? json_integer(f->vf_index) : json_null());
}

static json_t *report_power(const struct power *power)
{
	char list[sizeof(power->reset)], *rest = list, *word;
	json_t *methods = json_array();
	json_t *d3cold = json_null(), *control = json_null();

	text_copy(list, sizeof(list), power->reset);
	while ((word = strsep(&rest, " ")))
		if (*word)
			json_array_append_new(methods, safe_string(word));
	if (power->d3cold_allowed)
		d3cold = json_boolean(power->d3cold_allowed == SETTING_YES);
	if (power->always_on)
		control = json_string(power->always_on == SETTING_YES ? "on" : "auto");
	return json_pack("{so so so}", "d3coldAllowed", d3cold, "control", control,
			 "resetMethods", methods);
}

static void set_abilities(json_t *json, const struct function *f)
{
	set(json, "teeIo", json_boolean(f->tee_io));
	set(json, "ide", json_boolean(f->ide.offset != 0));
	set(json, "doeCma", json_boolean(f->doe_cma));
	set(json, "doeSecured", json_boolean(f->doe_session));
	set(json, "flr", json_boolean(f->flr));
	set(json, "vfsTotal", json_integer(f->vfs_total));
	set(json, "vfs", json_integer(f->vfs));
	set(json, "vfsAutoprobe", json_boolean(f->vfs_autoprobe));
	set(json, "netdev", safe_string(f->netdev));
	set(json, "eswitch",
	    f->netdev[0] ? json_string(eswitch_to_string(f->eswitch)) : json_null());
	set(json, "vfMsixTotal", json_integer(f->vf_msix_total));
	set(json, "largestBar", json_integer((json_int_t)f->largest_bar));
}

static json_t *with_standing(json_t *json, const struct snapshot *snap,
			     const struct assignments *all, const struct function *f,
			     const struct function *dsm, const struct standing *standing)
{
	const struct assignment *one = assignments_find(all, f->bdf);
	const char *state = report_state(f, dsm, one, standing);
	const struct tio_error *error = standing->stuck ? standing->stuck
							: standing->last_error;

	set(json, "assignment", report_assignment(one));
	set(json, "state", json_string(state));
	set(json, "waitsFor", waits_for(snap, state, dsm, one, standing));
	set(json, "job",
	    standing->job ? json_integer((json_int_t)standing->job_id) : json_null());
	set(json, "error", error ? report_error(error) : json_null());
	set(json, "age", json_seconds(standing->age));
	return json;
}

/* Of the TSM that it is connected to, or of the only one that there is. */
static json_t *function_platform(const struct snapshot *snap, const struct function *dsm)
{
	const struct tsm *tsm = NULL;
	char buf[80];

	if (dsm && dsm->tsm[0])
		tsm = snapshot_find_tsm(snap, dsm->tsm);
	else if (dsm && dsm->tsm_group && snap->n_tsms == 1)
		tsm = &snap->tsms[0];
	return safe_string(tsm ? platform_name(tsm, buf, sizeof(buf)) : "");
}

json_t *report_function(const struct snapshot *snap, const struct assignments *all,
			const struct function *f, const struct standing *standing)
{
	const struct function *dsm = snapshot_find(snap, function_family(f));
	struct groups groups = { 0 };
	json_t *json = json_object();

	if (!json)
		return NULL;
	set_identity(json, f);
	if (standing->groups)
		set_group(json, standing->groups, f, standing->in_list);
	else if (groups_init(&groups, snap) == 0)
		set_group(json, &groups, f, standing->in_list);
	groups_finish(&groups);
	set_abilities(json, f);
	set(json, "driver", safe_string(f->driver));
	set(json, "driverOverride", safe_string(f->override));
	set(json, "cdev", json_string(f->cdev));
	set(json, "tsm", safe_string(dsm ? dsm->tsm : ""));
	set(json, "tsmGroup", json_boolean(f->tsm_group));
	set(json, "tsmStatus", json_boolean(f->tsm_blobs));
	set(json, "tsmFlavour", json_string(platform_flavour(snap, f)));
	set(json, "platform", function_platform(snap, dsm));
	report_link(json, dsm, standing);
	set(json, "tdi", json_string(tdi_word(f, dsm)));
	set(json, "power", report_power(&f->power));
	return with_standing(json, snap, all, f, dsm, standing);
}

json_t *report_status(const struct snapshot *snap, const struct assignments *all,
		      struct bdf function, const struct standing *standing)
{
	const struct function *f = snapshot_find(snap, function);
	struct function absent = { .bdf = function, .numa_node = -1, .iommu_group = -1 };
	struct standing gone = *standing;

	if (f)
		return report_function(snap, all, f, standing);
	gone.gone = true;
	absent.kind = FUNCTION_OTHER;
	return report_function(snap, all, &absent, &gone);
}

/* --- The host --- */

static json_t *list_platforms(const struct snapshot *snap)
{
	json_t *list = json_array();
	char buf[80];

	for (size_t i = 0; i < snap->n_tsms; i++) {
		const struct tsm *tsm = &snap->tsms[i];

		json_array_append_new(
			list, json_pack("{ss so so so}", "name", tsm->name, "platform",
					safe_string(platform_name(tsm, buf, sizeof(buf))),
					"parent", safe_string(tsm->parent_name), "driver",
					safe_string(tsm->driver)));
	}
	return list;
}

json_t *report_host(const struct snapshot *snap, size_t n_assignments)
{
	json_t *tsms = json_array();
	json_int_t capable = 0;

	for (size_t i = 0; i < snap->n_functions; i++)
		capable += function_is_tdisp(&snap->functions[i]);
	for (size_t i = 0; i < snap->n_tsms; i++)
		json_array_append_new(tsms, safe_string(snap->tsms[i].name));
	return json_pack("{ss sI sI so so sb sb sb sb sI}", "version", TIOD_VERSION,
			 "functions", (json_int_t)snap->n_functions, "capable", capable, "tsms",
			 tsms, "platforms", list_platforms(snap), "evidence", snap->evidence,
			 "iommu", snap->iommu, "iommufd", snap->iommufd, "vfioPci",
			 snap->vfio_pci, "assignments", (json_int_t)n_assignments);
}

json_t *report_hugepages(const struct snapshot *snap)
{
	json_t *list = json_array();

	for (size_t i = 0; i < snap->n_pools; i++) {
		const struct hugepage_pool *pool = &snap->pools[i];

		json_array_append_new(
			list,
			json_pack("{so sI sI sI so}", "node", number_or_null(pool->node),
				  "pageSize", (json_int_t)pool->size, "total",
				  (json_int_t)pool->total, "free", (json_int_t)pool->free,
				  "reserved",
				  pool->node < 0 ? json_integer((json_int_t)pool->reserved)
						 : json_null()));
	}
	return list;
}

/* --- Plans, progress, errors --- */

json_t *report_plan(const struct plan *plan, const struct request *request)
{
	json_t *list = json_array(), *notes = json_array(), *functions = json_array();

	for (size_t i = 0; i < request->n_targets; i++)
		json_array_append_new(functions, json_bdf(request->targets[i].function));
	for (size_t i = 0; i < plan->n_steps; i++)
		json_array_append_new(
			list,
			json_pack("{ss so sb ss}", "step", steps[plan->steps[i].row]->name,
				  "function", json_bdf(plan->steps[i].function), "undo",
				  plan->steps[i].undo, "what", plan->steps[i].what));
	for (size_t i = 0; i < plan->n_notes; i++)
		json_array_append_new(notes, safe_string(plan->notes[i]));
	return json_pack("{ss so so so so}", "verb", verb_to_string(request->verb), "family",
			 json_bdf(request->family), "functions", functions, "steps", list,
			 "notes", notes);
}

json_t *report_progress(const struct progress *progress)
{
	static const char *const phases[PROGRESS_KIND_COUNT] = {
		[PROGRESS_PLAN] = "plan",       [PROGRESS_BEGIN] = "begin",
		[PROGRESS_DONE] = "done",       [PROGRESS_FAILED] = "failed",
		[PROGRESS_WAITING] = "waiting", [PROGRESS_NOTE] = "note",
	};
	char name[BDF_STRLEN];

	return json_pack("{ss sb si si ss ss so}", "phase", phases[progress->kind], "undo",
			 progress->undo, "index", (int)progress->index, "total",
			 (int)progress->total, "function", bdf_format(progress->function, name),
			 "step", progress->step, "text", safe_string(progress->text));
}

json_t *report_error(const struct tio_error *err)
{
	char name[24];

	return json_pack("{so so so si ss so so}", "function", json_bdf(err->function), "step",
			 err->step[0] ? json_string(err->step) : json_null(), "attribute",
			 err->attribute[0] ? json_string(err->attribute) : json_null(), "errno",
			 -err->code, "errnoName", err->code ? errno_name(err->code, name) : "",
			 "sentence", safe_string(err->text), "fix", safe_string(err->fix));
}

const char *report_error_name(const struct tio_error *err)
{
	static const char *const names[ERROR_KIND_COUNT] = {
		[ERROR_FAILED] = "io.tiod.StepFailed",
		[ERROR_INVALID] = "io.tiod.InvalidRequest",
		[ERROR_NOT_PERMITTED] = "io.tiod.NotPermitted",
		[ERROR_NO_FUNCTION] = "io.tiod.NoSuchFunction",
		[ERROR_NO_VM] = "io.tiod.NoSuchVm",
		[ERROR_NO_JOB] = "io.tiod.NoSuchJob",
		[ERROR_IN_USE] = "io.tiod.InUse",
		[ERROR_CONFLICT] = "io.tiod.Conflict",
		[ERROR_NOT_READY] = "io.tiod.NotReady",
		[ERROR_TIMEOUT] = "io.tiod.Timeout",
		[ERROR_STUCK] = "io.tiod.Stuck",
		[ERROR_BUSY] = "io.tiod.Busy",
	};

	return err->kind < ERROR_KIND_COUNT ? names[err->kind] : names[ERROR_FAILED];
}
