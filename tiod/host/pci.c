/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/pci.h"

#include <errno.h>
#include <pci/pci.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "host/ide.h"

/* Our own names: libpci's depend on its version, and 3.9 lacks half of them. */
#define TIO_HEADER_SIZE       0x40 /* what anybody may read */
#define TIO_CAP_EXPRESS       0x10
#define TIO_EXP_FLAGS         0x02
#define TIO_EXP_DEVCAP        0x04
#define TIO_EXP_DEVCAP_FLR    (1u << 28)
#define TIO_EXP_DEVCAP_TEE_IO (1u << 30)
#define TIO_EXT_SERIAL        0x0003
#define TIO_EXT_ACS           0x000d
#define TIO_EXT_SRIOV         0x0010
#define TIO_EXT_IDE           0x0030
#define TIO_SRIOV_OFFSET      0x14
#define TIO_SRIOV_STRIDE      0x16
#define TIO_CLASS_BRIDGE      0x0604

/* Values of the type field in the PCI Express Capabilities register. */
static const enum function_kind kinds[16] = {
	[0x0] = FUNCTION_ENDPOINT,  [0x1] = FUNCTION_ENDPOINT, /* legacy endpoint */
	[0x2] = FUNCTION_OTHER,     [0x3] = FUNCTION_OTHER,    /* reserved */
	[0x4] = FUNCTION_ROOT_PORT, [0x5] = FUNCTION_BRIDGE,
	[0x6] = FUNCTION_BRIDGE,                             /* switch ports */
	[0x7] = FUNCTION_BRIDGE,    [0x8] = FUNCTION_BRIDGE, /* to and from PCI */
	[0x9] = FUNCTION_OTHER,     [0xa] = FUNCTION_OTHER, /* integrated in the root complex */
	[0xb] = FUNCTION_OTHER,     [0xc] = FUNCTION_OTHER,
	[0xd] = FUNCTION_OTHER,     [0xe] = FUNCTION_OTHER,
	[0xf] = FUNCTION_OTHER,
};

static const enum port_type ports[16] = {
	[0x0] = EXPRESS_OTHER,    [0x1] = EXPRESS_OTHER,      [0x4] = EXPRESS_ROOT,
	[0x5] = EXPRESS_UPSTREAM, [0x6] = EXPRESS_DOWNSTREAM, [0x7] = EXPRESS_TO_PCI,
	[0x8] = EXPRESS_FROM_PCI, [0x9] = EXPRESS_OTHER,      [0xa] = EXPRESS_OTHER,
};

struct pci_door {
	struct pci_access *access; /* owned */
	bool skip_names;
};

/*
 * libpci's error callback is given no context and must not return, so the way out and
 * the reason have to be global.  Only what is reachable from the struct reading is alive
 * across the jump; nothing below it may own anything else.
 */
static jmp_buf escape;
static char reason[160];

static void __attribute__((noreturn, format(printf, 1, 2))) on_error(char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	longjmp(escape, 1);
}

static void __attribute__((format(printf, 1, 2))) on_warning(char *fmt, ...)
{
	char line[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	log_debug("libpci: %s", line);
}

/* All that one visit to libpci needs, on the far side of the jump. */
struct reading {
	struct pci_access *access;
	bool skip_names;
	struct pci_dev *dev; /* owned by the caller of guarded() */
	struct function *f;
	char *path; /* owned by the caller of guarded() */
};

static int guarded(void (*work)(struct reading *reading), struct reading *reading)
{
	reason[0] = '\0';
	if (setjmp(escape) != 0)
		return -ENODEV;
	work(reading);
	return 0;
}

static void start(struct reading *reading)
{
	static char parameter[] = "sysfs.path";

	reading->access->method = PCI_ACCESS_SYS_BUS_PCI;
	pci_set_param(reading->access, parameter, reading->path);
	pci_init(reading->access);
}

int pci_door_new(const char *sys, struct pci_door **ret, struct tio_error *err)
{
	auto_text struct text path = { 0 };
	struct reading reading = { 0 };
	struct pci_door *door;
	int r;

	door = calloc(1, sizeof(*door));
	if (!door || text_add(&path, "%s/bus/pci", sys) < 0) {
		free(door);
		return error_set(err, -ENOMEM, "out of memory");
	}
	door->access = pci_alloc();
	door->access->error = on_error;
	door->access->warning = on_warning;
	door->access->debug = on_warning;

	reading.access = door->access;
	reading.path = path.data;
	r = guarded(start, &reading);
	if (r < 0) {
		pci_door_free(door);
		return error_set(err, -EIO, "libpci: %s", reason);
	}
	*ret = door;
	return 0;
}

void pci_door_free(struct pci_door *door)
{
	if (!door)
		return;
	pci_cleanup(door->access);
	free(door);
}

void pci_door_skip_names(struct pci_door *door)
{
	door->skip_names = true;
}

static int read_register(void *arg, unsigned int offset, uint32_t *ret)
{
	struct pci_dev *dev = arg;
	u8 bytes[4];

	/* libpci answers ones for what it could not read; only the block call tells. */
	if (!pci_read_block(dev, (int)offset, bytes, sizeof(bytes)))
		return -ENODATA;
	*ret = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
	return 0;
}

static void read_express(struct reading *reading)
{
	struct pci_cap *cap = pci_find_cap(reading->dev, TIO_CAP_EXPRESS, PCI_CAP_NORMAL);
	struct function *f = reading->f;
	uint32_t flags, devcap;

	if (!cap) {
		if (f->kind != FUNCTION_VF)
			f->kind = f->class >> 8 == TIO_CLASS_BRIDGE ? FUNCTION_BRIDGE
								    : FUNCTION_OTHER;
		return;
	}
	if (read_register(reading->dev, cap->addr, &flags) < 0 ||
	    read_register(reading->dev, cap->addr + TIO_EXP_DEVCAP, &devcap) < 0)
		return;
	if (f->kind != FUNCTION_VF)
		f->kind = kinds[(flags >> (16 + 4)) & 0xf];
	f->port = ports[(flags >> (16 + 4)) & 0xf];
	f->flr = devcap & TIO_EXP_DEVCAP_FLR;
	f->tee_io = devcap & TIO_EXP_DEVCAP_TEE_IO;
}

static void read_serial(struct reading *reading)
{
	struct pci_cap *cap = pci_find_cap(reading->dev, TIO_EXT_SERIAL, PCI_CAP_EXTENDED);
	uint32_t low, high;

	if (!cap || read_register(reading->dev, cap->addr + 4, &low) < 0 ||
	    read_register(reading->dev, cap->addr + 8, &high) < 0)
		return;
	for (int i = 7; i >= 0; i--)
		text_append(reading->f->serial, sizeof(reading->f->serial), "%02x%s",
			    ((i >= 4 ? high : low) >> (8 * (i % 4))) & 0xff, i ? "-" : "");
}

static void read_extended(struct reading *reading)
{
	struct function *f = reading->f;
	struct pci_cap *cap;
	uint32_t value;

	read_serial(reading);
	cap = pci_find_cap(reading->dev, TIO_EXT_ACS, PCI_CAP_EXTENDED);
	if (cap && read_register(reading->dev, cap->addr + 4, &value) == 0)
		f->acs = (struct acs){ true, (uint16_t)value, (uint16_t)(value >> 16) };
	cap = pci_find_cap(reading->dev, TIO_EXT_SRIOV, PCI_CAP_EXTENDED);
	if (cap && read_register(reading->dev, cap->addr + TIO_SRIOV_OFFSET, &value) == 0) {
		f->vf_offset = (uint16_t)value;
		f->vf_stride = (uint16_t)(value >> 16);
	}
	cap = pci_find_cap(reading->dev, TIO_EXT_IDE, PCI_CAP_EXTENDED);
	if (cap)
		(void)ide_read_capability(read_register, reading->dev, (uint16_t)cap->addr,
					  &f->ide);
}

static void read_name(struct reading *reading)
{
	struct function *f = reading->f;
	const char *name;
	char buf[256];

	name = pci_lookup_name(reading->access, buf, sizeof(buf),
			       PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS,
			       f->vendor, f->device);
	if (!name || text_copy(f->name, sizeof(f->name), name))
		return;
	/* Half a character of UTF-8 would spoil the JSON that the name ends up in. */
	for (size_t len = strlen(f->name); len && (f->name[len - 1] & 0x80); len--)
		f->name[len - 1] = '\0';
}

static void read_all(struct reading *reading)
{
	struct function *f = reading->f;
	uint32_t ignored;

	if (!reading->skip_names)
		read_name(reading);
	reading->dev = pci_get_dev(reading->access, (int)f->bdf.domain, f->bdf.bus,
				   f->bdf.device, f->bdf.function);
	f->config_complete = read_register(reading->dev, TIO_HEADER_SIZE, &ignored) == 0;
	if (!f->config_complete)
		return;
	read_express(reading);
	/* What a VF would have of these its PF has: not worth the slow reads. */
	if (f->kind != FUNCTION_VF)
		read_extended(reading);
}

int pci_read_capabilities(struct pci_door *door, struct function *f, struct tio_error *err)
{
	struct reading reading = { .access = door->access,
				   .skip_names = door->skip_names,
				   .f = f };
	char name[BDF_STRLEN];
	int r;

	r = guarded(read_all, &reading);
	if (reading.dev)
		pci_free_dev(reading.dev);
	if (r < 0)
		return error_set(err, r, "read the config space of %s: %s",
				 bdf_format(f->bdf, name), reason);
	return 0;
}
