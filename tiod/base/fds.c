/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/fds.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Room for the descriptors of one message, as the kernel wants it laid out. */
union room {
	char data[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	struct cmsghdr aligned;
};

ssize_t fds_send(int socket, const void *data, size_t size, const int *fds, size_t n, int flags)
{
	struct iovec part = { .iov_base = (void *)data, .iov_len = size };
	union room room = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *control;

	if (n > FDS_MAX) {
		errno = E2BIG;
		return -1;
	}
	if (n > 0) {
		message.msg_control = room.data;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		control = CMSG_FIRSTHDR(&message);
		control->cmsg_level = SOL_SOCKET;
		control->cmsg_type = SCM_RIGHTS;
		control->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(control), fds, sizeof(int) * n);
	}
	return sendmsg(socket, &message, flags | MSG_NOSIGNAL);
}

ssize_t fds_take(int socket, void *data, size_t size, int fds[static FDS_MAX], size_t *n,
		 int flags)
{
	struct iovec part = { .iov_base = data, .iov_len = size };
	union room room = { 0 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = room.data,
				  .msg_controllen = sizeof(room.data) };
	struct cmsghdr *control;
	ssize_t got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);

	*n = 0;
	if (got < 0)
		return got;
	control = CMSG_FIRSTHDR(&message);
	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS) {
		*n = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(control), sizeof(int) * *n);
	}
	if (!(message.msg_flags & MSG_CTRUNC))
		return got;
	errno = EMFILE;
	return -1;
}

ssize_t fds_receive(int socket, void *data, size_t size, int fds[static FDS_MAX], size_t *n,
		    int flags)
{
	ssize_t got = fds_take(socket, data, size, fds, n, flags);

	if (got < 0)
		fds_close(fds, n);
	return got;
}

void fds_close(int *fds, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		close(fds[i]);
	*n = 0;
}
