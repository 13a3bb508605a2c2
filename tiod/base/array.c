/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int array_add(void *list, size_t *n, const void *one, size_t size)
{
	char *first, *longer;

	memcpy(&first, list, sizeof(first));
	longer = reallocarray(first, *n + 1, size);
	if (!longer)
		return -ENOMEM;
	memcpy(longer + *n * size, one, size);
	memcpy(list, &longer, sizeof(longer));
	++*n;
	return 0;
}
