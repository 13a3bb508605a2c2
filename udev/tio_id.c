/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * tio_id ADDRESS: what a PCI function can do for TDISP, as udev properties.  udevd runs it
 * once for each function that comes, see 90-tiod.rules.
 *
 * Only config space and plain attributes are read, nothing in tsm/: that would wait for
 * whatever connect is in progress, and udevd kills what takes long.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bdf.h"
#include "base/error.h"
#include "base/text.h"
#include "host/functions.h"
#include "host/pci.h"

static int usage(FILE *to)
{
	fprintf(to, "tio_id [--sys=PATH] ADDRESS: udev properties of a PCI function\n");
	return to == stderr ? 2 : 0;
}

/* Nothing at all for what can't do TDISP: most of a host's functions. */
static void print(const struct function *f)
{
	char dsm[BDF_STRLEN];

	if (!function_is_tdisp(f))
		return;
	if (f->tee_io)
		printf("TIO_TEE_IO=1\n");
	if (f->ide.offset)
		printf("TIO_IDE=1\nTIO_IDE_STREAMS=%u\n", f->ide.selective_streams);
	if (f->doe_cma)
		printf("TIO_DOE_CMA=1\n");
	printf("TIO_DSM=%s\n", bdf_format(f->dsm, dsm));
	if (f->slot[0])
		printf("TIO_SLOT=%s\n", f->slot);
	if (f->serial[0])
		printf("TIO_SERIAL=%s\n", f->serial);
}

static int read_function(struct host *host, struct bdf bdf, struct function *ret,
			 struct tio_error *err)
{
	struct reader reader = { .host = host };
	int r;

	r = pci_door_new(host->sys, &host->pci, err);
	if (r < 0)
		return r;
	/* Looking through pci.ids takes longer than all the rest. */
	pci_door_skip_names(host->pci);
	r = functions_read(&reader, bdf, ret, err);
	reader_finish(&reader);
	pci_door_free(host->pci);
	return r;
}

static int run(const char *sys, struct bdf bdf)
{
	struct host host = { .proc_fd = -1, .dev_fd = -1, .runtime_fd = -1, .state_fd = -1 };
	struct tio_error err = TIO_ERROR_NONE;
	struct function f;
	int r = -ENAMETOOLONG;

	if (text_copy(host.sys, sizeof(host.sys), sys)) {
		host.sys_fd = open(sys, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = host.sys_fd < 0 ? -errno : 0;
	}
	if (r < 0) {
		fprintf(stderr, "tio_id: open %s: %s\n", sys, strerror(-r));
		return 1;
	}
	r = read_function(&host, bdf, &f, &err);
	close(host.sys_fd);
	if (r < 0) {
		fprintf(stderr, "tio_id: %s\n", err.text);
		return 1;
	}
	print(&f);
	return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "sys", required_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	const char *sys = "/sys";
	struct bdf bdf;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c != 's')
			return usage(c == 'h' ? stdout : stderr);
		sys = optarg;
	}
	if (optind != argc - 1)
		return usage(stderr);
	if (bdf_parse(argv[optind], &bdf) < 0) {
		fprintf(stderr, "tio_id: %s is no address of a PCI function\n", argv[optind]);
		return 2;
	}
	return run(sys, bdf);
}
