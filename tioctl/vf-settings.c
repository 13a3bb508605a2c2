/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/vf-settings.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/render.h"

enum form { FORM_TEXT, FORM_NUMBER, FORM_SWITCH };

static const struct {
	enum option option;
	const char *key;
	enum form form;
} table[] = {
	{ OPTION_MAC, "mac", FORM_TEXT },
	{ OPTION_VLAN, "vlan", FORM_NUMBER },
	{ OPTION_VLAN_QOS, "qos", FORM_NUMBER },
	{ OPTION_TRUST, "trust", FORM_SWITCH },
	{ OPTION_SPOOFCHK, "spoofchk", FORM_SWITCH },
	{ OPTION_LINK_STATE, "linkState", FORM_TEXT },
	{ OPTION_MAX_RATE, "maxRate", FORM_NUMBER },
	{ OPTION_MSIX, "msix", FORM_NUMBER },
};

static json_t *value_of(const char *text, enum form form)
{
	uint64_t number;

	switch (form) {
	case FORM_TEXT:
		return json_string(text);
	case FORM_NUMBER:
		return text_to_u64(text, 10, &number) == 0 && number <= UINT32_MAX
			       ? json_integer((json_int_t)number)
			       : NULL;
	case FORM_SWITCH:
		return json_boolean(strcmp(text, "on") == 0);
	}
	return NULL;
}

int vf_settings_get(const struct options *options, const struct screen *screen, json_t **ret)
{
	auto_json json_t *settings = must(json_object());

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *text = options->value[table[i].option];
		json_t *value = text ? value_of(text, table[i].form) : NULL;

		if (text && !value) {
			screen_line(screen, "tioctl: %s is %s, not \"%.64s\"",
				    options_name(table[i].option),
				    table[i].form == FORM_NUMBER ? "a number" : "text", text);
			return -EINVAL;
		}
		if (value)
			json_object_set_new(settings, table[i].key, value);
	}
	*ret = json_object_size(settings) ? take_json(&settings) : NULL;
	return 0;
}
