/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/report-plugins.h"
#include "core/report.h"
#include "host/hugepages.h"
#include "host/ide.h"
#include "host/plugins.h"
#include "host/tsm.h"
#include "host/vfio.h"

/* Nothing here is freed: the process writes its result, which borrows it, and exits. */

void look_at_host(struct host *host, struct snapshot *snap)
{
	snap->n_tsms = tsm_list(host->sys_fd, snap->tsms);
	hugepages_read(host->sys_fd, snap);
	vfio_read_host(host, snap);
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

int look_run(struct host *host, const struct snapshot *known, const struct look *look,
	     struct result *ret)
{
	const struct function *f = snapshot_find(known, look->function);
	char name[BDF_STRLEN];

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
	return look_at_ide(host, known, f, ret);
}
