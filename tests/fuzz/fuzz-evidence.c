/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the kernel's "device-evidence" answers: datagrams, each behind its size in two bytes.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "fuzz.h"
#include "host/evidence.h"

#define FAMILY 0x25 /* of the messages in the corpus */

struct input {
	const uint8_t *data;
	size_t size;
};

static int take_request(void *arg, const void *message, size_t size)
{
	assert(size > 0);
	return 0;
}

static ssize_t next_datagram(void *arg, void **ret)
{
	struct input *in = arg;
	size_t size;

	if (in->size < 2)
		return -ETIMEDOUT;
	size = (size_t)in->data[0] | (size_t)in->data[1] << 8;
	if (size > in->size - 2)
		size = in->size - 2;
	*ret = malloc(size ? size : 1);
	assert(*ret);
	memcpy(*ret, in->data + 2, size);
	in->data += 2 + size;
	in->size -= 2 + size;
	return (ssize_t)size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct evidence_request request = { .nonce_size = size % 33 };
	struct input in = { data, size };
	const struct evidence_link link = { take_request, next_datagram, &in, FAMILY };
	struct tio_error err = TIO_ERROR_NONE;
	struct evidence set = { 0 };
	size_t all = 0;
	int r = evidence_read(&link, &request, &set, &err);

	assert(r <= 0);
	assert(r == 0 ? err.code == 0 || err.code == -EAGAIN : err.text[0] != '\0');
	for (size_t i = 0; i < EVIDENCE_TYPE_COUNT; i++) {
		const struct evidence_object *object = &set.objects[i];

		assert(object->have == object->size);
		assert(object->present || object->size == 0);
		all += object->size;
	}
	/* All of it has come through the socket. */
	assert(all <= size);
	evidence_finish(&set);
	return 0;
}
