/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"
#include "errname.h"
#include "node.h"
#include "snapshot.h"
#include "wait.h"

/* Configuration space is shown in full; of what is longer, a digest says enough. */
#define HEX_MAX    SIM_ATTR_MAX
#define BINARY_MAX (1u << 20)

static const struct sim_caller asker = { .sys_admin = true, .snapshot = true };

static void print_escaped(FILE *out, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = text[i];

		if (c == '\n')
			fputs("\\n", out);
		else if (c == '\\')
			fputs("\\\\", out);
		else if (c >= ' ' && c < 0x7f)
			fputc(c, out);
		else
			fprintf(out, "\\x%02x", c);
	}
}

static void print_binary(FILE *out, const char *bytes, size_t size)
{
	uint64_t digest = 0xcbf29ce484222325u;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	fprintf(out, "%zu:%016" PRIx64, size, digest);
	if (size > HEX_MAX)
		return;
	fputc(' ', out);
	for (size_t i = 0; i < size; i++)
		fprintf(out, "%02x", (unsigned char)bytes[i]);
}

static void dump_read(FILE *out, const struct node *node)
{
	char *buf = sim_alloc(BINARY_MAX);
	ssize_t n = 0;
	size_t got = 0;

	while (got < BINARY_MAX) {
		n = node->ops->read(node->obj, &asker, buf + got, BINARY_MAX - got, got);
		if (n <= 0)
			break;
		got += n;
	}
	if (n < 0)
		fprintf(out, "!%s", errname_of(-n));
	else
		print_binary(out, buf, got);
	free(buf);
}

static void dump_show(FILE *out, const struct node *node)
{
	char buf[SIM_ATTR_MAX + 1];
	ssize_t n = node->ops->show(node->obj, &asker, buf);

	if (n < 0)
		fprintf(out, "!%s", errname_of(-n));
	else
		print_escaped(out, buf, n);
}

static void dump_value(FILE *out, const struct node *node)
{
	if (node->text)
		print_escaped(out, node->text, strlen(node->text));
	else if (node_stored(node))
		print_escaped(out, node->data, node->size);
	else if (node->ops && node->ops->read)
		dump_read(out, node);
	else if (node->ops && node->ops->show)
		dump_show(out, node);
}

static void dump_line(FILE *out, const struct node *node, const char *path)
{
	const char *type = S_ISDIR(node->mode) ? "dir" : S_ISLNK(node->mode) ? "link" : "file";

	fprintf(out, "%s %s %04o %u:%u ", path, type, node->mode & 07777, node->uid, node->gid);
	if (!S_ISDIR(node->mode))
		dump_value(out, node);
	fputc('\n', out);
}

static int by_name(const void *a, const void *b)
{
	const struct node *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static void dump(FILE *out, const struct node *node, const char *path, bool with_store)
{
	struct node **list, *child;
	size_t n = 0, i = 0;

	for (child = node->first; child; child = child->next)
		n++;
	if (!n)
		return;
	list = sim_alloc(n * sizeof(struct node *));
	for (child = node->first; child; child = child->next)
		list[i++] = child;
	qsort(list, n, sizeof(struct node *), by_name);
	for (i = 0; i < n; i++) {
		char *below = sim_printf("%s%s%s", path, *path ? "/" : "", list[i]->name);

		if (with_store || !node_stored(list[i])) {
			dump_line(out, list[i], below);
			dump(out, list[i], below, with_store);
		}
		free(below);
	}
	free(list);
}

char *snapshot_take(bool with_store)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		sim_die("out of memory");
	wait_forbid(true);
	dump(out, node_top(), "", with_store);
	wait_forbid(false);
	fclose(out);
	return text;
}
