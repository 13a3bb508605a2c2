/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What AMD's development kernels let be read from tsm/: raw structures of the security
 * manager and of SPDM in text attributes, one page at most.
 *
 * The kernels' layouts differ and none says which it is, so the length decides; a length that
 * is not known is told and nothing is guessed.  Pure: host/tsm.c reads, tiod/look.c puts both
 * together.  All bytes are somebody else's.
 */

#include <jansson.h>
#include <stddef.h>

enum tsm_blob {
	TSM_BLOB_DSM_STATUS,   /* tsm/dsm_status, once called dev_status */
	TSM_BLOB_TDI_STATUS,   /* tsm/tdi_status */
	TSM_BLOB_REPORT,       /* tsm/report: the TDI report of TDISP */
	TSM_BLOB_MEASUREMENTS, /* tsm/meas: SPDM measurement blocks, or a whole transcript */
	TSM_BLOB_CERTIFICATES, /* tsm/certs: only its size is told */
	TSM_BLOB_COUNT
};

/* Attributes give no more than this; a blob of this size may have been cut. */
#define TSM_BLOB_MAX 4096

/*
 * An object with "bytes", "problem" (null or a sentence) and what could be read, in the shape
 * of io.tiod's type of that name.  NULL when memory is short.
 */
json_t *tsm_blob_decode(enum tsm_blob kind, const void *data, size_t size);
