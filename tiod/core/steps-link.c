/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/steps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* --- connect-tsm --- */

static bool connect_needed(const struct step_facts *facts, const struct target *target,
			   const struct function *dsm)
{
	return dsm && dsm->tsm[0] == '\0';
}

static void connect_describe(const struct step_facts *facts, const struct target *target,
			     const struct function *dsm, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "connect %s to %s: authenticate it and encrypt its link",
		 bdf_format(dsm->bdf, name), facts->request->tsm);
}

static void connect_describe_undo(const struct record *record, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "disconnect %s from its TSM", bdf_format(record->function, name));
}

static void connect_capture(const struct step_work *work, const struct target *target,
			    const struct function *dsm, struct record *record)
{
	text_copy(record->before.tsm, sizeof(record->before.tsm), dsm->tsm);
	text_copy(record->wanted_tsm, sizeof(record->wanted_tsm), work->request->tsm);
}

static int connect_apply(const struct step_work *work, const struct record *record,
			 struct tio_error *err)
{
	struct function *dsm = snapshot_find(work->snap, record->function);
	int r;

	if (!dsm)
		return error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "the function is gone");
	r = work->ops->read_link(work->host, dsm, err);
	if (r < 0 || strcmp(dsm->tsm, record->wanted_tsm) == 0)
		return r;
	return work->ops->connect(work->host, record->function, record->wanted_tsm, err);
}

static int connect_verify(const struct step_work *work, const struct record *record,
			  struct tio_error *err)
{
	struct function *dsm;
	int r;

	r = step_look(work, record, &dsm, err);
	if (r == 0)
		r = work->ops->read_link(work->host, dsm, err);
	if (r < 0)
		return r;
	if (strcmp(dsm->tsm, record->wanted_tsm) != 0)
		return error_set(err, -EIO, "tsm/connect says \"%s\" after \"%s\" was written",
				 dsm->tsm, record->wanted_tsm);
	return 0;
}

static int connect_undo(const struct step_work *work, const struct record *record,
			struct tio_error *err)
{
	struct function *dsm = snapshot_find(work->snap, record->function);
	int r;

	if (!dsm || record->before.tsm[0])
		return 0;
	r = work->ops->read_link(work->host, dsm, err);
	if (r == 0 && dsm->bound[0]) {
		/* The kernel would unbind the TDI under the guest that runs on it. */
		error_kind_set(err, ERROR_IN_USE, -EBUSY, "a guest has bound its TDI (%s)",
			       dsm->bound);
		error_fix(err, "stop that guest first");
		return -EBUSY;
	}
	if (r == 0 && dsm->tsm[0])
		r = work->ops->disconnect(work->host, record->function, dsm->tsm, err);
	if (r == 0)
		r = work->ops->read_link(work->host, dsm, err);
	if (r == 0 && dsm->tsm[0])
		return error_set(err, -EIO, "tsm/connect still says \"%s\"", dsm->tsm);
	return step_gone_is_done(work, record, r, err);
}

/* --- verify-ide: a connect that succeeded proves nothing, only the registers count --- */

static bool verify_needed(const struct step_facts *facts, const struct target *target,
			  const struct function *dsm)
{
	return dsm && !function_link_is_secure(dsm);
}

static void verify_describe(const struct step_facts *facts, const struct target *target,
			    const struct function *dsm, char *buf, size_t size)
{
	char a[BDF_STRLEN], b[BDF_STRLEN];

	snprintf(buf, size, "check that IDE is secure at %s and at %s", bdf_format(dsm->bdf, a),
		 bdf_format(dsm->root_port, b));
}

static void describe_end(const struct ide_end *end, struct bdf bdf, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	if (!end->known)
		snprintf(buf, size, "%s unreadable", bdf_format(bdf, name));
	else
		snprintf(buf, size, "%s %s, %s, Stream ID %u", bdf_format(bdf, name),
			 end->enabled ? "enabled" : "not enabled",
			 end->secure ? "secure" : "insecure", end->stream_id);
}

/* At the end of a connect a card may have fallen off the bus: its registers say nothing then.
 */
static void describe_endpoint(const struct function *dsm, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	if (function_is_silent(dsm))
		snprintf(buf, size, "%s does not answer (all ones)",
			 bdf_format(dsm->bdf, name));
	else
		describe_end(&dsm->stream.endpoint, dsm->bdf, buf, size);
}

static int verify_ide(const struct step_work *work, const struct record *record,
		      struct tio_error *err)
{
	char endpoint[80], root_port[80], name[BDF_STRLEN];
	struct function *dsm;
	int r;

	r = step_look(work, record, &dsm, err);
	if (r < 0 || function_link_is_secure(dsm))
		return r;
	if (!dsm->stream.present) {
		error_set(err, -EPROTO, "the TSM is connected but no IDE stream was set up");
	} else {
		describe_endpoint(dsm, endpoint, sizeof(endpoint));
		describe_end(&dsm->stream.root_port, dsm->root_port, root_port,
			     sizeof(root_port));
		error_set(err, -EPROTO, "the link is not secure: %s; %s", endpoint, root_port);
	}
	error_fix(
		err,
		"if the link stood before, `tioctl reconnect %s` makes it anew; else look for "
		"IDE and TSM lines in `dmesg`, reset or reseat the card, and try again",
		bdf_format(dsm->bdf, name));
	return -EPROTO;
}

/* The PSP gives a command up after 100 s (ccp.psp_cmd_timeout): outlive that. */
const struct step step_connect_tsm = {
	.name = "connect-tsm",
	.subject = SUBJECT_DSM,
	.deadline_ms = 130000,
	.journaled = true,
	.tsm_turn = true,
	.needed = connect_needed,
	.describe = connect_describe,
	.describe_undo = connect_describe_undo,
	.capture = connect_capture,
	.apply = connect_apply,
	.verify = connect_verify,
	.undo = connect_undo,
};

const struct step step_verify_ide = {
	.name = "verify-ide",
	.subject = SUBJECT_DSM,
	.deadline_ms = 10000,
	.needed = verify_needed,
	.describe = verify_describe,
	.verify = verify_ide,
};
