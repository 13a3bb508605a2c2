/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/function.h"

json_t *json_bdf(struct bdf bdf)
{
	char text[BDF_STRLEN];

	return bdf.valid ? json_string(bdf_format(bdf, text)) : json_null();
}

static int bad(struct tio_error *err, const char *key, const char *want)
{
	return error_set(err, -EBADMSG, "\"%s\" is missing or not %s", key, want);
}

int json_get_text(const json_t *object, const char *key, char *ret, size_t size,
		  struct tio_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value) || json_string_length(value) >= size)
		return bad(err, key, "a string of the allowed length");
	text_copy(ret, size, json_string_value(value));
	return 0;
}

int json_get_int(const json_t *object, const char *key, long long min, long long max,
		 long long *ret, struct tio_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < min ||
	    json_integer_value(value) > max)
		return bad(err, key, "a number in range");
	*ret = json_integer_value(value);
	return 0;
}

int json_get_bool(const json_t *object, const char *key, bool *ret, struct tio_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_boolean(value))
		return bad(err, key, "true or false");
	*ret = json_is_true(value);
	return 0;
}

int json_get_bdf(const json_t *object, const char *key, bool may_be_null, struct bdf *ret,
		 struct tio_error *err)
{
	const json_t *value = json_object_get(object, key);

	if (may_be_null && json_is_null(value)) {
		*ret = BDF_NONE;
		return 0;
	}
	if (!json_is_string(value) || bdf_parse(json_string_value(value), ret) < 0)
		return bad(err, key, "an address");
	return 0;
}

int json_get_array(const json_t *object, const char *key, json_t **ret, struct tio_error *err)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_array(value))
		return bad(err, key, "a list");
	*ret = value;
	return 0;
}

json_t *json_seconds(double seconds)
{
	return json_real((double)(long long)(seconds * 1000 + 0.5) / 1000);
}

json_t *json_identity(const struct identity *identity)
{
	return json_pack("{si si ss}", "vendor", identity->vendor, "device", identity->device,
			 "serial", identity->serial);
}

int json_get_identity(const json_t *object, struct identity *ret, struct tio_error *err)
{
	const json_t *json = json_object_get(object, "card");
	long long vendor, device;
	int r;

	if ((r = json_get_int(json, "vendor", 0, 0xffff, &vendor, err)) < 0 ||
	    (r = json_get_int(json, "device", 0, 0xffff, &device, err)) < 0 ||
	    (r = json_get_text(json, "serial", ret->serial, sizeof(ret->serial), err)) < 0)
		return r;
	ret->vendor = (uint16_t)vendor;
	ret->device = (uint16_t)device;
	return 0;
}

int json_load_versioned(const char *text, size_t size, const char *what, int version,
			json_t **ret, struct tio_error *err)
{
	auto_json json_t *root = NULL;
	json_error_t why;
	long long found;
	int r;

	root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return error_set(err, -EBADMSG, "%s: line %d: %s", what, why.line, why.text);
	r = json_get_int(root, "version", 0, 1 << 30, &found, err);
	if (r < 0)
		return error_wrap(err, r, "%s", what);
	if (found != version)
		return error_set(err, -EBADMSG,
				 "%s: version %lld, but this tiod reads version %d", what,
				 found, version);
	*ret = json_incref(root);
	return 0;
}

int json_to_file_text(json_t *json, char **ret, struct tio_error *err)
{
	auto_json json_t *owned = json;
	char *text, *longer;
	size_t len;

	text = owned ? json_dumps(owned, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
	if (!text)
		return error_set(err, -ENOMEM, "out of memory");
	len = strlen(text);
	longer = realloc(text, len + 2);
	if (!longer) {
		free(text);
		return error_set(err, -ENOMEM, "out of memory");
	}
	memcpy(longer + len, "\n", 2);
	*ret = longer;
	return 0;
}
