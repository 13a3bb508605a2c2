/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "automatic-jobs.h"
#include "base/log.h"
#include "base/text.h"
#include "own-jobs.h"

const struct rule *automatic_rule(const struct daemon *daemon, const struct function *f,
				  unsigned occasion, enum rule_action *policy)
{
	const struct config *config = &daemon->config;

	*policy = RULE_NONE;
	if (function_is_tdisp(f) && f->bdf.function == 0)
		*policy = occasion == RULE_BOOT ? config->present : config->inserted;
	return rules_find(config->rules, config->n_rules, f, occasion);
}

/* As an admin would name it: by what the rule names, so that it is found again elsewhere. */
static void name_by(const struct rule *rule, const struct function *f, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	buf[0] = '\0';
	if (rule->match.given & 1u << MATCH_SERIAL && f->bdf.function == 0)
		text_append(buf, size, "serial:%s", f->serial);
	else if (rule->match.given & 1u << MATCH_SLOT && f->bdf.function == 0)
		text_append(buf, size, "slot:%s", f->slot);
	else
		text_copy(buf, size, bdf_format(f->bdf, name));
}

static int add_by_rule(struct job *job, const struct rule *rule, const struct function *f,
		       struct tio_error *err)
{
	static const struct plugins none;
	const struct snapshot *snap = &job->daemon->cache.snap;
	struct target target;
	char base[48], name[64];
	int r = 0;

	name_by(rule, f, base, sizeof(base));
	for (unsigned i = 0; r == 0 && i < (rule->vf ? rule->n_vfs : 1); i++) {
		text_copy(name, sizeof(name), base);
		if (rule->vf)
			text_append(name, sizeof(name), "/vf%u", i);
		r = request_resolve(snap, name, &target, err);
		if (r == 0 && !automatic_add_target(job, &target))
			r = error_kind_set(err, ERROR_INVALID, -E2BIG, "too many VFs");
	}
	if (r == 0) {
		job->request.with_companions = rule->companions;
		job->request.vfs = rule->vf && !f->vfs ? rule->n_vfs : 0;
		r = request_add_companions(snap, &none, &job->request, err);
	}
	return r;
}

static void attach_by_rule(struct daemon *daemon, const struct rule *rule,
			   const struct function *f, unsigned occasion)
{
	struct job *job = automatic_new_job(daemon, VERB_ATTACH, function_family(f), occasion);
	struct tio_error err = TIO_ERROR_NONE;
	const struct vm *vm = automatic_find_vm(daemon, rule->vm, &err);
	int r = err.code;

	if (!job)
		return;
	text_copy(job->request.vm.name, sizeof(job->request.vm.name), rule->vm);
	if (r == 0) {
		job->request.vm = *vm;
		r = add_by_rule(job, rule, f, &err);
	}
	own_job_submit(job, r, &err);
}

static void connect_card(struct daemon *daemon, const struct function *f, unsigned occasion)
{
	struct job *job = automatic_new_job(daemon, VERB_CONNECT, function_family(f), occasion);
	struct target target = { .function = f->bdf, .lead = f->bdf, .vf_index = -1 };
	struct tio_error none = TIO_ERROR_NONE;

	if (!job)
		return;
	(void)automatic_add_target(job, &target);
	own_job_submit(job, 0, &none);
}

static void tell(struct daemon *daemon, const struct function *f, const char *by)
{
	char name[BDF_STRLEN];

	log_info("%s: %s %s (%s)", bdf_format(f->bdf, name), f->name,
		 function_is_tdisp(f) ? "can do TDISP or IDE" : "is there", by);
	events_changed(daemon, f->bdf);
}

static void follow_rules(struct daemon *daemon, const struct function *f, unsigned occasion)
{
	enum rule_action action;
	const struct rule *rule = automatic_rule(daemon, f, occasion, &action);
	char name[BDF_STRLEN], what[128];

	if (rule) {
		action = rule->action;
		rule_describe(rule, what, sizeof(what));
		log_info("%s: rule %s (%s): %s", bdf_format(f->bdf, name), rule->name,
			 rule_occasions(occasion), what);
	}
	if (action == RULE_ATTACH)
		attach_by_rule(daemon, rule, f, occasion);
	else if (action == RULE_CONNECT)
		connect_card(daemon, f, occasion);
	else if (action == RULE_REPORT)
		tell(daemon, f, rule ? rule->name : "by policy");
}

void automatic_follow_rules(struct daemon *daemon, struct bdf card, unsigned occasion)
{
	const struct snapshot *snap = &daemon->cache.snap;

	for (size_t i = 0; i < snap->n_functions; i++)
		if (rule_concerns(&snap->functions[i]) &&
		    bdf_equal(function_family(&snap->functions[i]), card))
			follow_rules(daemon, &snap->functions[i], occasion);
}
