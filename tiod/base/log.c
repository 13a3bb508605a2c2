/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/journal.h"

static enum log_level max_level = LOG_LEVEL_INFO;
static bool torn; /* the last line is there in part */

/* Lines that could not be written; one count for a process and those that it forks. */
static atomic_ulong *lost(void)
{
	static atomic_ulong own, *shared;

	if (shared)
		return shared;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		shared = &own;
	return shared;
}

void log_set_level(enum log_level level)
{
	max_level = level;
	(void)lost();
}

/*
 * A pipe may be full, and O_NONBLOCK would be everybody's who has it open.  Older kernels know
 * no RWF_NOWAIT for pipes; there only a race with another writer can still make it wait.
 */
static ssize_t write_to_pipe(const char *line, size_t size)
{
	struct iovec part = { .iov_base = (void *)line, .iov_len = size };
	ssize_t n = pwritev2(STDERR_FILENO, &part, 1, -1, RWF_NOWAIT);

	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
		n = write(STDERR_FILENO, line, size);
	return n;
}

/* Never waits.  False when the line, or the end of it, was not taken. */
static bool put(const char *line, size_t size)
{
	ssize_t n = send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	struct stat st;

	if (n < 0 && errno == ENOTSOCK && poll(&ready, 1, 0) == 1 &&
	    (ready.revents & POLLOUT) && fstat(STDERR_FILENO, &st) == 0)
		n = S_ISFIFO(st.st_mode) ? write_to_pipe(line, size)
					 : write(STDERR_FILENO, line, size);
	torn = n > 0 && (size_t)n < size;
	return n == (ssize_t)size;
}

/* systemd sets JOURNAL_STREAM for services whose output goes to the journal. */
static size_t lead_in(char *line, size_t size, enum log_level level)
{
	size_t len = 0;

	if (torn)
		line[len++] = '\n';
	line[len] = '\0';
	if (journal_is_there())
		len += (size_t)snprintf(line + len, size - len, "<%d>", level);
	return len;
}

static void tell_lost(void)
{
	unsigned long n = atomic_exchange(lost(), 0);
	char line[160];
	size_t len;

	if (!n)
		return;
	len = lead_in(line, sizeof(line), LOG_LEVEL_WARNING);
	snprintf(line + len, sizeof(line) - len,
		 "%lu lines of the log were lost here: standard error did not take them\n", n);
	if (!put(line, strlen(line)))
		atomic_fetch_add(lost(), n);
}

void log_write(enum log_level level, enum log_event event, const struct log_field *fields,
	       size_t n_fields, const struct log_place *place, const char *fmt, ...)
{
	char line[1536];
	int saved = errno;
	va_list args;
	size_t len;

	if (level > max_level)
		return;
	tell_lost();
	len = lead_in(line, sizeof(line), level);
	va_start(args, fmt);
	vsnprintf(line + len, sizeof(line) - len - 1, fmt, args);
	va_end(args);
	escape_blot(line + len);
	if (journal_is_there() &&
	    journal_send(
		    &(struct log_entry){ level, event, fields, n_fields, place, line + len })) {
		errno = saved;
		return;
	}
	len = strlen(line);
	line[len++] = '\n';
	if (!put(line, len))
		atomic_fetch_add(lost(), 1);
	errno = saved;
}
