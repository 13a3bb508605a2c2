/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * An attach and a detach as a person with a shell would do them, and as tiod does: each write
 * read back, each function's state read before and after.
 */

#include "floor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUNCTIONS_MAX 8
#define OVERRIDE_NONE "\n"
#define READY_TRIES   2000

struct target {
	const char *address;
	char driver[64]; /* that it had */
};

static char *path_of(const char *address, const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "bus/pci/devices/%s/%s", address, name);
	return path;
}

static void write_to(int sys, const char *path, const char *value)
{
	int fd = openat(sys, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);

	counts.opens++;
	counts.writes++;
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		floor_die("write %s to %s: %s", value, path, strerror(errno));
	close(fd);
}

static void read_back(int sys, const char *path)
{
	char buf[64];

	(void)floor_read(sys, path, buf, sizeof(buf));
}

static void find_driver(int sys, struct target *target)
{
	char link[128];
	const char *name;

	floor_link(sys, path_of(target->address, "driver"), link, sizeof(link));
	name = strrchr(link, '/');
	snprintf(target->driver, sizeof(target->driver), "%.63s", name ? name + 1 : "");
}

static void move_to(int sys, const struct target *target, const char *driver,
		    const char *override)
{
	char path[160], link[128];

	write_to(sys, path_of(target->address, "driver_override"), override);
	read_back(sys, path_of(target->address, "driver_override"));
	floor_link(sys, path_of(target->address, "driver"), link, sizeof(link));
	if (link[0])
		write_to(sys, path_of(target->address, "driver/unbind"), target->address);
	floor_link(sys, path_of(target->address, "driver"), link, sizeof(link));
	if (!driver[0])
		return;
	snprintf(path, sizeof(path), "bus/pci/drivers/%s/bind", driver);
	write_to(sys, path, target->address);
	floor_link(sys, path_of(target->address, "driver"), link, sizeof(link));
}

/* The cdev is there before it can be used. */
static void wait_for_cdev(const char *name)
{
	char path[320];
	int fd = -1;

	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	for (int i = 0; fd < 0 && i < READY_TRIES; i++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			usleep(1000);
	}
	if (fd < 0)
		floor_die("%s: %s", path, strerror(errno));
	close(fd);
}

static void find_cdev(int sys, const char *address)
{
	int fd = openat(sys, path_of(address, "vfio-dev"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	counts.opens++;
	counts.looks++;
	if (!folder)
		floor_die("%s has no vfio-dev: %s", address, strerror(errno));
	while ((entry = readdir(folder)))
		if (strncmp(entry->d_name, "vfio", 4) == 0)
			wait_for_cdev(entry->d_name);
	closedir(folder);
}

static void attach(int sys, const char *tsm, struct target *targets, int n)
{
	for (int i = 0; i < n; i++) {
		floor_read_state(sys, targets[i].address);
		find_driver(sys, &targets[i]);
	}
	read_back(sys, path_of(targets[0].address, "tsm/connect"));
	write_to(sys, path_of(targets[0].address, "tsm/connect"), tsm);
	read_back(sys, path_of(targets[0].address, "tsm/connect"));
	for (int i = 0; i < n; i++)
		move_to(sys, &targets[i], "vfio-pci", "vfio-pci");
	for (int i = 0; i < n; i++) {
		floor_read_state(sys, targets[i].address);
		find_cdev(sys, targets[i].address);
	}
}

static void detach(int sys, const char *tsm, struct target *targets, int n)
{
	for (int i = n; i-- > 0;) {
		floor_read_state(sys, targets[i].address);
		move_to(sys, &targets[i], targets[i].driver, OVERRIDE_NONE);
	}
	write_to(sys, path_of(targets[0].address, "tsm/disconnect"), tsm);
	read_back(sys, path_of(targets[0].address, "tsm/connect"));
	for (int i = 0; i < n; i++)
		floor_read_state(sys, targets[i].address);
}

static int open_sys(void)
{
	int sys = open("/sys", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (sys < 0)
		floor_die("/sys: %s", strerror(errno));
	return sys;
}

static void report(double start, double middle)
{
	printf("{\"attach\": %.0f, \"detach\": %.0f, \"opens\": %lu, \"reads\": %lu, "
	       "\"writes\": %lu, \"looks\": %lu}\n",
	       middle - start, floor_now() - middle, counts.opens, counts.reads, counts.writes,
	       counts.looks);
}

int floor_attach(char **args)
{
	struct target targets[FUNCTIONS_MAX] = { 0 };
	int sys = open_sys(), n = 0;
	double start, middle;
	char *save = NULL;

	for (char *p = strtok_r(args[1], ",", &save); p && n < FUNCTIONS_MAX;
	     p = strtok_r(NULL, ",", &save))
		targets[n++].address = p;
	start = floor_now();
	attach(sys, args[0], targets, n);
	middle = floor_now();
	detach(sys, args[0], targets, n);
	report(start, middle);
	return 0;
}

/* --- Many VFs of one function, one after the other --- */

static void vf_address(int sys, const char *pf, unsigned int index, char *ret, size_t size)
{
	char name[32], link[128];

	snprintf(name, sizeof(name), "virtfn%u", index);
	if (floor_link(sys, path_of(pf, name), link, sizeof(link)) <= 0)
		floor_die("%s has no %s", pf, name);
	snprintf(ret, size, "%s", strrchr(link, '/') + 1);
}

int floor_bind(char **args)
{
	unsigned int n = (unsigned int)strtoul(args[1], NULL, 10);
	struct target vf = { 0 };
	int sys = open_sys();
	double start = floor_now(), middle;
	char address[32];

	vf.address = address;
	write_to(sys, path_of(args[0], "sriov_drivers_autoprobe"), "0");
	write_to(sys, path_of(args[0], "sriov_numvfs"), args[1]);
	for (unsigned int i = 0; i < n; i++) {
		vf_address(sys, args[0], i, address, sizeof(address));
		move_to(sys, &vf, "vfio-pci", "vfio-pci");
		find_cdev(sys, address);
	}
	middle = floor_now();
	for (unsigned int i = n; i-- > 0;) {
		vf_address(sys, args[0], i, address, sizeof(address));
		move_to(sys, &vf, "", OVERRIDE_NONE);
	}
	write_to(sys, path_of(args[0], "sriov_numvfs"), "0");
	write_to(sys, path_of(args[0], "sriov_drivers_autoprobe"), "1");
	report(start, middle);
	return 0;
}
