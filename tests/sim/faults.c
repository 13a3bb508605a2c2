/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "errname.h"
#include "fault-do.h"
#include "faults.h"
#include "node.h"
#include "reply.h"
#include "trace.h"

#define CHANGES                                                                                \
	(1u << ACT_WRITE | 1u << ACT_RENAME | 1u << ACT_FSYNC | 1u << ACT_UNLINK |             \
	 1u << ACT_CREATE | 1u << ACT_MKDIR | 1u << ACT_RMDIR | 1u << ACT_TRUNCATE)

/* clang-format off */
static const char *const op_names[ACT_COUNT] = {
	[ACT_READ]   = "read",   [ACT_WRITE]  = "write",  [ACT_OPEN]   = "open",
	[ACT_RENAME] = "rename", [ACT_FSYNC]  = "fsync",  [ACT_UNLINK] = "unlink",
	[ACT_CREATE] = "create", [ACT_MKDIR]  = "mkdir",  [ACT_RMDIR]  = "rmdir",
	[ACT_TRUNCATE] = "truncate",
};
/* clang-format on */

static struct {
	struct fault *first;
	struct fault *last;
	int last_id;
} faults;

/* --- Rules --- */

static void fault_unref(struct fault *fault)
{
	if (--fault->refs)
		return;
	free(fault->path);
	free(fault);
}

static bool path_matches(const struct fault *fault, const char *path)
{
	const char *name = strrchr(path, '/');

	if (strchr(fault->path, '/'))
		return !fnmatch(fault->path, path, 0);
	return !fnmatch(fault->path, name ? name + 1 : path, 0);
}

/* Counts the match; whether it is one of those that the rule is about. */
static bool fault_applies(struct fault *fault)
{
	fault->seen++;
	if (fault->act == FAULT_COUNT)
		return false;
	if (fault->nth && fault->seen < fault->nth)
		return false;
	if (fault->count && fault->applied >= fault->count)
		return false;
	return true;
}

static struct fault *find_fault(const struct act *act, const char *other)
{
	struct fault *hit = NULL;

	for (struct fault *fault = faults.first; fault; fault = fault->next) {
		if (!(fault->ops & 1u << act->op))
			continue;
		if (!path_matches(fault, act->path) && !(other && path_matches(fault, other)))
			continue;
		if (!fault_applies(fault) || hit)
			continue;
		hit = fault;
		hit->applied++;
		hit->refs++;
	}
	return hit;
}

static char *path_of(const struct node *node, const char *name)
{
	char path[PATH_MAX];

	tree_path(node, path, sizeof(path));
	return name ? sim_printf("%s/%s", path, name) : sim_strdup(path);
}

int act_begin(struct act *act)
{
	char *other;

	act->fault = NULL;
	act->path = NULL;
	if (!faults.first && !trace_is_on())
		return ACT_GO;
	act->path = path_of(act->node, act->name);
	other = act->to ? path_of(act->to, act->to_name) : NULL;
	act->fault = find_fault(act, other);
	free(other);
	if (!act->fault || act->fault->after)
		return ACT_GO;
	return fault_do(act->fault, act);
}

/* What the fault does to an operation that has had its effect. */
static ssize_t end_with_fault(const struct act *act, ssize_t result)
{
	int r;

	if (!act->fault->after || result < 0)
		return result;
	r = fault_do(act->fault, act);
	return r < 0 ? r : result;
}

ssize_t act_end(struct act *act, ssize_t result)
{
	char *to;

	if (act->fault) {
		result = end_with_fault(act, result);
		fault_unref(act->fault);
	}
	if (act->path && trace_is_on() && (CHANGES & 1u << act->op)) {
		to = act->to ? path_of(act->to, act->to_name) : NULL;
		trace_add(op_names[act->op], act->path, to ? to : act->value,
			  to ? strlen(to) : act->size, result, act->who->pid);
		free(to);
	}
	free(act->path);
	return result;
}

/* --- Commands --- */

static unsigned int ops_from(const char *name)
{
	if (!strcmp(name, "any"))
		return ~0u;
	if (!strcmp(name, "change"))
		return CHANGES;
	for (unsigned int i = 0; i < ACT_COUNT; i++) {
		if (!strcmp(name, op_names[i]))
			return 1u << i;
	}
	return 0;
}

static json_t *check_keys(const json_t *command)
{
	static const char *const known[] = { "do",  "path",  "op", "nth",  "count",
					     "act", "errno", "ms", "when", "mode" };
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)command, key, value)
	{
		size_t i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && strcmp(key, known[i]) != 0)
			i++;
		if (i == sizeof(known) / sizeof(known[0]))
			return reply_error("a fault has no \"%s\"", key);
	}
	return NULL;
}

static const char *text_of(const json_t *command, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(command, key));

	return text ? text : otherwise;
}

/* Fills the choices of @fault from words; returns the reply that says what is wrong. */
static json_t *read_words(struct fault *fault, const json_t *command)
{
	const char *op = text_of(command, "op", "write"), *act = text_of(command, "act", "");
	const char *when = text_of(command, "when", "before");
	const char *mode = text_of(command, "mode", "killable");

	fault->ops = ops_from(op);
	if (!fault->ops)
		return reply_error("a fault has no operation \"%s\"", op);
	fault->act = fault_act_parse(act);
	if (fault->act == FAULT_ACT_COUNT)
		return reply_error("a fault cannot do \"%s\"", act);
	if (strcmp(when, "before") != 0 && strcmp(when, "after") != 0)
		return reply_error("\"when\" is before or after, not \"%s\"", when);
	fault->after = !strcmp(when, "after");
	if (!fault_mode_parse(mode, &fault->mode))
		return reply_error("a wait is uninterruptible, killable or interruptible, not "
				   "\"%s\"",
				   mode);
	fault->error = errname_parse(text_of(command, "errno", "EIO"));
	if (!fault->error)
		return reply_error("there is no errno \"%s\"", text_of(command, "errno", ""));
	return NULL;
}

static json_t *read_numbers(struct fault *fault, const json_t *command)
{
	json_t *nth = json_object_get(command, "nth"), *count, *ms;

	count = json_object_get(command, "count");
	ms = json_object_get(command, "ms");
	if ((nth && !json_is_integer(nth)) || (count && !json_is_integer(count)) ||
	    (ms && !json_is_integer(ms)))
		return reply_error("nth, count and ms are numbers");
	fault->nth = nth ? json_integer_value(nth) : 1;
	/* "every" goes on for ever unless a count says otherwise */
	fault->count = count ? json_integer_value(count) : !!fault->nth;
	fault->ms = json_integer_value(ms);
	return NULL;
}

json_t *faults_add(const json_t *command)
{
	struct fault *fault = sim_alloc(sizeof(*fault));
	json_t *reply = check_keys(command);

	fault->refs = 1;
	fault->path = sim_strdup(text_of(command, "path", ""));
	if (!reply && !fault->path[0])
		reply = reply_error("a fault needs a path, such as sys/*/tsm/connect");
	if (!reply)
		reply = read_words(fault, command);
	if (!reply)
		reply = read_numbers(fault, command);
	if (reply) {
		fault_unref(fault);
		return reply;
	}
	fault->id = ++faults.last_id;
	if (faults.last)
		faults.last->next = fault;
	else
		faults.first = fault;
	faults.last = fault;
	reply = reply_ok();
	json_object_set_new(reply, "id", json_integer(fault->id));
	return reply;
}

json_t *faults_list(const json_t *command)
{
	json_t *reply = reply_ok(), *list = json_array();

	(void)command;
	for (const struct fault *fault = faults.first; fault; fault = fault->next)
		json_array_append_new(
			list, json_pack("{s:i,s:s,s:s,s:i,s:i,s:i}", "id", fault->id, "path",
					fault->path, "act", fault_act_name(fault->act), "seen",
					(int)fault->seen, "applied", (int)fault->applied,
					"hanging", fault_hanging(fault->id)));
	json_object_set_new(reply, "faults", list);
	return reply;
}

json_t *faults_clear(const json_t *command)
{
	struct fault *next;

	(void)command;
	for (struct fault *fault = faults.first; fault; fault = next) {
		next = fault->next;
		fault_unref(fault);
	}
	faults.first = faults.last = NULL;
	fault_release(0);
	return reply_ok();
}

json_t *faults_release(const json_t *command)
{
	const json_t *id = json_object_get(command, "id");
	const char *word = json_string_value(id);
	json_t *reply = reply_ok();
	int which = word ? atoi(word) : (int)json_integer_value(id);

	json_object_set_new(reply, "released", json_integer(fault_release(which)));
	return reply;
}

json_t *faults_trace(const json_t *command)
{
	return trace_command(command);
}

void faults_free(void)
{
	json_decref(faults_clear(NULL));
	trace_free();
}
