/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "result.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

#define MAGIC    0x74696f6472657331u
#define N_PARTS  6
#define ALIGN_TO 16

struct header {
	uint64_t magic; /* written last */
	uint64_t size;  /* of the whole file */
	struct result result;
};

struct part {
	const void *data;
	size_t size;
};

static size_t aligned(size_t n)
{
	return (n + ALIGN_TO - 1) / ALIGN_TO * ALIGN_TO;
}

static void list_parts(const struct result *r, struct part parts[static N_PARTS])
{
	parts[0] = (struct part){ r->functions, r->n_functions * sizeof(*r->functions) };
	parts[1] = (struct part){ r->removed, r->n_removed * sizeof(*r->removed) };
	parts[2] = (struct part){ r->journals, r->n_journals * sizeof(*r->journals) };
	parts[3] = (struct part){ r->assignments, r->n_assignments * sizeof(*r->assignments) };
	parts[4] = (struct part){ r->families, r->n_families * sizeof(*r->families) };
	parts[5] = (struct part){ r->text, r->text_size };
}

static int write_at(int fd, const void *data, size_t size, size_t offset)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, data, size, (off_t)offset);

		if (n < 0)
			return -errno;
		data = (const char *)data + n;
		size -= (size_t)n;
		offset += (size_t)n;
	}
	return 0;
}

int result_write(int fd, const struct result *result)
{
	struct header header = { .result = *result };
	size_t offset = aligned(sizeof(header));
	struct part parts[N_PARTS];
	int r;

	list_parts(result, parts);
	for (size_t i = 0; i < N_PARTS; i++) {
		r = write_at(fd, parts[i].data, parts[i].size, offset);
		if (r < 0)
			return r;
		offset += aligned(parts[i].size);
	}
	if (ftruncate(fd, (off_t)offset) < 0)
		return -errno;
	header.magic = MAGIC;
	header.size = offset;
	return write_at(fd, &header, sizeof(header), 0);
}

static const void *place(const char *base, size_t *offset, size_t n, size_t size)
{
	const void *at = n ? base + *offset : NULL;

	*offset += aligned(n * size);
	return at;
}

int result_read(int fd, struct result *ret)
{
	size_t offset = aligned(sizeof(struct header));
	const struct header *header;
	struct part parts[N_PARTS];
	struct stat st;
	size_t need;
	void *map;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((size_t)st.st_size < offset)
		return -ENODATA;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return -errno;

	header = map;
	need = offset;
	list_parts(&header->result, parts);
	for (size_t i = 0; i < N_PARTS; i++)
		need += aligned(parts[i].size);
	if (header->magic != MAGIC || header->size != (size_t)st.st_size ||
	    need != header->size) {
		munmap(map, (size_t)st.st_size);
		return -ENODATA;
	}

	*ret = header->result;
	ret->host.functions = NULL;
	ret->host.holders = NULL;
	ret->host.advice = NULL;
	ret->host.vf_admin = NULL;
	ret->host.n_functions = ret->host.space = ret->host.n_holders = 0;
	ret->host.n_advice = 0;
	ret->host.n_vf_admin = 0;
	ret->functions = place(map, &offset, ret->n_functions, sizeof(*ret->functions));
	ret->removed = place(map, &offset, ret->n_removed, sizeof(*ret->removed));
	ret->journals = place(map, &offset, ret->n_journals, sizeof(*ret->journals));
	ret->assignments = place(map, &offset, ret->n_assignments, sizeof(*ret->assignments));
	ret->families = place(map, &offset, ret->n_families, sizeof(*ret->families));
	ret->text = place(map, &offset, ret->text_size, 1);
	ret->map = map;
	ret->map_size = (size_t)st.st_size;
	return 0;
}

void result_finish(struct result *result)
{
	if (result->map)
		munmap(result->map, result->map_size);
	*result = (struct result){ 0 };
}
