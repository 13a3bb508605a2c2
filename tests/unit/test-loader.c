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
#include "host/loader.h"

static char folder[128];

static void start(void)
{
	tree_start();
	tree_folder("plugins");
	snprintf(folder, sizeof(folder), "%s/plugins", tree.root);
	text_copy(tree.host.plugin_dir, sizeof(tree.host.plugin_dir), folder);
	cr_assert(eq(int, chmod(folder, 0755), 0));
}

TestSuite(loader, .init = start, .fini = tree_end);

/* SAMPLE_PLUGINS is where meson has built plugin-sample.c in its shapes. */
static void install(const char *sample, const char *name, mode_t mode)
{
	static char bytes[4 << 20];
	char path[512];
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/sample-%s.so", SAMPLE_PLUGINS, sample);
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

static int load(struct plugins *plugins, struct tio_error *err)
{
	*err = TIO_ERROR_NONE;
	return host_plugins_load(&tree.host, plugins, err);
}

Test(loader, no_folder_is_no_plugins)
{
	struct plugins plugins = { .n = 7 };
	struct tio_error err;

	tree_remove("plugins");
	cr_expect(eq(int, load(&plugins, &err), 0));
	cr_expect(eq(sz, plugins.n, 0));
}

Test(loader, plugins_are_taken_in_the_order_of_their_names)
{
	struct plugins plugins;
	struct tio_error err;

	install("good", "20-sample.so", 0644);
	install("other", "10-other.so", 0755);
	install("good", "notes.txt", 0644);
	install("good", ".hidden.so", 0644);
	cr_assert(eq(int, load(&plugins, &err), 0), "%s", err.text);
	cr_assert(eq(sz, plugins.n, 2));
	cr_expect(eq(str, (char *)plugins.list[0]->name, "other"));
	cr_expect(eq(str, (char *)plugins.list[1]->name, "sample"));

	/* Again, by the same files: none is taken for another. */
	cr_assert(eq(int, load(&plugins, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)plugins.list[0]->name, "other"));
	cr_expect(eq(str, (char *)plugins.list[1]->name, "sample"));
}

static const struct {
	const char *sample;
	mode_t mode;
	const char *why;
} bad[] = {
	{ "abi", 0644, "x.so is for plugin interface 99, tiod has 1" },
	{ "size", 0644, "x.so: its tio_plugin has 8 bytes, not " },
	{ "name", 0644, "x.so: its plugin has no proper name" },
	{ "nomatch", 0644, "x.so: plugin sample matches no device" },
	{ "symbol", 0644, "x.so has no tio_plugin" },
	{ "good", 0664, "x.so may be written to by others than its owner (0664)" },
	{ "good", 0646, "x.so may be written to by others than its owner (0646)" },
};

Test(loader, a_bad_plugin_is_refused_with_its_reason_and_the_others_stay)
{
	struct plugins plugins;
	struct tio_error err;

	install("other", "other.so", 0644);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		install(bad[i].sample, "x.so", bad[i].mode);
		cr_expect(eq(int, load(&plugins, &err), 1), "%s", bad[i].why);
		cr_expect(eq(ptr, strstr(err.text, bad[i].why), err.text), "%s", err.text);
		cr_expect(eq(sz, plugins.n, 1));
		tree_remove("plugins/x.so");
	}
}

Test(loader, what_is_no_shared_object_is_refused)
{
	struct plugins plugins;
	struct tio_error err;

	tree_put("text", "plugins/a.so");
	tree_folder("plugins/b.so");
	install("good", "real", 0644);
	tree_link("real", "plugins/c.so");
	cr_expect(eq(int, load(&plugins, &err), 3));
	cr_expect(ne(ptr, strstr(err.text, "a.so cannot be loaded: "), NULL), "%s", err.text);
	cr_expect(ne(ptr, strstr(err.text, "; b.so is not a plain file"), NULL), "%s",
		  err.text);
	cr_expect(ne(ptr, strstr(err.text, "; open c.so: "), NULL), "%s", err.text);
	cr_expect(eq(sz, plugins.n, 0));
}

Test(loader, a_name_is_taken_once)
{
	struct plugins plugins;
	struct tio_error err;

	install("good", "a.so", 0644);
	install("good", "b.so", 0644);
	cr_expect(eq(int, load(&plugins, &err), 1));
	cr_expect(eq(str, err.text, "b.so: there is a plugin sample already"));
	cr_expect(eq(sz, plugins.n, 1));
}

Test(loader, a_folder_that_others_may_write_to_is_not_looked_into)
{
	struct plugins plugins;
	struct tio_error err;

	install("good", "a.so", 0644);
	cr_assert(eq(int, chmod(folder, 0777), 0));
	cr_expect(eq(int, load(&plugins, &err), -EPERM));
	cr_expect(eq(sz, plugins.n, 0));
	cr_expect(ne(ptr, strstr(err.text, "may be written to by others"), NULL), "%s",
		  err.text);
}

Test(loader, a_strangers_file_is_refused)
{
	struct plugins plugins;
	struct tio_error err;
	char path[256];

	install("good", "a.so", 0644);
	snprintf(path, sizeof(path), "%s/a.so", folder);
	if (chown(path, 12345, (gid_t)-1) < 0)
		cr_skip_test("files can be given away by root only");
	cr_expect(eq(int, load(&plugins, &err), 1));
	cr_expect(eq(str, err.text, "a.so belongs to user 12345, neither to root nor to tiod"));
	cr_expect(eq(sz, plugins.n, 0));
}
