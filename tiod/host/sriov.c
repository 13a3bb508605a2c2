/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/sriov.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "host/sysfs.h"

static bool read_u16(int dir, const char *path, uint16_t *ret)
{
	int64_t value;

	if (attr_read_number(dir, path, &value) < 0 || value < 0 || value > UINT16_MAX)
		return false;
	*ret = (uint16_t)value;
	return true;
}

void sriov_read(int dir, struct function *f)
{
	char text[8];

	if (!read_u16(dir, "sriov_totalvfs", &f->vfs_total)) {
		f->vfs_total = 0;
		f->vfs = 0;
		return;
	}
	if (!read_u16(dir, "sriov_numvfs", &f->vfs))
		f->vfs = 0;
	/* The kernel's values are those in force; config space may hold them for no VFs. */
	read_u16(dir, "sriov_offset", &f->vf_offset);
	read_u16(dir, "sriov_stride", &f->vf_stride);
	if (attr_read(dir, "sriov_drivers_autoprobe", text, sizeof(text)) < 0 ||
	    text_to_bool(text, &f->vfs_autoprobe) < 0)
		f->vfs_autoprobe = true;
}

static bool is_virtfn(int root, struct bdf pf, unsigned int index, struct bdf vf)
{
	char name[24], target[64];
	struct attr link;
	struct bdf bdf;

	snprintf(name, sizeof(name), "virtfn%u", index);
	link = attr_of_function(pf, name);
	return attr_read_link_name(root, link.path, target, sizeof(target)) == 0 &&
	       bdf_parse(target, &bdf) == 0 && bdf_equal(bdf, vf);
}

static unsigned int routing_id(struct bdf bdf)
{
	return (unsigned int)bdf.bus << 8 | (unsigned int)bdf.device << 3 | bdf.function;
}

uint16_t sriov_index(int root, struct bdf pf, struct bdf vf)
{
	struct attr offset = attr_of_function(pf, "sriov_offset");
	struct attr stride = attr_of_function(pf, "sriov_stride");
	struct attr total = attr_of_function(pf, "sriov_totalvfs");
	unsigned int distance = routing_id(vf) - routing_id(pf), guess = 0;
	uint16_t o, s, n = 0;

	/* The arithmetic saves a search, and the link has the last word. */
	if (read_u16(root, offset.path, &o) && read_u16(root, stride.path, &s) && s > 0 &&
	    distance >= o)
		guess = (distance - o) / s;
	if (guess <= UINT16_MAX && is_virtfn(root, pf, guess, vf))
		return (uint16_t)guess;

	read_u16(root, total.path, &n);
	for (unsigned int i = 0; i < n; i++)
		if (is_virtfn(root, pf, i, vf))
			return (uint16_t)i;
	return (uint16_t)guess;
}

/* Writes @value, and makes sure that the attribute then holds it. */
static int set_number(int root, struct bdf pf, const char *name, unsigned int value,
		      struct tio_error *err)
{
	struct attr attr = attr_of_function(pf, name);
	char wanted[16], found[16];
	int r;

	snprintf(wanted, sizeof(wanted), "%u", value);
	r = sysfs_write(root, &attr, wanted, err);
	if (r < 0)
		return r;
	r = sysfs_read(root, &attr, found, sizeof(found), err);
	if (r < 0)
		return r;
	if (strcmp(found, wanted) != 0)
		return sysfs_mismatch(&attr, -EPROTO, wanted, found, err);
	return 0;
}

int sriov_set_autoprobe(int root, struct bdf pf, bool on, struct tio_error *err)
{
	return set_number(root, pf, "sriov_drivers_autoprobe", on, err);
}

int sriov_set_vfs(int root, struct bdf pf, unsigned int n, struct tio_error *err)
{
	return set_number(root, pf, "sriov_numvfs", n, err);
}
