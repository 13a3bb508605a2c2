/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "host/confine.h"

/* What is at fault, for a process that can say no more than a number. */
enum {
	GOOD,
	NO_FILTER,
	NOT_CONFINED,
	NO_MEMORY,
	NO_TALK,
	STILL_CHDIR,
	STILL_KILL,
	STILL_PRCTL
};

static int misses(int socket)
{
	char *memory = malloc(1 << 22), word[8] = "";

	if (!memory)
		return NO_MEMORY;
	memset(memory, 1, 1 << 22);
	free(memory);
	if (send(socket, "hello", 6, 0) != 6 || recv(socket, word, sizeof(word), 0) != 6)
		return NO_TALK;
	if (chdir("/") == 0 || errno != EPERM)
		return STILL_CHDIR;
	if (syscall(SYS_kill, getpid(), 0) == 0 || errno != EPERM)
		return STILL_KILL;
	if (prctl(PR_GET_DUMPABLE) >= 0 || errno != EPERM)
		return STILL_PRCTL;
	return GOOD;
}

/* As the filter of tiod's unit has it, in which seccomp(2) is not; prctl(2) is. */
static int forbid_seccomp(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0
		       ? -errno
		       : 0;
}

/* The exit status of a process that confines itself, in a unit's filter or not. */
static int confined(bool unit)
{
	int ends[2], status = -1;
	pid_t child;

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0));
	child = fork();
	if (child == 0) {
		if (unit && forbid_seccomp() < 0)
			_exit(NO_FILTER);
		if (confine_to_sockets() < 0)
			_exit(NOT_CONFINED);
		_exit(misses(ends[1]));
	}
	close(ends[1]);
	(void)send(ends[0], "hello", 6, MSG_NOSIGNAL);
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	close(ends[0]);
	cr_assert(eq(int, WIFEXITED(status), 1), "%d", status);
	return WEXITSTATUS(status);
}

Test(confine, memory_and_sockets_are_left_and_nothing_else)
{
	cr_expect(eq(int, confined(false), GOOD));
}

Test(confine, also_where_seccomp_itself_is_filtered)
{
	cr_expect(eq(int, confined(true), GOOD));
}
