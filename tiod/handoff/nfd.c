/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handoff/nfd.h"

#include "base/text.h"

/* Cards that can do TDISP, VFs not counted. */
static size_t capable(const struct snapshot *snap)
{
	size_t n = 0;

	for (size_t i = 0; i < snap->n_functions; i++)
		n += snap->functions[i].kind != FUNCTION_VF &&
		     function_is_tdisp(&snap->functions[i]);
	return n;
}

static size_t attached(const struct offer *offer)
{
	size_t n = 0;

	for (size_t i = 0; i < offer->all->n; i++)
		n += offer_ready(offer, &offer->all->list[i]) != NULL;
	return n;
}

char *nfd_text(const struct offer *offer, bool *empty)
{
	const size_t n = capable(offer->snap);
	struct text text = { 0 };
	int r = 0;

	*empty = n == 0 && offer->snap->n_tsms == 0;
	if (*empty)
		return NULL;
	if (n > 0)
		r = text_add(&text,
			     "tiod.io/tdisp.present=true\n"
			     "tiod.io/tdisp.functions=%zu\n"
			     "tiod.io/tdisp.attached=%zu\n",
			     n, attached(offer));
	if (r == 0 && offer->snap->n_tsms > 0)
		r = text_add(&text, "tiod.io/tsm.present=true\n");
	if (r == 0)
		return text.data;
	text_finish(&text);
	return NULL;
}
