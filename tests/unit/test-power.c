/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/power.h"
#include "fake-plugins.h"
#include "fake-suite.h"

FAKE_SUITE(power);

static int attach(const char *names, unsigned pins, const char *vm)
{
	request = a_request(&host, VERB_ATTACH, names);
	request.vfs = 4;
	request.vm.pins = pins;
	request.vm.pins_given = true;
	text_copy(request.vm.name, sizeof(request.vm.name), vm);
	return fake_run(&host, &request, &err);
}

static int detach(const char *names)
{
	request = a_request(&host, VERB_DETACH, names);
	return fake_run(&host, &request, &err);
}

/* "d3cold_allowed/always_on/reset" of a function. */
static char *power_of(const char *name)
{
	static char text[80];
	const struct power *power = &fake_function(&host, name)->power;

	snprintf(text, sizeof(text), "%d/%d/%s", power->d3cold_allowed, power->always_on,
		 power->reset);
	return text;
}

/* --- Words and values --- */

static const struct {
	const char *text;
	int r;
	unsigned pins;
} words[] = {
	{ "d3cold", 0, PIN_D3COLD },
	{ "on", 0, PIN_ON },
	{ "d3cold, on,reset", 0, PIN_D3COLD | PIN_ON | PIN_RESET },
	{ "d3cold on", 0, PIN_D3COLD | PIN_ON },
	{ "none", 0, 0 },
	{ "", -EINVAL, 0 },
	{ " , ", -EINVAL, 0 },
	{ "none,on", -EINVAL, 0 },
	{ "on,off", -EINVAL, 0 },
	{ "d3cold,on,reset,d3cold,on,reset,d3cold,on,reset,d3cold,on,reset,on", -EINVAL, 0 },
};

Test(power, the_words_of_a_vms_file_are_understood)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		unsigned pins = 77;

		cr_expect(eq(int, power_parse_pins(words[i].text, &pins), words[i].r), "\"%s\"",
			  words[i].text);
		cr_expect(eq(uint, pins, words[i].r ? 77 : words[i].pins), "\"%s\"",
			  words[i].text);
	}
}

static const struct {
	const char *found, *pinned;
	bool bus;
} resets[] = {
	{ "flr bus", "flr", false },
	{ "bus flr", "flr", true },
	{ "device_specific acpi flr af_flr pm bus cxl_bus",
	  "device_specific acpi flr af_flr pm", false },
	{ "cxl_bus pm", "pm", true },
	{ "bus", "bus", true }, /* the only way there is stays */
	{ "flr", "flr", false },
	{ "", "", false },
};

Test(power, a_reset_of_the_bus_is_dropped_unless_it_is_the_only_one)
{
	for (size_t i = 0; i < ARRAY_SIZE(resets); i++) {
		struct power found = { 0 }, pinned;

		text_copy(found.reset, sizeof(found.reset), resets[i].found);
		pinned = power_pinned(&found, PIN_RESET);
		cr_expect(eq(str, pinned.reset, (char *)resets[i].pinned));
		pinned = power_pinned(&found, PIN_ON | PIN_D3COLD);
		cr_expect(eq(str, pinned.reset, found.reset));
		cr_expect(eq(int, power_resets_bus(found.reset), resets[i].bus), "%s",
			  found.reset);
	}
}

Test(power, what_the_kernel_does_not_have_is_not_pinned)
{
	struct power none = { 0 };
	struct power pinned = power_pinned(&none, PIN_D3COLD | PIN_ON | PIN_RESET);

	cr_expect(power_equal(&none, &pinned));
}

/* --- Attach and detach --- */

Test(power, a_card_is_kept_awake_under_vfio_and_put_back)
{
	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, attach("01:00.0", PIN_D3COLD | PIN_ON | PIN_RESET, "vm1"), 0), "%s",
		  err.text);
	cr_expect(eq(str, power_of("01:00.0"), "1/2/flr"));
	cr_assert(eq(int, detach("01:00.0"), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	cr_expect(eq(str, host.journal, ""));
}

Test(power, nothing_is_written_that_nobody_wishes)
{
	cr_assert(eq(int, attach("01:00.0", 0, "vm1"), 0), "%s", err.text);
	cr_expect(eq(ptr, strstr(host.trace, "power/control"), NULL), "%s", host.trace);
	cr_expect(eq(ptr, strstr(host.trace, "d3cold_allowed"), NULL), "%s", host.trace);
	cr_expect(eq(ptr, strstr(host.trace, "reset_method"), NULL), "%s", host.trace);
}

/* Its driver lets it sleep when it comes back, but an admin had said otherwise. */
Test(power, what_was_on_before_is_on_again_after)
{
	fake_function(&host, "01:00.0")->power.always_on = SETTING_YES;
	fake_function(&host, "01:00.0")->power.d3cold_allowed = SETTING_NO;
	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, attach("01:00.0", PIN_D3COLD | PIN_ON, "vm1"), 0), "%s", err.text);
	cr_expect(eq(str, power_of("01:00.0"), "1/2/flr bus"));
	cr_assert(eq(int, detach("01:00.0"), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(power, a_pf_is_pinned_by_its_first_vf_and_let_go_by_its_last)
{
	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, attach("02:00.0/vf0", PIN_D3COLD | PIN_ON, "vm1"), 0), "%s",
		  err.text);
	cr_expect(eq(str, power_of("02:00.0"), "1/2/flr bus"));
	cr_assert(eq(int, attach("02:00.0/vf1", PIN_RESET, "vm2"), 0), "%s", err.text);
	cr_expect(eq(str, power_of("02:00.0"), "1/2/flr"));

	cr_assert(eq(int, detach("02:00.0/vf0"), 0), "%s", err.text);
	cr_expect(eq(str, power_of("02:00.0"), "1/2/flr"));
	cr_assert(eq(int, detach("02:00.0/vf1"), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

/* The link of all ends at function 0, whichever function a VM has. */
Test(power, function_0_is_pinned_for_another_function_of_its_card)
{
	struct function other = *fake_function(&host, "01:00.0");

	other.bdf = address("01:00.1");
	other.iommu_group = 9;
	snapshot_put(&host.world, &other);
	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, attach("01:00.1", PIN_ON, "vm1"), 0), "%s", err.text);
	cr_expect(eq(str, power_of("01:00.0"), "2/2/flr bus"));
	cr_expect(eq(str, power_of("01:00.1"), "2/2/flr bus"));
	cr_assert(eq(int, detach("01:00.1"), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

/* Its own driver comes back to function 0, and would let it sleep under the link of the other.
 */
Test(power, function_0_stays_awake_when_it_leaves_before_the_others)
{
	struct function other = *fake_function(&host, "01:00.0");

	other.bdf = address("01:00.1");
	other.iommu_group = 9;
	snapshot_put(&host.world, &other);
	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, attach("01:00.0 01:00.1", PIN_ON, "vm1"), 0), "%s", err.text);
	cr_assert(eq(int, detach("01:00.0"), 0), "%s", err.text);
	cr_expect(eq(str, power_of("01:00.0"), "2/2/flr bus"));
	cr_assert(eq(int, detach("01:00.1"), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(power, what_the_first_attach_found_is_put_back_not_what_came_between)
{
	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, attach("01:00.0", PIN_D3COLD | PIN_ON, "vm1"), 0), "%s", err.text);
	fake_function(&host, "01:00.0")->power.always_on = SETTING_NO;
	host.trace[0] = '\0';
	cr_assert(eq(int, attach("01:00.0", PIN_D3COLD | PIN_ON, "vm1"), 0), "%s", err.text);
	cr_expect(ne(ptr, strstr(host.trace, "power/control 0000:01:00.0 on"), NULL), "%s",
		  host.trace);
	cr_assert(eq(int, detach("01:00.0"), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(power, an_attach_that_has_all_it_asks_for_writes_nothing)
{
	cr_assert(eq(int, attach("01:00.0", PIN_D3COLD | PIN_ON, "vm1"), 0), "%s", err.text);
	host.trace[0] = '\0';
	cr_assert(eq(int, attach("01:00.0", PIN_D3COLD | PIN_ON, "vm1"), 0), "%s", err.text);
	cr_expect(eq(str, host.trace, ""));
}

/* --- Failures --- */

static const struct {
	const char *call;
	unsigned nth;
	bool silently;
} failures[] = {
	{ "d3cold_allowed", 1, false }, { "d3cold_allowed", 1, true },
	{ "power/control", 1, false },  { "power/control", 1, true },
	{ "power/control", 2, false }, /* under vfio-pci */
	{ "reset_method", 1, false },   { "reset_method", 1, true },
};

Test(power, a_pin_that_fails_takes_all_back)
{
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		int r;

		fake_host_finish(&host);
		fake_host_init(&host);
		fake_state(&host, before, sizeof(before));
		host.fail_call = failures[i].call;
		host.fail_nth = failures[i].nth;
		host.fail_silently = failures[i].silently;
		host.fail_code = -EINVAL;
		r = attach("01:00.0", PIN_D3COLD | PIN_ON | PIN_RESET, "vm1");
		cr_expect(lt(int, r, 0), "%s", failures[i].call);
		cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
		cr_expect(eq(str, host.journal, ""));
	}
}

Test(power, a_failed_detach_keeps_the_card_awake)
{
	cr_assert(eq(int, attach("01:00.0", PIN_D3COLD | PIN_ON | PIN_RESET, "vm1"), 0), "%s",
		  err.text);
	fake_state(&host, before, sizeof(before));
	host.fail_call = "tsm/disconnect";
	host.fail_count = 2;
	host.fail_code = -EINTR;
	cr_expect(eq(int, detach("01:00.0"), -EINTR));
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(power, a_link_that_the_first_sleep_dropped_is_noticed)
{
	host.sleep_drops_link = true;
	fake_state(&host, before, sizeof(before));
	cr_expect(eq(int, attach("01:00.0", 0, "vm1"), -EPROTO));
	cr_expect(ne(ptr, strstr(err.text, "no longer"), NULL), "%s", err.text);
	cr_expect(ne(ptr, strstr(err.fix, "disable_idle_d3=1"), NULL), "%s", err.fix);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

/* --- Who wishes --- */

static const struct tio_traits traits = { .kind = "GPU", .pins = TIO_PIN_D3COLD | 0x8000 };
static const struct tio_match matches[] = { { 0x1af4, 0x1000, 0, 0, &traits } };
static const struct tio_plugin wishing = { TIO_PLUGIN_HEAD, .name = "wishing", .match = matches,
					   .n_match = 1 };

Test(power, a_vms_file_has_the_last_word_over_a_plugin)
{
	struct vm silent = { 0 }, none = { .pins_given = true };
	struct vm own = { .pins_given = true, .pins = PIN_RESET };
	const struct function *f = fake_function(&host, "01:00.0");
	struct function vf = { .kind = FUNCTION_VF, .vendor = 0x1af4, .device = 0x1000 };
	struct fake_plugins fake;

	fake_plugins_init(&fake);
	fake_plugins_add(&fake, &wishing);
	cr_expect(eq(uint, power_pins(&fake.plugins, &silent, f), PIN_D3COLD));
	cr_expect(eq(uint, power_pins(&fake.plugins, &none, f), 0));
	cr_expect(eq(uint, power_pins(&fake.plugins, &own, f), PIN_RESET));
	cr_expect(eq(uint, power_pins(NULL, &silent, f), 0));
	cr_expect(eq(uint, power_pins(&fake.plugins, &own, &vf), 0));
	cr_expect(eq(uint, power_pins(&fake.plugins, &own, NULL), 0));
}
