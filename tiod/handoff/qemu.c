/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handoff/qemu.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/grant.h"
#include "core/steps.h"
#include "handoff/libvirt.h"

/*
 * Root ports go behind slot 0x10 of pcie.0, eight functions a slot, so that they stay clear of
 * what q35 and management software put into the low slots; 0x1f is q35's own.
 */
#define FIRST_SLOT   0x10
#define PORTS_MAX    ((0x1f - FIRST_SLOT) * 8)
#define IOMMUFD_NAME "iommufd0"

struct parts {
	json_t *arguments, *objects, *devices, *notes;
	bool ready; /* all of them are there, brought up, over secure links */
	bool open;  /* names descriptors instead of devices */
	int n_fds;
};

static void note(struct parts *parts, const char *text)
{
	json_array_append_new(parts->notes, json_string(text));
}

static void add_argument(struct parts *parts, const char *option, json_t *value)
{
	json_array_append_new(parts->arguments, json_string(option));
	json_array_append_new(parts->arguments, value);
}

static void add_iommufd(struct parts *parts)
{
	json_t *object = json_pack("{ss ss}", "qom-type", "iommufd", "id", IOMMUFD_NAME);

	if (parts->open)
		json_object_set_new(object, "fd", json_string("@FD0@"));
	add_argument(
		parts, "-object",
		json_sprintf("iommufd,id=" IOMMUFD_NAME "%s", parts->open ? ",fd=@FD0@" : ""));
	json_array_append_new(parts->objects, object);
	parts->n_fds = 1;
}

static void add_root_port(struct parts *parts, int port)
{
	int slot = FIRST_SLOT + port / 8, function = port % 8, chassis = port + 1;
	const char *multi = function == 0 ? ",multifunction=on" : "";
	json_t *device;

	add_argument(parts, "-device",
		     json_sprintf("pcie-root-port,id=tio_rp%d,bus=pcie.0,chassis=%d,slot=%d,"
				  "addr=0x%x.0x%x%s",
				  port, chassis, port, slot, function, multi));
	device = json_pack("{ss so ss si si so}", "driver", "pcie-root-port", "id",
			   json_sprintf("tio_rp%d", port), "bus", "pcie.0", "chassis", chassis,
			   "slot", port, "addr", json_sprintf("0x%x.0x%x", slot, function));
	if (function == 0)
		json_object_set_new(device, "multifunction", json_true());
	json_array_append_new(parts->devices, device);
}

/* Whether more than one function of the VM sits behind @one's root port. */
static bool shares_port(const struct assignments *all, const struct assignment *one)
{
	int n = 0;

	for (size_t i = 0; i < all->n; i++)
		n += all->list[i].port == one->port && strcmp(all->list[i].vm, one->vm) == 0;
	return n > 1;
}

static void add_device(struct parts *parts, const struct assignments *all,
		       const struct assignment *one)
{
	bool multi = shares_port(all, one);
	const char *key = parts->open ? "fd" : "host";
	char host[BDF_STRLEN], where[40] = "";
	json_t *device;

	bdf_format(one->function, host);
	if (parts->open)
		snprintf(host, sizeof(host), "@FD%d@", parts->n_fds++);
	if (multi)
		snprintf(where, sizeof(where), ",addr=0x0.0x%x%s", one->port_function,
			 one->port_function == 0 ? ",multifunction=on" : "");
	add_argument(
		parts, "-device",
		json_sprintf("vfio-pci,id=tio%d_%d,%s=%s,bus=tio_rp%d,iommufd=" IOMMUFD_NAME
			     "%s",
			     one->port, one->port_function, key, host, one->port, where));
	device = json_pack("{ss so ss so ss}", "driver", "vfio-pci", "id",
			   json_sprintf("tio%d_%d", one->port, one->port_function), key, host,
			   "bus", json_sprintf("tio_rp%d", one->port), "iommufd", IOMMUFD_NAME);
	if (multi) {
		json_object_set_new(device, "addr",
				    json_sprintf("0x0.0x%x", one->port_function));
		if (one->port_function == 0)
			json_object_set_new(device, "multifunction", json_true());
	}
	json_array_append_new(parts->devices, device);
}

/* Says for each device what was reached, and no more than that.  False: not what it should be.
 */
static bool add_standing(struct parts *parts, const struct snapshot *snap,
			 const struct assignment *one)
{
	const struct function *f = snapshot_find(snap, one->function);
	const struct function *dsm = snapshot_find(snap, one->family);
	char name[BDF_STRLEN], lead[BDF_STRLEN], text[256];
	bool good = false;

	bdf_format(one->function, name);
	bdf_format(one->lead, lead);
	if (!f || !identity_may_be(&one->identity, f)) {
		snprintf(text, sizeof(text), "%s is assigned but not in the host now", name);
	} else if (strcmp(f->driver, VFIO_DRIVER) != 0) {
		snprintf(text, sizeof(text),
			 "%s is reserved but not brought up: `tioctl attach %s --vm %s`", name,
			 lead, one->vm);
	} else if (!bdf_equal(one->lead, one->function)) {
		return true;
	} else if (!dsm || !function_link_is_secure(dsm)) {
		snprintf(
			text, sizeof(text),
			"%s: link NOT secure, what crosses it can be read: `tioctl detach %s`, "
			"then attach it again",
			name, name);
	} else {
		good = true;
		snprintf(text, sizeof(text),
			 "%s: link secure, TDI unbound (this kernel cannot bind): an "
			 "authenticated, encrypted link and a device on iommufd, not TDISP RUN",
			 name);
	}
	note(parts, text);
	return good;
}

static bool port_was_added(const struct assignments *all, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (all->list[i].port == all->list[index].port &&
		    strcmp(all->list[i].vm, all->list[index].vm) == 0)
			return true;
	return false;
}

/*
 * A slot without a function 0 is skipped by firmware and guest: where no device has that port,
 * an empty one stands for it.
 */
static bool slot_was_added(const struct assignments *all, size_t index)
{
	const struct assignment *one = &all->list[index];

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].vm, one->vm) == 0 &&
		    all->list[i].port / 8 == one->port / 8 &&
		    (i < index || all->list[i].port % 8 == 0))
			return true;
	return false;
}

static void add_assignment(struct parts *parts, const struct snapshot *snap,
			   const struct assignments *all, size_t index)
{
	const struct assignment *one = &all->list[index];

	if (json_array_size(parts->objects) == 0)
		add_iommufd(parts);
	if (one->port >= PORTS_MAX) {
		note(parts, "more root ports than pcie.0 has room for: devices are left out");
		parts->n_fds++;
		return;
	}
	if (!port_was_added(all, index)) {
		if (one->port % 8 && !slot_was_added(all, index))
			add_root_port(parts, one->port / 8 * 8);
		add_root_port(parts, one->port);
	}
	add_device(parts, all, one);
	parts->ready &= add_standing(parts, snap, one);
}

static void add_memory_note(struct parts *parts, const struct vm *vm)
{
	char memory[32], page[32], text[320];

	if (!vm->memory)
		return;
	text_from_bytes(vm->memory, memory, sizeof(memory));
	if (vm->hugepage_size) {
		snprintf(
			text, sizeof(text),
			"%s of memory in pages of %s: they back the shared side of the guest only; "
			"this kernel's guest_memfd has no huge pages",
			memory, text_from_bytes(vm->hugepage_size, page, sizeof(page)));
		note(parts, text);
	}
}

/* What QEMU needs of its user's when it is not root. */
static void add_owner_notes(struct parts *parts, const struct snapshot *snap,
			    const struct vm *vm)
{
	char text[320];

	if (json_array_size(parts->objects) == 0)
		return;
	if (grant_memory_note(vm, text, sizeof(text)))
		note(parts, text);
	if (!parts->open && grant_iommu_note(snap, vm, text, sizeof(text)))
		note(parts, text);
}

static json_t *all_arguments(const struct snapshot *snap, const struct assignments *all,
			     const struct vm *vm, bool open)
{
	struct parts parts = { json_array(), json_array(), json_array(),
			       json_array(), true,         open };

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].vm, vm->name) == 0)
			add_assignment(&parts, snap, all, i);
	if (json_array_size(parts.objects) == 0) {
		note(&parts, "no function is assigned to this VM");
		parts.ready = false; /* nobody asks for the devices of a VM that is to have none */
	}
	add_memory_note(&parts, vm);
	add_owner_notes(&parts, snap, vm);
	return json_pack("{so so so so so sb}", "arguments", parts.arguments, "objects",
			 parts.objects, "devices", parts.devices, "notes", parts.notes,
			 "libvirt", libvirt_devices(all, vm->name), "ready", parts.ready);
}

json_t *qemu_arguments(const struct snapshot *snap, const struct assignments *all,
		       const struct vm *vm)
{
	return all_arguments(snap, all, vm, false);
}

json_t *qemu_arguments_open(const struct snapshot *snap, const struct assignments *all,
			    const struct vm *vm)
{
	return all_arguments(snap, all, vm, true);
}
