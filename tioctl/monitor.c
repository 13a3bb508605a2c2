/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What happens, as it happens: monitor.
 */

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/tioctl.h"

static void describe_function(struct text *line, const json_t *event)
{
	const json_t *f = json_object_get(event, "function");
	const char *vm = field_text(json_object_get(f, "assignment"), "vm");
	const char *driver = field_text(f, "driver"), *waits = field_text(f, "waitsFor");

	if (text_add(line, "%s %s", field_text(f, "address"), field_text(f, "state")) < 0 ||
	    (*vm && text_add(line, " vm=%s", vm) < 0) ||
	    (*driver && text_add(line, " driver=%s", driver) < 0) ||
	    (*field_text(f, "link") && text_add(line, " link=%s", field_text(f, "link")) < 0) ||
	    (*waits && text_add(line, " waits for %s", waits) < 0))
		abort();
}

static void describe_progress(struct text *line, const json_t *event)
{
	const json_t *p = json_object_get(event, "progress");
	const char *function = field_text(p, "function"), *text = field_text(p, "text");

	if (!*function)
		function = field_text(p, "family");
	if (text_add(line, "%s %s%s%s%s", function, field_is(p, "undo") ? "undo " : "",
		     field_text(p, "step"), *field_text(p, "step") ? " " : "",
		     field_text(p, "phase")) < 0 ||
	    (*text && text_add(line, ": %s", text) < 0))
		abort();
}

static void describe_job(struct text *line, const json_t *event)
{
	const json_t *job = json_object_get(event, "job");
	const char *vm = field_text(job, "vm");

	if (text_add(line, "job %lld %s %s%s%s %s", (long long)field_int(job, "id", 0),
		     field_text(job, "verb"), field_text(job, "family"), *vm ? " vm=" : "", vm,
		     field_text(job, "state")) < 0)
		abort();
}

static void describe_other(struct text *line, const json_t *event)
{
	const char *address = field_text(event, "address"), *text = field_text(event, "text");

	if (text_add(line, "%s%s%s%s%s", address, *address ? " " : "",
		     field_text(event, "event"), *text ? ": " : "", text) < 0)
		abort();
}

static void print_event(const struct screen *screen, const json_t *event)
{
	static const struct {
		const char *event;
		void (*describe)(struct text *line, const json_t *event);
	} kinds[] = {
		{ "function", describe_function },
		{ "progress", describe_progress },
		{ "job", describe_job },
	};
	void (*describe)(struct text * line, const json_t *event) = describe_other;
	const time_t now = time(NULL);
	auto_text struct text line = { 0 };
	char clock[32] = "";
	struct tm tm;

	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%Y-%m-%d %H:%M:%S", &tm);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].event, field_text(event, "event")) == 0)
			describe = kinds[i].describe;
	describe(&line, event);
	screen_text(screen, STYLE_DIM, "%s", clock);
	screen_line(screen, " %s", line.data);
}

static void print_json(FILE *file, const json_t *event)
{
	json_dumpf(event, file, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
	fputc('\n', file);
}

/* As tioctl_fail, with the document on one line like those before it. */
static int fail(struct tioctl *t, const struct reply *reply)
{
	auto_json json_t *line = must(json_object());

	failure_print(&t->err, reply->error, reply->parameters, NULL);
	json_object_set_new(line, "error", failure_document(reply->error, reply->parameters));
	if (t->json)
		print_json(t->out.file, line);
	return failure_exit_code(reply->error);
}

/* A pipe whose reader has gone shows as an error: no need to wait for the next event then. */
static int watch_reader(void)
{
	struct stat st;

	return fstat(STDOUT_FILENO, &st) == 0 && S_ISFIFO(st.st_mode) ? STDOUT_FILENO : -1;
}

static int run_monitor(struct tioctl *t)
{
	auto_reply struct reply reply = { 0 };

	t->client.stop_fd = watch_reader();
	if (client_send(&t->client, "io.tiod.Monitor", NULL, true, &reply) < 0)
		return fail(t, &reply);
	do {
		client_next(&t->client, -1, &reply);
		if (strcmp(reply.error, FAILURE_INTERRUPTED) == 0)
			return EXIT_DONE;
		if (reply.error[0])
			return fail(t, &reply);
		if (t->json)
			print_json(t->out.file, reply.parameters);
		else
			print_event(&t->out, reply.parameters);
	} while (fflush(t->out.file) == 0 && reply.continues);
	return EXIT_DONE;
}

const struct command command_monitor = {
	.name = "monitor",
	.arguments = "",
	.summary = "how the functions stand, then each change as it happens",
	.run = run_monitor,
};
