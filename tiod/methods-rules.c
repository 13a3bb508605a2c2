/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the rules say, about which functions, and what is wrong with the files.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/json.h"
#include "core/report.h"
#include "methods-look.h"
#include "methods.h"

#define EITHER (RULE_BOOT | RULE_HOTPLUG)

static const char *policy_word(enum rule_action policy)
{
	return policy == RULE_NONE ? "ignore" : rule_action_to_string(policy);
}

/* --- ListRules --- */

static json_t *rule_to_json(const struct rule *rule, json_t *functions)
{
	char what[160];

	rule_describe(rule, what, sizeof(what));
	return json_pack("{ss ss ss ss ss so}", "name", rule->name, "file", rule->file,
			 "action", rule_action_to_string(rule->action), "on",
			 rule_occasions(rule->on), "what", what, "functions", functions);
}

/* Each function once, not each rule: there may be thousands of the former. */
static void add_deciders(const struct config *config, const struct function *f, json_t **lists)
{
	const struct rule *boot = rules_find(config->rules, config->n_rules, f, RULE_BOOT);
	const struct rule *plug = rules_find(config->rules, config->n_rules, f, RULE_HOTPLUG);

	if (boot)
		json_array_append_new(lists[boot - config->rules], json_bdf(f->bdf));
	if (plug && plug != boot)
		json_array_append_new(lists[plug - config->rules], json_bdf(f->bdf));
}

void method_list_rules(struct daemon *daemon, struct call *call)
{
	const struct config *config = &daemon->config;
	const struct snapshot *snap = &daemon->cache.snap;
	json_t **lists = calloc(config->n_rules + 1, sizeof(*lists)), *rules = json_array();

	if (!lists) {
		json_decref(rules);
		methods_reply(call, NULL);
		return;
	}
	for (size_t i = 0; i < config->n_rules; i++)
		lists[i] = json_array();
	for (size_t i = 0; i < snap->n_functions; i++)
		add_deciders(config, &snap->functions[i], lists);
	for (size_t i = 0; i < config->n_rules; i++)
		json_array_append_new(rules, rule_to_json(&config->rules[i], lists[i]));
	free(lists);
	methods_reply(call, json_pack("{so ss ss}", "rules", rules, "presentDevices",
				      policy_word(config->present), "insertedDevices",
				      policy_word(config->inserted)));
}

/* --- TestRules --- */

static json_t *verdict(const struct rule *rule, const struct function *f)
{
	char what[160], why[160];
	bool differs = rule_mismatch(rule, f, EITHER, why, sizeof(why));

	rule_describe(rule, what, sizeof(what));
	return json_pack("{ss ss ss ss so}", "rule", rule->name, "file", rule->file, "on",
			 rule_occasions(rule->on), "what", what, "mismatch",
			 differs ? json_string(why) : json_null());
}

/* Who decides on that occasion: a rule, or the policy for such cards. */
static json_t *decision(const struct daemon *daemon, const struct function *f,
			unsigned occasion)
{
	enum rule_action policy;
	const struct rule *rule = automatic_rule(daemon, f, occasion, &policy);

	return json_pack("{so ss}", "rule", rule ? json_string(rule->name) : json_null(),
			 "policy", policy_word(policy));
}

/* A function of a VF is what its PF is. */
static const struct function *find(const struct daemon *daemon, const struct call *call,
				   struct tio_error *err)
{
	const struct snapshot *snap = &daemon->cache.snap;
	const struct function *f;
	struct target target;

	if (request_resolve(snap, methods_text(call, "function"), &target, err) < 0)
		return NULL;
	f = snapshot_find(snap, target.physfn.valid ? target.physfn : target.function);
	if (!f)
		error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "%s is not there",
			       target.named);
	return f;
}

void method_test_rules(struct daemon *daemon, struct call *call)
{
	const struct config *config = &daemon->config;
	struct tio_error err = TIO_ERROR_NONE;
	const struct function *f = find(daemon, call, &err);
	const struct assignment *one;
	json_t *verdicts;

	if (!f) {
		methods_fail(call, &err);
		return;
	}
	verdicts = json_array();
	for (size_t i = 0; rule_concerns(f) && i < config->n_rules; i++)
		json_array_append_new(verdicts, verdict(&config->rules[i], f));
	one = assignments_find(&daemon->cache.all, f->bdf);
	methods_reply(call,
		      json_pack("{so so so so so}", "function", json_bdf(f->bdf), "verdicts",
				verdicts, "boot", decision(daemon, f, RULE_BOOT), "hotplug",
				decision(daemon, f, RULE_HOTPLUG), "reservedFor",
				one ? json_string(one->vm) : json_null()));
}

/* --- CheckConfig --- */

static void on_checked(struct job *job, void *arg)
{
	if (job->code < 0)
		methods_fail(arg, &job->error);
	else
		methods_reply(arg, json_loads(job->text, 0, NULL));
}

void method_check_config(struct daemon *daemon, struct call *call)
{
	const struct look look = { .kind = LOOK_CONFIG, .dirs = daemon->options->config_dir };

	look_start(daemon, call, &look, on_checked);
}
