/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * tiod.conf with its drop-ins, the VMs' files and the rules: INI in systemd's style.
 *
 * A file that cannot be used leaves what was in force before; unknown sections and keys
 * are warnings.  Both are notes with file and line, for the log, for Reload's
 * reply and for --check-config.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/log.h"
#include "core/rules.h"
#include "core/vm.h"

#define CONFIG_CLIENTS_MAX 1024

/* Whose members may look, and change. */
#define CONFIG_GROUP_READ   "tiod"
#define CONFIG_GROUP_CHANGE "tiod-admin"

struct note {
	bool error; /* else a warning */
	char text[512];
};

struct config {
	unsigned workers;
	unsigned turn_seconds;
	unsigned step_ms; /* 0: each step's own */
	unsigned clients;
	unsigned watch_ms; /* between two looks at the links; 0: never */
	bool reconnect;    /* links that went with their TSM, when it is back */
	enum log_level log_level;
	gid_t readers, changers; /* the groups tiod and tiod-admin; (gid_t)-1: no such group */

	/* Files for others, "": none.  See offers.h. */
	char cdi_file[256], nfd_file[256];

	enum rule_action present, inserted; /* for cards that no rule fits; NONE: ignore */

	struct vm *vms; /* owned, sorted by name */
	size_t n_vms;
	struct rule *rules; /* owned, in the order that counts */
	size_t n_rules;
	struct note *notes; /* owned; of the last reading */
	size_t n_notes;

	uint64_t read_usec; /* how long the last reading took */
	time_t good_at;     /* when one last found no mistake; 0: never */

	/* Told before what may take for ever is begun, "/etc/tiod/tiod.conf"; may be NULL. */
	void (*tell)(void *arg, const char *what);
	void *tell_arg;
};

/* What holds where no file says otherwise. */
void config_presets(struct config *ret);

/*
 * Reads tiod.conf, tiod.conf.d, vms.d and rules.d of @dirs, a search path
 * ("/etc/tiod:/run/tiod", see config-file.h).  @ret starts as { 0 } or holds what is in force
 * now.  -EINVAL: something was wrong and is said in the notes; @ret is usable. -ENOMEM: @ret is
 * as before.  It blocks for as long as the files, and whoever is asked for users, please.
 */
int config_load(const char *dirs, struct config *ret);
void config_finish(struct config *config);

/* Did the last reading find mistakes?  Warnings are none. */
bool config_is_broken(const struct config *config);
/*
 * All of it as one block for another process of this program, but for @tell: 0 or -ENOMEM.
 * The block is freed by free(); what is made of it is a whole config, or -EINVAL or -ENOMEM.
 */
int config_pack(const struct config *config, void **ret, size_t *ret_size);
int config_unpack(const void *block, size_t size, struct config *ret);

/* Adds a note: what is wrong, with file and line where there are some. */
void config_note(struct config *config, bool error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void config_forget_notes(struct config *config);

/* "error", "warning", "info", "debug".  0 or -EINVAL. */
int config_log_level(const char *text, enum log_level *ret);

/* Borrowed until the next config_load(); NULL if no file describes it. */
const struct vm *config_find_vm(const struct config *config, const char *name);
