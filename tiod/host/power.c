/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/power.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "host/sysfs.h"

static const char *const names[POWER_ATTRIBUTE_COUNT] = {
	[POWER_D3COLD] = "d3cold_allowed",
	[POWER_CONTROL] = "power/control",
	[POWER_RESET] = "reset_method",
};

static uint8_t read_setting(int dir, const char *name, const char *no, const char *yes)
{
	char text[16];

	if (attr_read(dir, name, text, sizeof(text)) < 0)
		return SETTING_UNKNOWN;
	if (strcmp(text, yes) == 0)
		return SETTING_YES;
	return strcmp(text, no) == 0 ? SETTING_NO : SETTING_UNKNOWN;
}

void power_read(int dir, struct power *ret)
{
	struct power power = { 0 };
	char methods[sizeof(power.reset)];

	power.d3cold_allowed = read_setting(dir, names[POWER_D3COLD], "0", "1");
	power.always_on = read_setting(dir, names[POWER_CONTROL], "auto", "on");
	if (attr_read(dir, names[POWER_RESET], methods, sizeof(methods)) >= 0)
		text_copy(power.reset, sizeof(power.reset), methods);
	*ret = power;
}

int power_set(int root, struct bdf bdf, enum power_attribute which, const char *value,
	      struct tio_error *err)
{
	struct attr attr = attr_of_function(bdf, names[which]);
	char found[64];
	int r;

	r = sysfs_write(root, &attr, value, err);
	if (r == 0)
		r = sysfs_read(root, &attr, found, sizeof(found), err);
	if (r < 0)
		return r;
	if (strcmp(found, value) != 0)
		return sysfs_mismatch(&attr, -EPROTO, value, found, err);
	return 0;
}
