/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a worker reads when somebody asks, because it is too slow or too large to be kept of
 * every function.  Nothing is changed, and the answer is JSON for whoever asked.
 */

#include "base/bdf.h"
#include "host/host.h"
#include "result.h"

enum look_kind {
	LOOK_HOST,     /* TSMs, hugepages, VFIO; into the cache, no JSON */
	LOOK_IDE,      /* as io.tiod.Ide */
	LOOK_PLUGINS,  /* as ListPlugins replies; of no function */
	LOOK_TSM,      /* as io.tiod.TsmStatus; waits for the TSM's turn */
	LOOK_EVIDENCE, /* replies of GetEvidence; waits for the TSM's turn */
	LOOK_CONFIG,   /* as CheckConfig replies; of no function */
	LOOK_DEVICES,  /* opens those of the request's VM, see open-devices.h */
};

struct look {
	enum look_kind kind;
	struct bdf function; /* of LOOK_IDE, LOOK_TSM, LOOK_EVIDENCE; one that is known */
	bool evidence;       /* of LOOK_TSM: report, measurements and certificates too */
	uint8_t nonce[32];   /* of LOOK_EVIDENCE */
	size_t nonce_size;   /* 0: none */
	const char *dirs;    /* of LOOK_CONFIG; borrowed */
};

/* Within a worker.  0 or a negative errno with a sentence in @ret. */
int look_run(struct host *host, const struct snapshot *known, const struct look *look,
	     struct result *ret);

/* TSMs, hugepages, VFIO: no event tells when these change. */
void look_at_host(struct host *host, struct snapshot *snap);
