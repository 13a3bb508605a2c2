/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/vf-settings.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

enum form { FORM_MAC, FORM_NUMBER, FORM_SWITCH, FORM_WORD };

/* Limits: VLAN and priority have 12 and 3 bits (802.1Q), and VLAN 4095 is reserved. */
/* clang-format off */
static const struct {
	const char *name;     /* on the wire and in files */
	const char *words;    /* in sentences */
	enum form form;
	uint64_t max;         /* FORM_NUMBER */
	const char *choice[4]; /* FORM_WORD: the values 0, 1, … */
	const char *expected;
} table[VF_KEYS_N] = {
	[VF_MAC] = { "mac", "MAC address", FORM_MAC, 0, { NULL },
		     "a MAC address such as 02:00:00:00:00:01" },
	[VF_VLAN] = { "vlan", "VLAN", FORM_NUMBER, 4094, { NULL },
		      "a VLAN from 1 to 4094, or 0 for none" },
	[VF_QOS] = { "qos", "VLAN priority", FORM_NUMBER, 7, { NULL },
		     "a priority from 0 to 7" },
	[VF_PROTO] = { "vlanProtocol", "VLAN protocol", FORM_WORD, 0, { "802.1Q", "802.1ad" },
		       "802.1Q or 802.1ad" },
	[VF_TRUST] = { "trust", "trust", FORM_SWITCH, 0, { NULL }, "on or off" },
	[VF_SPOOFCHK] = { "spoofchk", "spoof check", FORM_SWITCH, 0, { NULL }, "on or off" },
	[VF_LINK_STATE] = { "linkState", "link state", FORM_WORD, 0,
			    { "auto", "enable", "disable" }, "auto, enable or disable" },
	[VF_RATE_MIN] = { "minRate", "least rate (Mbit/s)", FORM_NUMBER, UINT32_MAX, { NULL },
			  "a rate in Mbit/s, 0 for none" },
	[VF_RATE_MAX] = { "maxRate", "highest rate (Mbit/s)", FORM_NUMBER, UINT32_MAX,
			  { NULL }, "a rate in Mbit/s, 0 for none" },
	[VF_MSIX] = { "msix", "MSI-X vectors", FORM_NUMBER, 2048, { NULL },
		      "a number of MSI-X vectors from 1 to 2048, or 0 for the driver's own" },
};
/* clang-format on */

void vf_set(struct vf_settings *settings, enum vf_key key, uint64_t value)
{
	settings->given |= VF_BIT(key);
	settings->value[key] = value;
}

void vf_merge(struct vf_settings *into, const struct vf_settings *over)
{
	for (enum vf_key key = 0; key < VF_KEYS_N; key++)
		if (vf_given(over, key))
			vf_set(into, key, over->value[key]);
}

struct vf_settings vf_only(const struct vf_settings *settings, uint32_t mask)
{
	struct vf_settings some = { 0 };

	for (enum vf_key key = 0; key < VF_KEYS_N; key++)
		if (vf_given(settings, key) && (mask & VF_BIT(key)))
			vf_set(&some, key, settings->value[key]);
	return some;
}

uint32_t vf_difference(const struct vf_settings *wanted, const struct vf_settings *now)
{
	uint32_t bits = 0;

	for (enum vf_key key = 0; key < VF_KEYS_N; key++)
		if (vf_given(wanted, key) &&
		    (!vf_given(now, key) || now->value[key] != wanted->value[key]))
			bits |= VF_BIT(key);
	return bits;
}

const char *vf_key_name(enum vf_key key)
{
	return table[key].words;
}

enum vf_key vf_key_find(const char *name)
{
	enum vf_key key = 0;

	while (key < VF_KEYS_N && strcmp(table[key].name, name) != 0)
		key++;
	return key;
}

/* --- As text --- */

static bool parse_mac(const char *text, uint64_t *ret)
{
	unsigned byte[6];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &end) != 6 ||
	    text[end] || end != 17 || strspn(text, "0123456789abcdefABCDEF:") != 17)
		return false;
	*ret = 0;
	for (int i = 0; i < 6; i++)
		*ret = *ret << 8 | byte[i];
	return true;
}

static bool parse_word(const char *const *choice, const char *text, uint64_t *ret)
{
	for (uint64_t i = 0; choice[i]; i++) {
		if (strcmp(choice[i], text) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool parse_value(enum vf_key key, const char *text, uint64_t *ret)
{
	bool on = false;

	switch (table[key].form) {
	case FORM_MAC:
		return parse_mac(text, ret);
	case FORM_NUMBER:
		return text_to_u64(text, 10, ret) == 0 && *ret <= table[key].max;
	case FORM_SWITCH:
		if (text_to_bool(text, &on) < 0)
			return false;
		*ret = on;
		return true;
	case FORM_WORD:
		return parse_word(table[key].choice, text, ret);
	}
	return false;
}

int vf_parse(struct vf_settings *settings, enum vf_key key, const char *text,
	     const char **expected)
{
	uint64_t value;

	*expected = table[key].expected;
	if (!parse_value(key, text, &value))
		return -EINVAL;
	vf_set(settings, key, value);
	return 0;
}

static const char *format_value(enum vf_key key, uint64_t value, char *buf, size_t size)
{
	switch (table[key].form) {
	case FORM_MAC:
		buf[0] = '\0';
		for (int shift = 40; shift >= 0; shift -= 8)
			text_append(buf, size, "%02x%s", (unsigned)(value >> shift & 0xff),
				    shift ? ":" : "");
		break;
	case FORM_NUMBER:
		snprintf(buf, size, "%" PRIu64, value);
		break;
	case FORM_SWITCH:
		text_copy(buf, size, value ? "on" : "off");
		break;
	case FORM_WORD:
		text_copy(buf, size, table[key].choice[value]);
		break;
	}
	return buf;
}

const char *vf_format(const struct vf_settings *settings, char *buf, size_t size)
{
	char value[32];

	buf[0] = '\0';
	for (enum vf_key key = 0; key < VF_KEYS_N; key++)
		if (vf_given(settings, key))
			text_append(
				buf, size, "%s%s %s", buf[0] ? ", " : "", table[key].words,
				format_value(key, settings->value[key], value, sizeof(value)));
	return buf;
}

/* --- As JSON --- */

json_t *vf_to_json(const struct vf_settings *settings)
{
	json_t *json = json_object();
	char text[32];

	for (enum vf_key key = 0; key < VF_KEYS_N; key++) {
		uint64_t value = settings->value[key];

		if (!vf_given(settings, key))
			continue;
		if (table[key].form == FORM_NUMBER)
			json_object_set_new(json, table[key].name,
					    json_integer((json_int_t)value));
		else if (table[key].form == FORM_SWITCH)
			json_object_set_new(json, table[key].name, json_boolean(value));
		else
			json_object_set_new(
				json, table[key].name,
				json_string(format_value(key, value, text, sizeof(text))));
	}
	return json;
}

static bool value_from_json(enum vf_key key, const json_t *json, uint64_t *ret)
{
	switch (table[key].form) {
	case FORM_NUMBER:
		*ret = (uint64_t)json_integer_value(json);
		return json_is_integer(json) && json_integer_value(json) >= 0 &&
		       *ret <= table[key].max;
	case FORM_SWITCH:
		*ret = json_is_true(json);
		return json_is_boolean(json);
	case FORM_MAC:
	case FORM_WORD:
		return json_is_string(json) && parse_value(key, json_string_value(json), ret);
	}
	return false;
}

static int bad_value(enum vf_key key, const json_t *json, struct tio_error *err)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);

	error_kind_set(err, ERROR_INVALID, -EBADMSG, "\"%s\" is %s, not %.60s", table[key].name,
		       table[key].expected, text ? text : "that");
	free(text);
	return -EBADMSG;
}

int vf_from_json(const json_t *json, struct vf_settings *ret, struct tio_error *err)
{
	struct vf_settings settings = { 0 };
	json_t *members = (json_t *)json, *member;
	const char *name;
	uint64_t value;

	json_object_foreach(members, name, member)
	{
		enum vf_key key = vf_key_find(name);

		if (json_is_null(member))
			continue;
		if (key == VF_KEYS_N)
			return error_kind_set(err, ERROR_INVALID, -EBADMSG,
					      "a VF has no setting \"%.40s\"", name);
		if (!value_from_json(key, member, &value))
			return bad_value(key, member, err);
		vf_set(&settings, key, value);
	}
	*ret = settings;
	return 0;
}

int vf_check(const struct vf_settings *settings, struct tio_error *err)
{
	const uint64_t mac = settings->value[VF_MAC];
	char text[32];

	if (vf_given(settings, VF_MAC) && (mac == 0 || mac >> 40 & 1)) {
		error_kind_set(err, ERROR_INVALID, -EINVAL,
			       "%s is %s address, which no interface can have",
			       format_value(VF_MAC, mac, text, sizeof(text)),
			       mac == 0 ? "the zero" : "a multicast");
		error_fix(err, "choose one whose first byte is even, such as "
			       "02:00:00:00:00:01");
		return -EINVAL;
	}
	if ((vf_given(settings, VF_QOS) || vf_given(settings, VF_PROTO)) &&
	    (!vf_given(settings, VF_VLAN) || !settings->value[VF_VLAN])) {
		error_kind_set(err, ERROR_INVALID, -EINVAL,
			       "a VLAN's priority and protocol say nothing without a VLAN");
		error_fix(err, "name the VLAN, too");
		return -EINVAL;
	}
	if (vf_given(settings, VF_RATE_MIN) && vf_given(settings, VF_RATE_MAX) &&
	    settings->value[VF_RATE_MAX] &&
	    settings->value[VF_RATE_MIN] > settings->value[VF_RATE_MAX]) {
		error_kind_set(err, ERROR_INVALID, -EINVAL,
			       "the least rate is more than the highest rate");
		error_fix(err, "swap them");
		return -EINVAL;
	}
	return 0;
}
