/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The numbers of the generic netlink family "device-evidence", as it was posted for Linux but
 * not merged: no distribution has a header of it, and they may move.  All are here, for
 * evidence.c, its test and its fuzzer; tests/vm/tsm-test serves the same.
 *
 * Source: Documentation/netlink/specs/device-evidence.yaml and drivers/pci/tsm/evidence.c of
 * the posted series (branch of intel-staging/tdx).
 */

#include "host/evidence.h"

#define EVIDENCE_FAMILY         "device-evidence"
#define EVIDENCE_FAMILY_VERSION 1

/* READ is a dump, and for CAP_NET_ADMIN only. */
enum evidence_command { EVIDENCE_CMD_READ = 1 };

enum evidence_attribute {
	EVIDENCE_A_TYPE = 1,   /* u32, of the table below; begins an object */
	EVIDENCE_A_TYPE_MASK,  /* u32, 1 << type; of the request */
	EVIDENCE_A_FLAGS,      /* u32 */
	EVIDENCE_A_SUBSYS,     /* string, "pci" */
	EVIDENCE_A_DEV_NAME,   /* string, "0000:61:00.0" */
	EVIDENCE_A_NONCE,      /* binary, up to 32 bytes; measurements are made anew with it */
	EVIDENCE_A_GENERATION, /* u32 */
	EVIDENCE_A_COUNT,      /* u64 */
	EVIDENCE_A_LENGTH,     /* u32, bytes of the whole object */
	EVIDENCE_A_VAL,        /* binary, a piece; any number, in this and following messages */
};

/* The family's types are numbered as enum evidence_type: slots 0-7, VCA, measurements, report.
 */
enum { EVIDENCE_T_SLOT0 = 0, EVIDENCE_T_VCA = 8, EVIDENCE_T_MEASUREMENTS, EVIDENCE_T_REPORT };

_Static_assert((int)EVIDENCE_CERTIFICATES == (int)EVIDENCE_T_SLOT0, "type of certificates");
_Static_assert((int)EVIDENCE_VCA == (int)EVIDENCE_T_VCA, "type of VCA");
_Static_assert((int)EVIDENCE_MEASUREMENTS == (int)EVIDENCE_T_MEASUREMENTS,
	       "type of measurements");
_Static_assert((int)EVIDENCE_REPORT == (int)EVIDENCE_T_REPORT, "type of the report");

#define EVIDENCE_TYPES_ALL ((1u << EVIDENCE_TYPE_COUNT) - 1)
