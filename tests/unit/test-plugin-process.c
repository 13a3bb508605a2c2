/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Questions to plugins that do harm: each has its sentence, and nobody else is hurt.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/plugin-process.h"
#include "host/plugins.h"

static struct plugins plugins;

static void start(void)
{
	char path[128];

	tree_start();
	tree_folder("plugins");
	snprintf(path, sizeof(path), "%s/plugins", tree.root);
	text_copy(tree.host.plugin_dir, sizeof(tree.host.plugin_dir), path);
	cr_assert(eq(int, chmod(path, 0755), 0));
	/* The real one: how much memory the process has already is read from it. */
	close(tree.host.proc_fd);
	tree.host.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void end(void)
{
	host_plugins_stop(&plugins);
	tree_end();
}

TestSuite(plugin_process, .init = start, .fini = end);

static void install(const char *sample)
{
	static char bytes[4 << 20];
	struct tio_error err = TIO_ERROR_NONE;
	char path[512];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/bad-%s.so", SAMPLE_PLUGINS, sample);
	file = fopen(path, "re");
	cr_assert(ne(ptr, file, NULL), "%s", path);
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	tree_put_bytes(bytes, size, "plugins/x.so");
	host_plugins_stop(&plugins);
	cr_assert(eq(int, host_plugins_start(&tree.host, &plugins, &err), 0), "%s", err.text);
	cr_assert(eq(sz, plugins.n, 1), "%s", plugins.refused[0].why);
}

static int ask(struct tio_finding *finding, struct tio_error *err)
{
	struct tio_function f = { .size = sizeof(f), .address = 0x6100, .vendor = 0x144d };

	*err = TIO_ERROR_NONE;
	memset(finding, 0, sizeof(*finding));
	return plugins.ops->check(plugins.arg, 0, 0, &f, finding, err);
}

static const struct {
	const char *sample, *why;
} harms[] = {
	{ "crash", "plugin bad, asked about \"harm\", was ended by signal 11 (SIGSEGV)" },
	{ "leave", "plugin bad, asked about \"harm\", ended by itself with status 0" },
	{ "rubbish", "plugin bad, asked about \"harm\", gave an answer that makes no sense" },
	{ "silent", "plugin bad, asked about \"harm\", gave an answer that makes no sense" },
	{ "babble", "plugin bad, asked about \"harm\", " },
	{ "allocate", "plugin bad, asked about \"harm\", " },
	{ "loop", "plugin bad, asked about \"harm\", did not come back within 5 s" },
	{ "hang-up", "plugin bad, asked about \"harm\", " },
};

Test(plugin_process, harm_is_named_and_stays_where_it_is)
{
	struct tio_finding finding;
	struct tio_error err;

	for (size_t i = 0; i < ARRAY_SIZE(harms); i++) {
		install(harms[i].sample);
		cr_expect(lt(int, ask(&finding, &err), 0), "%s", harms[i].sample);
		cr_expect(eq(ptr, strstr(err.text, harms[i].why), err.text), "%s: %s",
			  harms[i].sample, err.text);
		cr_expect(eq(int, err.kind, ERROR_NOT_READY));
		cr_expect(ne(ptr, strstr(err.fix, "x.so"), NULL), "%s", err.fix);
		cr_expect(lt(int, ask(&finding, &err), 0), "a second question");
	}
	install("fine");
	cr_expect(eq(int, ask(&finding, &err), 0), "%s", err.text);
	cr_expect(eq(uint, finding.verdict, TIO_FINE));
}

Test(plugin_process, text_without_end_is_cut_and_made_printable)
{
	struct tio_finding finding;
	struct tio_error err;

	install("endless");
	cr_assert(eq(int, ask(&finding, &err), 0), "%s", err.text);
	cr_expect(eq(uint, finding.verdict, TIO_NOT_READY));
	cr_expect(eq(sz, strlen(finding.text), TIO_TEXT_MAX - 1));
	cr_expect(eq(chr, finding.text[0], '?'));
	cr_expect(eq(sz, strlen(finding.fix), TIO_TEXT_MAX - 1));
}

static const struct {
	const char *attribute;
	int result;
} attributes[] = {
	{ "vendor", 6 },
	{ "power/control", 2 },
	{ "config", 4 }, /* no text: nothing is cut off */
	{ "own", 6 },    /* a link within the folder */
	{ "absent", -ENOENT },
	{ "power", -EPERM },
	{ "long", -EFBIG },
	{ "resource", 0 },
	{ "resource0", -EPERM },
	{ "resource0_wc", -EPERM },
	{ "rom", -EPERM },
	{ "vpd", -EPERM },
	{ "tsm", -EPERM },
	{ "tsm/connect", -EPERM },
	{ "driver/vendor", -EPERM },
	{ "escape", -EPERM },
	{ "../0000:62:00.0/vendor", -EPERM },
	{ "power/../../0000:62:00.0/vendor", -EPERM },
	{ "power//control", -EPERM },
	{ "./vendor", -EPERM },
	{ "vendor/", -EPERM },
	{ "/etc/passwd", -EPERM },
	{ "", -EPERM },
	{ "ven\ndor", -EPERM },
	{ "vendor vendor", -EPERM },
};

static void lay_out_attributes(void)
{
	static char big[PLUGIN_ATTRIBUTE_MAX + 1];
	const char *f = "sys/bus/pci/devices/0000:61:00.0";

	memset(big, 'x', sizeof(big));
	tree_put("0x144d\n", "%s/vendor", f);
	tree_put("on\n", "%s/power/control", f);
	tree_put("abc\n", "%s/config", f);
	tree_put("\n", "%s/resource", f);
	tree_put("secret", "%s/resource0", f);
	tree_put("secret", "%s/rom", f);
	tree_put("tsm0\n", "%s/tsm/connect", f);
	tree_put_bytes(big, sizeof(big), "sys/bus/pci/devices/0000:61:00.0/long");
	tree_put("0x9999\n", "sys/bus/pci/devices/0000:62:00.0/vendor");
	tree_link("../0000:62:00.0", "%s/driver", f);
	tree_link("../0000:62:00.0/vendor", "%s/escape", f);
	tree_link("vendor", "%s/own", f);
}

Test(plugin_process, only_harmless_attributes_of_the_function_itself_are_read)
{
	struct bdf drive = { .bus = 0x61, .valid = true };
	char buf[PLUGIN_ATTRIBUTE_MAX];

	lay_out_attributes();
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		cr_expect(eq(int,
			     plugin_attribute_read(tree.host.sys_fd, drive,
						   attributes[i].attribute, buf),
			     attributes[i].result),
			  "%s", attributes[i].attribute);
}

Test(plugin_process, it_reads_its_own_functions_attributes_and_opens_nothing)
{
	struct tio_finding finding;
	struct tio_error err;

	lay_out_attributes();
	install("pry");
	cr_assert(eq(int, ask(&finding, &err), 0), "%s", err.text);
	cr_expect(eq(str, finding.text, "vendor 0x144d, pried into none"), "%s", finding.text);
}
