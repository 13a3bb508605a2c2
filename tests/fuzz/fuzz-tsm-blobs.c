/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the security manager says; the first byte is which of its files this is.
 */

#include <assert.h>
#include <stdlib.h>

#include "core/tsm-blobs.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json, *problem;
	char *text;

	if (size == 0)
		return 0;
	if (size > TSM_BLOB_MAX + 1)
		size = TSM_BLOB_MAX + 1;
	json = tsm_blob_decode(data[0] % TSM_BLOB_COUNT, data + 1, size - 1);
	assert(json);
	assert(json_integer_value(json_object_get(json, "bytes")) == (json_int_t)(size - 1));
	problem = json_object_get(json, "problem");
	assert(json_is_null(problem) || json_string_length(problem) > 0);

	text = json_dumps(json, 0);
	assert(text);
	free(text);
	json_decref(json);
	return 0;
}
