/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * tioctl: asks tiod for what the command line says and shows the answer.
 */

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tioctl/complete.h"
#include "tioctl/tioctl.h"

/* clang-format off */
static const struct command *const commands[] = {
	&command_list,
	&command_show,
	&command_status,
	&command_ide,
	&command_plan,
	&command_attach,
	&command_detach,
	&command_connect,
	&command_disconnect,
	&command_reconnect,
	&command_qemu,
	&command_run,
	&command_rules,
	&command_wait,
	&command_monitor,
	&command_metrics,
	&command_hugepages,
	&command_vms,
	&command_plugins,
	&command_evidence,
	&command_jobs,
	&command_cancel,
	&command_reload,
	&command_version,
	&command_completion,
};
/* clang-format on */

static const struct {
	enum exit_code code;
	const char *meaning;
} exits[] = {
	{ EXIT_DONE, "done" },
	{ EXIT_FAILED, "failed" },
	{ EXIT_USAGE, "the command line or the request makes no sense" },
	{ EXIT_NOT_PERMITTED, "not permitted" },
	{ EXIT_NO_SUCH, "no such device, VM or job" },
	{ EXIT_IN_USE, "busy, in use, or another VM has it" },
	{ EXIT_NOT_READY, "the host lacks something" },
	{ EXIT_NO_DAEMON, "tiod is not running" },
	{ EXIT_TIMEOUT, "took too long" },
	{ EXIT_PARTLY, "done for some of the devices, failed for others" },
};

static void print_help(const struct screen *screen)
{
	screen_line(screen, "Usage: tioctl [OPTION…] VERB …");
	screen_line(screen,
		    "Brings TDISP-capable PCIe devices up for confidential VMs, by tiod.");
	screen_line(screen, "%s", "");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		screen_line(screen, "  %-12s%s", commands[i]->name, commands[i]->summary);
	screen_line(screen, "%s", "");
	screen_line(screen, "Options of every verb:");
	options_help(screen, OPTIONS_GLOBAL);
	screen_line(screen, "%s", "");
	screen_line(screen,
		    "A device is named 0000:e1:00.0, e1:00.0, e1:00.0/vf3 (its fourth VF) or");
	screen_line(
		screen,
		"slot:7 or serial:00-11-….  \"tioctl VERB --help\" says what a verb takes.");
	screen_line(screen, "%s", "");
	screen_line(screen, "Exit status:");
	for (size_t i = 0; i < ARRAY_SIZE(exits); i++)
		screen_line(screen, "  %d  %s", (int)exits[i].code, exits[i].meaning);
}

static void print_command_help(const struct screen *screen, const struct command *command)
{
	screen_line(screen, "Usage: tioctl %s%s%s", command->name,
		    *command->arguments ? " " : "", command->arguments);
	screen_line(screen, "tioctl %s: %s.", command->name, command->summary);
	screen_line(screen, "%s", "");
	options_help(screen, command->options | OPTIONS_GLOBAL);
}

static const struct command *find_command(const char *name, const struct screen *screen)
{
	const char *names[ARRAY_SIZE(commands) + 1] = { NULL };
	const char *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
		names[i] = commands[i]->name;
	}
	nearest = options_nearest(name, names);
	if (nearest)
		screen_line(screen, "tioctl: there is no verb \"%s\" (did you mean \"%s\"?)",
			    name, nearest);
	else
		screen_line(screen, "tioctl: there is no verb \"%s\" (see \"tioctl --help\")",
			    name);
	return NULL;
}

/* Whether @options suit @command; says what does not. */
static bool suits(const struct command *command, const struct options *options,
		  const struct screen *screen)
{
	const option_mask known = command->options | OPTIONS_GLOBAL;
	const char *why = NULL;

	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		if (options_has(options, i) && !(known & OPTION_BIT(i))) {
			screen_line(screen, "tioctl: %s takes no %s (usage: tioctl %s %s)",
				    command->name, options_name(i), command->name,
				    command->arguments);
			return false;
		}
		if (!options_has(options, i) && (command->needed & OPTION_BIT(i)))
			why = options_name(i);
	}
	if (options->n_names < command->names_min)
		why = "something to work on";
	if (why)
		screen_line(screen, "tioctl: %s needs %s (usage: tioctl %s %s)", command->name,
			    why, command->name, command->arguments);
	else if (options->n_names > command->names_max)
		screen_line(screen, "tioctl: %s: \"%s\" is too much (usage: tioctl %s%s%s)",
			    command->name, options->names[command->names_max], command->name,
			    *command->arguments ? " " : "", command->arguments);
	return !why && options->n_names <= command->names_max;
}

static const char *socket_path(const char *given)
{
	const char *environment = getenv("TIOD_SOCKET");

	if (given)
		return given;
	return environment && *environment ? environment : CLIENT_SOCKET;
}

/* "tioctl help" is "tioctl --help", "tioctl help VERB" is "tioctl VERB --help". */
static int run_help(struct tioctl *t, const char *verb)
{
	const struct command *command;

	if (!verb) {
		print_help(&t->out);
		return EXIT_DONE;
	}
	command = find_command(verb, &t->err);
	if (!command)
		return EXIT_USAGE;
	print_command_help(&t->out, command);
	return EXIT_DONE;
}

static int run(struct tioctl *t, const struct options *options)
{
	const struct command *command;
	int r;

	if (options_has(options, OPTION_VERSION)) {
		screen_line(&t->out, "tioctl %s", TIOD_VERSION);
		return EXIT_DONE;
	}
	if (!options->verb && options_has(options, OPTION_HELP))
		return run_help(t, NULL);
	if (!options->verb) {
		screen_line(&t->err, "tioctl: a verb is missing (see \"tioctl --help\")");
		return EXIT_USAGE;
	}
	if (strcmp(options->verb, "help") == 0 && options->n_names < 2)
		return run_help(t, options->n_names ? options->names[0] : NULL);
	if (options_has(options, OPTION_HELP))
		return run_help(t, options->verb);
	command = find_command(options->verb, &t->err);
	if (!command)
		return EXIT_USAGE;
	if (!suits(command, options, &t->err))
		return EXIT_USAGE;

	t->options = options;
	t->json = options_has(options, OPTION_JSON);
	client_init(&t->client, socket_path(options->value[OPTION_SOCKET]));
	r = command->run(t);
	client_finish(&t->client);
	return r;
}

/* The words of a line that is being typed, as the scripts of "tioctl completion" ask. */
static int run_complete(struct tioctl *t, char *const *words, size_t n)
{
	struct complete complete = { .t = t,
				     .commands = commands,
				     .n_commands = ARRAY_SIZE(commands) };

	complete_read(&complete, words, n);
	client_init(&t->client, socket_path(complete.socket));
	complete_answer(&complete);
	client_finish(&t->client);
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct options options;
	struct tioctl t = { 0 };
	int r = EXIT_USAGE;

	/* The daemon speaks UTF-8 whatever the terminal's locale is. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
	screen_init(&t.out, stdout);
	screen_init(&t.err, stderr);
	if (argc > 1 && strcmp(argv[1], COMPLETE_WORD) == 0)
		return run_complete(&t, argv + 2, (size_t)argc - 2);
	if (options_parse(&options, argv + (argc > 0), &t.err) == 0)
		r = run(&t, &options);
	options_finish(&options);

	if (fflush(stdout) != 0 || ferror(stdout)) {
		screen_line(&t.err, "tioctl: cannot write the answer to standard output");
		r = r ? r : EXIT_FAILED;
	}
	return r;
}
