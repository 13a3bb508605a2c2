/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/functions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "host/devnodes.h"
#include "host/ide.h"
#include "host/pci.h"
#include "host/power.h"
#include "host/sriov.h"
#include "host/sysfs.h"
#include "host/topology.h"
#include "host/tsm.h"
#include "host/vf-admin.h"
#include "host/vfio.h"

#define RESOURCE_MEMORY 0x200 /* IORESOURCE_MEM of the kernel's resource flags */
#define BARS            6
#define CLASS_BRIDGE    0x0604

static int open_function(int sys_fd, struct bdf bdf, struct tio_error *err)
{
	struct attr folder = attr_of_function(bdf, "");
	int fd = openat(sys_fd, folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	fd = -errno;
	if (sysfs_check_function(sys_fd, bdf, err) < 0)
		return -ENODEV;
	return error_set(err, fd, "open the folder of %s: %s", folder.owner, strerror(-fd));
}

static int gone(struct bdf bdf, struct tio_error *err)
{
	char name[BDF_STRLEN];

	error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "%s went away while it was read",
		       bdf_format(bdf, name));
	if (err)
		err->function = bdf;
	return -ENODEV;
}

/* --- The uevent file: most of what is asked of a function, in one read --- */

static void take_ids(const char *value, uint16_t *vendor, uint16_t *device)
{
	unsigned int v, d;

	if (sscanf(value, "%4x:%4x", &v, &d) == 2) {
		*vendor = (uint16_t)v;
		*device = (uint16_t)d;
	}
}

static void take_line(struct function *f, const char *key, const char *value)
{
	uint64_t class;

	if (strcmp(key, "DRIVER") == 0)
		text_copy(f->driver, sizeof(f->driver), value);
	else if (strcmp(key, "PCI_CLASS") == 0 && text_to_u64(value, 16, &class) == 0)
		f->class = (uint32_t) class;
	else if (strcmp(key, "PCI_ID") == 0)
		take_ids(value, &f->vendor, &f->device);
	else if (strcmp(key, "PCI_SUBSYS_ID") == 0)
		take_ids(value, &f->subvendor, &f->subdevice);
	else if (strcmp(key, "MODALIAS") == 0)
		text_copy(f->modalias, sizeof(f->modalias), value);
}

static int read_uevent(int dir, struct function *f)
{
	char text[ATTR_SIZE_MAX], *rest = text, *line;
	int r;

	r = attr_read(dir, "uevent", text, sizeof(text));
	if (r < 0)
		return r;
	f->driver[0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value = '\0';
		take_line(f, line, value + 1);
	}
	return 0;
}

/* --- What stays --- */

static uint64_t largest_bar(int dir)
{
	char text[ATTR_SIZE_MAX], *rest = text, *line;
	uint64_t start, end, flags, largest = 0;

	if (attr_read(dir, "resource", text, sizeof(text)) < 0)
		return 0;
	for (int i = 0; i < BARS && (line = strsep(&rest, "\n")); i++) {
		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &end, &flags) != 3)
			break;
		if ((flags & RESOURCE_MEMORY) && end > start && end - start >= largest)
			largest = end - start + 1;
	}
	return largest;
}

static void read_slots(struct reader *reader)
{
	auto_closedir DIR *folder = NULL;
	char path[288], address[32];
	const char *name;

	reader->slots_read = true;
	folder = attr_open_folder(reader->host->sys_fd, "bus/pci/slots");
	while (folder && (name = attr_next_entry(folder))) {
		struct slot slot = { 0 };

		snprintf(path, sizeof(path), "%s/address", name);
		if (attr_read(dirfd(folder), path, address, sizeof(address)) < 0 ||
		    !text_copy(slot.name, sizeof(slot.name), name))
			continue;
		/* "0000:e1:00", but of the whole slot "0000:e1" on some platforms. */
		text_append(address, sizeof(address), ".0");
		if (bdf_parse(address, &slot.device) < 0)
			continue;
		if (array_add(&reader->slots, &reader->n_slots, &slot, sizeof(slot)) < 0)
			return;
	}
}

static void find_slot(struct reader *reader, struct function *f)
{
	struct bdf place = f->physfn.valid ? f->physfn : f->bdf;

	if (!reader->slots_read)
		read_slots(reader);
	for (size_t i = 0; i < reader->n_slots; i++)
		if (bdf_same_device(reader->slots[i].device, place))
			text_copy(f->slot, sizeof(f->slot), reader->slots[i].name);
}

static int read_config(struct reader *reader, struct function *f, struct tio_error *err)
{
	struct host *host = reader->host;
	int r;

	if (!host->pci) {
		r = pci_door_new(host->sys, &host->pci, err);
		if (r < 0)
			return r;
	}
	return pci_read_capabilities(host->pci, f, err);
}

/*
 * Without the right to read config space the kernel's own verdict helps: it makes tsm/
 * for PCIe functions only, and tsm/bound only for those with the TEE-IO bit.
 */
static void guess_capabilities(int dir, struct function *f)
{
	if (f->kind == FUNCTION_VF)
		return;
	f->kind = f->class >> 8 == CLASS_BRIDGE ? FUNCTION_BRIDGE : FUNCTION_OTHER;
	if (attr_exists(dir, "tsm/connect"))
		f->kind = FUNCTION_ENDPOINT;
	f->tee_io = attr_exists(dir, "tsm/bound");
}

static void find_port(struct reader *reader, struct function *f, struct bdf top)
{
	const struct function *seen = reader->seen ? snapshot_find(reader->seen, top) : NULL;
	struct function port = { .bdf = top };

	if (bdf_equal(top, f->bdf))
		return;
	if (seen)
		port = *seen;
	else if (read_config(reader, &port, NULL) < 0)
		return;
	/* No registers to tell by: what everything else hangs below is a root port. */
	if (port.kind == FUNCTION_ROOT_PORT || !port.config_complete) {
		f->root_port = top;
		f->root_port_ide = port.ide;
	}
}

static void find_physfn(int sys_fd, int dir, struct function *f)
{
	char target[64];
	struct bdf bdf;

	f->dsm = f->bdf;
	if (attr_read_link_name(dir, "physfn", target, sizeof(target)) == 0 &&
	    bdf_parse(target, &bdf) == 0) {
		f->kind = FUNCTION_VF;
		f->physfn = bdf;
		f->dsm = bdf;
		f->vf_index = sriov_index(sys_fd, bdf, f->bdf);
	}
	f->dsm.function = 0;
}

static void read_numbers(int dir, struct function *f)
{
	char target[32];
	int64_t value;
	uint64_t group;

	f->numa_node = attr_read_number(dir, "numa_node", &value) == 0 ? (int)value : -1;
	f->iommu_group = -1;
	if (attr_read_link_name(dir, "iommu_group", target, sizeof(target)) == 0 &&
	    text_to_u64(target, 10, &group) == 0)
		f->iommu_group = (int)group;
	f->largest_bar = largest_bar(dir);
	f->doe_cma = attr_exists(dir, "doe_features/0001:01");
	f->doe_session = attr_exists(dir, "doe_features/0001:02");
}

static int read_place(int sys_fd, struct bdf bdf, struct topology *ret)
{
	char address[BDF_STRLEN], path[64], link[ATTR_SIZE_MAX];
	int r;

	snprintf(path, sizeof(path), "bus/pci/devices/%s", bdf_format(bdf, address));
	r = attr_read_link(sys_fd, path, link, sizeof(link));
	return r < 0 ? r : topology_parse(link, ret);
}

/* --- What may change --- */

static void read_override(int dir, struct function *f)
{
	if (attr_read(dir, "driver_override", f->override, sizeof(f->override)) < 0 ||
	    strcmp(f->override, "(null)") == 0)
		f->override[0] = '\0';
}

/*
 * The stream's link appears at the end of a connect and goes with the disconnect, so it
 * answers without the wait that tsm/connect may be.
 */
static void follow_stream(struct host *host, struct function *f, bool had_stream)
{
	struct tsm tsms[SNAPSHOT_TSMS_MAX];

	if (!f->tsm_group) {
		f->link_known = true;
		f->tsm[0] = '\0';
		f->bound[0] = '\0';
	} else if (f->stream.present) {
		if (!f->tsm[0] && tsm_list(host->sys_fd, tsms) == 1)
			text_copy(f->tsm, sizeof(f->tsm), tsms[0].name);
		f->link_known = f->tsm[0];
	} else if (had_stream) {
		f->link_known = true;
		f->tsm[0] = '\0';
		f->bound[0] = '\0';
	}
}

/* What compares functions byte by byte must not see what longer words left behind. */
static void clear_tail(char *text, size_t size)
{
	size_t len = strlen(text);

	memset(text + len, 0, size - len);
}

static bool has_stream(const struct function *f)
{
	return f->bdf.function == 0 && f->ide.offset && f->kind != FUNCTION_ROOT_PORT;
}

static void read_state(struct host *host, int dir, const char *bridge_path, struct function *f)
{
	bool had_stream = f->stream.present;

	read_override(dir, f);
	if (f->kind != FUNCTION_VF && f->kind != FUNCTION_ROOT_PORT) {
		sriov_read(dir, f);
		vf_admin_read(dir, f);
	}
	if (f->kind != FUNCTION_VF && f->kind != FUNCTION_ROOT_PORT &&
	    f->kind != FUNCTION_BRIDGE)
		power_read(dir, &f->power);
	vfio_read_cdev(dir, f);
	devnode_read(host, f);
	f->tsm_group = f->bdf.function == 0 && attr_exists(dir, "tsm/connect");
	f->tsm_member = (f->kind == FUNCTION_VF || f->kind == FUNCTION_ENDPOINT) &&
			attr_exists(dir, "tsm");
	f->tsm_blobs = f->tsm_member && tsm_has_blobs(dir);
	f->tsm_evidence = f->tsm_member && tsm_has_evidence(dir);
	if (f->bdf.function == 0) {
		f->stream = (struct ide_stream){ 0 };
		if (bridge_path && has_stream(f))
			ide_read_stream(host->sys_fd, bridge_path, f);
		follow_stream(host, f, had_stream);
	}
	clear_tail(f->driver, sizeof(f->driver));
	clear_tail(f->override, sizeof(f->override));
	clear_tail(f->cdev, sizeof(f->cdev));
	clear_tail(f->tsm, sizeof(f->tsm));
	clear_tail(f->bound, sizeof(f->bound));
}

int functions_read_state(struct host *host, struct function *f, struct tio_error *err)
{
	auto_close int dir = open_function(host->sys_fd, f->bdf, err);
	struct function now = *f;
	const char *bridge_path = NULL;
	struct topology place;

	if (dir < 0)
		return dir;
	if (read_uevent(dir, &now) < 0)
		return gone(f->bdf, err);
	if (now.vendor != f->vendor || now.device != f->device || now.class != f->class)
		return error_set(err, -ESTALE, "another card was put in");

	if (has_stream(f) && read_place(host->sys_fd, f->bdf, &place) == 0)
		bridge_path = place.bridge_path;
	read_state(host, dir, bridge_path, &now);
	if (!attr_exists(dir, "uevent"))
		return gone(f->bdf, err);
	*f = now;
	return 0;
}

int functions_read(struct reader *reader, struct bdf bdf, struct function *ret,
		   struct tio_error *err)
{
	struct host *host = reader->host;
	auto_close int dir = open_function(host->sys_fd, bdf, err);
	struct function f = { .bdf = bdf };
	struct topology place;
	int r;

	if (dir < 0)
		return dir;
	if (read_uevent(dir, &f) < 0)
		return gone(bdf, err);
	find_physfn(host->sys_fd, dir, &f);
	read_numbers(dir, &f);
	find_slot(reader, &f);

	r = read_config(reader, &f, err);
	if (r < 0)
		return r == -ENODEV ? gone(bdf, err) : r;
	if (!f.config_complete)
		guess_capabilities(dir, &f);

	r = read_place(host->sys_fd, bdf, &place);
	if (r == 0) {
		text_copy(f.host_bridge, sizeof(f.host_bridge), place.host_bridge);
		f.upstream = place.above;
		find_port(reader, &f, place.top);
	}
	read_state(host, dir, r == 0 ? place.bridge_path : NULL, &f);
	if (!attr_exists(dir, "uevent"))
		return gone(bdf, err);
	*ret = f;
	return 0;
}

void reader_finish(struct reader *reader)
{
	free(reader->slots);
	reader->slots = NULL;
	reader->n_slots = 0;
	reader->slots_read = false;
}
