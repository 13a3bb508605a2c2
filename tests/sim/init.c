/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "ctl.h"
#include "init.h"
#include "modules.h"
#include "mounts.h"
#include "trap.h"
#include "udevd.h"

/* How long the killed may take to die before the server pulls the file system away. */
#define FAREWELL_MS 500

static void bring_lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		fprintf(stderr, "tio-sim: cannot bring lo up: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* --- The environment of the command --- */

static const char *const harmless[] = {
	"PATH",    "HOME",         "TERM",          "LANG",         "LC_ALL",       "USER",
	"LOGNAME", "SHELL",        "TMPDIR",        "PWD",          "NO_COLOR",     "COLUMNS",
	"LINES",   "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
};

static void set_environment(bool keep)
{
	char *kept[sizeof(harmless) / sizeof(harmless[0])];

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *value = getenv(harmless[i]);

		kept[i] = value ? sim_strdup(value) : NULL;
	}
	if (!keep)
		clearenv();
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i])
			setenv(harmless[i], kept[i], 1);
		free(kept[i]);
	}
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 0);
	/* udev's libraries would not take a FUSE for sysfs */
	setenv("SYSTEMD_DEVICE_VERIFY_SYSFS", "0", 1);
	setenv("TIO_SIM_CTL", CTL_SOCKET, 1);
	setenv("TIO_SIM_STORE", "/run/tio-sim/store", 1);
}

/* --- The command --- */

/*
 * In the foreground, the command gets the terminal: its process group must be one of
 * its own PID namespace, or shells in it have no job control.
 */
static pid_t start_command(char **command, bool foreground)
{
	pid_t pid = fork();
	int error;

	if (pid != 0)
		return pid;
	if (foreground) {
		setpgid(0, 0);
		tcsetpgrp(STDIN_FILENO, getpid());
	}
	init_unblock_signals();
	execvp(command[0], command);
	error = errno;
	fprintf(stderr, "tio-sim: cannot run %s: %s\n", command[0], strerror(error));
	_exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

static int reap_until(pid_t wanted)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, 0)) != wanted) {
		if (pid < 0 && errno != EINTR)
			return EXIT_OWN_FAULT;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Those who wait for an answer of the file system die once the server goes. */
static void kill_everybody(void)
{
	struct timespec tick = { .tv_nsec = 5000000 };

	kill(-1, SIGKILL);
	for (int waited = 0; waited < FAREWELL_MS; waited += 5) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0 && errno == ECHILD)
			return;
		if (pid == 0)
			nanosleep(&tick, NULL);
	}
}

void init_unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void wait_for_go(int socket)
{
	struct init_message message;
	int fd;

	if (!init_receive(socket, &message, &fd) || message.kind != INIT_GO)
		_exit(EXIT_OWN_FAULT);
}

/* After this, module loads are the server's to answer. */
static void trap_modules(int socket)
{
	struct init_message message = { .kind = INIT_LISTENER };
	int fd = trap_install();

	if (fd < 0)
		sim_die("cannot watch for module loads (seccomp): %s", strerror(-fd));
	if (init_send(socket, &message, fd) < 0)
		sim_die("the server is gone");
	close(fd);
	wait_for_go(socket);
}

void init_main(const struct run_options *options, int socket)
{
	struct init_message message = { .kind = INIT_EXIT };
	char *cwd = getcwd(NULL, 0);
	pid_t pid;

	/* Sent when the server ends, however it does. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	wait_for_go(socket);
	mounts_build();
	mounts_add_all();
	(void)sethostname("tio-sim", strlen("tio-sim"));
	bring_lo_up();
	set_environment(options->keep_env);
	modules_describe();
	trap_modules(socket);
	if (cwd && chdir(cwd) < 0)
		fprintf(stderr, "tio-sim: %s is not there inside, starting in /\n", cwd);
	free(cwd);
	if (options->udevd)
		udevd_start(options->rules);
	pid = start_command(options->command, options->foreground);
	if (pid < 0)
		sim_die("fork: %s", strerror(errno));
	message.status = reap_until(pid);
	kill_everybody();
	(void)init_send(socket, &message, -1);
	_exit(message.status);
}
