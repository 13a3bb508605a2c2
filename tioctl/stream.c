/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/stream.h"

#include <signal.h>
#include <sys/signalfd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/progress.h"
#include "tioctl/tioctl.h"

int stream_start(struct tioctl *t, const char *method, json_t *parameters)
{
	auto_json json_t *reply = NULL;
	const json_t *jobs, *job;
	size_t i;
	int r;

	json_object_set_new(parameters, "wait", json_false());
	r = tioctl_call(t, &(struct call){ method, parameters, .list = "jobs" }, &reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	jobs = json_object_get(reply, "jobs");
	json_array_foreach(jobs, i, job)
		screen_line(&t->out, "%lld", (long long)json_integer_value(job));
	fflush(t->out.file);
	if (json_array_size(jobs))
		screen_line(&t->err,
			    "started; watch with \"tioctl jobs\" and \"tioctl status\"");
	else
		screen_line(&t->err, "nothing to do");
	return EXIT_DONE;
}

static void follow(struct client *client, struct progress_view *view, struct reply *reply)
{
	do {
		while (!client_next(client, progress_interval(view), reply))
			progress_tick(view);
		if (json_is_object(json_object_get(reply->parameters, "progress")))
			progress_show(view, json_object_get(reply->parameters, "progress"));
	} while (reply->continues);
	progress_end(view);
}

/* A signal that is still pending would end the process once it is no longer blocked. */
static void drain(int stop_fd)
{
	struct signalfd_siginfo info;

	while (read(stop_fd, &info, sizeof(info)) > 0)
		;
}

int stream_follow(struct tioctl *t, const char *method, json_t *parameters, json_t **ret)
{
	auto_reply struct reply reply = { 0 };
	auto_close int stop_fd = -1;
	struct progress_view view;
	sigset_t interrupt, before;

	/* Ctrl-C becomes an event beside the replies: it can't be lost between two of them. */
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigprocmask(SIG_BLOCK, &interrupt, &before);
	stop_fd = signalfd(-1, &interrupt, SFD_CLOEXEC | SFD_NONBLOCK);
	t->client.stop_fd = stop_fd;

	progress_init(&view, &t->err, t->json);
	if (client_send(&t->client, method, parameters, true, &reply) == 0)
		follow(&t->client, &view, &reply);

	t->client.stop_fd = -1;
	drain(stop_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (reply.error[0])
		return tioctl_fail(t, &reply);
	*ret = json_incref(reply.parameters);
	return EXIT_DONE;
}

static void say_done(struct tioctl *t, const json_t *outcome, const char *done,
		     const char *whom)
{
	const json_t *functions = json_object_get(outcome, "functions");
	const char *family = field_text(outcome, "family"), *name;
	auto_text struct text names = { 0 };
	const json_t *function;
	size_t i;

	json_array_foreach(functions, i, function)
	{
		name = json_string_value(function);
		if (text_add(&names, "%s%s", i ? ", " : "", name ? name : "?") < 0)
			abort();
	}
	if (field_is(outcome, "changed"))
		screen_line(&t->err, "%s %s%s%s in %.1f s", names.data ? names.data : family,
			    done, *whom ? " " : "", whom, field_number(outcome, "seconds"));
	else
		screen_line(&t->err, "%s already %s%s%s, nothing to do",
			    names.data ? names.data : family, done, *whom ? " " : "", whom);
}

int stream_outcomes(struct tioctl *t, const json_t *last, const char *done, const char *whom)
{
	const json_t *outcomes = json_object_get(last, "outcomes"), *outcome, *error;
	size_t i, good = 0, bad = 0;
	const char *name;
	int code, result = EXIT_DONE;

	json_array_foreach(outcomes, i, outcome)
	{
		error = json_object_get(outcome, "error");
		name = field_text(outcome, "errorName");
		if (!json_is_object(error) && !*name) {
			say_done(t, outcome, done, whom);
			good++;
			continue;
		}
		failure_print(&t->err, name, error, field_text(outcome, "family"));
		code = failure_exit_code(name);
		result = bad && result != code ? EXIT_FAILED : code;
		bad++;
	}
	if (json_is_array(outcomes) && json_array_size(outcomes) == 0) {
		screen_line(&t->err, "nothing to do");
		return EXIT_DONE;
	}
	if (!good && !bad) {
		screen_line(&t->err,
			    "tioctl: tiod did not say how it ended (see \"tioctl status\")");
		return EXIT_FAILED;
	}
	return bad && good ? EXIT_PARTLY : result;
}
