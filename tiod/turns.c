/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "turns.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

static struct turn *first_of(const struct turns *turns, const char *tsm)
{
	for (size_t i = 0; i < turns->n; i++)
		if (strcmp(turns->list[i].tsm, tsm) == 0)
			return &turns->list[i];
	return NULL;
}

const struct job *turns_ask(struct turns *turns, struct job *job, const char *tsm)
{
	struct turn last = { .job = job };
	const struct turn *first;

	text_copy(last.tsm, sizeof(last.tsm), tsm);
	if (array_add(&turns->list, &turns->n, &last, sizeof(last)) < 0)
		return NULL; /* the kernel's own lock still keeps the order */
	first = first_of(turns, tsm);
	return first->job == job ? NULL : first->job;
}

struct job *turns_leave(struct turns *turns, const struct job *job)
{
	for (size_t i = 0; i < turns->n; i++) {
		struct turn gone = turns->list[i], *next;
		bool had_it;

		if (gone.job != job)
			continue;
		had_it = first_of(turns, gone.tsm) == &turns->list[i];
		turns->n--;
		memmove(&turns->list[i], &turns->list[i + 1],
			(turns->n - i) * sizeof(*turns->list));
		next = had_it ? first_of(turns, gone.tsm) : NULL;
		return next ? next->job : NULL;
	}
	return NULL;
}

bool turns_any(const struct turns *turns)
{
	return turns->n > 0;
}

void turns_finish(struct turns *turns)
{
	free(turns->list);
	*turns = (struct turns){ 0 };
}
