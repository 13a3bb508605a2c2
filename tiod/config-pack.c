/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The configuration on its way from the worker that read it, and the notes beside it.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config.h"

#define N_LISTS 3

/* One of the lists that a config owns. */
struct list {
	void **data;
	size_t n, size; /* of one */
};

static void list_all(struct config *config, struct list ret[static N_LISTS])
{
	ret[0] = (struct list){ (void **)&config->vms, config->n_vms, sizeof(*config->vms) };
	ret[1] = (struct list){ (void **)&config->rules, config->n_rules,
				sizeof(*config->rules) };
	ret[2] = (struct list){ (void **)&config->notes, config->n_notes,
				sizeof(*config->notes) };
}

int config_pack(const struct config *config, void **ret, size_t *ret_size)
{
	struct config copy = *config;
	struct list lists[N_LISTS];
	size_t size = sizeof(copy);
	char *block, *at;

	list_all(&copy, lists);
	for (size_t i = 0; i < N_LISTS; i++)
		size += lists[i].n * lists[i].size;
	block = malloc(size);
	if (!block)
		return -ENOMEM;
	at = mempcpy(block, &copy, sizeof(copy));
	for (size_t i = 0; i < N_LISTS; i++)
		if (lists[i].n)
			at = mempcpy(at, *lists[i].data, lists[i].n * lists[i].size);
	*ret = block;
	*ret_size = size;
	return 0;
}

static int take_lists(const char *at, size_t left, struct config *config)
{
	struct list lists[N_LISTS];
	size_t size;

	list_all(config, lists);
	for (size_t i = 0; i < N_LISTS; i++)
		*lists[i].data = NULL;
	for (size_t i = 0; i < N_LISTS; i++) {
		if (lists[i].n > left / lists[i].size)
			return -EINVAL;
		size = lists[i].n * lists[i].size;
		*lists[i].data = malloc(size ?: 1);
		if (!*lists[i].data)
			return -ENOMEM;
		memcpy(*lists[i].data, at, size);
		at += size;
		left -= size;
	}
	return left == 0 ? 0 : -EINVAL;
}

int config_unpack(const void *block, size_t size, struct config *ret)
{
	struct config config;
	int r;

	if (size < sizeof(config))
		return -EINVAL;
	memcpy(&config, block, sizeof(config));
	config.tell = NULL;
	config.tell_arg = NULL;
	r = take_lists((const char *)block + sizeof(config), size - sizeof(config), &config);
	if (r < 0)
		config_finish(&config);
	else
		*ret = config;
	return r;
}

void config_note(struct config *config, bool error, const char *fmt, ...)
{
	struct note *notes;
	va_list args;

	notes = reallocarray(config->notes, config->n_notes + 1, sizeof(*notes));
	if (!notes)
		return;
	config->notes = notes;
	notes += config->n_notes++;
	notes->error = error;
	va_start(args, fmt);
	vsnprintf(notes->text, sizeof(notes->text), fmt, args);
	va_end(args);
}

void config_forget_notes(struct config *config)
{
	free(config->notes);
	config->notes = NULL;
	config->n_notes = 0;
}
