/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * tiod: options, the lock of the runtime folder, and off.  Only this and helper-main.c name
 * the places of a real host.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "lock.h"

#define LOCK_TRIES   50
#define LOCK_WAIT_US 20000
#define LARGE_BYTES  (128 * 1024)

#ifndef TIOD_PLUGIN_DIR
#error "the build says where plugins are"
#endif

enum { OPTION_FIRST = 256, OPTION_CHECK = OPTION_FIRST, OPTION_VERSION, OPTION_LEVEL };

struct command_line {
	const char *sys, *proc, *dev, *runtime, *state, *config, *plugins, *socket, *helper;
	const char *level;
	bool check;
};

/* --name=DIR options: where they go. */
/* clang-format off */
/* What an admin writes hides what was written for this boot, and that what was installed. */
#define CONFIG_DIRS "/etc/tiod:/run/tiod:/usr/lib/tiod"

static const struct place {
	const char *name;
	size_t offset;
	const char *preset, *what;
} places[] = {
	{ "sys",         offsetof(struct command_line, sys),     "/sys",          "sysfs" },
	{ "proc",        offsetof(struct command_line, proc),    "/proc",         "procfs" },
	{ "dev",         offsetof(struct command_line, dev),     "/dev",          "device nodes" },
	{ "runtime-dir", offsetof(struct command_line, runtime), "/run/tiod",     "journal, lock, socket" },
	{ "state-dir",   offsetof(struct command_line, state),   "/var/lib/tiod", "assignments" },
	{ "config-dir",  offsetof(struct command_line, config),  CONFIG_DIRS,     "tiod.conf, vms.d, rules.d" },
	{ "plugin-dir",  offsetof(struct command_line, plugins), TIOD_PLUGIN_DIR, "plugins" },
	{ "socket",      offsetof(struct command_line, socket),  NULL,            "socket (RUNTIME-DIR/io.tiod)" },
	{ "helper",      offsetof(struct command_line, helper),  NULL,            "socket of tiod-helper (RUNTIME-DIR/helper)" },
};
/* clang-format on */

static const char **place_of(struct command_line *line, const struct place *place)
{
	return (const char **)((char *)line + place->offset);
}

static int usage(FILE *to)
{
	fprintf(to, "tiod [OPTION…]: brings TDISP devices up for confidential VMs\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		fprintf(to, "  --%s=PATH%*s%s%s%s%s\n", places[i].name,
			(int)(14 - strlen(places[i].name)), "", places[i].what,
			places[i].preset ? " (" : "", places[i].preset ?: "",
			places[i].preset ? ")" : "");
	fprintf(to, "  --log-level=LEVEL   error, warning, info or debug\n"
		    "  --check-config      read the configuration, say what is wrong with it\n"
		    "  --version, --help\n");
	return to == stderr ? 2 : 0;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct command_line *line)
{
	struct option options[ARRAY_SIZE(places) + 5] = { 0 };
	size_t n = 0;
	int c;

	for (; n < ARRAY_SIZE(places); n++) {
		options[n] = (struct option){ places[n].name, required_argument, NULL, (int)n };
		*place_of(line, &places[n]) = places[n].preset;
	}
	options[n++] = (struct option){ "check-config", no_argument, NULL, OPTION_CHECK };
	options[n++] = (struct option){ "version", no_argument, NULL, OPTION_VERSION };
	options[n++] = (struct option){ "log-level", required_argument, NULL, OPTION_LEVEL };
	options[n++] = (struct option){ "help", no_argument, NULL, 'h' };

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c >= 0 && (size_t)c < ARRAY_SIZE(places))
			*place_of(line, &places[c]) = optarg;
		else if (c == OPTION_CHECK)
			line->check = true;
		else if (c == OPTION_LEVEL)
			line->level = optarg;
		else if (c == OPTION_VERSION)
			return printf("tiod %s\n", TIOD_VERSION) < 0;
		else
			return usage(c == 'h' ? stdout : stderr);
	}
	return optind < argc ? usage(stderr) : -1;
}

static int check_config(const char *dir)
{
	struct config config = { 0 };
	int r = config_load(dir, &config);

	for (size_t i = 0; i < config.n_notes; i++)
		fprintf(stderr, "%s: %s\n", config.notes[i].error ? "error" : "warning",
			config.notes[i].text);
	printf("Workers=%u TurnTimeout=%u StepTimeout=%g MaxClients=%u WatchInterval=%g "
	       "Reconnect=%s\n",
	       config.workers, config.turn_seconds, config.step_ms / 1000.0, config.clients,
	       config.watch_ms / 1000.0, config.reconnect ? "yes" : "no");
	for (size_t i = 0; i < config.n_vms; i++) {
		const struct vm *vm = &config.vms[i];
		char memory[32], page[32];

		printf("%s: Memory=%s HugepageSize=%s User=%s\n", vm->name,
		       text_from_bytes(vm->memory, memory, sizeof(memory)),
		       vm->hugepage_size
			       ? text_from_bytes(vm->hugepage_size, page, sizeof(page))
			       : "no",
		       vm->user[0] ? vm->user : "-");
	}
	config_finish(&config);
	return r < 0;
}

/* What is opened later must not come to stand in their place. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Every client is a descriptor. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * A list of 4096 functions is 3 MiB that nobody needs once it is sent.  glibc would learn from
 * the first one to keep so much at hand (mallopt(3)), unless it is told what large means.
 */
static void give_memory_back(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE_BYTES);
}

/* The exit status. */
static int complain(const struct tio_error *err)
{
	if (err->fix[0])
		log_error("%s (%s)", err->text, err->fix);
	else
		log_error("%s", err->text);
	return 1;
}

static int run(const struct command_line *line, struct daemon_options *options)
{
	struct tio_error err = TIO_ERROR_NONE;
	auto_text struct text socket = { 0 };
	auto_close int lock = -1;

	if (lock_take(line->runtime, true, &lock, &err) < 0)
		return complain(&err);
	if (text_add(&socket, "%s/io.tiod", line->runtime) < 0)
		return 1;
	options->lock = lock;
	options->socket = line->socket ? line->socket : socket.data;
	allow_descriptors();
	return daemon_run(options, &err) < 0 ? complain(&err) : 0;
}

int main(int argc, char **argv)
{
	struct command_line line = { 0 };
	struct daemon_options options = { 0 };
	int status;

	open_standard_files();
	give_memory_back();
	status = parse(argc, argv, &line);

	if (status >= 0)
		return status;
	if (line.level && config_log_level(line.level, &options.log_level) < 0)
		return usage(stderr);
	if (line.check)
		return check_config(line.config);
	options.log_level_given = line.level;
	options.config_dir = line.config;
	options.roots = (struct host_roots){ .sys = line.sys,
					     .proc = line.proc,
					     .dev = line.dev,
					     .runtime = line.runtime,
					     .state = line.state,
					     .plugins = line.plugins,
					     .helper = line.helper };
	return run(&line, &options);
}
