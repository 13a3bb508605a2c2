/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/aer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/sysfs.h"

static const struct {
	const char *name;
	size_t at;
} counters[] = {
	{ "IDECheck", offsetof(struct ide_errors, check) },
	{ "MisIDETLP", offsetof(struct ide_errors, misrouted) },
	{ "PCRC_CHECK", offsetof(struct ide_errors, pcrc) },
};

/* "IDECheck 3" */
static void take_line(char *line, struct ide_errors *errors)
{
	char *value = strchr(line, ' ');
	uint64_t n;

	if (!value)
		return;
	*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		if (strcmp(line, counters[i].name) == 0 && text_to_u64(value, 10, &n) == 0)
			*(uint32_t *)((char *)errors + counters[i].at) += (uint32_t)n;
}

void aer_read(int root, struct bdf bdf, struct ide_errors *ret)
{
	static const char *const files[] = { "aer_dev_nonfatal", "aer_dev_fatal" };
	char text[ATTR_SIZE_MAX], *rest, *line;

	*ret = (struct ide_errors){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct attr attr = attr_of_function(bdf, files[i]);

		if (attr_read(root, attr.path, text, sizeof(text)) < 0)
			continue;
		ret->known = true;
		rest = text;
		while ((line = strsep(&rest, "\n")))
			take_line(line, ret);
	}
}
