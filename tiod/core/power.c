/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/power.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

/* --- What is wished --- */

int power_parse_pins(const char *text, unsigned *ret)
{
	static const struct {
		const char *name;
		unsigned pin;
	} words[] = {
		{ "none", 0 },
		{ "d3cold", PIN_D3COLD },
		{ "on", PIN_ON },
		{ "reset", PIN_RESET },
	};
	char list[64], *rest = list, *word;
	unsigned pins = 0, n = 0;

	if (!text_copy(list, sizeof(list), text))
		return -EINVAL;
	while ((word = strsep(&rest, ", \t"))) {
		size_t i = 0;

		if (!*word)
			continue;
		while (i < ARRAY_SIZE(words) && strcmp(words[i].name, word) != 0)
			i++;
		if (i == ARRAY_SIZE(words))
			return -EINVAL;
		pins |= words[i].pin;
		n++;
	}
	if (n == 0 || (n > 1 && strstr(text, "none")))
		return -EINVAL;
	*ret = pins;
	return 0;
}

unsigned power_pins(const struct plugins *plugins, const struct vm *vm,
		    const struct function *f)
{
	const struct plugin_traits *traits;

	if (!f || f->kind == FUNCTION_VF)
		return 0;
	if (vm->pins_given)
		return vm->pins;
	traits = plugins_claim(plugins, f).traits;
	return traits ? traits->pins & (PIN_D3COLD | PIN_ON) : 0;
}

/* --- What that makes of a function --- */

static bool is_of_bus(const char *method)
{
	return strcmp(method, "bus") == 0 || strcmp(method, "cxl_bus") == 0;
}

/* Without a way to reset it, what one VM left in it would be there for the next: keep all. */
static void drop_bus_resets(char *methods, size_t size)
{
	char list[sizeof(((struct power *)0)->reset)], kept[sizeof(list)] = "";
	char *rest = list, *word;

	text_copy(list, sizeof(list), methods);
	while ((word = strsep(&rest, " ")))
		if (*word && !is_of_bus(word))
			text_append(kept, sizeof(kept), "%s%s", kept[0] ? " " : "", word);
	if (kept[0])
		text_copy(methods, size, kept);
}

struct power power_pinned(const struct power *now, unsigned pins)
{
	struct power power = *now;

	if ((pins & PIN_D3COLD) && power.d3cold_allowed)
		power.d3cold_allowed = SETTING_NO;
	if ((pins & PIN_ON) && power.always_on)
		power.always_on = SETTING_YES;
	if (pins & PIN_RESET)
		drop_bus_resets(power.reset, sizeof(power.reset));
	return power;
}

bool power_equal(const struct power *a, const struct power *b)
{
	return a->d3cold_allowed == b->d3cold_allowed && a->always_on == b->always_on &&
	       strcmp(a->reset, b->reset) == 0;
}

void power_describe(const struct power *power, unsigned pins, char *buf, size_t size)
{
	buf[0] = '\0';
	if ((pins & PIN_D3COLD) && power->d3cold_allowed)
		text_append(buf, size, "d3cold_allowed=%d",
			    power->d3cold_allowed == SETTING_YES);
	if ((pins & PIN_ON) && power->always_on)
		text_append(buf, size, "%spower/control=%s", buf[0] ? ", " : "",
			    power->always_on == SETTING_YES ? "on" : "auto");
	if ((pins & PIN_RESET) && power->reset[0])
		text_append(buf, size, "%sreset_method=%s", buf[0] ? ", " : "", power->reset);
}

bool power_resets_bus(const char *methods)
{
	char first[sizeof(((struct power *)0)->reset)];

	text_copy(first, sizeof(first), methods);
	first[strcspn(first, " ")] = '\0';
	return is_of_bus(first);
}
