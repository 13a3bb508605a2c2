/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/refusals-rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/groups.h"
#include "core/holder.h"

/* Why a function is in use, while it is gathered. */
struct users {
	size_t n, told;
	unsigned force; /* what would override all that were met */
	bool forcible;  /* each of them can be overridden */
	char text[640], fix[384];
};

static bool verb_minds(const struct request *request, const struct holder *h)
{
	return request->verb == VERB_ATTACH ||
	       (request->verb == VERB_DETACH && holder_counts(h, true));
}

/* A list that is cut off in the middle of a word would be worse than a shorter one. */
static bool append_whole(char *to, size_t size, size_t room, const char *separator,
			 const char *text)
{
	if (strlen(to) + strlen(separator) + strlen(text) + room >= size)
		return false;
	text_append(to, size, "%s%s", to[0] ? separator : "", text);
	return true;
}

static void add_user(struct users *users, const struct holder *h)
{
	char clause[600], fix[384];

	users->forcible = (users->n == 0 || users->forcible) && holder_force(h);
	users->force |= holder_force(h);
	users->n++;
	/* Room is left for the driver's name, the count of the rest and the last words. */
	if (append_whole(users->text, sizeof(users->text), 120, "; ",
			 holder_describe(h, clause, sizeof(clause))))
		users->told++;
	holder_fix(h, fix, sizeof(fix));
	if (fix[0] && !strstr(users->fix, fix))
		append_whole(users->fix, sizeof(users->fix), 100, "; ", fix);
}

static void refuse(const struct rule_input *in, const struct users *users,
		   struct tio_error *err)
{
	const char *driver = in->f && in->f->driver[0] ? in->f->driver : "its driver";
	char words[64], rest[32] = "";

	if (users->told < users->n)
		snprintf(rest, sizeof(rest), "; and %zu more", users->n - users->told);
	REFUSE(err, in->target->function, ERROR_IN_USE, -EBUSY, "cannot unbind from %s: %s%s",
	       driver, users->text, rest);
	if (users->forcible)
		error_fix(err, "%s, or --force=%s to take it away all the same", users->fix,
			  force_format(users->force, words, sizeof(words)));
	else
		error_fix(err, "%s, or choose another device; no --force takes %s away",
			  users->fix, users->n > 1 ? "all of these" : "it");
}

int rule_is_not_in_use(const struct rule_input *in, struct tio_error *err)
{
	const struct snapshot *snap = in->facts->snap;
	const struct request *request = in->facts->request;
	struct users users = { 0 };
	char clause[600], name[BDF_STRLEN];

	if (!rule_plan_has(in->plan, "rebind"))
		return 0;
	for (size_t i = 0; i < snap->n_holders; i++) {
		const struct holder *h = &snap->holders[i];
		bool forced = holder_force(h) & request->force;

		if (!bdf_equal(h->function, in->target->function) || !verb_minds(request, h))
			continue;
		if (!forced && !holder_is_note(h)) {
			add_user(&users, h);
			continue;
		}
		holder_describe(h, clause, sizeof(clause));
		plan_note(in->plan, "%s: %.200s%s", bdf_format(h->function, name), clause,
			  forced ? "; --force takes it away, and tiod does not put it back"
				 : "");
	}
	if (users.n == 0)
		return 0;
	refuse(in, &users, err);
	return -EBUSY;
}

int rule_group_is_viable(const struct rule_input *in, struct tio_error *err)
{
	char names[256], why[256];

	if (!in->f || !rule_plan_has(in->plan, "rebind") || in->f->iommu_group < 0 ||
	    !steps_group_blockers(in->facts->snap, in->facts->request, in->f, names,
				  sizeof(names)))
		return 0;
	groups_explain_one(in->facts->snap, in->f, why, sizeof(why));
	REFUSE(err, in->f->bdf, ERROR_IN_USE, -EBUSY,
	       "it shares IOMMU group %d with %s, bound to a host driver: %s",
	       in->f->iommu_group, names, why);
	error_fix(
		err,
		"--with-companions takes the whole group along, or unbind them first; " GROUPS_FIX);
	return -EBUSY;
}
