/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/json.h"
#include "core/report-plugins.h"
#include "core/report.h"
#include "core/tsm-blobs.h"
#include "host/evidence.h"
#include "host/hugepages.h"
#include "host/ide.h"
#include "host/plugins.h"
#include "host/tsm.h"
#include "host/vfio.h"
#include "look-config.h"
#include "look-evidence.h"

/* Nothing here is freed: the process writes its result, which borrows it, and exits. */

void look_at_host(struct host *host, struct snapshot *snap)
{
	snap->n_tsms = tsm_list(host->sys_fd, snap->tsms);
	hugepages_read(host->sys_fd, snap);
	vfio_read_host(host, snap);
	snap->evidence = evidence_is_offered();
}

static int keep(json_t *json, struct result *ret)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	if (!text)
		return error_set(&ret->error, -ENOMEM, "write down what was read");
	ret->text = text;
	ret->text_size = strlen(text) + 1;
	return 0;
}

/* Function 0 of the card, which has the link; or what is there of the card. */
static const struct function *dsm_of(const struct snapshot *known, const struct function *f)
{
	const struct function *dsm = snapshot_find(known, function_family(f));

	return dsm ? dsm : f;
}

static int look_at_ide(struct host *host, const struct snapshot *known,
		       const struct function *f, struct result *ret)
{
	struct ide_registers *endpoint = calloc(1, sizeof(*endpoint));
	struct ide_registers *root_port = calloc(1, sizeof(*root_port));
	struct function dsm = *dsm_of(known, f);
	int r;

	if (!endpoint || !root_port)
		return error_set(&ret->error, -ENOMEM, "read the IDE registers");
	r = host_ops.refresh(host, &dsm, &ret->error);
	if (r < 0)
		return r;
	ide_read_registers(host->sys_fd, dsm.bdf, endpoint);
	if (dsm.root_port.valid)
		ide_read_registers(host->sys_fd, dsm.root_port, root_port);
	return keep(report_ide(&dsm, endpoint, root_port), ret);
}

static int look_at_plugins(const struct host *host, const struct snapshot *known,
			   struct result *ret)
{
	static struct plugins plugins;
	int r = host_plugins_start(host, &plugins, &ret->error);

	return r < 0 ? r : keep(report_plugins(&plugins, known), ret);
}

/* --- What the security manager says --- */

/* Which file of which function has it; those of evidence take their time. */
static const struct source {
	const char *key;
	const char *names[2]; /* the newer one first */
	enum tsm_blob kind;
	bool of_dsm, evidence;
} sources[] = {
	{ "dsmStatus", { "dsm_status", "dev_status" }, TSM_BLOB_DSM_STATUS, true, false },
	{ "tdiStatus", { "tdi_status" }, TSM_BLOB_TDI_STATUS, false, false },
	{ "report", { "report" }, TSM_BLOB_REPORT, false, true },
	{ "measurements", { "meas" }, TSM_BLOB_MEASUREMENTS, true, true },
	{ "certificates", { "certs" }, TSM_BLOB_CERTIFICATES, true, true },
};

/* null: this kernel has no such file. */
static json_t *read_source(struct host *host, const struct source *source, struct bdf bdf)
{
	struct tio_error err = TIO_ERROR_NONE;
	char bytes[TSM_BLOB_MAX];
	ssize_t n = -ENOENT;

	for (size_t i = 0; i < ARRAY_SIZE(source->names) && n == -ENOENT; i++)
		if (source->names[i])
			n = tsm_read_blob(host->sys_fd, bdf, source->names[i], bytes,
					  sizeof(bytes), &err);
	if (n == -ENOENT)
		return json_null();
	if (n == -ENODEV && source->kind == TSM_BLOB_TDI_STATUS)
		return json_pack("{si ss}", "bytes", 0, "problem", "no TDI is bound");
	if (n < 0)
		return json_pack("{si ss}", "bytes", 0, "problem", err.text);
	return tsm_blob_decode(source->kind, bytes, (size_t)n);
}

static int look_at_tsm(struct host *host, const struct snapshot *known, const struct look *look,
		       const struct function *f, struct result *ret)
{
	const struct function *dsm = dsm_of(known, f);
	json_t *json = json_pack("{so so}", "address", json_bdf(f->bdf), "dsm",
				 json_bdf(dsm->bdf));
	int r;

	if (!json)
		return error_set(&ret->error, -ENOMEM, "read the security manager's status");
	r = host_ops.tsm_take(host, dsm->tsm, &ret->error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
		json_object_set_new(
			json, sources[i].key,
			sources[i].evidence && !look->evidence
				? json_null()
				: read_source(host, &sources[i],
					      sources[i].of_dsm ? dsm->bdf : f->bdf));
	host_ops.tsm_give(host);
	return keep(json, ret);
}

/* With its turn, as it has the security manager and the card work. */
static int look_for_evidence(struct host *host, const struct snapshot *known,
			     const struct look *look, const struct function *f,
			     struct result *ret)
{
	const struct function *dsm = dsm_of(known, f);
	int r = host_ops.tsm_take(host, dsm->tsm, &ret->error);

	if (r < 0)
		return r;
	r = look_at_evidence(host, known, dsm, f, look, ret);
	host_ops.tsm_give(host);
	return r;
}

int look_run(struct host *host, const struct snapshot *known, const struct look *look,
	     struct result *ret)
{
	const struct function *f = snapshot_find(known, look->function);
	char name[BDF_STRLEN];

	if (look->kind == LOOK_CONFIG)
		return keep(look_at_config(known, look->dirs), ret);
	if (look->kind == LOOK_PLUGINS)
		return look_at_plugins(host, known, ret);
	if (look->kind == LOOK_HOST) {
		look_at_host(host, &ret->host);
		ret->has_host = true;
		return 0;
	}
	if (!f)
		return error_kind_set(&ret->error, ERROR_NO_FUNCTION, -ENODEV,
				      "%s went away before it was read",
				      bdf_format(look->function, name));
	if (look->kind == LOOK_EVIDENCE)
		return look_for_evidence(host, known, look, f, ret);
	if (look->kind == LOOK_TSM)
		return look_at_tsm(host, known, look, f, ret);
	return look_at_ide(host, known, f, ret);
}
