/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "init.h"
#include "udevd.h"

#define RULES "/run/udev/rules.d"
#define LOG   "/run/tio-sim/udevd.log"

static void copy_rule(const char *from)
{
	const char *slash = strrchr(from, '/');
	char *to = sim_printf(RULES "%s", slash);
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n = -1;

	while (in >= 0 && out >= 0 && (n = sendfile(out, in, NULL, 1 << 20)) > 0)
		;
	if (n < 0)
		sim_die("cannot copy %s to %s: %s", from, to, strerror(errno));
	close(in);
	close(out);
	free(to);
}

static void copy_rules(const char *dir)
{
	char *pattern = sim_printf("%s/*.rules", dir);
	glob_t found = { 0 };

	if (glob(pattern, 0, NULL, &found) != 0)
		sim_die("there are no *.rules in %s", dir);
	for (size_t i = 0; i < found.gl_pathc; i++)
		copy_rule(found.gl_pathv[i]);
	globfree(&found);
	free(pattern);
}

static int run(char *const *argv)
{
	pid_t pid = fork(), done;
	int status, fd;

	if (pid == 0) {
		fd = open(LOG, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		init_unblock_signals();
		execvp(argv[0], argv);
		_exit(EXIT_NOT_FOUND);
	}
	/* udevd leaves its daemon with us: it is PID 1 that reaps */
	while ((done = waitpid(-1, &status, 0)) != pid) {
		if (done < 0 && errno != EINTR)
			return EXIT_OWN_FAULT;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_OWN_FAULT;
}

static const char *find_udevd(void)
{
	static const char *const places[] = { "/lib/systemd/systemd-udevd",
					      "/usr/lib/systemd/systemd-udevd", "/sbin/udevd" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (access(places[i], X_OK) == 0)
			return places[i];
	}
	sim_die("systemd-udevd is not installed; without --udevd it is not needed");
}

/* Writable arguments, as exec wants them. */
#define ARGS(...) ((char *[]){ __VA_ARGS__, NULL })

void udevd_start(const char *rules)
{
	const char *udevd = find_udevd();

	mkdir("/run/udev", 0755);
	mkdir(RULES, 0755);
	if (rules)
		copy_rules(rules);
	/* --daemon returns once it listens, so that no event is lost */
	if (run(ARGS((char *)udevd, (char *)"--daemon")) != 0)
		sim_die("systemd-udevd did not start: see its words in " LOG);
	if (run(ARGS((char *)"udevadm", (char *)"trigger", (char *)"--action=add")) != 0 ||
	    run(ARGS((char *)"udevadm", (char *)"settle", (char *)"--timeout=60")) != 0)
		fprintf(stderr, "tio-sim: udevadm trigger and settle did not end well\n");
}
