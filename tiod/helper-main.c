/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * tiod-helper: one request of tiod's on standard input, a socket; see host/helper.h.
 * tiod-helper.socket starts it, and nobody but tiod may connect to that.
 */

#include <unistd.h>

#include "base/log.h"
#include "host/helper.h"

static const struct host_roots roots = { .sys = "/sys", .proc = "/proc", .dev = "/dev" };

int main(void)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct host host;
	int r = host_init(&host, &roots, &err);

	if (r == 0) {
		r = helper_serve(&host, STDIN_FILENO, &err);
		host_finish(&host);
	}
	if (r < 0)
		log_error("%s", err.text);
	return r < 0;
}
