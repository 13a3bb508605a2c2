/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/report-plugins.h"

/* Addresses of the functions that @plugin speaks for. */
static json_t *list_claimed(const struct plugins *plugins, const struct plugin *plugin,
			    const struct snapshot *snap)
{
	json_t *list = json_array();
	char name[BDF_STRLEN];

	for (size_t i = 0; i < snap->n_functions; i++) {
		const struct function *f = &snap->functions[i];

		if ((f->kind == FUNCTION_ENDPOINT || f->kind == FUNCTION_VF) &&
		    plugins_claim(plugins, f).plugin == plugin)
			json_array_append_new(list, json_string(bdf_format(f->bdf, name)));
	}
	return list;
}

static json_t *list_checks(const struct plugin *plugin)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plugin->n_checks; i++)
		json_array_append_new(list, json_string(plugin->checks[i]));
	return list;
}

static json_t *report_refused(const struct plugin_refused *refused)
{
	return json_pack("{ss ss si s[] s[] ss}", "file", refused->file, "name", "", "abi", 0,
			 "functions", "checks", "refusal", refused->why);
}

json_t *report_plugins(const struct plugins *plugins, const struct snapshot *snap)
{
	json_t *list = json_array();

	for (size_t i = 0; i < plugins->n; i++) {
		const struct plugin *p = &plugins->list[i];

		json_array_append_new(list,
				      json_pack("{ss ss si so so sn}", "file", p->file, "name",
						p->name, "abi", (int)p->abi, "functions",
						list_claimed(plugins, p, snap), "checks",
						list_checks(p), "refusal"));
	}
	for (size_t i = 0; i < plugins->n_refused; i++)
		json_array_append_new(list, report_refused(&plugins->refused[i]));
	return json_pack("{so}", "plugins", list);
}
