/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "core/plugins.h"

extern const struct tio_plugin tio_plugin;

#define CARD    0xe100ull
#define OTHER   0xe200ull
#define DISPLAY 0x030200
#define AUDIO   0x040300
#define USB     0x0c0330

static const struct {
	struct tio_function lead, sibling;
	bool companion;
} cases[] = {
	{ { .class = DISPLAY, .same_card = CARD },
	  { .class = AUDIO, .same_card = CARD },
	  true },
	{ { .class = 0x030000, .same_card = CARD },
	  { .class = AUDIO, .same_card = CARD },
	  true },
	{ { .class = DISPLAY, .same_card = CARD },
	  { .class = AUDIO, .same_card = OTHER },
	  false },
	{ { .class = DISPLAY, .same_card = CARD }, { .class = USB, .same_card = CARD }, false },
	{ { .class = 0x020000, .same_card = CARD },
	  { .class = AUDIO, .same_card = CARD },
	  false },
	/* It goes with the card; the card does not go with it. */
	{ { .class = AUDIO, .same_card = CARD },
	  { .class = DISPLAY, .same_card = CARD },
	  false },
	{ { .class = DISPLAY, .same_card = CARD, .is_vf = true },
	  { .class = AUDIO, .same_card = CARD },
	  false },
};

Test(generic, only_a_graphics_cards_own_audio_goes_along)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect(eq(int, tio_plugin.is_companion(&cases[i].lead, &cases[i].sibling),
			     cases[i].companion),
			  "case %zu", i);
}

Test(generic, matches_anything)
{
	struct plugins plugins = { .list = { &tio_plugin }, .n = 1 };
	struct function f = { .vendor = 0x1234, .class = USB };

	cr_expect(eq(ptr, (void *)plugins_find(&plugins, &f), (void *)&tio_plugin));
	cr_expect(eq(str, (char *)tio_plugin.name, "generic"));
	cr_expect(eq(uint, tio_plugin.abi, TIO_PLUGIN_ABI));
	cr_expect(eq(uint, tio_plugin.size, sizeof(struct tio_plugin)));
}
