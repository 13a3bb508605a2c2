/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/holders.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"

int holders_add(const struct holder_search *search, enum holder_kind kind, const char *what,
		const char *where)
{
	struct holder holder = { .function = search->f->bdf, .kind = kind };

	text_copy(holder.what, sizeof(holder.what), what);
	text_copy(holder.where, sizeof(holder.where), where);
	return snapshot_add_holder(search->snap, &holder);
}

static int find_vfs(const struct holder_search *search)
{
	char what[32];

	if (search->f->vfs == 0)
		return 0;
	snprintf(what, sizeof(what), "%u virtual functions", search->f->vfs);
	return holders_add(search, HOLDER_VFS, what, "");
}

static int (*const kinds[])(const struct holder_search *search) = {
	holders_find_block,
	holders_find_net,
	holders_find_processes,
	find_vfs,
};

/* What was found before is out of date. */
static void forget(struct snapshot *snap, struct bdf function)
{
	size_t kept = 0;

	for (size_t i = 0; i < snap->n_holders; i++)
		if (!bdf_equal(snap->holders[i].function, function))
			snap->holders[kept++] = snap->holders[i];
	snap->n_holders = kept;
}

int holders_find(const struct host *host, struct snapshot *snap, const struct function *f,
		 struct tio_error *err)
{
	struct children children = { 0 };
	struct holder_search search = {
		.host = host, .f = f, .children = &children, .snap = snap
	};
	int r;

	forget(snap, f->bdf);
	r = children_list(host, f, &children);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = kinds[i](&search);
	children_finish(&children);
	return r < 0 ? error_set(err, r, "out of memory") : 0;
}
