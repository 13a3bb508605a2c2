/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "listening.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "aside.h"
#include "base/cleanup.h"
#include "base/text.h"

#define BACKLOG       1024
#define DYING_TRIES   50
#define DYING_WAIT_US 20000

/* --- What is there already --- */

static const char *kind_of(mode_t mode)
{
	return S_ISREG(mode) ? "a file" : S_ISDIR(mode) ? "a folder" : "no socket";
}

static int refuse_other(const char *path, mode_t mode, struct tio_error *err)
{
	error_set(err, -EEXIST, "%s is %s, and tiod's socket belongs there", path,
		  kind_of(mode));
	error_fix(err, "move it away (`mv %s %s.old`), or give another path with --socket",
		  path, path);
	return -EEXIST;
}

static int refuse_served(const char *path, pid_t pid, struct tio_error *err)
{
	error_set(err, -EADDRINUSE, "the socket %s is served by process %d already", path,
		  (int)pid);
	error_fix(err,
		  "stop that (`systemctl stop tiod.socket tiod`; `ps %d` says what it is), or "
		  "give another path with --socket",
		  (int)pid);
	return -EADDRINUSE;
}

/* -ECONNREFUSED: by nobody.  @ret: who has asked for the connections that it accepts. */
static int who_serves(const struct sockaddr_un *address, pid_t *ret)
{
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred who = { 0 };
	socklen_t size = sizeof(who);

	if (fd < 0)
		return -errno;
	/* EAGAIN: so many wait there already that it must be somebody's. */
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
	    errno != EAGAIN)
		return -errno;
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	*ret = who.pid;
	return 0;
}

/* Only what nobody serves any more is taken away. */
static int make_room(const struct sockaddr_un *address, bool patient, struct tio_error *err)
{
	const char *path = address->sun_path;
	struct stat st;
	pid_t pid = 0;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, -errno, "look at %s: %m", path);
	if (!S_ISSOCK(st.st_mode))
		return refuse_other(path, st.st_mode, err);
	r = who_serves(address, &pid);
	for (int i = 0; r == 0 && patient && i < DYING_TRIES; i++) {
		usleep(DYING_WAIT_US);
		r = who_serves(address, &pid);
	}
	if (r == 0)
		return refuse_served(path, pid, err);
	if (r != -ECONNREFUSED && r != -ENOENT)
		return error_set(err, r, "ask who serves %s: %s", path, strerror(-r));
	if (unlink(path) < 0 && errno != ENOENT)
		return error_set(err, -errno, "take the old socket %s away: %m", path);
	return 0;
}

/* --- One socket --- */

/* What @path is now is what it is to stay. */
static void note_path(struct listening *socket, const char *path)
{
	struct stat st;

	if (!text_copy(socket->path, sizeof(socket->path), path) || lstat(path, &st) < 0)
		return;
	socket->dev = st.st_dev;
	socket->ino = st.st_ino;
}

/*
 * Is nobody reached at @address?  Asked with another kind of socket, for which the kernel looks
 * the path up and refuses before anything is queued.
 */
static bool leads_nowhere(const struct sockaddr_un *address)
{
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
	       (errno == ENOENT || errno == ECONNREFUSED);
}

/* A tiod before this one may have had to make the path again, and the passed one is lost. */
static void note_passed(struct listening *socket, const struct sockaddr_un *address)
{
	if (!address->sun_path[0])
		return;
	note_path(socket, address->sun_path);
	if (leads_nowhere(address))
		socket->dev = socket->ino = 0;
}

int listening_take(struct listening *ret, int fd, struct tio_error *err)
{
	struct sockaddr_un address = { 0 };
	socklen_t size = sizeof(address) - 1;
	int flags;

	if (sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) <= 0)
		return error_set(err, -EINVAL,
				 "descriptor %d was passed and is no listening unix stream "
				 "socket",
				 fd);
	*ret = (struct listening){ .fd = fd };
	(void)aside_refuse(fd);
	if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
		note_passed(ret, &address);
	/* A client that went away again must not leave the loop waiting for the next. */
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_set(err, -errno, "make the passed socket non-blocking: %m");
	return 0;
}

/*
 * Anybody may connect and is told what he may do: a socket has one group, and two groups have
 * something to ask.  What is allowed is decided for each call by who made it.
 */
static int bind_for_all(int fd, const struct sockaddr_un *address, struct tio_error *err)
{
	const char *path = address->sun_path;
	mode_t mask = umask(0177);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(mask);
	if (r < 0) {
		error_set(err, r, "bind the socket %s: %s", path, strerror(-r));
		if (r == -ENOENT)
			error_fix(err, "make its folder, or give another path with --socket");
		return r;
	}
	if (chmod(path, 0666) < 0)
		return error_set(err, -errno, "set the mode of %s: %m", path);
	if (listen(fd, BACKLOG) < 0)
		return error_set(err, -errno, "listen on %s: %m", path);
	return 0;
}

int listening_make(struct listening *ret, const char *path, bool patient, struct tio_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_close int fd = -1;
	int r;

	if (!text_copy(address.sun_path, sizeof(address.sun_path), path))
		return error_set(err, -ENAMETOOLONG,
				 "the socket's path %s is longer than %zu characters", path,
				 sizeof(address.sun_path) - 1);
	r = make_room(&address, patient, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, -errno, "make a socket: %m");
	(void)aside_refuse(fd);
	r = bind_for_all(fd, &address, err);
	if (r < 0)
		return r;
	*ret = (struct listening){ .fd = take_fd(&fd), .ours = true };
	note_path(ret, path);
	return 0;
}

bool listening_is_there(const struct listening *socket)
{
	struct stat st;

	return !socket->path[0] || (lstat(socket->path, &st) == 0 && st.st_dev == socket->dev &&
				    st.st_ino == socket->ino);
}

void listening_close(struct listening *socket)
{
	socket->source = sd_event_source_disable_unref(socket->source);
	if (socket->ours && socket->path[0] && listening_is_there(socket))
		(void)unlink(socket->path);
	cleanup_close(&socket->fd);
	*socket = (struct listening){ .fd = -1 };
}
