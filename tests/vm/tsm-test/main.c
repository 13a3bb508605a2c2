// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * tsm-test: gives emulated cards what a TDISP device has, and the host a TSM, so that the
 * kernel's own PCI/TSM and IDE code can be driven without hardware.  For tests only.
 */
#include <linux/module.h>

#include "evidence.h"
#include "knobs.h"
#include "overlay.h"
#include "tsm.h"

static bool absent;
module_param(absent, bool, 0444);
MODULE_PARM_DESC(absent, "the TSM isn't there yet; write 1 to debugfs' present");

static int __init start_all(void)
{
	int r = tsm_start();

	if (r)
		return r;
	r = overlay_start();
	if (r) {
		tsm_stop();
		return r;
	}
	overlay_rescan();
	knobs_start();
	if (absent)
		return 0;
	r = tsm_arrive();
	if (r) {
		knobs_stop();
		overlay_stop();
		overlay_rescan();
		tsm_stop();
	}
	return r;
}

static int __init tsm_test_init(void)
{
	int r = evidence_start();

	if (r)
		return r;
	r = start_all();
	if (r)
		evidence_stop();
	return r;
}

static void __exit tsm_test_exit(void)
{
	evidence_stop();
	knobs_stop();
	tsm_stop();
	overlay_stop();
	overlay_rescan();
}

module_init(tsm_test_init);
module_exit(tsm_test_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("TDISP devices and a TSM for tests");
MODULE_IMPORT_NS("PCI_IDE");
