/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What libFuzzer is to a target, where there is none: feeds it the files of a folder, all
 * beginnings of each, and each with one byte turned over.  Prints TAP.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define FILE_MAX 8192

static size_t inputs;

/* A copy of exactly this size, so that a sanitizer sees the first byte too many. */
static void feed(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	inputs++;
}

static void feed_file(const char *path)
{
	static uint8_t data[FILE_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	for (size_t n = 0; n <= size; n++)
		feed(data, n);
	for (size_t i = 0; i < size; i++) {
		data[i] ^= 0xff;
		feed(data, size);
		data[i] ^= 0xff;
	}
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char *argv[])
{
	struct dirent **entries;
	char path[4096];
	int n;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 2;
	}
	n = scandir(argv[1], &entries, is_visible, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
		feed_file(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	printf("%sok 1 - %zu inputs made of %d files\n1..1\n", n > 0 ? "" : "not ", inputs, n);
	return n > 0 ? 0 : 1;
}
