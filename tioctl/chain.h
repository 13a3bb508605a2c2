/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A certificate chain as SPDM has it (DSP0274, "Certificate chain format"): its length in two
 * bytes, two reserved ones, the digest of the root certificate, and the certificates as DER
 * one after the other.  Nothing tells the digest's size: the one that leaves whole
 * certificates is right.
 */

#include <stddef.h>
#include <stdint.h>

#define CHAIN_CERTIFICATES_MAX 16

struct certificate {
	const uint8_t *data; /* within the chain */
	size_t size;
};

/* How many certificates there are, from the root; 0: it is no such chain, or a cut one. */
size_t chain_split(const uint8_t *data, size_t size,
		   struct certificate ret[static CHAIN_CERTIFICATES_MAX]);
