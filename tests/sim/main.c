/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "ctl.h"
#include "run.h"

/* clang-format off */
static const char help[] =
"Usage: tio-sim run HOST.json [--udevd] [--rules DIR] [--keep-env] -- CMD [ARG...]\n"
"       tio-sim ctl VERB [KEY=VALUE...] | JSON\n"
"       tio-sim --help | --version\n"
"\n"
"Runs CMD on a simulated host: its /sys, /dev/vfio and pieces of /proc are those that\n"
"HOST.json describes, and act like a kernel's.  Needs no privileges where users may make\n"
"user namespaces.  Exits as CMD does; 125 if the host could not be set up.\n"
"\n"
"  --udevd      start systemd-udevd in it and coldplug, before CMD\n"
"  --rules DIR  udev rules to add (*.rules are copied to /run/udev/rules.d)\n"
"  --keep-env   hand the whole environment to CMD, not only the harmless part\n"
"\n"
"Inside, TIO_SIM_STORE is a folder whose writes can be made to fail, and these act on\n"
"the host (exit 1 and a sentence if it is refused):\n"
"  ctl snapshot [store=true]  every node with its value, sorted\n"
"  ctl fault path=GLOB act=errno|hang|delay|noeffect|vanish|tsm-gone|kill|kill-parent|\n"
"            kill-both|signal-stop|count [op=write|read|open|rename|fsync|unlink|create|\n"
"            mkdir|rmdir|truncate|change|any] [nth=N] [count=N] [errno=EBUSY] [ms=N]\n"
"            [when=before|after] [mode=killable|uninterruptible|interruptible]\n"
"  ctl faults | clear | release ID|all | trace on|off|show|clear | ping\n"
"  and what the model of the host knows: plug, unplug, tsm-remove, ... (HOSTS.md)\n";
/* clang-format on */

static int parse_run(int argc, char **argv)
{
	static const struct option known[] = {
		{ "udevd", no_argument, NULL, 'u' },
		{ "rules", required_argument, NULL, 'r' },
		{ "keep-env", no_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	struct run_options options = { 0 };
	int c;

	/* "-": HOST.json may stand before or after the options; what follows "--" is CMD. */
	while ((c = getopt_long(argc, argv, "-", known, NULL)) != -1) {
		switch (c) {
		case 'u':
			options.udevd = true;
			break;
		case 'r':
			options.rules = optarg;
			break;
		case 'k':
			options.keep_env = true;
			break;
		case 1:
			if (options.host)
				sim_die("run: one host at a time; put -- before the command");
			options.host = optarg;
			break;
		default:
			return EXIT_OWN_FAULT;
		}
	}
	if (!options.host || optind >= argc)
		sim_die("run: needs HOST.json -- CMD.  See tio-sim --help");
	options.command = argv + optind;
	return run_main(&options);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "--help";

	if (!strcmp(verb, "run"))
		return parse_run(argc - 1, argv + 1);
	if (!strcmp(verb, "ctl"))
		return ctl_main(argc - 2, argv + 2);
	if (!strcmp(verb, "--version")) {
		puts("tio-sim " TIOD_VERSION);
		return 0;
	}
	fputs(help, strcmp(verb, "--help") ? stderr : stdout);
	return strcmp(verb, "--help") ? EXIT_OWN_FAULT : argc < 2 ? EXIT_OWN_FAULT : 0;
}
