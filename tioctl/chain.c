/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/chain.h"

#include "base/text.h"

#define HEADER       4
#define DER_SEQUENCE 0x30
#define LONG_FORM    0x80
#define LENGTH_MAX   3 /* bytes of a length: a chain is at most 64 KiB */

/* Size of the DER sequence at @data with its tag and length; 0: there is no whole one. */
static size_t sequence_size(const uint8_t *data, size_t size)
{
	size_t header = 2, length, n;

	if (size < header || data[0] != DER_SEQUENCE)
		return 0;
	length = data[1];
	if (length & LONG_FORM) {
		n = length & ~(size_t)LONG_FORM;
		if (n == 0 || n > LENGTH_MAX || size < header + n)
			return 0;
		length = 0;
		for (size_t i = 0; i < n; i++)
			length = length << 8 | data[header + i];
		header += n;
	}
	return length > 0 && length <= size - header ? header + length : 0;
}

static size_t split(const uint8_t *data, size_t size, struct certificate *ret)
{
	size_t n = 0, one;

	while (size > 0) {
		one = sequence_size(data, size);
		if (one == 0 || n == CHAIN_CERTIFICATES_MAX)
			return 0;
		ret[n++] = (struct certificate){ data, one };
		data += one;
		size -= one;
	}
	return n;
}

size_t chain_split(const uint8_t *data, size_t size,
		   struct certificate ret[static CHAIN_CERTIFICATES_MAX])
{
	static const size_t digests[] = { 48, 32, 64 }; /* SHA-384, -256, -512 */
	size_t n = 0;

	if (size < HEADER || ((size_t)data[1] << 8 | data[0]) != size)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(digests) && n == 0; i++)
		if (size > HEADER + digests[i])
			n = split(data + HEADER + digests[i], size - HEADER - digests[i], ret);
	return n;
}
