/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "fake-suite.h"

#define MAC 0x020000000001

FAKE_SUITE(vf_admin);

static void ask_for(const char *names)
{
	request = a_request(&host, VERB_ATTACH, names);
	request.vfs = 4;
}

static void attach(void)
{
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

static void detach(const char *names)
{
	request = a_request(&host, VERB_DETACH, names);
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

static char *settings_of(unsigned vf)
{
	static char text[320];

	return (char *)vf_format(&host.vf_admin[vf], text, sizeof(text));
}

/* --- Values --- */

struct text_case {
	char key[16], text[24];
	bool good;
};

ParameterizedTestParameters(vf_admin, a_value_is_taken_or_not)
{
	static struct text_case cases[] = {
		{ "mac", "02:00:00:00:00:01", true },
		{ "mac", "02-00-00-00-00-01", false },
		{ "mac", "2:0:0:0:0:1", false },
		{ "mac", "02:00:00:00:00:01:02", false },
		{ "mac", "02:00:00:00:00", false },
		{ "mac", "02:00:00:00:00:0g", false },
		{ "mac", "0x:00:00:00:00:01", false },
		{ "mac", "02:00:00:00:00: 1", false },
		{ "mac", "", false },
		{ "vlan", "0", true },
		{ "vlan", "4094", true },
		{ "vlan", "4095", false },
		{ "vlan", "-1", false },
		{ "vlan", "twelve", false },
		{ "qos", "7", true },
		{ "qos", "8", false },
		{ "trust", "on", true },
		{ "trust", "maybe", false },
		{ "linkState", "auto", true },
		{ "linkState", "up", false },
		{ "vlanProtocol", "802.1ad", true },
		{ "vlanProtocol", "802.1x", false },
		{ "maxRate", "4294967295", true },
		{ "maxRate", "4294967296", false },
		{ "msix", "2048", true },
		{ "msix", "2049", false },
	};

	return cr_make_param_array(struct text_case, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct text_case *c, vf_admin, a_value_is_taken_or_not)
{
	enum vf_key key = vf_key_find(c->key);
	struct vf_settings s = { 0 };
	const char *expected = NULL;
	int r = vf_parse(&s, key, c->text, &expected);

	cr_expect(eq(int, r == 0, c->good), "%s %s", c->key, c->text);
	cr_expect(eq(int, vf_given(&s, key), c->good));
	cr_expect(ne(ptr, (void *)expected, NULL));
}

Test(vf_admin, json_says_what_the_settings_are)
{
	struct vf_settings s = { 0 }, back;
	json_t *json;

	for (enum vf_key key = 0; key < VF_KEYS_N; key++)
		vf_set(&s, key, 1);
	json = vf_to_json(&s);
	cr_expect(eq(sz, json_object_size(json), VF_KEYS_N));
	cr_assert(eq(int, vf_from_json(json, &back, &err), 0), "%s", err.text);
	cr_expect(eq(int, memcmp(&s, &back, sizeof(s)), 0));
	json_decref(json);
	cr_assert(eq(int, vf_from_json(NULL, &back, &err), 0));
	cr_expect(eq(u32, back.given, 0));
}

struct json_case {
	char text[40], sentence[120];
};

ParameterizedTestParameters(vf_admin, json_that_makes_no_sense_is_refused)
{
	static struct json_case cases[] = {
		{ "{\"mac\": 12}",
		  "\"mac\" is a MAC address such as 02:00:00:00:00:01, not 12" },
		{ "{\"vlan\": -1}",
		  "\"vlan\" is a VLAN from 1 to 4094, or 0 for none, not -1" },
		{ "{\"vlan\": 4095}",
		  "\"vlan\" is a VLAN from 1 to 4094, or 0 for none, not 4095" },
		{ "{\"trust\": \"on\"}", "\"trust\" is on or off, not \"on\"" },
		{ "{\"speed\": 1}", "a VF has no setting \"speed\"" },
	};

	return cr_make_param_array(struct json_case, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct json_case *c, vf_admin, json_that_makes_no_sense_is_refused)
{
	json_t *json = json_loads(c->text, 0, NULL);
	struct vf_settings s;

	cr_expect(eq(int, vf_from_json(json, &s, &err), -EBADMSG));
	cr_expect(eq(str, err.text, c->sentence));
	cr_expect(eq(int, (int)err.kind, ERROR_INVALID));
	json_decref(json);
}

/* --- Attach and detach --- */

Test(vf_admin, settings_are_made_before_the_vf_is_bound_and_put_back)
{
	const char *set, *bound;

	vf_set(&host.vf_admin[2], VF_VLAN, 7);
	fake_state(&host, before, sizeof(before));
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_MAC, MAC);
	vf_set(&request.settings, VF_VLAN, 12);
	vf_set(&request.settings, VF_TRUST, 1);
	attach();
	cr_expect(eq(u64, host.vf_admin[2].value[VF_MAC], MAC));
	cr_expect(eq(u64, host.vf_admin[2].value[VF_VLAN], 12));
	cr_expect(eq(u64, host.vf_admin[2].value[VF_TRUST], 1));
	set = strstr(host.trace,
		     "vf_admin 0000:02:00.3 MAC address 02:00:00:00:00:01, VLAN 12, "
		     "trust on");
	bound = strstr(host.trace, "bind 0000:02:00.3 vfio-pci");
	cr_expect(set && bound && set < bound, "%s", host.trace);
	cr_expect(strstr(host.trace, "sriov_numvfs") < set);

	detach("02:00.0/vf2");
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(vf_admin, a_second_attach_with_the_same_settings_changes_nothing)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 12);
	attach();
	host.changes = 0;
	attach();
	cr_expect(eq(uint, host.changes, 0));
	ask_for("02:00.0/vf2");
	attach();
	cr_expect(eq(uint, host.changes, 0), "nor without naming them");
}

Test(vf_admin, what_is_so_already_is_not_written)
{
	vf_set(&host.vf_admin[2], VF_VLAN, 12);
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 12);
	vf_set(&request.settings, VF_TRUST, 1);
	attach();
	cr_expect(strstr(host.trace, "vf_admin 0000:02:00.3 trust on;") != NULL, "%s",
		  host.trace);
}

/* After a reboot: the reservation is there, the journal and all that it speaks of is not. */
static void reboot(void)
{
	struct assignments all = host.all;

	host.all = (struct assignments){ 0 };
	fake_host_finish(&host);
	fake_host_init(&host);
	host.all = all;
}

Test(vf_admin, settings_are_kept_with_the_reservation)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_MAC, MAC);
	attach();
	reboot();
	ask_for("02:00.0/vf2");
	attach();
	cr_expect(eq(u64, host.vf_admin[2].value[VF_MAC], MAC));
	detach("02:00.0/vf2");
	cr_expect(eq(u64, host.vf_admin[2].value[VF_MAC], 0));
	cr_expect(eq(sz, host.all.n, 0));
}

Test(vf_admin, other_settings_replace_those_that_were_kept)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_MAC, MAC);
	vf_set(&request.settings, VF_VLAN, 12);
	attach();
	reboot();
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 13);
	attach();
	cr_expect(eq(u64, host.vf_admin[2].value[VF_MAC], MAC));
	cr_expect(eq(u64, host.all.list[0].settings.value[VF_VLAN], 13));
	detach("02:00.0/vf2");
	cr_expect(eq(sz, host.all.n, 0), "the reservation ends with the detach");
}

Test(vf_admin, a_failed_attach_leaves_the_kept_settings_as_they_were)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 12);
	attach();
	reboot();
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 13);
	host.fail_call = "bind";
	host.fail_code = -EIO;
	cr_assert(eq(int, fake_run(&host, &request, &err), -EIO));
	cr_assert(eq(sz, host.all.n, 1));
	cr_expect(eq(u64, host.all.list[0].settings.value[VF_VLAN], 12));
	cr_expect(eq(u64, host.vf_admin[2].value[VF_VLAN], 0));
}

Test(vf_admin, what_the_file_says_is_for_network_cards_and_weighs_less)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.vm.network, VF_VLAN, 12);
	vf_set(&request.vm.network, VF_TRUST, 1);
	vf_set(&request.settings, VF_VLAN, 13);
	attach();
	cr_expect(eq(u64, host.vf_admin[2].value[VF_VLAN], 13));
	cr_expect(eq(u64, host.vf_admin[2].value[VF_TRUST], 1));
	cr_expect(not(vf_given(&host.all.list[0].settings, VF_TRUST)),
		  "the file may say something else tomorrow");
	detach("02:00.0/vf2");

	fake_function(&host, "02:00.0")->class = 0x010802;
	ask_for("02:00.0/vf2");
	vf_set(&request.vm.network, VF_VLAN, 12);
	attach();
	cr_expect(eq(u64, host.vf_admin[2].value[VF_VLAN], 0));
}

Test(vf_admin, a_setting_that_the_driver_ignores_takes_all_back)
{
	fake_state(&host, before, sizeof(before));
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 12);
	host.fail_call = "vf_admin";
	host.fail_silently = true;
	cr_assert(eq(int, fake_run(&host, &request, &err), -EIO));
	cr_expect(
		eq(str, err.text,
		   "the PF's driver took \"VLAN 12\", but it holds \"VLAN 0\"; the host is as "
		   "it was before"));
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(vf_admin, a_setting_that_could_not_be_put_back_is_not_made)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_TRUST, 1);
	host.vf_keys_unseen = VF_BIT(VF_TRUST);
	cr_assert(eq(int, fake_run(&host, &request, &err), -EOPNOTSUPP));
	cr_expect(strstr(err.text, "does not show what is in force for \"trust on\"") != NULL,
		  "%s", err.text);
	cr_expect(eq(ptr, strstr(host.trace, "vf_admin"), NULL));
}

Test(vf_admin, vectors_go_back_to_what_the_driver_gives)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_MSIX, 32);
	/* The VF's own attribute: no network interface is asked. */
	host.vf_admin_unseen = true;
	attach();
	cr_expect(eq(u64, host.vf_admin[2].value[VF_MSIX], 32));
	detach("02:00.0/vf2");
	cr_expect(eq(u64, host.vf_admin[2].value[VF_MSIX], 0));
}

Test(vf_admin, a_failed_detach_sets_the_vf_again)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 12);
	attach();
	request = a_request(&host, VERB_DETACH, "02:00.0/vf2");
	host.fail_call = "sriov_numvfs";
	host.fail_count = 2;
	host.fail_code = -EIO;
	cr_assert(lt(int, fake_run(&host, &request, &err), 0));
	cr_expect(eq(u64, host.vf_admin[2].value[VF_VLAN], 12), "%s", settings_of(2));
	cr_expect(eq(sz, host.all.n, 1));
}

/* --- Killed before and after each change --- */

static void start_over(enum verb verb)
{
	fake_host_finish(&host);
	fake_host_init(&host);
	vf_set(&host.vf_admin[2], VF_VLAN, 7);
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 12);
	vf_set(&request.settings, VF_MSIX, 8);
	if (verb == VERB_DETACH) {
		attach();
		request = a_request(&host, VERB_DETACH, "02:00.0/vf2");
	}
}

/* Every death must leave one of the two states that live calls leave. */
static unsigned kill_everywhere(enum verb verb)
{
	static char idle[4096], attached[4096];
	unsigned deaths = 0;

	start_over(VERB_DETACH);
	fake_state(&host, attached, sizeof(attached));
	start_over(VERB_ATTACH);
	fake_state(&host, idle, sizeof(idle));
	for (unsigned at = 1;; at++) {
		start_over(verb);
		if (!die_and_recover(at))
			return deaths;
		deaths++;
		fake_state(&host, after, sizeof(after));
		cr_assert(strcmp(after, idle) == 0 || strcmp(after, attached) == 0,
			  "killed at %u of %s:\n%s", at, verb_to_string(verb), after);
	}
}

Test(vf_admin, killed_anywhere_a_vf_is_set_or_as_before)
{
	IGNORE_LEAKS();
	cr_expect(gt(uint, kill_everywhere(VERB_ATTACH), 24));
	cr_expect(gt(uint, kill_everywhere(VERB_DETACH), 24));
}

/* --- Plan and refusals --- */

static char *the_plan(void)
{
	static char text[2048];

	return (char *)fake_plan(&host, &request, text, sizeof(text));
}

Test(vf_admin, the_plan_has_the_step_behind_the_vfs)
{
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_VLAN, 12);
	cr_expect(eq(str, the_plan(),
		     "reserve 0000:02:00.3; stop-vf-autoprobe 0000:02:00.0; enable-vfs "
		     "0000:02:00.0; configure-vf 0000:02:00.3; connect-tsm 0000:02:00.0; "
		     "verify-ide 0000:02:00.0; rebind 0000:02:00.3; wait-cdev 0000:02:00.3"));
}

static void with_address(uint64_t mac)
{
	vf_set(&request.settings, VF_MAC, mac);
}

static void multicast(void)
{
	with_address(0x030000000001);
}

static void zero(void)
{
	with_address(0);
}

static void one_for_two(void)
{
	ask_for("02:00.0/vf1 02:00.0/vf2");
	with_address(MAC);
}

static void priority_alone(void)
{
	vf_set(&request.settings, VF_QOS, 3);
}

static void rates_crossed(void)
{
	vf_set(&request.settings, VF_RATE_MIN, 10);
	vf_set(&request.settings, VF_RATE_MAX, 5);
}

static void no_vf(void)
{
	ask_for("01:00.0");
	request.vfs = 0;
	vf_set(&request.settings, VF_TRUST, 1);
}

static void no_interface(void)
{
	fake_function(&host, "02:00.0")->netdev[0] = '\0';
	vf_set(&request.settings, VF_TRUST, 1);
}

static void switchdev_vlan(void)
{
	fake_function(&host, "02:00.0")->eswitch = ESWITCH_SWITCHDEV;
	vf_set(&request.settings, VF_VLAN, 12);
	with_address(MAC);
}

static void unknown_switch(void)
{
	fake_function(&host, "02:00.0")->eswitch = ESWITCH_UNKNOWN;
	with_address(MAC);
}

static void no_vectors(void)
{
	fake_function(&host, "02:00.0")->vf_msix_total = 0;
	vf_set(&request.settings, VF_MSIX, 8);
}

static void too_many_vectors(void)
{
	vf_set(&request.settings, VF_MSIX, 65);
}

static void vectors_of_a_driver(void)
{
	attach();
	detach("02:00.0/vf2");
	fake_host_ops.set_vfs(&host, address("02:00.0"), 4, &err);
	text_copy(fake_function(&host, "02:00.3")->driver, DRIVER_NAME_MAX, "mlx5_core");
	ask_for("02:00.0/vf2");
	vf_set(&request.settings, VF_MSIX, 8);
}

static void given_already(void)
{
	attach();
	vf_set(&request.settings, VF_VLAN, 12);
}

static const struct {
	void (*prepare)(void);
	const char *sentence;
} refusals[] = {
	{ multicast, "InvalidRequest: 03:00:00:00:00:01 is a multicast address, which no "
		     "interface can have" },
	{ zero, "InvalidRequest: 00:00:00:00:00:00 is the zero address, which no interface "
		"can have" },
	{ one_for_two, "InvalidRequest: two VFs cannot have one and the same MAC address "
		       "02:00:00:00:00:01" },
	{ priority_alone, "InvalidRequest: a VLAN's priority and protocol say nothing without "
			  "a VLAN" },
	{ rates_crossed, "InvalidRequest: the least rate is more than the highest rate" },
	{ no_vf, "InvalidRequest: it is no VF, and \"trust on\" can be set for VFs only" },
	{ no_interface, "NotReady: \"trust on\" is set through the PF's network interface, and "
			"with its driver mlx5_core it has none" },
	{ switchdev_vlan, "Conflict: its eswitch is in switchdev mode, where \"VLAN 12\" is "
			  "not the PF's to set" },
	{ unknown_switch,
	  "NotReady: devlink could not be asked for its eswitch mode, by which \"MAC address "
	  "02:00:00:00:00:01\" is set in one way or another" },
	{ no_vectors, "NotReady: its driver mlx5_core shares out no MSI-X vectors "
		      "(sriov_vf_total_msix is 0)" },
	{ too_many_vectors, "InvalidRequest: it has 64 MSI-X vectors for its VFs, and 65 were "
			    "asked for" },
	{ vectors_of_a_driver, "InUse: its MSI-X vectors can only be set while no driver has "
			       "it, and mlx5_core does" },
	{ given_already, "Conflict: it is attached to vm1 already, without \"VLAN 12\"" },
};

ParameterizedTestParameters(vf_admin, what_cannot_be_is_refused_with_a_sentence)
{
	static size_t numbers[ARRAY_SIZE(refusals)];

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		numbers[i] = i;
	return cr_make_param_array(size_t, numbers, ARRAY_SIZE(refusals));
}

ParameterizedTest(size_t *i, vf_admin, what_cannot_be_is_refused_with_a_sentence)
{
	ask_for("02:00.0/vf2");
	refusals[*i].prepare();
	cr_expect(eq(str, the_plan(), (char *)refusals[*i].sentence));
}

Test(vf_admin, an_address_is_not_refused_in_switchdev_mode)
{
	fake_function(&host, "02:00.0")->eswitch = ESWITCH_SWITCHDEV;
	ask_for("02:00.0/vf2");
	with_address(MAC);
	cr_expect(strstr(the_plan(), "configure-vf") != NULL, "%s", the_plan());
}
