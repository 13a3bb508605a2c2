/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/plugins.h"

static char folder[128];

static void start(void)
{
	tree_start();
	tree_folder("plugins");
	snprintf(folder, sizeof(folder), "%s/plugins", tree.root);
	text_copy(tree.host.plugin_dir, sizeof(tree.host.plugin_dir), folder);
	cr_assert(eq(int, chmod(folder, 0755), 0));
}

static struct plugins plugins;
static struct tio_error err;

static void end(void)
{
	host_plugins_stop(&plugins);
	tree_end();
}

TestSuite(loader, .init = start, .fini = end);

/* SAMPLE_PLUGINS is where meson has built plugin-sample.c in its shapes. */
static void install(const char *sample, const char *name, mode_t mode)
{
	static char bytes[4 << 20];
	char path[512];
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.so", SAMPLE_PLUGINS, sample);
	file = fopen(path, "re");
	cr_assert(ne(ptr, file, NULL), "%s", path);
	size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	cr_assert(lt(sz, size, sizeof(bytes)));
	snprintf(path, sizeof(path), "plugins/%s", name);
	tree_put_bytes(bytes, size, path);
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	cr_assert(eq(int, chmod(path, mode), 0));
}

static int load(void)
{
	host_plugins_stop(&plugins);
	err = TIO_ERROR_NONE;
	return host_plugins_start(&tree.host, &plugins, &err);
}

Test(loader, no_folder_is_no_plugins)
{
	tree_remove("plugins");
	cr_expect(eq(int, load(), 0));
	cr_expect(eq(sz, plugins.n, 0));
	cr_expect(eq(sz, plugins.n_refused, 0));
}

Test(loader, plugins_are_taken_in_the_order_of_their_names)
{
	install("sample-good", "20-sample.so", 0644);
	install("sample-other", "10-other.so", 0755);
	install("sample-good", "notes.txt", 0644);
	install("sample-good", ".hidden.so", 0644);
	cr_assert(eq(int, load(), 0), "%s", err.text);
	cr_assert(eq(sz, plugins.n, 2));
	cr_expect(eq(str, plugins.list[0].name, "other"));
	cr_expect(eq(str, plugins.list[0].file, "10-other.so"));
	cr_expect(eq(str, plugins.list[1].name, "sample"));

	/* Again, by the same files: none is taken for another. */
	cr_assert(eq(int, load(), 0), "%s", err.text);
	cr_assert(eq(sz, plugins.n, 2));
	cr_expect(eq(str, plugins.list[0].name, "other"));
	cr_expect(eq(str, plugins.list[1].name, "sample"));
}

static const struct {
	const char *sample;
	mode_t mode;
	const char *why;
} bad[] = {
	{ "sample-abi", 0644, "x.so is for plugin interface 99, tiod has 1" },
	{ "sample-size", 0644, "x.so: its tio_plugin has 8 bytes, not " },
	{ "sample-name", 0644, "x.so: its plugin has no proper name" },
	{ "sample-nomatch", 0644, "x.so: plugin sample matches no device" },
	{ "sample-symbol", 0644, "x.so has no tio_plugin" },
	{ "sample-good", 0664, "x.so may be written to by others than its owner (0664)" },
	{ "sample-good", 0646, "x.so may be written to by others than its owner (0646)" },
	{ "bad-load-crash", 0644,
	  "x.so, while it was loaded, was ended by signal 11 (SIGSEGV)" },
	{ "bad-wild-name", 0644,
	  "x.so, while it was loaded, was ended by signal 11 (SIGSEGV)" },
};

Test(loader, a_bad_plugin_is_refused_with_its_reason_and_the_others_stay)
{
	install("sample-other", "other.so", 0644);
	install("sample-other", "z.so", 0644);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		install(bad[i].sample, "x.so", bad[i].mode);
		cr_assert(eq(int, load(), 0), "%s", bad[i].why);
		cr_expect(eq(sz, plugins.n, 1), "%s", bad[i].why);
		cr_assert(eq(sz, plugins.n_refused, 2), "%s", bad[i].why);
		cr_expect(eq(str, plugins.refused[0].file, "x.so"));
		cr_expect(eq(ptr, strstr(plugins.refused[0].why, bad[i].why),
			     plugins.refused[0].why),
			  "%s", plugins.refused[0].why);
		cr_expect(eq(str, plugins.refused[1].why,
			     "z.so: there is a plugin other already"));
		tree_remove("plugins/x.so");
	}
}

Test(loader, what_does_not_come_back_from_loading_is_given_up)
{
	install("bad-load-loop", "a.so", 0644);
	install("sample-good", "b.so", 0644);
	cr_assert(eq(int, load(), 0));
	cr_expect(eq(sz, plugins.n, 1));
	cr_assert(eq(sz, plugins.n_refused, 1));
	cr_expect(eq(str, plugins.refused[0].why,
		     "a.so, while it was loaded, did not come back within 5 s"));
}

Test(loader, after_three_that_crash_the_rest_is_left_out)
{
	install("bad-load-crash", "a.so", 0644);
	install("bad-load-crash", "b.so", 0644);
	install("sample-good", "c.so", 0644);
	install("bad-load-crash", "d.so", 0644);
	cr_assert(eq(int, load(), 0));
	cr_expect(eq(sz, plugins.n, 0));
	cr_assert(eq(sz, plugins.n_refused, 4));
	cr_expect(eq(str, plugins.refused[3].why,
		     "c.so is left out, since 3 others did not bear loading"));
}

Test(loader, what_is_no_shared_object_is_refused)
{
	tree_put("text", "plugins/a.so");
	tree_folder("plugins/b.so");
	install("sample-good", "real", 0644);
	tree_link("real", "plugins/c.so");
	cr_expect(eq(int, load(), 0));
	cr_expect(eq(sz, plugins.n, 0));
	cr_assert(eq(sz, plugins.n_refused, 3));
	cr_expect(ne(ptr, strstr(plugins.refused[0].why, "a.so cannot be loaded: "), NULL));
	cr_expect(eq(str, plugins.refused[1].why, "b.so is not a plain file"));
	cr_expect(ne(ptr, strstr(plugins.refused[2].why, "open c.so: "), NULL));
}

Test(loader, a_folder_that_others_may_write_to_is_not_looked_into)
{
	install("sample-good", "a.so", 0644);
	cr_assert(eq(int, chmod(folder, 0777), 0));
	cr_expect(eq(int, load(), -EPERM));
	cr_expect(eq(sz, plugins.n, 0));
	cr_expect(ne(ptr, strstr(err.text, "may be written to by others"), NULL), "%s",
		  err.text);
}

Test(loader, a_strangers_file_is_refused)
{
	char path[256];

	install("sample-good", "a.so", 0644);
	snprintf(path, sizeof(path), "%s/a.so", folder);
	if (chown(path, 12345, (gid_t)-1) < 0)
		cr_skip_test("files can be given away by root only");
	cr_expect(eq(int, load(), 0));
	cr_assert(eq(sz, plugins.n_refused, 1));
	cr_expect(eq(str, plugins.refused[0].why,
		     "a.so belongs to user 12345, neither to root nor to tiod"));
}
