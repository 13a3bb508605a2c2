/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What tiod-helper is asked for, and what it answers: it runs with rights that tiod has not.
 */

#include <assert.h>
#include <string.h>
#include <sys/param.h>

#include "fuzz.h"
#include "host/helper.h"

static void take(const uint8_t *data, size_t size, char text[static HELPER_PACKET_MAX])
{
	size = MIN(size, HELPER_PACKET_MAX - 1);
	memcpy(text, data, size);
	text[size] = '\0';
}

/* What is understood is said in one way only. */
static void check_request(char *text)
{
	struct helper_request request, again;
	char said[HELPER_PACKET_MAX];

	if (helper_read_request(text, &request) < 0)
		return;
	helper_write_request(&request, said);
	assert(!strchr(said, '/') && !strchr(said, '\n'));
	assert(request.access.mode <= 0777);
	assert(helper_read_request(said, &again) == 0);
	assert(again.task == request.task && strcmp(again.module, request.module) == 0);
	assert(bdf_equal(again.function, request.function));
	assert(strcmp(again.cdev, request.cdev) == 0);
	assert(memcmp(&again.access, &request.access, sizeof(again.access)) == 0);
	assert(memcmp(&again.found, &request.found, sizeof(again.found)) == 0);
}

static void check_reply(char *text)
{
	struct tio_error err, again;
	char said[HELPER_PACKET_MAX];

	if (helper_read_reply(text, &err) < 0)
		return;
	assert(err.code <= 0);
	helper_write_reply(&err, said);
	assert(helper_read_reply(said, &again) == 0);
	assert(again.code == err.code && strcmp(again.text, err.text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[HELPER_PACKET_MAX];

	take(data, size, text);
	check_request(text);
	take(data, size, text);
	check_reply(text);
	return 0;
}
