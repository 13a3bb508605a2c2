/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The host as it was seen at one moment: its functions, TSMs, hugepages and
 * what VFIO needs.  Everything that decides (plan, report, hand-off) reads this and
 * nothing else.
 */

#include <stddef.h>

#include "core/function.h"
#include "core/vf-settings.h"

struct tio_error;

#define SNAPSHOT_TSMS_MAX  8
#define SNAPSHOT_POOLS_MAX 64

struct tsm {
	char name[TSM_NAME_MAX];
	struct bdf parent;            /* the PCI function it is a child of, or BDF_NONE */
	char parent_name[40];         /* "0000:c3:00.5", "tdx_host", "" */
	char driver[DRIVER_NAME_MAX]; /* the parent's, or "" */
};

struct hugepage_pool {
	int node;      /* -1: the whole host */
	uint64_t size; /* bytes a page */
	uint64_t total, free;
	uint64_t reserved; /* whole host only: promised, not yet faulted in */
};

/* Somebody or something uses a function: why it must not be taken away. */
enum holder_kind {
	HOLDER_MOUNT,     /* a file system */
	HOLDER_FAR_MOUNT, /* of another mount namespace, that of process @pid */
	HOLDER_OVERLAY,   /* an overlay whose layers are on a file system of it */
	HOLDER_SWAP,      /* @where is the device that swapoff is given */
	HOLDER_BLOCK,     /* a volume or array is built on it, which nobody uses now */
	HOLDER_POOL,      /* ZFS */
	HOLDER_CLAIMED,   /* opened exclusively within the kernel, by whoever */
	HOLDER_ADDRESS,   /* an interface that is up with an address */
	HOLDER_MASTER,    /* in a bridge, bond or team, as @sort says */
	HOLDER_UPPER,     /* a VLAN, macvlan and the like is built on it */
	HOLDER_ROUTE,     /* @sort: "default route" or "route to" */
	HOLDER_PROCESS,   /* has its device node open */
	HOLDER_GUEST,     /* so, and runs a virtual machine, called @where */
	HOLDER_MAYBE,     /* as PROCESS, but of which function of a driver is not known */
	HOLDER_HIDDEN,    /* its interface is in another network namespace */
	HOLDER_VFS,       /* it has VFs enabled */
	HOLDER_UNSEEN,    /* not all could be looked at: @where says what, @undo what to do */
	HOLDER_KIND_COUNT
};

struct holder {
	struct bdf function;
	enum holder_kind kind;
	int pid;          /* 0: no process */
	char command[32]; /* of that process */
	char what[96];    /* "/dev/nvme0n1p2", "eth0", "/dev/vfio/devices/vfio3" */
	char where[160];  /* "/data", "br0", "" */
	char sort[24];    /* "bridge", "default route", "" */
	char stack[192];  /* "the array /dev/md0, of the volume group vg (vg-data)", or "" */
	char undo[192];   /* "`vgchange -an vg`, `mdadm --stop /dev/md0`", or "" */
};

/* What a plugin says about a function, of one that was asked. */
enum advice_kind { ADVICE_NOTE, ADVICE_NOT_READY, ADVICE_IN_USE };

struct advice {
	struct bdf function;
	enum advice_kind kind;
	char plugin[32];
	char text[256], fix[256];
};

/* What a PF has decided for one of its VFs, as it was read. */
struct vf_admin {
	struct bdf function;
	struct vf_settings now;
};

struct snapshot {
	struct function *functions; /* owned, sorted by address */
	size_t n_functions, space;
	struct tsm tsms[SNAPSHOT_TSMS_MAX];
	size_t n_tsms;
	struct hugepage_pool pools[SNAPSHOT_POOLS_MAX];
	size_t n_pools;
	struct holder *holders; /* owned; only of functions that were asked about */
	size_t n_holders;
	struct advice *advice; /* owned; as holders */
	size_t n_advice;
	struct vf_admin *vf_admin; /* owned; of VFs that shall be given settings */
	size_t n_vf_admin;
	bool iommu;   /* the kernel made IOMMU groups */
	bool iommufd; /* /dev/iommu exists */
	struct node_access iommu_node;
	bool vfio_pci; /* the vfio-pci driver is registered */
	bool evidence; /* the kernel has the netlink family device-evidence */
};

void snapshot_finish(struct snapshot *snap);

/* Borrowed, valid until the next insertion or removal; NULL if it is not there. */
struct function *snapshot_find(const struct snapshot *snap, struct bdf bdf);
const struct function *snapshot_find_vf(const struct snapshot *snap, struct bdf pf,
					unsigned index);
const struct tsm *snapshot_find_tsm(const struct snapshot *snap, const char *name);

/* Puts @f in its place, over an older one of the same address.  0 or -ENOMEM. */
int snapshot_put(struct snapshot *snap, const struct function *f);
void snapshot_remove(struct snapshot *snap, struct bdf bdf);

/* 0 or -ENOMEM. */
int snapshot_add_holder(struct snapshot *snap, const struct holder *holder);
int snapshot_add_advice(struct snapshot *snap, const struct advice *advice);
int snapshot_add_vf_admin(struct snapshot *snap, const struct vf_admin *admin);

/* NULL: it was not read, or could not be. */
const struct vf_settings *snapshot_find_vf_admin(const struct snapshot *snap, struct bdf vf);

/* A copy that is finished by itself.  0 or -ENOMEM; @ret is empty on failure. */
int snapshot_copy(const struct snapshot *snap, struct snapshot *ret);

/*
 * The pool of pages of @size bytes on @node (-1: whole host), or NULL.
 */
const struct hugepage_pool *snapshot_pool(const struct snapshot *snap, int node, uint64_t size);
