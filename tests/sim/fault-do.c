/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fault-do.h"
#include "model.h"
#include "process.h"

#define BDF_LEN 12 /* "0000:e1:00.0" */

/* An operation that hangs: on the stack of its thread. */
struct hanging {
	struct hanging *next;
	int id;
	bool released;
};

static struct hanging *all_hanging;

int fault_hanging(int id)
{
	int n = 0;

	for (const struct hanging *h = all_hanging; h; h = h->next)
		n += h->id == id && !h->released;
	return n;
}

int fault_release(int id)
{
	int n = 0;

	for (struct hanging *h = all_hanging; h; h = h->next) {
		if (h->released || (id && h->id != id))
			continue;
		h->released = true;
		n++;
	}
	sim_wake();
	return n;
}

static int do_hang(const struct fault *fault, const struct act *act)
{
	struct hanging mine = { all_hanging, fault->id, false }, **at = &all_hanging;
	int r = 0;

	(void)act;
	all_hanging = &mine;
	while (!mine.released && r == 0)
		r = sim_wait(-1, fault->mode);
	while (*at != &mine)
		at = &(*at)->next;
	*at = mine.next;
	return mine.released ? ACT_GO : r;
}

static int do_delay(const struct fault *fault, const struct act *act)
{
	int r = sim_sleep(fault->ms, fault->mode);

	(void)act;
	return r < 0 ? r : ACT_GO;
}

static int do_errno(const struct fault *fault, const struct act *act)
{
	(void)act;
	return -fault->error;
}

static int do_noeffect(const struct fault *fault, const struct act *act)
{
	(void)fault;
	(void)act;
	return ACT_PRETEND;
}

/* --- A device or the TSM goes --- */

static bool is_bdf(const char *s, size_t size)
{
	static const char shape[] = "xxxx:xx:xx.x";

	if (size < BDF_LEN)
		return false;
	for (size_t i = 0; i < BDF_LEN; i++) {
		if (shape[i] == 'x' ? !isxdigit((unsigned char)s[i]) : s[i] != shape[i])
			return false;
	}
	return true;
}

/* The function that the operation is about: the last in its path, or what is written. */
static const char *bdf_of(const struct act *act)
{
	const char *found = NULL;

	for (const char *at = act->path; (at = strchr(at, '/')); at++) {
		if (is_bdf(at + 1, strlen(at + 1)))
			found = at + 1;
	}
	if (!found && act->value && is_bdf(act->value, act->size))
		found = act->value;
	return found;
}

static int do_vanish(const struct fault *fault, const struct act *act)
{
	const char *bdf = bdf_of(act);
	json_t *command;

	(void)fault;
	if (!bdf)
		return -ENODEV;
	command = json_pack("{s:s,s:s%}", "do", "surprise-remove", "function", bdf,
			    (size_t)BDF_LEN);
	json_decref(model_ctl(command));
	json_decref(command);
	return -ENODEV;
}

static int do_tsm_gone(const struct fault *fault, const struct act *act)
{
	json_t *command = json_pack("{s:s}", "do", "tsm-remove");

	(void)fault;
	(void)act;
	json_decref(model_ctl(command));
	json_decref(command);
	return ACT_GO;
}

/* --- Signals to the caller: it meets them once the operation is answered --- */

static int do_kill(const struct fault *fault, const struct act *act)
{
	if (act->who->pid > 0)
		kill(act->who->pid, SIGKILL);
	return fault->after ? ACT_GO : -EINTR;
}

/* How long a killed parent may take to go; it holds nothing that we could wait for. */
#define DEATH_MS 2000

/* The caller goes on without its parent, unless it asked to die with it. */
static int do_kill_parent(const struct fault *fault, const struct act *act)
{
	pid_t parent = process_parent(act->who->pid);

	(void)fault;
	if (parent > 0)
		kill(parent, SIGKILL);
	for (int ms = 0; parent > 0 && !process_is_gone(parent) && ms < DEATH_MS; ms++) {
		if (sim_sleep(1, SIM_UNINTERRUPTIBLE) < 0)
			return -EINTR;
	}
	return process_is_dying(act->who->pid) ? -EINTR : ACT_GO;
}

/* The parent first: it must not see its child's death. */
static int do_kill_both(const struct fault *fault, const struct act *act)
{
	pid_t parent = process_parent(act->who->pid);

	if (parent > 0)
		kill(parent, SIGKILL);
	return do_kill(fault, act);
}

static int do_stop(const struct fault *fault, const struct act *act)
{
	(void)fault;
	if (act->who->pid > 0)
		kill(act->who->pid, SIGSTOP);
	return ACT_GO;
}

/* --- The table --- */

/* clang-format off */
static const struct {
	const char *name;
	int (*run)(const struct fault *fault, const struct act *act);
} acts[FAULT_ACT_COUNT] = {
	[FAULT_ERRNO]       = { "errno",       do_errno       },
	[FAULT_HANG]        = { "hang",        do_hang        },
	[FAULT_DELAY]       = { "delay",       do_delay       },
	[FAULT_NOEFFECT]    = { "noeffect",    do_noeffect    },
	[FAULT_VANISH]      = { "vanish",      do_vanish      },
	[FAULT_TSM_GONE]    = { "tsm-gone",    do_tsm_gone    },
	[FAULT_KILL]        = { "kill",        do_kill        },
	[FAULT_KILL_PARENT] = { "kill-parent", do_kill_parent },
	[FAULT_KILL_BOTH]   = { "kill-both",   do_kill_both   },
	[FAULT_STOP]        = { "signal-stop", do_stop        },
	[FAULT_COUNT]       = { "count",       NULL           },
};
/* clang-format on */

int fault_do(const struct fault *fault, const struct act *act)
{
	return acts[fault->act].run(fault, act);
}

enum fault_act fault_act_parse(const char *name)
{
	unsigned int i = 0;

	while (i < FAULT_ACT_COUNT && strcmp(acts[i].name, name) != 0)
		i++;
	return i;
}

const char *fault_act_name(enum fault_act act)
{
	return acts[act].name;
}

bool fault_mode_parse(const char *name, enum sim_wait_mode *ret)
{
	static const char *const names[] = {
		[SIM_UNINTERRUPTIBLE] = "uninterruptible",
		[SIM_KILLABLE] = "killable",
		[SIM_INTERRUPTIBLE] = "interruptible",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i], name)) {
			*ret = i;
			return true;
		}
	}
	return false;
}
