/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * run: the open devices of a VM go to a program that may not open them itself.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/handoff.h"
#include "tioctl/tioctl.h"

#define MARK "@FD"

/* "fd=@FD1@" with the number that the descriptor has here; NULL: there is no such one. */
static char *with_numbers(const struct client *client, const char *argument)
{
	struct text text = { 0 };
	const char *mark;
	char *end;

	while ((mark = strstr(argument, MARK))) {
		unsigned long n = strtoul(mark + strlen(MARK), &end, 10);

		if (*end != '@' || n >= client->n_fds) {
			text_finish(&text);
			return NULL;
		}
		if (text_add(&text, "%.*s%d", (int)(mark - argument), argument,
			     client->fds[n]) < 0)
			abort();
		argument = end + 1;
	}
	if (text_add(&text, "%s", argument) < 0)
		abort();
	return text.data;
}

/* What is executed; the first words are the caller's own, the others are owned. */
struct words {
	char **list;
	size_t n_own, n;
};

static void words_free(struct words *words)
{
	for (size_t i = words->n_own; i < words->n; i++)
		free(words->list[i]);
	free(words->list);
}

#define auto_words __attribute__((cleanup(words_free)))

/* The program's own words and, behind them, @arguments; false: one is not understood. */
static bool command_line(const struct tioctl *t, const json_t *arguments, struct words *ret)
{
	char *const *own = t->options->command;
	const json_t *argument;
	size_t i;

	while (own[ret->n_own])
		ret->n_own++;
	ret->n = ret->n_own;
	ret->list = must(calloc(ret->n + json_array_size(arguments) + 1, sizeof(*ret->list)));
	memcpy(ret->list, own, ret->n * sizeof(*ret->list));
	json_array_foreach(arguments, i, argument)
	{
		const char *text = json_string_value(argument);
		char *word = text ? with_numbers(&t->client, text) : NULL;

		if (!word)
			return false;
		ret->list[ret->n++] = word;
	}
	return true;
}

static int keep_open(struct client *client)
{
	for (size_t i = 0; i < client->n_fds; i++)
		if (fcntl(client->fds[i], F_SETFD, 0) < 0)
			return -errno;
	return 0;
}

/* Comes back only when it fails. */
static int become(struct tioctl *t, char **words)
{
	int r = keep_open(&t->client);

	if (r == 0) {
		fflush(NULL);
		execvp(words[0], words);
		r = -errno;
	}
	screen_line(&t->err, "tioctl: cannot run %s: %s", words[0], strerror(-r));
	return EXIT_FAILED;
}

static int run_run(struct tioctl *t)
{
	static const char method[] = "io.tiod.OpenDevices";
	auto_json json_t *reply = NULL;
	const json_t *handoff;
	auto_words struct words words = { 0 };
	int r;

	if (!t->options->command || !t->options->command[0]) {
		screen_line(&t->err, "tioctl: run needs a program (usage: tioctl run %s)",
			    command_run.arguments);
		return EXIT_USAGE;
	}
	r = tioctl_call(t,
			&(struct call){ method, json_pack("{s:s}", "vm", t->options->names[0]),
					.list = "devices", .object = "handoff" },
			&reply);
	if (r != EXIT_DONE)
		return r;
	handoff = json_object_get(reply, "handoff");
	handoff_print_notes(&t->err, handoff);
	if (!json_is_true(json_object_get(handoff, "ready"))) {
		screen_line(&t->err,
			    "tioctl: %s is not started: its devices are not as they "
			    "should be",
			    t->options->command[0]);
		return EXIT_NOT_READY;
	}
	if (!command_line(t, json_object_get(handoff, "arguments"), &words))
		return tioctl_malformed(t, method, "descriptors");
	return become(t, words.list);
}

const struct command command_run = {
	.name = "run",
	.arguments = "VM -- PROGRAM …",
	.summary = "run QEMU with the open devices of a VM",
	.names_min = 1,
	.names_max = 1,
	.run = run_run,
};
