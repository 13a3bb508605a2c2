/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/helper.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "core/grant.h"
#include "host/devnodes.h"
#include "host/modules.h"

/* What cannot be done here, for sentences. */
static const struct {
	const char *what, *rights, *else_fix; /* the last may be ""; core knows more of nodes */
} tasks[] = {
	[HELPER_LOAD] = { "load modules", "CAP_SYS_MODULE",
			  "; or load the module beforehand (modprobe, /etc/modules-load.d)" },
	[HELPER_NODE] = { "give device nodes away", "CAP_CHOWN, CAP_FOWNER", "" },
};

static bool has_right(unsigned int right)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	if (syscall(SYS_capget, &header, sets) < 0)
		return false;
	return sets[right / 32].effective & (1u << right % 32);
}

/* --- Asking --- */

/* A start alone is no help when the socket's file is gone and the unit runs. */
static int unreachable(const char *path, enum helper_task task, int code, struct tio_error *err)
{
	error_kind_set(err, ERROR_NOT_READY, code,
		       "tiod has no right to %s (%s), and its helper does not answer at %s: %s",
		       tasks[task].what, tasks[task].rights, path, strerror(-code));
	error_fix(err, "`systemctl restart tiod-helper.socket`%s", tasks[task].else_fix);
	return code;
}

static int dial(const struct host *host, enum helper_task task, struct tio_error *err)
{
	auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r = 0;

	text_copy(address.sun_path, sizeof(address.sun_path), host->helper);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	return r < 0 ? unreachable(address.sun_path, task, r, err) : take_fd(&fd);
}

/* The deadline of the step ends a wait that is too long, with the whole worker. */
static ssize_t receive(int fd, char buf[static HELPER_PACKET_MAX])
{
	ssize_t n;

	do
		n = recv(fd, buf, HELPER_PACKET_MAX - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		buf[n] = '\0';
	return n < 0 ? -errno : n;
}

static int no_answer(enum helper_task task, int code, struct tio_error *err)
{
	error_kind_set(err, ERROR_NOT_READY, code,
		       "tiod's helper, which is to %s, ended without an answer",
		       tasks[task].what);
	error_fix(err, "`journalctl -u 'tiod-helper@*'` says why");
	return code;
}

static int ask(const struct host *host, const struct helper_request *request,
	       struct tio_error *err)
{
	struct tio_error said = TIO_ERROR_NONE;
	char packet[HELPER_PACKET_MAX];
	auto_close int fd = dial(host, request->task, err);

	if (fd < 0)
		return fd;
	helper_write_request(request, packet);
	if (send(fd, packet, strlen(packet), MSG_NOSIGNAL) < 0 || receive(fd, packet) <= 0 ||
	    helper_read_reply(packet, &said) < 0)
		return no_answer(request->task, -EIO, err);
	if (said.code < 0 && err)
		*err = said;
	return said.code;
}

int helper_load_module(struct host *host, const char *name, struct tio_error *err)
{
	struct helper_request request = { .task = HELPER_LOAD };

	if (has_right(CAP_SYS_MODULE) || !name[0] || modules_is_present(host->sys_fd, name))
		return modules_load(host->sys_fd, name, err);
	if (!text_copy(request.module, sizeof(request.module), name))
		return error_kind_set(err, ERROR_INVALID, -ENAMETOOLONG,
				      "the module's name %s is too long", name);
	return ask(host, &request, err);
}

int helper_set_node(struct host *host, const struct function *f,
		    const struct node_access *access, struct tio_error *err)
{
	struct helper_request request = {
		.task = HELPER_NODE, .function = f->bdf, .access = *access, .found = f->node
	};

	if (has_right(CAP_CHOWN) && has_right(CAP_FOWNER))
		return devnode_set(host, f, access, err);
	text_copy(request.cdev, sizeof(request.cdev), f->cdev);
	return ask(host, &request, err);
}

/* --- Doing --- */

static int give_node(struct host *host, const struct helper_request *request,
		     struct tio_error *err)
{
	struct function f = { .bdf = request->function, .cdev_node = true };
	char now[64], then[64];

	text_copy(f.cdev, sizeof(f.cdev), request->cdev);
	devnode_read(host, &f);
	if (!f.node.known || node_access_equal(&f.node, &request->found))
		return devnode_set(host, &f, &request->access, err);
	error_set(err, -ESTALE,
		  "/dev/vfio/devices/%s is %s by now; when tiod asked for it to be changed "
		  "it was %s",
		  f.cdev, node_access_format(&f.node, now, sizeof(now)),
		  node_access_format(&request->found, then, sizeof(then)));
	error_fix(err,
		  "look for who changes it (a udev rule about vfio devices?), and try again");
	return -ESTALE;
}

static int carry_out(struct host *host, const struct helper_request *request,
		     struct tio_error *err)
{
	if (request->task == HELPER_LOAD)
		return modules_load(host->sys_fd, request->module, err);
	return give_node(host, request, err);
}

/*
 * What nobody waits for any more nobody would undo: tiod, or its worker, was killed, and
 * whoever put in order what it left has found nothing done yet.
 */
static bool has_hung_up(int socket)
{
	struct pollfd end = { .fd = socket, .events = POLLRDHUP };

	return poll(&end, 1, 0) != 0;
}

int helper_serve(struct host *host, int socket, struct tio_error *err)
{
	struct tio_error result = TIO_ERROR_NONE;
	struct helper_request request;
	char packet[HELPER_PACKET_MAX];
	ssize_t n = receive(socket, packet);

	if (n <= 0)
		return error_set(err, n < 0 ? (int)n : -ENODATA, "no request came: %s",
				 n < 0 ? strerror((int)-n) : "the other end hung up");
	if (has_hung_up(socket))
		return error_set(err, -EPIPE, "not done, as who asked for it has hung up: %.*s",
				 (int)n, packet);
	if (strlen(packet) != (size_t)n || helper_read_request(packet, &request) < 0)
		error_kind_set(&result, ERROR_INVALID, -EBADMSG,
			       "tiod-helper does not understand what it was asked for");
	else
		(void)carry_out(host, &request, &result);
	helper_write_reply(&result, packet);
	if (send(socket, packet, strlen(packet), MSG_NOSIGNAL) < 0)
		return error_set(err, -errno, "answer: %s", strerror(errno));
	return 0;
}
