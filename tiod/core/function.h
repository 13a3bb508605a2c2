/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One PCI function as the kernel shows it: what it can do (constant while it is
 * there) and how it stands (read again whenever something may have changed).
 *
 * A plain value without pointers, a little under 1 KiB: a scan worker hands
 * thousands of them to the daemon through a memory file.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bdf.h"

#define DRIVER_NAME_MAX 40
#define TSM_NAME_MAX    16

enum function_kind {
	FUNCTION_ENDPOINT, /* PF or a function without SR-IOV */
	FUNCTION_VF,
	FUNCTION_ROOT_PORT,
	FUNCTION_BRIDGE, /* switch ports and other bridges */
	FUNCTION_OTHER,  /* conventional PCI, integrated, unknown */
	FUNCTION_KIND_COUNT
};

/*
 * How a PF's card forwards between its VFs (devlink); without devlink it is legacy, and unknown
 * when the kernel could not be asked.
 */
enum eswitch {
	ESWITCH_LEGACY,
	ESWITCH_SWITCHDEV,
	ESWITCH_INACTIVE,
	ESWITCH_UNKNOWN,
	ESWITCH_COUNT
};

/* The Device/Port Type of the PCI Express Capabilities register (PCIe 6.0 section 7.5.3.2). */
enum port_type {
	EXPRESS_NONE, /* conventional PCI, or unknown */
	EXPRESS_OTHER,
	EXPRESS_ROOT,
	EXPRESS_UPSTREAM,
	EXPRESS_DOWNSTREAM,
	EXPRESS_TO_PCI,
	EXPRESS_FROM_PCI,
};

/* Access Control Services (PCIe 6.0 section 7.7.11); zero of VFs. */
struct acs {
	bool present;
	uint16_t capability, control;
};

/* IDE extended capability (PCIe 6.0 section 7.9.26; offsets in kernel-abi 5.2). */
struct ide_capability {
	uint16_t offset; /* in config space; 0: none */
	uint32_t capability;
	uint8_t selective_streams; /* number of selective blocks, 0 if unsupported */
	bool ide_km;
	bool tee_limited;
};

/* Errors of IDE that a port counted since it came (AER; Linux sums each by its name). */
struct ide_errors {
	bool known;
	uint32_t check;     /* IDECheck: a TLP failed its integrity check */
	uint32_t misrouted; /* MisIDETLP: one came that no stream is for */
	uint32_t pcrc;      /* PCRC_CHECK */
};

/* One partner port's selective block of the stream in use. */
struct ide_end {
	bool known;  /* its registers could be read */
	bool silent; /* they read as all ones: the port does not answer */
	uint8_t block;
	uint8_t stream_id;
	bool enabled;
	bool secure; /* state field is 2 */
	bool failed; /* an IDE_FAIL message was received (bit 31, sticky) */
	uint32_t control;
	uint32_t status;
	struct ide_errors errors;
};

/* streamH.R.E of the host bridge: established once, not necessarily secure now. */
struct ide_stream {
	bool present;
	uint16_t host_bridge_index; /* H */
	uint16_t root_port_block;   /* R */
	uint16_t endpoint_block;    /* E */
	struct ide_end endpoint;
	struct ide_end root_port;
};

/* Whose a device node is. */
struct node_access {
	bool known;
	uint16_t mode; /* its permission bits */
	uint32_t uid, gid;
};

/* What the kernel says to a question; some have no answer on some kernels. */
enum setting { SETTING_UNKNOWN, SETTING_NO, SETTING_YES };

/* Whether a function may fall asleep, and how it can be reset; not read of VFs and bridges. */
struct power {
	uint8_t d3cold_allowed; /* enum setting */
	uint8_t always_on;      /* enum setting: power/control is "on", not "auto" */
	char reset[48];         /* reset_method: "flr bus"; "" if it cannot be reset */
};

struct function {
	struct bdf bdf;
	enum function_kind kind;
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class; /* 0xccsspp */
	char name[80];  /* from pci.ids; "" when it knows none */
	char modalias[80];
	char slot[16]; /* physical slot, "" if the platform names none */
	char host_bridge[16];
	char serial[24]; /* device serial number capability, "" if none */

	/* Where it belongs. */
	struct bdf dsm;       /* function 0 of the card: names the family */
	struct bdf root_port; /* BDF_NONE for what has none */
	struct bdf upstream;  /* the bridge right above it; BDF_NONE on a root bus */
	struct bdf physfn;    /* of a VF */
	uint16_t vf_index;    /* of a VF, from 0 */
	int numa_node;        /* -1: unknown */
	int iommu_group;      /* -1: none */

	/* What it can do. */
	bool config_complete; /* more than 64 bytes of config space could be read */
	bool tee_io;          /* Device Capabilities bit 30 */
	bool flr;
	bool doe_cma;     /* doe_features 0001:01 */
	bool doe_session; /* doe_features 0001:02 */
	enum port_type port;
	struct acs acs;
	struct ide_capability ide;
	struct ide_capability root_port_ide;
	uint64_t largest_bar; /* bytes */
	uint16_t vfs_total;   /* 0: no SR-IOV */
	uint16_t vf_offset, vf_stride;

	/* How it stands. */
	char driver[DRIVER_NAME_MAX];   /* "" if unbound */
	char override[DRIVER_NAME_MAX]; /* driver_override, "" if unset */
	uint16_t vfs;
	bool vfs_autoprobe;
	char netdev[16];         /* of a PF with a network interface: its name, else "" */
	enum eswitch eswitch;    /* of such a PF */
	uint16_t vf_msix_total;  /* vectors that the PF may share out among its VFs, 0: none */
	char cdev[16];           /* "vfio3" while bound to a VFIO driver, else "" */
	bool cdev_node;          /* the kernel gave it a device number (VFIO_DEVICE_CDEV) */
	struct node_access node; /* of cdev, below /dev/vfio/devices */
	struct power power;

	/* Its TSM link; of function 0 only. */
	bool tsm_group;           /* tsm/connect exists */
	bool tsm_blobs;           /* there is a tsm/dsm_status or tdi_status; VFs have it too */
	bool tsm_evidence;        /* there is a tsm/certs, meas or report; VFs have it too */
	bool tsm_member;          /* there is a tsm/ */
	bool link_known;          /* tsm/connect was read, or follows from the stream */
	char tsm[TSM_NAME_MAX];   /* connected to, "" if not */
	char bound[TSM_NAME_MAX]; /* tsm/bound: a TDI is bound, "" if not or unknown */
	struct ide_stream stream;
};

_Static_assert(sizeof(struct function) <= 1024, "about 1 KiB a function");

/* What tells one card from another at the same address; all zero when it is not known. */
struct identity {
	uint16_t vendor, device;
	char serial[24];
};

struct identity function_identity(const struct function *f);

/* False only when both are known and differ. */
bool identity_may_be(const struct identity *identity, const struct function *f);

/* Function 0 of the card, or of its PF's card: what a family is locked and named by. */
struct bdf function_family(const struct function *f);

/* TEE-IO or IDE: what `tioctl list` shows without -a. */
bool function_is_tdisp(const struct function *f);

/* Has the card fallen off the bus, as far as its stream tells?  False for what has none. */
bool function_is_silent(const struct function *dsm);

/* Both ends enabled, in the secure state and on the same Stream ID. */
bool function_link_is_secure(const struct function *dsm);

/* "endpoint", "vf", …; never NULL. */
const char *function_kind_to_string(enum function_kind kind);

/* "legacy", "switchdev", "switchdev_inactive", "unknown"; never NULL. */
const char *eswitch_to_string(enum eswitch mode);

/* Base class 02h, a network controller. */
bool function_is_network(const struct function *f);

/* The address a VF of @pf will have: PF + VF offset + index * stride (SR-IOV 2.1.2). */
struct bdf function_vf_address(const struct function *pf, unsigned index);
