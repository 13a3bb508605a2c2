/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <unistd.h>

#include "base/text.h"

/* Memory for malloc and sanitizers, locks and the clock for libc; sockets; an end. */
static const int allowed[] = {
	SCMP_SYS(brk),          SCMP_SYS(mmap),
	SCMP_SYS(mmap2),        SCMP_SYS(munmap),
	SCMP_SYS(mremap),       SCMP_SYS(mprotect),
	SCMP_SYS(madvise),      SCMP_SYS(futex),
	SCMP_SYS(sched_yield),  SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday), SCMP_SYS(getpid),
	SCMP_SYS(gettid),       SCMP_SYS(getrandom),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(send),         SCMP_SYS(sendto),
	SCMP_SYS(recv),         SCMP_SYS(recvfrom),
	SCMP_SYS(read),         SCMP_SYS(write),
	SCMP_SYS(close),        SCMP_SYS(exit),
	SCMP_SYS(exit_group),   SCMP_SYS(restart_syscall),
};

static int add_rules(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	/* raise() and abort() reach itself only. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	return r;
}

int confine_to_sockets(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!filter)
		return -ENOMEM;
	r = add_rules(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
