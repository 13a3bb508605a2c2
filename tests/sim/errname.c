/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdlib.h>
#include <string.h>

#include "errname.h"

#define ERRNO_MAX 133

int errname_parse(const char *name)
{
	for (int i = 1; i <= ERRNO_MAX; i++) {
		const char *known = strerrorname_np(i);

		if (known && (!strcmp(known, name) || atoi(name) == i))
			return i;
	}
	return 0;
}

const char *errname_of(int positive)
{
	const char *name = strerrorname_np(positive);

	return name ? name : "E?";
}
