/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Waits until everything that is reserved is attached: what guests are ordered after.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/tioctl.h"

#define LOOK_MS       250
#define DEFAULT_LIMIT 300 /* seconds: a connect may take 100 */
#define TSM_LIMIT     60  /* seconds: a host whose TSM's driver isn't up by then has none */

static double now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int get_limit(struct tioctl *t, double *ret)
{
	uint64_t seconds = DEFAULT_LIMIT;

	if (options_has(t->options, OPTION_TIMEOUT) &&
	    (text_to_u64(t->options->value[OPTION_TIMEOUT], 10, &seconds) < 0 ||
	     seconds > 86400)) {
		screen_line(&t->err, "tioctl: --timeout=%s is not a number of seconds",
			    t->options->value[OPTION_TIMEOUT]);
		return EXIT_USAGE;
	}
	*ret = (double)seconds;
	return EXIT_DONE;
}

static bool is_up(const json_t *function)
{
	return strcmp(field_text(function, "state"), "attached") == 0;
}

static size_t count_missing(const json_t *status)
{
	const json_t *function;
	size_t i, n = json_array_size(json_object_get(status, "failed"));

	json_array_foreach(json_object_get(status, "functions"), i, function)
		n += !is_up(function);
	return n;
}

static void print_missing(struct tioctl *t, const json_t *status)
{
	const json_t *function, *failed;
	size_t i;

	json_array_foreach(json_object_get(status, "failed"), i, failed)
		screen_line(&t->err, "tioctl: %s: %s", field_text(failed, "function"),
			    field_text(failed, "sentence"));
	json_array_foreach(json_object_get(status, "functions"), i, function)
	{
		const char *why = field_has(function, "error")
					  ? field_text(json_object_get(function, "error"),
						       "sentence")
					  : field_text(function, "waitsFor");

		if (!is_up(function))
			screen_line(&t->err, "tioctl: %s is %s: %s",
				    field_text(function, "address"),
				    field_text(function, "state"), why);
	}
}

/* Nothing runs: what is missing then, nobody is at work on. */
static bool is_idle(const struct tioctl *t, const json_t *status)
{
	const char *vm = t->options->value[OPTION_VM];
	const json_t *job;
	size_t i;

	json_array_foreach(json_object_get(status, "jobs"), i, job)
	{
		if (!vm || strcmp(field_text(job, "vm"), vm) == 0)
			return false;
	}
	return true;
}

/* What failed may be for want of a TSM, whose driver comes later at boot: it is tried again. */
static bool is_tried_again(const json_t *status)
{
	const json_t *failed;
	size_t i;

	json_array_foreach(json_object_get(status, "failed"), i, failed)
	{
		if (field_is(failed, "again"))
			return true;
	}
	return false;
}

/* Who may not know counts as a host that has one: there is nothing to wait for. */
static bool has_tsm(struct tioctl *t)
{
	const struct call call = { "io.tiod.GetHost", must(json_object()), .list = "tsms" };
	auto_reply struct reply reply = { 0 };

	return tioctl_ask(t, &call, &reply) != EXIT_DONE ||
	       json_array_size(json_object_get(reply.parameters, "tsms")) > 0;
}

static json_t *parameters(const struct tioctl *t)
{
	json_t *object = must(json_object());

	if (options_has(t->options, OPTION_VM))
		json_object_set_new(object, "vm",
				    must(json_string(t->options->value[OPTION_VM])));
	return object;
}

static int end(struct tioctl *t, json_t **status, int code)
{
	if (code != EXIT_DONE)
		print_missing(t, *status);
	if (t->json)
		tioctl_document(t, take_json(status));
	return code;
}

static int read_status(struct tioctl *t, json_t **ret)
{
	const struct call call = { "io.tiod.GetStatus", parameters(t), .list = "functions" };

	return tioctl_call(t, &call, ret);
}

static int run_wait(struct tioctl *t)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	double limit, waited, begun = now_seconds();
	bool tsm = false;
	int r = get_limit(t, &limit);

	while (r == EXIT_DONE) {
		auto_json json_t *status = NULL;

		r = read_status(t, &status);
		if (r != EXIT_DONE)
			break;
		waited = now_seconds() - begun;
		if (is_idle(t, status)) {
			if (tsm || !is_tried_again(status) || waited >= TSM_LIMIT)
				return end(t, &status,
					   count_missing(status) ? EXIT_FAILED : EXIT_DONE);
			/* What a TSM that has come starts is in the next status, not in this.
			 */
			tsm = has_tsm(t);
			if (tsm)
				continue;
		}
		if (waited >= limit)
			return end(t, &status, EXIT_TIMEOUT);
		nanosleep(&pause, NULL);
	}
	return r;
}

const struct command command_wait = {
	.name = "wait",
	.arguments = "[--vm VM] [--timeout S]",
	.summary = "return when everything that is reserved is attached",
	.options = OPTION_BIT(OPTION_VM) | OPTION_BIT(OPTION_TIMEOUT),
	.run = run_wait,
};
