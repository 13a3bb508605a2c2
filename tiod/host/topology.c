/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/topology.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"

/* Copies the next part of the path and moves behind it; false at the end. */
static bool next_part(const char **p, char *part, size_t size)
{
	size_t len;

	while (**p == '/')
		(*p)++;
	len = strcspn(*p, "/");
	if (len == 0)
		return false;
	part[0] = '\0';
	if (len < size) {
		memcpy(part, *p, len);
		part[len] = '\0';
	}
	*p += len;
	return true;
}

/* "pci0000:e0": a host bridge, whatever the path above it looks like. */
static bool is_host_bridge(const char *part)
{
	const char *p = part + 3;
	size_t digits;

	if (strncmp(part, "pci", 3) != 0)
		return false;
	digits = strspn(p, "0123456789abcdef");
	if (digits < 4 || digits > 8 || p[digits] != ':')
		return false;
	p += digits + 1;
	return isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]) && p[2] == '\0';
}

static const char *skip_dots(const char *link)
{
	while (strncmp(link, "../", 3) == 0)
		link += 3;
	return link;
}

int topology_parse(const char *link, struct topology *ret)
{
	const char *start = skip_dots(link), *p = start;
	struct topology found = { 0 };
	char part[32];
	struct bdf bdf;

	while (next_part(&p, part, sizeof(part))) {
		if (is_host_bridge(part)) {
			/* A bridge may hang below another (VMD): the last one is ours. */
			size_t len = (size_t)(p - start);

			found = (struct topology){ 0 };
			if (len >= sizeof(found.bridge_path) ||
			    !text_copy(found.host_bridge, sizeof(found.host_bridge), part))
				return -EINVAL;
			memcpy(found.bridge_path, start, len);
		} else if (found.host_bridge[0] && bdf_parse(part, &bdf) == 0) {
			if (!found.top.valid)
				found.top = bdf;
			found.above = found.last;
			found.last = bdf;
		}
	}
	if (!found.last.valid)
		return -EINVAL;
	*ret = found;
	return 0;
}
