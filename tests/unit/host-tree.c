/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host-tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

struct host_tree tree;

#define NAME_SIZE 512
#define PATH_SIZE 640 /* a name and the root */

__attribute__((format(printf, 2, 0))) static void below_root(char path[static PATH_SIZE],
							     const char *fmt, va_list args)
{
	size_t len = (size_t)snprintf(path, PATH_SIZE, "%s/", tree.root);

	vsnprintf(path + len, PATH_SIZE - len, fmt, args);
}

static void make_parents(const char *path)
{
	char part[PATH_SIZE];

	for (const char *p = path + 1; (p = strchr(p, '/')); p++) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (mkdir(part, 0755) < 0)
			cr_assert(errno == EEXIST, "mkdir %s", part);
	}
}

static void put(const char *path, const void *bytes, size_t size)
{
	int fd;

	make_parents(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	cr_assert(fd >= 0, "create %s", path);
	cr_assert(write(fd, bytes, size) == (ssize_t)size, "write %s", path);
	close(fd);
}

void tree_put(const char *text, const char *fmt, ...)
{
	char path[PATH_SIZE];
	va_list args;

	va_start(args, fmt);
	below_root(path, fmt, args);
	va_end(args);
	put(path, text, strlen(text));
}

void tree_put_bytes(const void *bytes, size_t size, const char *name)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", tree.root, name);
	put(path, bytes, size);
}

void tree_link(const char *target, const char *fmt, ...)
{
	char path[PATH_SIZE];
	va_list args;

	va_start(args, fmt);
	below_root(path, fmt, args);
	va_end(args);
	make_parents(path);
	unlink(path);
	cr_assert(symlink(target, path) == 0, "link %s", path);
}

void tree_folder(const char *fmt, ...)
{
	char path[PATH_SIZE];
	va_list args;

	va_start(args, fmt);
	below_root(path, fmt, args);
	va_end(args);
	make_parents(path);
	if (mkdir(path, 0755) < 0)
		cr_assert(errno == EEXIST, "mkdir %s", path);
}

char *tree_text(const char *name)
{
	static char text[8192];
	char path[PATH_SIZE];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", tree.root, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void tree_remove(const char *name)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", tree.root, name);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void tree_start(void)
{
	static const char *const folders[] = { "sys", "proc", "dev" };
	static char paths[5][128];
	struct host_roots roots = { .sys = paths[0],
				    .proc = paths[1],
				    .dev = paths[2],
				    .runtime = paths[3],
				    .state = paths[4] };
	struct tio_error err = TIO_ERROR_NONE;

	strcpy(tree.root, "/tmp/tiod-test-XXXXXX");
	cr_assert(mkdtemp(tree.root), "mkdtemp");
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		tree_folder("%s", folders[i]);
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", tree.root, folders[i]);
	}
	snprintf(paths[3], sizeof(paths[3]), "%s/run", tree.root);
	snprintf(paths[4], sizeof(paths[4]), "%s/state", tree.root);
	tree_folder("sys/bus/pci/devices");
	tree_folder("sys/bus/pci/drivers");
	cr_assert(host_init(&tree.host, &roots, &err) == 0, "%s", err.text);
}

void tree_end(void)
{
	host_finish(&tree.host);
	tree_remove("");
}

struct bdf address(const char *text)
{
	struct bdf bdf = BDF_NONE;

	cr_assert(bdf_parse(text, &bdf) == 0, "%s", text);
	return bdf;
}

void tree_attr(const char *address_text, const char *name, const char *text)
{
	tree_put(text, "sys/bus/pci/devices/%s/%s", address_text, name);
}

void tree_function(const char *path, unsigned int vendor_device, unsigned int class)
{
	const char *name = strrchr(path, '/') + 1;
	char text[256], target[NAME_SIZE];
	struct config config = { 0 };

	tree_folder("sys/devices/%s", path);
	snprintf(target, sizeof(target), "../../../devices/%s", path);
	tree_link(target, "sys/bus/pci/devices/%s", name);
	snprintf(text, sizeof(text),
		 "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=1234:ABCD\n"
		 "PCI_SLOT_NAME=%s\nMODALIAS=pci:v%08Xd%08Xsv\n",
		 class, vendor_device >> 16, vendor_device & 0xffff, name, vendor_device >> 16,
		 vendor_device & 0xffff);
	tree_attr(name, "uevent", text);
	tree_attr(name, "driver_override", "(null)\n");
	tree_attr(name, "numa_node", "1\n");
	tree_attr(name, "resource",
		  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		  "0x0000001000000000 0x0000001fffffffff 0x000000000014220c\n"
		  "0x00000000f0000000 0x00000000f0000fff 0x0000000000040200\n");
	tree_config(name, &config, sizeof(config.bytes));
}

/* --- Config space --- */

void config_put(struct config *config, unsigned int offset, uint32_t value)
{
	for (unsigned int i = 0; i < 4; i++)
		config->bytes[offset + i] = (uint8_t)(value >> (8 * i));
}

void config_express(struct config *config, unsigned int type, uint32_t devcap)
{
	config->bytes[0x06] |= 0x10; /* there is a list of capabilities */
	config->bytes[0x34] = 0x40;
	config_put(config, 0x40, 0x10 | (2u | type << 4) << 16);
	config_put(config, 0x44, devcap);
}

void config_extended(struct config *config, unsigned int offset, unsigned int id,
		     unsigned int next)
{
	config_put(config, offset, id | 1u << 16 | next << 20);
}

void tree_config(const char *address_text, const struct config *config, size_t size)
{
	char path[NAME_SIZE];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/config", address_text);
	tree_put_bytes(config->bytes, size, path);
}
