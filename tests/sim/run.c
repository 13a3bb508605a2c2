/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "ctl.h"
#include "faults.h"
#include "fuse.h"
#include "init.h"
#include "model.h"
#include "namespaces.h"
#include "node.h"
#include "out.h"
#include "trap.h"
#include "uevent.h"
#include "wait.h"

/* A callback of the model that does not give up must not keep us. */
#define END_SECONDS 10

struct server {
	int fuse_fd, ctl_fd, uevent_fd;
	int socket; /* to the init */
	int signals;
	pid_t init;
	int status;
};

static json_t *load_host(const char *path)
{
	char why[512] = "";
	json_error_t error;
	json_t *desc = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	if (!desc)
		sim_die("%s:%d: %s", path, error.line, error.text);
	if (model_load(desc, why, sizeof(why)) < 0)
		sim_die("%s: %s", path, why);
	return desc;
}

/* --- Setting up --- */

/* All of our own places are in a tmpfs, so that nothing can be left behind. */
static void make_places(struct server *server)
{
	static const char *const dirs[] = { PLACE_TREE, PLACE_ROOT, PLACE_RUN,
					    PLACE_RUN "/tio-sim", PLACE_RUN "/tio-sim/store" };

	if (mount("tio-sim", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		sim_die("cannot mount a tmpfs: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		mkdir(dirs[i], 0755);
	server->fuse_fd = fuse_mount_at(PLACE_TREE);
	if (server->fuse_fd == -ENOENT || server->fuse_fd == -ENODEV)
		sim_die("there is no /dev/fuse: load the module fuse, or give the container "
			"the device");
	if (server->fuse_fd < 0)
		sim_die("cannot mount a FUSE file system: %s", strerror(-server->fuse_fd));
	server->ctl_fd = ctl_listen(PLACE_RUN "/tio-sim/ctl");
	if (server->ctl_fd < 0)
		sim_die("cannot make the control socket: %s", strerror(-server->ctl_fd));
	chmod(PLACE_RUN "/tio-sim/ctl", 0666);
	server->uevent_fd = uevent_open();
	if (server->uevent_fd < 0)
		sim_die("cannot open a socket for uevents: %s", strerror(-server->uevent_fd));
}

/*
 * Before there are threads.  The child keeps a copy of the model, for the mounts and the
 * modules, and of no file descriptor that would outlive the server in its stead.
 */
static void fork_init(struct server *server, const struct run_options *options)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		sim_die("socketpair: %s", strerror(errno));
	server->init = namespaces_fork_init();
	if (server->init < 0)
		sim_die("cannot make a PID namespace: %s", strerror(errno));
	if (server->init == 0) {
		close(server->fuse_fd);
		close(server->ctl_fd);
		close(server->uevent_fd);
		close(server->signals);
		close(pair[0]);
		init_main(options, pair[1]);
	}
	close(pair[1]);
	server->socket = pair[0];
}

static int open_signals(void)
{
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&set, wanted[i]);
	sigaddset(&set, SIGTTOU); /* we take the terminal back from the background */
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGTTOU);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void start_serving(struct server *server)
{
	struct init_message go = { .kind = INIT_GO };

	if (fuse_start(server->fuse_fd) < 0)
		sim_die("cannot serve the file system");
	out_start(fuse_server(), server->uevent_fd);
	if (ctl_start(server->ctl_fd) < 0)
		sim_die("cannot serve the control socket");
	(void)init_send(server->socket, &go, -1);
}

/* --- While it runs --- */

/* False once the end has come. */
static bool hear_init(struct server *server)
{
	struct init_message message;
	int fd;

	if (!init_receive(server->socket, &message, &fd))
		return false;
	if (message.kind == INIT_EXIT) {
		server->status = message.status;
		return false;
	}
	if (trap_start(fd) < 0)
		sim_die("cannot watch for module loads");
	return init_send(server->socket, &(struct init_message){ .kind = INIT_GO }, -1) == 0;
}

static bool hear_signal(struct server *server)
{
	struct signalfd_siginfo info;

	if (read(server->signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGCHLD) /* the socket tells more, if there is anything */
		return true;
	server->status = 128 + (int)info.ssi_signo;
	return false;
}

static void serve(struct server *server)
{
	struct pollfd fds[] = { { server->socket, POLLIN, 0 }, { server->signals, POLLIN, 0 } };
	bool on = true;

	server->status = EXIT_OWN_FAULT;
	while (on && (poll(fds, 2, -1) >= 0 || errno == EINTR)) {
		if (fds[0].revents)
			on = hear_init(server);
		if (on && fds[1].revents)
			on = hear_signal(server);
	}
}

/* --- The end --- */

static void *end_anyway(void *status)
{
	sleep(END_SECONDS);
	fprintf(stderr, "tio-sim: something still waits after %d s; leaving it\n", END_SECONDS);
	_exit((int)(intptr_t)status);
	return NULL;
}

/*
 * Processes that wait for an answer can only die once they get one: whoever waits here
 * gives up, and the mount is pulled away.
 */
static void stop_serving(struct server *server)
{
	pthread_t watchdog;

	if (!pthread_create(&watchdog, NULL, end_anyway, (void *)(intptr_t)server->status))
		pthread_detach(watchdog);
	wait_shutdown();
	kill(server->init, SIGKILL);
	umount2(PLACE_TREE, MNT_FORCE);
	waitpid(server->init, NULL, 0);
	umount2(PLACE_TREE, MNT_DETACH);
	trap_stop();
	ctl_stop();
	fuse_stop();
	model_finish();
	out_stop();
}

int run_main(const struct run_options *options)
{
	bool terminal = isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
	struct run_options with = *options;
	struct server server = { 0 };
	json_t *desc = load_host(options->host);

	with.foreground = terminal;
	namespaces_enter();
	make_places(&server);
	server.signals = open_signals();
	fork_init(&server, &with);
	start_serving(&server);
	serve(&server);
	stop_serving(&server);
	if (terminal)
		tcsetpgrp(STDIN_FILENO, getpgrp());
	close(server.socket);
	close(server.signals);
	close(server.uevent_fd);
	faults_free();
	tree_free();
	json_decref(desc);
	return server.status;
}
