/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What changes the host: plan, attach, detach, connect, disconnect.
 */

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/handoff.h"
#include "tioctl/stream.h"
#include "tioctl/tioctl.h"
#include "tioctl/vf-settings.h"

static void print_plan(const struct screen *screen, const json_t *plan)
{
	const json_t *steps = json_object_get(plan, "steps");
	const json_t *notes = json_object_get(plan, "notes");
	const json_t *step, *note;
	size_t i;

	screen_text(screen, STYLE_HEAD, "%s %s", field_text(plan, "verb"),
		    field_text(plan, "family"));
	screen_line(screen, "%s", json_array_size(steps) ? "" : ": nothing to do");
	json_array_foreach(steps, i, step)
		screen_line(screen, "%2zu. %s%s", i + 1, field_is(step, "undo") ? "undo: " : "",
			    field_text(step, "what"));
	json_array_foreach(notes, i, note)
	{
		const char *text = json_string_value(note);

		screen_line(screen, "note: %s", text ? text : "");
	}
}

static bool names_a_vf(const json_t *functions)
{
	const json_t *name;
	size_t i;

	json_array_foreach(functions, i, name)
	{
		const char *text = json_string_value(name);

		if (text && strstr(text, "/vf"))
			return true;
	}
	return false;
}

/* The parameters that Plan and Attach have in common; NULL: said what is wrong. */
static json_t *attach_parameters(struct tioctl *t)
{
	const struct options *options = t->options;
	json_t *functions = options_functions(options, &t->err);
	json_t *parameters, *settings = NULL;
	size_t i;

	if (!functions)
		return NULL;
	for (i = 0; i < options->n_names && strcmp(options->names[i], "all") != 0;)
		i++;
	if (i < options->n_names) {
		screen_line(&t->err, "tioctl: attach takes no \"all\": name the devices (see "
				     "\"tioctl list\")");
		json_decref(functions);
		return NULL;
	}
	if (options_vfs(options) && !names_a_vf(functions)) {
		screen_line(
			&t->err,
			"tioctl: --vfs %u says how many VFs there shall be, not which to give: "
			"add --vf 0-%u, or leave --vfs out to give the whole card",
			(unsigned)options_vfs(options), (unsigned)options_vfs(options) - 1);
		json_decref(functions);
		return NULL;
	}
	if (vf_settings_get(options, &t->err, &settings) < 0) {
		json_decref(functions);
		return NULL;
	}
	parameters = must(json_pack("{s:o, s:s}", "functions", functions, "vm",
				    options->value[OPTION_VM]));
	if (settings)
		json_object_set_new(parameters, "vfSettings", settings);
	if (options_vfs(options))
		json_object_set_new(parameters, "vfs", json_integer(options_vfs(options)));
	if (options_has(options, OPTION_COMPANIONS))
		json_object_set_new(parameters, "withCompanions", json_true());
	if (options_has(options, OPTION_TSM))
		json_object_set_new(parameters, "tsm",
				    must(json_string(options->value[OPTION_TSM])));
	if (options_has(t->options, OPTION_FORCE))
		json_object_set_new(parameters, "force", options_force(t->options));
	return parameters;
}

static int run_plan(struct tioctl *t)
{
	json_t *parameters = attach_parameters(t);
	auto_json json_t *reply = NULL;
	const json_t *plan;
	size_t i;
	int r;

	if (!parameters)
		return EXIT_USAGE;
	r = tioctl_call(t, &(struct call){ "io.tiod.Plan", parameters, .list = "plans" },
			&reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	json_array_foreach(json_object_get(reply, "plans"), i, plan) print_plan(&t->out, plan);
	return EXIT_DONE;
}

#define OPTIONS_ATTACH                                                                         \
	(OPTION_BIT(OPTION_VM) | OPTION_BIT(OPTION_VFS) | OPTION_BIT(OPTION_VF) |              \
	 OPTION_BIT(OPTION_COMPANIONS) | OPTION_BIT(OPTION_FORCE) | OPTION_BIT(OPTION_TSM) |   \
	 OPTIONS_VF_SETTINGS)

const struct command command_plan = {
	.name = "plan",
	.arguments = "DEV… --vm VM [--vfs N] [--vf I|I-J|I,J,…] [--with-companions] "
		     "[--tsm NAME] [--force=net|open[,…]] " VF_SETTINGS_ARGUMENTS,
	.summary = "the steps that attach would take",
	.options = OPTIONS_ATTACH,
	.needed = OPTION_BIT(OPTION_VM),
	.names_min = 1,
	.names_max = SIZE_MAX,
	.run = run_plan,
};

/* The arguments first; what was reached and what is to be known of it stays on the screen. */
static void print_attach(struct tioctl *t, const json_t *last)
{
	const json_t *handoff = json_object_get(last, "handoff");

	if (t->json) {
		tioctl_document(t, json_incref((json_t *)last));
		return;
	}
	if (json_is_object(handoff)) {
		handoff_print(t, handoff, t->options->value[OPTION_FORMAT]);
		handoff_print_notes(&t->err, handoff);
	}
}

static int run_attach(struct tioctl *t)
{
	const bool no_wait = options_is_no_wait(t->options);
	auto_json json_t *last = NULL;
	json_t *parameters;
	int r;

	if (options_has(t->options, OPTION_DRY_RUN))
		return run_plan(t);
	parameters = attach_parameters(t);
	if (!parameters)
		return EXIT_USAGE;
	if (no_wait)
		return stream_start(t, "io.tiod.Attach", parameters);
	r = stream_follow(t, "io.tiod.Attach", parameters, &last);
	if (!last)
		return r;
	r = stream_outcomes(t, last, "attached to", t->options->value[OPTION_VM]);
	print_attach(t, last);
	return r;
}

const struct command command_attach = {
	.name = "attach",
	.arguments = "DEV… --vm VM [--vfs N] [--vf I|I-J|I,J,…] [--with-companions] "
		     "[--tsm NAME] [--force=net|open[,…]] [--format qemu|json|libvirt] "
		     "[--dry-run] [--wait=no] " VF_SETTINGS_ARGUMENTS,
	.summary = "bring devices up for a VM; prints what the VM is to be given",
	.options = OPTIONS_ATTACH | OPTION_BIT(OPTION_FORMAT) | OPTION_BIT(OPTION_DRY_RUN) |
		   OPTION_BIT(OPTION_WAIT),
	.needed = OPTION_BIT(OPTION_VM),
	.names_min = 1,
	.names_max = SIZE_MAX,
	.run = run_attach,
};

/* The addresses of all that is attached, in @ret. */
static int list_attached(struct tioctl *t, json_t **ret)
{
	const struct call call = { "io.tiod.GetStatus", NULL, .list = "functions" };
	auto_json json_t *reply = NULL;
	auto_json json_t *addresses = must(json_array());
	const json_t *f;
	size_t i;
	int r;

	r = tioctl_call(t, &call, &reply);
	if (r != EXIT_DONE)
		return r;
	json_array_foreach(json_object_get(reply, "functions"), i, f)
	{
		if (json_is_object(json_object_get(f, "assignment")))
			json_array_append(addresses, json_object_get(f, "address"));
	}
	*ret = take_json(&addresses);
	return EXIT_DONE;
}

static bool names_all(const struct options *options)
{
	return options->n_names == 1 && strcmp(options->names[0], "all") == 0;
}

/* Detach's parameters in @ret; EXIT_DONE or what is wrong. */
static int detach_parameters(struct tioctl *t, json_t **ret)
{
	const struct options *options = t->options;
	const char *vm = options->value[OPTION_VM];
	json_t *functions = NULL, *parameters;
	int r;

	if (!vm == !options->n_names) {
		screen_line(&t->err, "tioctl: detach takes either devices or --vm VM");
		return EXIT_USAGE;
	}
	if (options_has(options, OPTION_VF) && (vm || names_all(options))) {
		screen_line(&t->err, "tioctl: --vf needs the device whose VFs are meant");
		return EXIT_USAGE;
	}
	if (names_all(options)) {
		r = list_attached(t, &functions);
		if (r != EXIT_DONE)
			return r;
	} else if (!vm) {
		functions = options_functions(options, &t->err);
		if (!functions)
			return EXIT_USAGE;
	}
	parameters = must(json_object());
	if (vm)
		json_object_set_new(parameters, "vm", must(json_string(vm)));
	else
		json_object_set_new(parameters, "functions", functions);
	if (options_has(options, OPTION_FORCE))
		json_object_set_new(parameters, "force", options_force(options));
	*ret = parameters;
	return EXIT_DONE;
}

static int say_nothing_attached(struct tioctl *t)
{
	if (t->json)
		return tioctl_document(t, must(json_pack("{s:[]}", "outcomes")));
	screen_line(&t->err, "nothing is attached");
	return EXIT_DONE;
}

static int run_detach(struct tioctl *t)
{
	auto_json json_t *last = NULL;
	json_t *parameters, *functions;
	int r;

	r = detach_parameters(t, &parameters);
	if (r != EXIT_DONE)
		return r;
	functions = json_object_get(parameters, "functions");
	if (functions && !json_array_size(functions)) {
		json_decref(parameters);
		return say_nothing_attached(t);
	}
	if (options_is_no_wait(t->options))
		return stream_start(t, "io.tiod.Detach", parameters);
	r = stream_follow(t, "io.tiod.Detach", parameters, &last);
	if (!last)
		return r;
	r = stream_outcomes(t, last, "detached", "");
	if (t->json)
		tioctl_document(t, json_incref(last));
	return r;
}

const struct command command_detach = {
	.name = "detach",
	.arguments = "DEV…|all|--vm VM [--vf I|I-J|I,J,…] [--force=open] [--wait=no]",
	.summary = "take devices back and put the host as it was found",
	.options = OPTION_BIT(OPTION_VM) | OPTION_BIT(OPTION_VF) | OPTION_BIT(OPTION_FORCE) |
		   OPTION_BIT(OPTION_WAIT),
	.names_max = SIZE_MAX,
	.run = run_detach,
};

static int change_link(struct tioctl *t, const char *method, const char *done)
{
	json_t *parameters = must(json_pack("{s:s}", "function", t->options->names[0]));
	const char *tsm = t->options->value[OPTION_TSM];
	auto_json json_t *last = NULL;
	int r;

	if (tsm)
		json_object_set_new(parameters, "tsm", must(json_string(tsm)));
	if (options_has(t->options, OPTION_REFRESH))
		json_object_set_new(parameters, "refresh", json_true());
	if (options_has(t->options, OPTION_FORCE))
		json_object_set_new(parameters, "force", options_force(t->options));
	r = stream_follow(t, method, parameters, &last);
	if (!last)
		return r;
	r = stream_outcomes(t, last, done, "");
	if (t->json)
		tioctl_document(t, json_incref(last));
	return r;
}

static int run_connect(struct tioctl *t)
{
	return change_link(t, "io.tiod.Connect", "connected");
}

static int run_disconnect(struct tioctl *t)
{
	return change_link(t, "io.tiod.Disconnect", "disconnected");
}

const struct command command_connect = {
	.name = "connect",
	.arguments = "DEV [--tsm NAME]",
	.summary = "set up the secure link of a device, and nothing else",
	.options = OPTION_BIT(OPTION_TSM),
	.names_min = 1,
	.names_max = 1,
	.run = run_connect,
};

const struct command command_disconnect = {
	.name = "disconnect",
	.arguments = "DEV",
	.summary = "take the secure link of a device down",
	.names_min = 1,
	.names_max = 1,
	.run = run_disconnect,
};

static int run_reconnect(struct tioctl *t)
{
	const bool refresh = options_has(t->options, OPTION_REFRESH);

	return change_link(t, "io.tiod.Reconnect", refresh ? "refreshed" : "reconnected");
}

const struct command command_reconnect = {
	.name = "reconnect",
	.arguments = "DEV [--tsm NAME] [--refresh] [--force=open]",
	.summary = "make the secure link of a device anew, when it has fallen",
	.options = OPTION_BIT(OPTION_TSM) | OPTION_BIT(OPTION_REFRESH) |
		   OPTION_BIT(OPTION_FORCE),
	.names_min = 1,
	.names_max = 1,
	.run = run_reconnect,
};
