/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/vf-admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "host/devlink.h"
#include "host/netlink.h"
#include "host/sysfs.h"

/* --- The PF's network interface --- */

/* In switchdev mode a VF's representor is an interface of the PF, too: "pf0vf3". */
static bool is_representor(int folder, const char *interface)
{
	char path[64], name[32];

	snprintf(path, sizeof(path), "%s/phys_port_name", interface);
	return attr_read(folder, path, name, sizeof(name)) == 0 && strstr(name, "vf");
}

/* The number of the interface of @dir's function that was made first; 0: it has none. */
static int find_interface(int dir, char *name, size_t size)
{
	auto_closedir DIR *folder = attr_open_folder(dir, "net");
	const char *entry;
	char path[64];
	int64_t number;
	int best = 0;

	while (folder && (entry = attr_next_entry(folder))) {
		snprintf(path, sizeof(path), "%s/ifindex", entry);
		if (attr_read_number(dirfd(folder), path, &number) < 0 || number <= 0 ||
		    number > INT32_MAX || (best && number > best) ||
		    is_representor(dirfd(folder), entry))
			continue;
		best = (int)number;
		text_copy(name, size, entry);
	}
	return best;
}

void vf_admin_read(int dir, struct function *f)
{
	char device[BDF_STRLEN];
	int64_t vectors = 0;

	memset(f->netdev, 0, sizeof(f->netdev));
	f->eswitch = ESWITCH_LEGACY;
	f->vf_msix_total = 0;
	if (f->vfs_total == 0)
		return;
	if (attr_read_number(dir, "sriov_vf_total_msix", &vectors) == 0 && vectors > 0)
		f->vf_msix_total = vectors > UINT16_MAX ? UINT16_MAX : (uint16_t)vectors;
	if (!function_is_network(f))
		return;
	(void)find_interface(dir, f->netdev, sizeof(f->netdev));
	(void)devlink_eswitch("pci", bdf_format(f->bdf, device), &f->eswitch, NULL);
}

static int open_interface(int root, const struct function *vf, int *ret, struct tio_error *err)
{
	struct attr folder = attr_of_function(vf->physfn, "");
	auto_close int dir = openat(root, folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[16];

	*ret = dir < 0 ? 0 : find_interface(dir, name, sizeof(name));
	if (*ret)
		return 0;
	error_kind_set(err, ERROR_NOT_READY, -EOPNOTSUPP,
		       "its PF %s has no network interface, through which VFs are set",
		       folder.owner);
	error_fix(err,
		  "bind the PF to its network driver, or leave the settings of the VF out");
	return -EOPNOTSUPP;
}

/* --- Settings --- */

/* 1, 0, or a negative errno: what is written in the wrong mode would be lost, or wrong. */
static int is_in_switchdev(const struct function *vf, struct tio_error *err)
{
	char pf[BDF_STRLEN];
	enum eswitch mode;
	int r = devlink_eswitch("pci", bdf_format(vf->physfn, pf), &mode, err);

	return r < 0 ? r : mode != ESWITCH_LEGACY;
}

/* There the interface tells nothing of an address, or what it was before the mode changed. */
static int get_in_switchdev(int ifindex, const struct function *vf, struct vf_settings *ret,
			    struct tio_error *err)
{
	struct vf_settings settings = { 0 };
	struct tio_error ignored = TIO_ERROR_NONE;
	char pf[BDF_STRLEN];
	uint64_t mac;
	int r;

	(void)netlink_vf_get(ifindex, vf->vf_index, &settings, &ignored);
	settings = vf_only(&settings, ~VF_BIT(VF_MAC));
	r = devlink_get_mac("pci", bdf_format(vf->physfn, pf), vf->vf_index, &mac, err);
	if (r == 0)
		vf_set(&settings, VF_MAC, mac);
	if (r < 0 && !settings.given)
		return r;
	*ret = settings;
	return 0;
}

int vf_admin_get(int root, const struct function *vf, struct vf_settings *ret,
		 struct tio_error *err)
{
	int ifindex, r;

	r = open_interface(root, vf, &ifindex, err);
	if (r == 0)
		r = is_in_switchdev(vf, err);
	if (r < 0)
		return r;
	return r ? get_in_switchdev(ifindex, vf, ret, err)
		 : netlink_vf_get(ifindex, vf->vf_index, ret, err);
}

static int set_vectors(int root, const struct function *vf, uint64_t n, struct tio_error *err)
{
	struct attr attr = attr_of_function(vf->bdf, "sriov_vf_msix_count");
	char text[24];

	snprintf(text, sizeof(text), "%u", (unsigned)n);
	return sysfs_write(root, &attr, text, err);
}

int vf_admin_set(int root, const struct function *vf, const struct vf_settings *wanted,
		 struct tio_error *err)
{
	struct vf_settings net = vf_only(wanted, VF_NET_KEYS);
	int ifindex, switchdev = 0, r = 0;
	char pf[BDF_STRLEN];

	if (net.given)
		r = open_interface(root, vf, &ifindex, err);
	if (r == 0 && vf_given(&net, VF_MAC))
		switchdev = is_in_switchdev(vf, err);
	if (switchdev < 0)
		return switchdev;
	if (r == 0 && switchdev) {
		r = devlink_set_mac("pci", bdf_format(vf->physfn, pf), vf->vf_index,
				    net.value[VF_MAC], err);
		net = vf_only(&net, ~VF_BIT(VF_MAC));
	}
	if (r == 0 && net.given)
		r = netlink_vf_set(ifindex, vf->vf_index, &net, err);
	if (r == 0 && vf_given(wanted, VF_MSIX))
		r = set_vectors(root, vf, wanted->value[VF_MSIX], err);
	return r;
}
