/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The reads of tiod's discovery, in its order and of its sizes: the same opens, the same
 * 1-, 2- and 4-byte reads of config space that libpci makes.
 */

#include "floor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAP_EXPRESS    0x10
#define EXT_SERIAL     0x03
#define EXT_ACS        0x0d
#define EXT_SRIOV      0x10
#define EXT_IDE        0x30
#define EXT_START      0x100
#define EXT_STEPS_MAX  960 /* 4096 - 256 bytes, of at least 4 */
#define CAP_STEPS_MAX  48
#define ATTRIBUTE_SIZE 4096

/* The type field of the PCI Express Capabilities register: what ports and bridges say. */
#define TYPE_FIRST_PORT 0x4
#define TYPE_LAST_PORT  0x8

int floor_read(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	ssize_t n;

	counts.opens++;
	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	counts.reads++;
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	if (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return (int)n;
}

bool floor_exists(int dir, const char *path)
{
	struct stat st;

	counts.looks++;
	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int floor_link(int dir, const char *path, char *buf, size_t size)
{
	ssize_t n = readlinkat(dir, path, buf, size - 1);

	counts.looks++;
	if (n < 0)
		n = 0;
	buf[n] = '\0';
	return (int)n;
}

static int open_folder(int sys, const char *path)
{
	int fd = openat(sys, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	counts.opens++;
	return fd;
}

/* --- Config space --- */

static uint32_t peek(int fd, unsigned int at, size_t size)
{
	unsigned char bytes[4] = { 0 };

	counts.reads++;
	if (pread(fd, bytes, size, at) != (ssize_t)size)
		return 0;
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* True for an endpoint. */
static bool read_capabilities(int fd)
{
	unsigned int at, express = 0, type;

	(void)peek(fd, 6, 2);
	at = peek(fd, 0x34, 1);
	for (int i = 0; at && i < CAP_STEPS_MAX; i++) {
		if (peek(fd, at, 1) == CAP_EXPRESS)
			express = at;
		at = peek(fd, at + 1, 1);
	}
	if (!express)
		return false;
	type = peek(fd, express, 4) >> 20 & 0xf;
	(void)peek(fd, express + 4, 4);
	return type < TYPE_FIRST_PORT || type > TYPE_LAST_PORT;
}

static void read_extended(int fd)
{
	unsigned int at = EXT_START, serial = 0, acs = 0, sriov = 0, ide = 0;

	for (int i = 0; at && i < EXT_STEPS_MAX; i++) {
		uint32_t header = peek(fd, at, 4);

		serial = (header & 0xffff) == EXT_SERIAL ? at : serial;
		acs = (header & 0xffff) == EXT_ACS ? at : acs;
		sriov = (header & 0xffff) == EXT_SRIOV ? at : sriov;
		ide = (header & 0xffff) == EXT_IDE ? at : ide;
		at = header >> 20;
	}
	if (serial) {
		(void)peek(fd, serial + 4, 4);
		(void)peek(fd, serial + 8, 4);
	}
	if (acs)
		(void)peek(fd, acs + 4, 4);
	if (sriov)
		(void)peek(fd, sriov + 0x14, 4);
	if (ide)
		(void)peek(fd, ide + 4, 4);
}

/* True for an endpoint. */
static bool read_config(int dir, bool is_vf)
{
	bool endpoint;
	int fd = openat(dir, "config", O_RDONLY);

	counts.opens++;
	if (fd < 0)
		return false;
	(void)peek(fd, 0x40, 4);
	endpoint = read_capabilities(fd);
	if (!is_vf)
		read_extended(fd);
	close(fd);
	return endpoint;
}

/* --- A function --- */

static void read_sriov(int dir)
{
	char buf[32];

	if (floor_read(dir, "sriov_totalvfs", buf, sizeof(buf)) < 0)
		return;
	(void)floor_read(dir, "sriov_numvfs", buf, sizeof(buf));
	(void)floor_read(dir, "sriov_offset", buf, sizeof(buf));
	(void)floor_read(dir, "sriov_stride", buf, sizeof(buf));
	(void)floor_read(dir, "sriov_drivers_autoprobe", buf, sizeof(buf));
}

static void read_power(int dir)
{
	char buf[64];

	(void)floor_read(dir, "d3cold_allowed", buf, sizeof(buf));
	(void)floor_read(dir, "power/control", buf, sizeof(buf));
	(void)floor_read(dir, "reset_method", buf, sizeof(buf));
}

static void list_folder(int fd)
{
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (!folder)
		return;
	while (readdir(folder))
		continue;
	counts.looks++;
	closedir(folder);
}

/* "../../../devices/pci0000:e0/…": the streams are links in the host bridge's folder. */
static void list_bridge(int sys, const char *link)
{
	const char *bridge = strstr(link, "devices/pci");
	char path[64];

	if (!bridge)
		return;
	snprintf(path, sizeof(path), "devices/%.*s", (int)strcspn(bridge + 8, "/"), bridge + 8);
	list_folder(open_folder(sys, path));
}

/* True: it has a TSM link. */
static bool read_changing(int sys, int dir, const char *address, const char *link, bool power)
{
	char buf[64];
	bool tsm;

	(void)floor_read(dir, "driver_override", buf, sizeof(buf));
	read_sriov(dir);
	if (power)
		read_power(dir);
	list_folder(open_folder(dir, "vfio-dev"));
	tsm = strcmp(address + strlen(address) - 2, ".0") == 0 &&
	      floor_exists(dir, "tsm/connect");
	if (tsm)
		list_bridge(sys, link);
	return tsm;
}

static int open_function(int sys, const char *address, char path[static 64])
{
	snprintf(path, 64, "bus/pci/devices/%s", address);
	return open_folder(sys, path);
}

bool floor_read_function(int sys, const char *address)
{
	char path[64], link[512], buf[ATTRIBUTE_SIZE];
	int dir = open_function(sys, address, path);
	bool is_vf, endpoint, tsm;

	if (dir < 0)
		floor_die("%s: %s", path, strerror(errno));
	(void)floor_read(dir, "uevent", buf, sizeof(buf));
	is_vf = floor_link(dir, "physfn", buf, sizeof(buf)) > 0;
	(void)floor_read(dir, "numa_node", buf, 32);
	(void)floor_link(dir, "iommu_group", buf, sizeof(buf));
	(void)floor_read(dir, "resource", buf, sizeof(buf));
	(void)floor_exists(dir, "doe_features/0001:01");
	(void)floor_exists(dir, "doe_features/0001:02");
	endpoint = read_config(dir, is_vf);
	(void)floor_link(sys, path, link, sizeof(link));
	tsm = read_changing(sys, dir, address, link, endpoint && !is_vf);
	(void)floor_exists(dir, "uevent");
	close(dir);
	return tsm;
}

void floor_read_state(int sys, const char *address)
{
	char path[64], link[512], buf[ATTRIBUTE_SIZE];
	int dir = open_function(sys, address, path);

	if (dir < 0)
		floor_die("%s: %s", path, strerror(errno));
	(void)floor_read(dir, "uevent", buf, sizeof(buf));
	(void)floor_link(sys, path, link, sizeof(link));
	(void)read_changing(sys, dir, address, link, true);
	(void)floor_exists(dir, "uevent");
	close(dir);
}

/* --- All of them --- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_function(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void read_link(int sys, const char *address)
{
	char path[320], buf[64];

	snprintf(path, sizeof(path), "bus/pci/devices/%s/tsm/connect", address);
	(void)floor_read(sys, path, buf, sizeof(buf));
	snprintf(path, sizeof(path), "bus/pci/devices/%s/tsm/bound", address);
	(void)floor_read(sys, path, buf, sizeof(buf));
}

int floor_discover(char **args)
{
	struct dirent **names;
	double start = floor_now();
	int sys = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int n = scandir("/sys/bus/pci/devices", &names, is_function, by_name);

	(void)args;
	if (sys < 0 || n < 0)
		floor_die("/sys/bus/pci/devices: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (floor_read_function(sys, names[i]->d_name))
			read_link(sys, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	printf("{\"usec\": %.0f, \"functions\": %d, \"opens\": %lu, \"reads\": %lu, "
	       "\"looks\": %lu}\n",
	       floor_now() - start, n, counts.opens, counts.reads, counts.looks);
	return 0;
}
