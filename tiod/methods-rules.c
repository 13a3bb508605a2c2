/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the rules say, about which functions, and what is wrong with the files.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/json.h"
#include "core/report.h"
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

static void add_problem(json_t *list, bool error, json_t *text)
{
	json_array_append_new(list, json_pack("{sb so}", "error", error, "text", text));
}

/* The first one decides; who wrote the second may not know. */
static void find_doubles(const struct config *config, const struct function *f,
			 unsigned occasion, json_t *list)
{
	const struct rule *first = rules_find(config->rules, config->n_rules, f, occasion);
	const struct rule *end = config->rules + config->n_rules, *other;
	char name[BDF_STRLEN];

	if (!first)
		return;
	other = rules_find(first + 1, (size_t)(end - first - 1), f, occasion);
	if (other)
		add_problem(list, false,
			    json_sprintf("%s: at %s rule %s decides about %s, before this one",
					 other->file, rule_occasions(occasion), first->name,
					 bdf_format(f->bdf, name)));
}

/* A rule for a VM that nobody has described. */
static void find_orphans(const struct config *config, json_t *list)
{
	for (size_t i = 0; i < config->n_rules; i++)
		if (config->rules[i].action == RULE_ATTACH &&
		    !config_find_vm(config, config->rules[i].vm))
			add_problem(list, true,
				    json_sprintf("%s: no file describes the VM \"%s\"",
						 config->rules[i].file, config->rules[i].vm));
}

void method_check_config(struct daemon *daemon, struct call *call)
{
	const struct snapshot *snap = &daemon->cache.snap;
	struct config config = { 0 };
	json_t *list = json_array();

	config_load(daemon->options->config_dir, &config);
	for (size_t i = 0; i < config.n_notes; i++)
		add_problem(list, config.notes[i].error, json_string(config.notes[i].text));
	find_orphans(&config, list);
	for (size_t i = 0; i < snap->n_functions; i++) {
		find_doubles(&config, &snap->functions[i], RULE_BOOT, list);
		find_doubles(&config, &snap->functions[i], RULE_HOTPLUG, list);
	}
	methods_reply(call,
		      json_pack("{so sI sI}", "problems", list, "vms", (json_int_t)config.n_vms,
				"rules", (json_int_t)config.n_rules));
	config_finish(&config);
}
