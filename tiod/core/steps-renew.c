/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * renew-tsm: a link that fell is taken down and made anew, or gets new keys as it stands.
 *
 * What it found connected is connected again by its undo, so that a death in between leaves no
 * card without its link.  Where even that fails the link stays down: nobody can do better, and
 * a journal in flight would only keep the card from being detached.
 */

#include "core/steps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"

static bool renew_needed(const struct step_facts *facts, const struct target *target,
			 const struct function *dsm)
{
	return dsm;
}

static void renew_describe(const struct step_facts *facts, const struct target *target,
			   const struct function *dsm, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	bdf_format(dsm->bdf, name);
	if (facts->request->refresh)
		snprintf(buf, size, "have %s make new keys for the link of %s", dsm->tsm, name);
	else if (dsm->tsm[0])
		snprintf(buf, size, "disconnect %s from %s and connect it anew", name,
			 dsm->tsm);
	else
		snprintf(buf, size, "connect %s to %s: authenticate it and encrypt its link",
			 name, facts->request->tsm);
}

static void renew_describe_undo(const struct record *record, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "bring %s back to %s", bdf_format(record->function, name),
		 record->before.tsm[0] ? record->before.tsm : "having no link");
}

static void renew_capture(const struct step_work *work, const struct target *target,
			  const struct function *dsm, struct record *record)
{
	text_copy(record->before.tsm, sizeof(record->before.tsm), dsm->tsm);
	text_copy(record->wanted_tsm, sizeof(record->wanted_tsm), work->request->tsm);
}

static int read_link(const struct step_work *work, const struct record *record,
		     struct function **ret, struct tio_error *err)
{
	int r = step_look(work, record, ret, err);

	return r < 0 ? r : work->ops->read_link(work->host, *ret, err);
}

static int take_down(const struct step_work *work, const struct function *dsm,
		     struct tio_error *err)
{
	if (!dsm->tsm[0])
		return 0;
	if (dsm->bound[0]) {
		/* The kernel would unbind the TDI under the guest that runs on it. */
		error_kind_set(err, ERROR_IN_USE, -EBUSY, "a guest has bound its TDI (%s)",
			       dsm->bound);
		error_fix(err, "stop that guest first");
		return -EBUSY;
	}
	return work->ops->disconnect(work->host, dsm->bdf, dsm->tsm, err);
}

static int renew_apply(const struct step_work *work, const struct record *record,
		       struct tio_error *err)
{
	struct function *dsm;
	int r = read_link(work, record, &dsm, err);

	if (r < 0)
		return r;
	if (work->request->refresh)
		return work->ops->refresh_keys(work->host, dsm->bdf, dsm->tsm, err);
	r = take_down(work, dsm, err);
	if (r < 0)
		return r;
	return work->ops->connect(work->host, record->function, record->wanted_tsm, err);
}

static int renew_verify(const struct step_work *work, const struct record *record,
			struct tio_error *err)
{
	struct function *dsm;
	int r = read_link(work, record, &dsm, err);

	if (r < 0 || strcmp(dsm->tsm, record->wanted_tsm) == 0)
		return r;
	return error_set(err, -EIO, "tsm/connect says \"%s\" after \"%s\" was written",
			 dsm->tsm, record->wanted_tsm);
}

static int connect_again(const struct step_work *work, struct function *dsm, const char *tsm,
			 struct tio_error *err)
{
	int r = work->ops->connect(work->host, dsm->bdf, tsm, err);

	if (r == -EINTR)
		return r;
	if (r < 0)
		log_warning("the link could not be made again: %s", err->text);
	return work->ops->read_link(work->host, dsm, err);
}

static int renew_undo(const struct step_work *work, const struct record *record,
		      struct tio_error *err)
{
	struct function *dsm;
	int r = read_link(work, record, &dsm, err);

	if (r < 0)
		return step_gone_is_done(work, record, r, err);
	if (!record->before.tsm[0])
		r = take_down(work, dsm, err);
	else if (!dsm->tsm[0])
		r = connect_again(work, dsm, record->before.tsm, err);
	if (r == 0)
		r = work->ops->read_link(work->host, dsm, err);
	return step_gone_is_done(work, record, r, err);
}

/* A disconnect and a connect, each of which a PSP may take its 100 s for. */
const struct step step_renew_tsm = {
	.name = "renew-tsm",
	.subject = SUBJECT_DSM,
	.deadline_ms = 260000,
	.journaled = true,
	.tsm_turn = true,
	.transient = true,
	.needed = renew_needed,
	.describe = renew_describe,
	.describe_undo = renew_describe_undo,
	.capture = renew_capture,
	.apply = renew_apply,
	.verify = renew_verify,
	.undo = renew_undo,
};
