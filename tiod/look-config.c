/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is wrong with the configuration as its files stand now, for CheckConfig: in a worker,
 * like every reading of them.
 */

#include "look-config.h"
#include "config.h"
#include "core/json.h"

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

json_t *look_at_config(const struct snapshot *snap, const char *dirs)
{
	struct config config = { 0 };
	json_t *list = json_array(), *reply;

	config_load(dirs, &config);
	for (size_t i = 0; i < config.n_notes; i++)
		add_problem(list, config.notes[i].error, json_string(config.notes[i].text));
	find_orphans(&config, list);
	for (size_t i = 0; i < snap->n_functions; i++) {
		find_doubles(&config, &snap->functions[i], RULE_BOOT, list);
		find_doubles(&config, &snap->functions[i], RULE_HOTPLUG, list);
	}
	reply = json_pack("{so sI sI}", "problems", list, "vms", (json_int_t)config.n_vms,
			  "rules", (json_int_t)config.n_rules);
	config_finish(&config);
	return reply;
}
