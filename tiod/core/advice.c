/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/advice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct asker {
	const struct plugins *plugins;
	const struct request *request;
	struct snapshot *snap;
	struct tio_error *err;
};

static int add(const struct asker *asker, const struct advice *advice)
{
	/* 64 VFs of one card would say the same 64 times. */
	for (size_t i = 0; advice->kind == ADVICE_NOTE && i < asker->snap->n_advice; i++)
		if (strcmp(asker->snap->advice[i].text, advice->text) == 0 &&
		    strcmp(asker->snap->advice[i].plugin, advice->plugin) == 0)
			return 0;
	if (snapshot_add_advice(asker->snap, advice) < 0)
		return error_set(asker->err, -ENOMEM, "out of memory");
	return 0;
}

static struct advice advice_of(const struct plugin *plugin, struct bdf function)
{
	struct advice advice = { .function = function };

	text_copy(advice.plugin, sizeof(advice.plugin), plugin ? plugin->name : "");
	return advice;
}

/*
 * The plugin for this device may be the very one that is no use; going on by general rules
 * would hide that.
 */
static int mind_refused_plugins(const struct asker *asker, const struct plugin_claim *claim,
				struct bdf function)
{
	const struct plugin_refused *refused = asker->plugins->refused;
	struct advice advice = advice_of(NULL, function);

	if (claim->specific || asker->plugins->n_refused == 0)
		return 0;
	advice.kind = ADVICE_NOT_READY;
	snprintf(advice.text, sizeof(advice.text),
		 "a plugin that may be this device's cannot be used: %.200s", refused->why);
	snprintf(advice.fix, sizeof(advice.fix),
		 "mend or remove %.63s in tiod's plugin folder; `tioctl plugins` shows all",
		 refused->file);
	return add(asker, &advice);
}

static int add_traits(const struct asker *asker, const struct plugin_claim *claim,
		      const struct target *target)
{
	struct advice advice = advice_of(claim->plugin, target->function);
	const char *note = target->vf_index >= 0 ? claim->traits->vf_note : claim->traits->note;
	int r = 0;

	if (note[0] && asker->request->verb == VERB_ATTACH) {
		text_copy(advice.text, sizeof(advice.text), note);
		r = add(asker, &advice);
	}
	if (r < 0 || target->vf_index < 0 || !claim->traits->vfs_max ||
	    asker->request->vfs <= claim->traits->vfs_max)
		return r;
	advice.kind = ADVICE_NOT_READY;
	snprintf(advice.text, sizeof(advice.text), "this card runs %u VFs at most, not %u",
		 claim->traits->vfs_max, asker->request->vfs);
	snprintf(advice.fix, sizeof(advice.fix), "use --vfs %u or less",
		 claim->traits->vfs_max);
	return add(asker, &advice);
}

static int run_check(const struct asker *asker, const struct plugin_claim *claim, size_t check,
		     const struct target *target, const struct tio_function *view)
{
	static const enum advice_kind kinds[] = { [TIO_WARN] = ADVICE_NOTE,
						  [TIO_NOT_READY] = ADVICE_NOT_READY,
						  [TIO_IN_USE] = ADVICE_IN_USE };
	struct advice advice = advice_of(claim->plugin, target->function);
	struct tio_finding finding = { 0 };
	int r;

	r = asker->plugins->ops->check(asker->plugins->arg, claim->index, check, view, &finding,
				       asker->err);
	if (r < 0 || finding.verdict == TIO_FINE)
		return r;
	advice.kind = kinds[finding.verdict];
	text_copy(advice.text, sizeof(advice.text), finding.text);
	text_copy(advice.fix, sizeof(advice.fix), finding.fix);
	return add(asker, &advice);
}

static int ask_about(const struct asker *asker, const struct target *target)
{
	const struct function *f = snapshot_find(asker->snap, target->function);
	struct plugin_claim claim;
	struct tio_function view;
	int r;

	if (!f)
		f = snapshot_find(asker->snap, target->physfn);
	if (!f)
		return 0;
	claim = plugins_claim(asker->plugins, f);
	r = mind_refused_plugins(asker, &claim, target->function);
	if (r == 0 && claim.traits)
		r = add_traits(asker, &claim, target);
	view = plugins_view(f);
	for (size_t i = 0; r == 0 && claim.plugin && i < claim.plugin->n_checks; i++)
		r = run_check(asker, &claim, i, target, &view);
	return r;
}

int advice_collect(const struct plugins *plugins, const struct request *request,
		   struct snapshot *snap, struct tio_error *err)
{
	struct asker asker = { plugins, request, snap, err };
	int r = 0;

	if (!plugins || (request->verb != VERB_ATTACH && request->verb != VERB_CONNECT))
		return 0;
	for (size_t i = 0; r == 0 && i < request->n_targets; i++)
		r = ask_about(&asker, &request->targets[i]);
	return r;
}

/* "plugin nvme: …" */
static void attribute_to(const struct advice *advice, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s%s", advice->plugin[0] ? "plugin " : "", advice->plugin,
		 advice->plugin[0] ? ": " : "", advice->text);
}

int advice_check(const struct snapshot *snap, const struct target *target, struct plan *plan,
		 struct tio_error *err)
{
	char text[320], name[BDF_STRLEN];

	for (size_t i = 0; i < snap->n_advice; i++) {
		const struct advice *advice = &snap->advice[i];

		if (!bdf_equal(advice->function, target->function))
			continue;
		attribute_to(advice, text, sizeof(text));
		if (advice->kind == ADVICE_NOTE) {
			plan_note(plan, "%s: %s", bdf_format(advice->function, name), text);
			continue;
		}
		error_kind_set(err,
			       advice->kind == ADVICE_IN_USE ? ERROR_IN_USE : ERROR_NOT_READY,
			       -EBUSY, "%s", text);
		error_at(err, advice->function, "");
		if (advice->fix[0])
			error_fix(err, "%s", advice->fix);
		return -EBUSY;
	}
	return 0;
}
