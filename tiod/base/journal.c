/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "base/text.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Of each kind of event, for `journalctl MESSAGE_ID=…` and the catalog. */
static const char *const ids[LOG_EVENT_COUNT] = {
	[LOG_EVENT_READY] = "8ef9bf9b39784260934c31178660ac13",
	[LOG_EVENT_CHANGED] = "e8aa866678cc4673bce2971a33e88efc",
	[LOG_EVENT_FAILED] = "32ef053ec5044ca7ad496654968aeaba",
	[LOG_EVENT_DENIED] = "1e33c92a154c418589deadc35099ec17",
	[LOG_EVENT_RECOVERED] = "dbe09506800a47d88ec86c644e9f942f",
	[LOG_EVENT_STUCK] = "8da6e67ca8d84552811873007597a7f4",
	[LOG_EVENT_LINK_FELL] = "511073e77ed94729885fdff7b19a3c03",
	[LOG_EVENT_LINK_BACK] = "35910c3b0a784e8f9855f2d424a3f758",
	[LOG_EVENT_CONFIG] = "e82c80c62b134c959f3c8adc1251f03d",
};

bool journal_is_there(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* A line break in @value would begin a field of somebody else's making. */
static void add(struct text *text, const char *name, const char *value, bool *whole)
{
	size_t start = text->length;

	if (!value || !*value)
		return;
	*whole &= text_add(text, "%s=%s", name, value) == 0;
	if (*whole)
		escape_blot(text->data + start);
	*whole &= text_add(text, "\n") == 0;
}

static void add_place(struct text *text, const struct log_place *place, bool *whole)
{
	char line[16];

	snprintf(line, sizeof(line), "%d", place->line);
	add(text, "CODE_FILE", place->file, whole);
	add(text, "CODE_LINE", line, whole);
	add(text, "CODE_FUNC", place->function, whole);
}

/* A socket each time: workers close what they do not know, and numbers are used again. */
static bool put(const struct text *text)
{
	const struct sockaddr_un journal = { .sun_family = AF_UNIX,
					     .sun_path = JOURNAL_SOCKET };
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && sendto(fd, text->data, text->length, MSG_DONTWAIT | MSG_NOSIGNAL,
				 (const struct sockaddr *)&journal,
				 sizeof(journal)) == (ssize_t)text->length;
}

bool journal_send(const struct log_entry *entry)
{
	auto_text struct text text = { 0 };
	char priority[2] = { (char)('0' + entry->level), '\0' };
	bool whole = true;

	add(&text, "MESSAGE", entry->message, &whole);
	add(&text, "PRIORITY", priority, &whole);
	add(&text, "SYSLOG_IDENTIFIER", "tiod", &whole);
	add(&text, "MESSAGE_ID", ids[entry->event], &whole);
	add_place(&text, entry->place, &whole);
	for (size_t i = 0; i < entry->n_fields; i++)
		add(&text, entry->fields[i].name, entry->fields[i].value, &whole);
	return whole && put(&text);
}
