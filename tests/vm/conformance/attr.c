/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One read(2) or write(2) of an attribute, told in one line: what was read, how many bytes were
 * taken, or the name of the errno.  The conformance script calls it for each of its steps, on
 * the real kernel and on the simulated one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attr.h"

static char data[1 << 16];

static int tell_errno(const char *call, int code)
{
	printf("%s%s\n", call, strerrorname_np(code));
	return 0;
}

void attr_quote(const char *text, size_t size)
{
	putchar('"');
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n')
			fputs("\\n", stdout);
		else if (text[i] < ' ' || text[i] > '~')
			printf("\\x%02x", (unsigned char)text[i]);
		else
			putchar(text[i]);
	}
	putchar('"');
}

static int read_attr(char **args)
{
	int fd = open(args[0], O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return tell_errno("open ", errno);
	n = read(fd, data, sizeof(data));
	if (n < 0)
		return tell_errno("", errno);
	attr_quote(data, (size_t)n);
	putchar('\n');
	return 0;
}

static int write_bytes(const char *path, size_t size)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return tell_errno("open ", errno);
	n = write(fd, data, size);
	if (n < 0)
		return tell_errno("", errno);
	if ((size_t)n == size)
		puts("ok");
	else
		printf("%zd of %zu\n", n, size);
	return 0;
}

/* In the text, \n is a newline and \0 a NUL. */
static int write_attr(char **args)
{
	size_t size = 0;

	for (const char *at = args[1]; *at && size < sizeof(data); at++) {
		if (at[0] == '\\' && (at[1] == 'n' || at[1] == '0'))
			data[size++] = *++at == 'n' ? '\n' : '\0';
		else
			data[size++] = *at;
	}
	return write_bytes(args[0], size);
}

static int fill_attr(char **args)
{
	size_t size = strtoul(args[1], NULL, 10);

	if (size > sizeof(data))
		return 2;
	memset(data, 'a', size);
	return write_bytes(args[0], size);
}

static int tell_size(char **args)
{
	int fd = open(args[0], O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return tell_errno("open ", errno);
	n = read(fd, data, sizeof(data));
	if (n < 0)
		return tell_errno("", errno);
	printf("%zd bytes\n", n);
	return 0;
}

/* The first bytes, in hexadecimal. */
static int tell_bytes(char **args)
{
	int fd = open(args[0], O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return tell_errno("open ", errno);
	n = pread(fd, data, strtoul(args[2], NULL, 0), (off_t)strtoul(args[1], NULL, 0));
	if (n < 0)
		return tell_errno("", errno);
	for (ssize_t i = 0; i < n; i++)
		printf("%02x", (unsigned char)data[i]);
	putchar('\n');
	return 0;
}

/* As tell_size, for an opener who is no administrator of the machine. */
static int tell_size_uncapped(char **args)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps) < 0)
		return 2;
	caps[0].effective &= ~(1u << CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &head, caps) < 0)
		return 2;
	return tell_size(args);
}

/* Only the last part: the rest depends on where the machine has the thing. */
static int tell_link(char **args)
{
	char target[PATH_MAX];
	ssize_t n = readlink(args[0], target, sizeof(target) - 1);
	const char *slash;

	if (n < 0)
		return tell_errno("", errno);
	target[n] = '\0';
	slash = strrchr(target, '/');
	printf("-> %s\n", slash ? slash + 1 : target);
	return 0;
}

static int tell_type(char **args)
{
	struct stat status;
	const char *type;

	if (stat(args[0], &status) < 0)
		return tell_errno("", errno);
	type = S_ISDIR(status.st_mode) ? "folder" : S_ISREG(status.st_mode) ? "file" : "device";
	printf("%s %04o\n", type, status.st_mode & 07777);
	return 0;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int tell_names(char **args)
{
	struct dirent **names;
	int n = scandir(args[0], &names, visible, alphasort);

	if (n < 0)
		return tell_errno("", errno);
	for (int i = 0; i < n; i++)
		if (!args[1] || strncmp(names[i]->d_name, args[1], strlen(args[1])) == 0)
			printf("%s ", names[i]->d_name);
	puts(".");
	return 0;
}

/* Has the file open until its standard input ends. */
static int hold(char **args)
{
	int fd = open(args[0], O_RDWR | O_CLOEXEC);
	char byte;

	if (fd < 0)
		return tell_errno("open ", errno);
	puts("held");
	fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) < 0;
}

static const struct command {
	const char *name;
	int args;
	int (*run)(char **args);
} commands[] = {
	{ "read", 1, read_attr },
	{ "write", 2, write_attr },
	{ "fill", 2, fill_attr },
	{ "size", 1, tell_size },
	{ "size-uncapped", 1, tell_size_uncapped },
	{ "bytes", 3, tell_bytes },
	{ "link", 1, tell_link },
	{ "type", 1, tell_type },
	{ "names", 1, tell_names },
	{ "hold", 1, hold },
	{ "ide", 1, attr_ide },
	{ "aer-inject", 2, attr_aer_inject },
	{ "events", 1, attr_events },
};

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "signalled") == 0) {
		attr_signals();
		argv++;
		argc--;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0 && argc >= 2 + commands[i].args)
			return commands[i].run(argv + 2);
	fputs("usage: attr [signalled] COMMAND PATH [VALUE]\n", stderr);
	return 2;
}
