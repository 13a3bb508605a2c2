/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/declaration.h"
#include "core/plan.h"
#include "fake-host.h"
#include "fake-plugins.h"

/* --- Who speaks for what --- */

static const struct tio_traits nic = {
	.kind = "NIC",
	.host_module = "fancy_nic",
	.vf_note = "its VFs are shy",
	.bind_ms = 90000,
	.unbind_ms = 30000,
	.vfs_ms = 1000,
	.per_vf_ms = 50000,
	.vfs_max = 4,
};
static const struct tio_traits eternal = { .bind_ms = UINT32_MAX, .unbind_ms = UINT32_MAX };
static const struct tio_traits hasty = { .bind_ms = 1, .unbind_ms = 1, .vfs_ms = 1 };

static const struct tio_match any[] = { { 0 } };
static const struct tio_match by_vendor[] = { { .vendor = 0x15b3, .traits = &hasty } };
static const struct tio_match by_class[] = {
	{ .class = 0x020000, .class_mask = 0xff0000, .traits = &eternal }
};
static const struct tio_match by_device[] = {
	{ .vendor = 0x15b3, .device = 0x1021, .traits = &nic },
	{ .vendor = 0x15b3, .device = 0x1023 },
};

#define PLUGIN(plugin_name, rows)                                                              \
	{                                                                                      \
		TIO_PLUGIN_HEAD, .name = plugin_name, .match = rows,                           \
				 .n_match = ARRAY_SIZE(rows),                                  \
	}

static const struct tio_plugin generic = PLUGIN("generic", any);
static const struct tio_plugin vendor = PLUGIN("vendor", by_vendor);
static const struct tio_plugin class = PLUGIN("class", by_class);
static const struct tio_plugin device = PLUGIN("device", by_device);

static const struct {
	uint16_t vendor, device;
	uint32_t class;
	char *plugin;
	bool specific;
} claims[] = {
	{ 0x1234, 0x1021, 0x010802, "generic", false },
	{ 0x1234, 0x1021, 0x020000, "class", true },
	{ 0x15b3, 0x9999, 0x020000, "vendor", true },
	{ 0x15b3, 0x1021, 0x020000, "device", true },
	{ 0x15b3, 0x1023, 0x010802, "device", true },
};

Test(plugins, the_narrowest_match_speaks_for_a_function)
{
	struct fake_plugins fake;

	fake_plugins_init(&fake);
	fake_plugins_add(&fake, &generic);
	fake_plugins_add(&fake, &device);
	fake_plugins_add(&fake, &class);
	fake_plugins_add(&fake, &vendor);
	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		struct function f = { .vendor = claims[i].vendor,
				      .device = claims[i].device,
				      .class = claims[i].class };
		struct plugin_claim claim = plugins_claim(&fake.plugins, &f);

		cr_assert(ne(ptr, (void *)claim.plugin, NULL), "case %zu", i);
		cr_expect(eq(str, (char *)claim.plugin->name, claims[i].plugin), "case %zu", i);
		cr_expect(eq(int, claim.specific, claims[i].specific), "case %zu", i);
	}
}

Test(plugins, nobody_speaks_where_there_are_none)
{
	struct plugins none = { 0 };
	struct function f = { .vendor = 1 };

	cr_expect(eq(ptr, (void *)plugins_claim(NULL, &f).plugin, NULL));
	cr_expect(eq(ptr, (void *)plugins_claim(&none, &f).plugin, NULL));
	cr_expect(eq(str, (char *)plugins_host_module(NULL, &f), ""));
}

Test(plugins, an_address_comes_back_as_it_was)
{
	struct bdf bdf = { .domain = 0xabcd, .bus = 0xe1, .device = 31, .function = 7 };
	struct function f = { .bdf = bdf };

	f.bdf.valid = true;
	cr_expect(bdf_equal(plugins_address(plugins_view(&f).address), f.bdf));
}

static const struct {
	const struct tio_plugin *plugin;
	enum plugin_wait wait;
	unsigned vfs, ms, result;
} waits[] = {
	{ &device, WAIT_NONE, 0, 60000, 60000 },
	{ &device, WAIT_LOAD, 0, 60000, 90000 },
	{ &device, WAIT_REBIND, 0, 60000, 120000 },
	{ &device, WAIT_VFS, 2, 17000, 21000 }, /* its 50 s a VF count as 10 */
	{ &device, WAIT_VFS, 250, 265000, PLUGIN_WAIT_MAX_MS },
	{ &class, WAIT_REBIND, 0, 60000, PLUGIN_WAIT_MAX_MS },
	{ &class, WAIT_REBIND, 0, PLUGIN_WAIT_MAX_MS + 1, PLUGIN_WAIT_MAX_MS + 1 },
	{ &vendor, WAIT_REBIND, 0, 60000, 60000 }, /* shorter is not heard */
	{ &vendor, WAIT_VFS, 64, 79000, 79000 },
	{ &generic, WAIT_REBIND, 0, 60000, 60000 },
};

Test(plugins, a_deadline_is_only_lengthened_and_within_bounds)
{
	struct function f = { .vendor = 0x15b3, .device = 0x1021, .class = 0x020000 };

	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		struct fake_plugins fake;

		fake_plugins_init(&fake);
		fake_plugins_add(&fake, waits[i].plugin);
		cr_expect(eq(uint,
			     plugins_deadline(&fake.plugins, &f, waits[i].wait, waits[i].vfs,
					      waits[i].ms),
			     waits[i].result),
			  "case %zu", i);
	}
	cr_expect(eq(uint, plugins_deadline(NULL, &f, WAIT_REBIND, 0, 5), 5));
}

/* --- What a plugin may look like --- */

static const struct tio_traits many_nodes = { .n_nodes = 99, .nodes = (void *)"x" };
static const struct tio_traits no_nodes = { .n_nodes = 2 };
static const struct tio_traits odd_module = { .host_module = "a module" };
static const struct tio_match bad_nodes[] = { { .traits = &many_nodes } };
static const struct tio_match absent_nodes[] = { { .traits = &no_nodes } };
static const struct tio_match bad_module[] = { { .traits = &odd_module } };
static const struct tio_check no_run[] = { { "empty", NULL } };

/* A good one, and then one thing wrong. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
#define GOOD TIO_PLUGIN_HEAD, .name = "x", .match = any, .n_match = 1

static const struct {
	struct tio_plugin plugin;
	const char *why;
} bad[] = {
	{ { GOOD, .abi = 99 }, "f.so is for plugin interface 99, tiod has 1" },
	{ { GOOD, .size = 8 }, "f.so: its tio_plugin has 8 bytes, not " },
	{ { GOOD, .size = 4096 }, "f.so: its tio_plugin has 4096 bytes, which cannot be" },
	{ { GOOD, .match_size = 0 }, "f.so: its tio_match has 0 bytes" },
	{ { GOOD, .traits_size = 4 }, "f.so: its tio_traits has 4 bytes" },
	{ { GOOD, .function_size = 1 }, "f.so: its tio_function has 1 bytes" },
	{ { GOOD, .check_size = 17 }, "f.so: its tio_check has 17 bytes, which cannot be" },
	{ { GOOD, .name = NULL }, "f.so: its plugin has no proper name" },
	{ { GOOD, .name = "" }, "f.so: its plugin has no proper name" },
	{ { GOOD, .name = "../x" }, "f.so: its plugin has no proper name" },
	{ { GOOD, .name = "a-name-that-is-longer-than-any-plugin-needs" },
	  "f.so: its plugin has no proper name" },
	{ { GOOD, .match = NULL }, "f.so: plugin x matches no device" },
	{ { GOOD, .n_match = 0 }, "f.so: plugin x matches no device" },
	{ { GOOD, .n_match = SIZE_MAX }, "f.so: plugin x has 18446744073709551615 matches" },
	{ { GOOD, .n_checks = 17 }, "f.so: plugin x has 17 checks" },
	{ { GOOD, .n_checks = 1 }, "f.so: plugin x has 1 checks" },
	{ { GOOD, .checks = no_run, .n_checks = 1 }, "f.so: plugin x: check 0 makes no sense" },
	{ { GOOD, .match = bad_nodes }, "the traits of match 0 make no sense" },
	{ { GOOD, .match = absent_nodes }, "the traits of match 0 make no sense" },
	{ { GOOD, .match = bad_module }, "the traits of match 0 make no sense" },
};
#pragma GCC diagnostic pop

Test(plugins, nonsense_is_refused_with_its_reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct tio_error err = TIO_ERROR_NONE;
		struct plugin plugin;

		cr_expect(eq(int, declaration_read(&bad[i].plugin, "f.so", &plugin, &err),
			     -ENOEXEC),
			  "%s", bad[i].why);
		cr_expect(ne(ptr, strstr(err.text, bad[i].why), NULL), "%s: %s", bad[i].why,
			  err.text);
	}
}

/* What tomorrow's plugins are: more at the end of everything. */
struct newer_plugin {
	struct tio_plugin now;
	uint64_t more;
};

Test(plugins, a_newer_plugin_is_taken_unless_it_uses_what_is_new)
{
	struct newer_plugin newer = { .now = PLUGIN("newer", any) };
	struct tio_error err = TIO_ERROR_NONE;
	struct plugin plugin;

	newer.now.size = sizeof(newer);
	cr_expect(eq(int, declaration_read(&newer.now, "f.so", &plugin, &err), 0), "%s",
		  err.text);
	newer.more = 1;
	cr_expect(eq(int, declaration_read(&newer.now, "f.so", &plugin, &err), -ENOEXEC));
	cr_expect(eq(str, err.text, "f.so uses a newer interface than tiod's"));
}

Test(plugins, text_is_cut_and_made_printable)
{
	char endless[64], to[8];

	memset(endless, 'x', sizeof(endless));
	declaration_text(to, sizeof(to), endless);
	cr_expect(eq(str, to, "xxxxxxx"));
	declaration_text(to, sizeof(to),
			 "a\n\033\xff"
			 "b");
	cr_expect(eq(str, to, "a???b"));
	declaration_text(to, sizeof(to), NULL);
	cr_expect(eq(str, to, ""));
}

Test(plugins, what_comes_through_the_socket_is_checked_again)
{
	static struct plugin good, broken;
	struct tio_error err;
	struct tio_finding finding = { .verdict = 77 };

	cr_assert(eq(int, declaration_read(&device, "f.so", &good, &err), 0));
	cr_expect(eq(int, declaration_check(&good), 0));
#define BREAK(field, value)                                                                    \
	do {                                                                                   \
		broken = good;                                                                 \
		broken.field = (value);                                                        \
		cr_expect(eq(int, declaration_check(&broken), -EBADMSG));                      \
	} while (0)
	BREAK(n_match, 100000);
	BREAK(n_traits, 100000);
	BREAK(n_checks, 100000);
	BREAK(match[0].traits, 9);
	BREAK(traits[0].n_nodes, 100000);
	BREAK(name[0], '/');
	broken = good;
	memset(broken.traits[0].note, 'x', sizeof(broken.traits[0].note));
	cr_expect(eq(int, declaration_check(&broken), -EBADMSG));
	cr_expect(eq(int, declaration_check_finding(&finding), -EBADMSG));
	finding.verdict = TIO_WARN; /* and no sentence */
	cr_expect(eq(int, declaration_check_finding(&finding), -EBADMSG));
	memset(finding.text, '\n', sizeof(finding.text));
	cr_expect(eq(int, declaration_check_finding(&finding), 0));
	cr_expect(eq(sz, strlen(finding.text), TIO_TEXT_MAX - 1));
	cr_expect(eq(chr, finding.text[0], '?'));
}

/* --- What the engine hears --- */

static uint32_t verdict;

static void find(const struct tio_function *f, const struct tio_reader *reader,
		 struct tio_finding *ret)
{
	char power[16];

	ret->verdict = verdict;
	text_copy(ret->fix, sizeof(ret->fix), "press the button");
	if (reader->read(reader, "power/control", power, sizeof(power)) > 0)
		text_append(ret->text, sizeof(ret->text), "power is %s, driver %s", power,
			    f->driver);
}

static bool takes_all(const struct tio_function *lead, const struct tio_function *sibling)
{
	return true;
}

static const struct tio_check finds[] = { { "power", find } };
static const struct tio_match is_nvme[] = { { .class = 0x010802, .class_mask = 0xffffff } };
static const struct tio_plugin checking = {
	TIO_PLUGIN_HEAD,           .name = "checking", .match = is_nvme, .n_match = 1,
	.is_companion = takes_all, .checks = finds,    .n_checks = 1,
};
static const char *const attributes[] = { "power/control", "auto", NULL };

static struct fake_host host;
static struct fake_plugins fake;

static void start(void)
{
	fake_host_init(&host);
	fake_plugins_init(&fake);
	fake_plugins_add(&fake, &checking);
	fake.attributes = attributes;
	fake_function(&host, "01:00.0")->class = 0x010802;
	host.plugins = &fake.plugins;
}

static void finish(void)
{
	fake_host_finish(&host);
}

TestSuite(advice, .init = start, .fini = finish);

static const struct {
	uint32_t verdict;
	enum verb verb;
	enum error_kind kind; /* ERROR_FAILED: none */
} verdicts[] = {
	{ TIO_FINE, VERB_ATTACH, ERROR_FAILED },
	{ TIO_WARN, VERB_ATTACH, ERROR_FAILED },
	{ TIO_NOT_READY, VERB_ATTACH, ERROR_NOT_READY },
	{ TIO_NOT_READY, VERB_CONNECT, ERROR_NOT_READY },
	{ TIO_IN_USE, VERB_ATTACH, ERROR_IN_USE },
};

Test(advice, a_check_that_refuses_is_a_refusal_with_the_plugins_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		struct request request = a_request(&host, verdicts[i].verb, "01:00.0");
		bool refused = verdicts[i].kind != ERROR_FAILED;
		struct tio_error err = TIO_ERROR_NONE;
		char before[4096], after[4096];

		verdict = verdicts[i].verdict;
		fake_state(&host, before, sizeof(before));
		cr_expect(eq(int, fake_run(&host, &request, &err) < 0, refused), "case %zu: %s",
			  i, err.text);
		if (refused) {
			fake_state(&host, after, sizeof(after));
			cr_expect(eq(int, err.kind, verdicts[i].kind));
			cr_expect(eq(str, err.text,
				     "plugin checking: power is auto, driver nvme"));
			cr_expect(eq(str, err.fix, "press the button"));
			cr_expect(eq(str, after, before));
		}
		finish();
		start();
	}
}

Test(advice, going_back_asks_no_plugin)
{
	struct request request = a_request(&host, VERB_ATTACH, "01:00.0");
	struct tio_error err = TIO_ERROR_NONE;

	verdict = TIO_FINE;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	fake.broken = true;
	verdict = TIO_NOT_READY;
	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_expect(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

Test(advice, what_is_attached_already_is_not_refused)
{
	struct request request = a_request(&host, VERB_ATTACH, "01:00.0");
	struct tio_error err = TIO_ERROR_NONE;

	verdict = TIO_FINE;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	verdict = TIO_NOT_READY;
	cr_expect(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

Test(advice, a_plugin_that_does_not_answer_refuses_the_device)
{
	struct request request = a_request(&host, VERB_ATTACH, "01:00.0");
	struct tio_error err = TIO_ERROR_NONE;
	char before[4096], after[4096];

	fake.broken = true;
	fake_state(&host, before, sizeof(before));
	cr_expect(eq(int, fake_run(&host, &request, &err), -EIO));
	cr_expect(eq(str, err.text, "plugin fake, asked about it, died"));
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(advice, a_plugin_that_cannot_say_what_goes_along_refuses_the_device)
{
	struct request request = a_request(&host, VERB_ATTACH, "01:00.0");
	struct tio_error err = TIO_ERROR_NONE;

	/* In one IOMMU group with the drive: its plugin is asked about the NIC. */
	fake_function(&host, "02:00.0")->iommu_group =
		fake_function(&host, "01:00.0")->iommu_group;
	fake.broken = true;
	cr_expect(eq(int, fake_run(&host, &request, &err), -EIO));
	cr_expect(eq(str, err.text, "plugin fake, asked about it, died"));
	cr_expect(eq(uint, host.changes, 0));
}

Test(advice, a_file_that_is_no_use_may_be_this_devices_plugin)
{
	struct request request = a_request(&host, VERB_ATTACH, "01:00.0");
	struct tio_error err = TIO_ERROR_NONE;

	text_copy(fake.refused[0].file, 64, "x.so");
	text_copy(fake.refused[0].why, 320, "x.so is for plugin interface 99, tiod has 1");
	fake.plugins.n_refused = 1;
	verdict = TIO_FINE;
	cr_expect(eq(int, fake_run(&host, &request, &err), 0), "a plugin of its own is there");

	finish();
	start();
	fake.plugins.n = 0;
	fake_plugins_add(&fake, &generic);
	fake.plugins.n_refused = 1;
	text_copy(fake.refused[0].file, 64, "x.so");
	text_copy(fake.refused[0].why, 320, "x.so is for plugin interface 99, tiod has 1");
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(eq(str, err.text,
		     "a plugin that may be this device's cannot be used: x.so is for plugin "
		     "interface 99, tiod has 1"));
	cr_expect(eq(int, err.kind, ERROR_NOT_READY));
	cr_expect(ne(ptr, strstr(err.fix, "x.so"), NULL), "%s", err.fix);
}

static struct request vfs_request(const char *names, unsigned vfs)
{
	struct request request = a_request(&host, VERB_ATTACH, names);

	request.vfs = vfs;
	return request;
}

Test(advice, a_plugin_lowers_the_number_of_vfs_and_names_the_host_module)
{
	struct function *pf = fake_function(&host, "02:00.0");
	struct tio_error err = TIO_ERROR_NONE;
	struct request request;

	pf->vendor = 0x15b3;
	pf->device = 0x1021;
	fake_plugins_add(&fake, &device);
	request = vfs_request("02:00.0/vf0", 8);
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(eq(str, err.text, "plugin device: this card runs 4 VFs at most, not 8"));
	cr_expect(eq(str, err.fix, "use --vfs 4 or less"));

	pf->driver[0] = '\0';
	request = vfs_request("02:00.0/vf0", 2);
	err = TIO_ERROR_NONE;
	(void)fake_run(&host, &request, &err);
	cr_expect(ne(ptr, strstr(host.trace, "fancy_nic"), NULL), "%s: %s", host.trace,
		  err.text);
}
