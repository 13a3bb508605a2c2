/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The whole interface between tiod and a plugin.
 *
 * A plugin is a shared object that exports one constant, `tio_plugin`.  It runs no code
 * when it is loaded, has no variables, starts no threads, allocates nothing that outlives
 * a call and includes nothing of tiod but this file.  It runs in a process of its own,
 * without rights, without files and with little memory and time: if it crashes, hangs or
 * answers nonsense, the device is refused and the daemon goes on.
 *
 * A plugin declares and answers questions; it changes nothing, and nothing that it says
 * reorders or drops a step of the bring-up.  Text is printable ASCII; what is not is shown
 * as '?', what is too long is cut.
 *
 * The ABI grows at the end of the structures only.  The sizes at the head of tio_plugin
 * tell both sides what the other knows: parts that a plugin does not have count as zero,
 * and parts that this tiod does not know must be zero.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIO_PLUGIN_ABI 1

/* More than these are refused. */
#define TIO_MATCHES_MAX 128
#define TIO_TRAITS_MAX  8
#define TIO_NODES_MAX   8
#define TIO_CHECKS_MAX  16

/* Text that is kept of each, its final NUL included. */
#define TIO_NAME_MAX 32
#define TIO_TEXT_MAX 256

/* What a plugin is shown of a function; addresses are domain << 16 | bus << 8 | devfn. */
struct tio_function {
	uint32_t size;  /* sizeof(struct tio_function) in tiod */
	uint32_t class; /* 0xccsspp */
	uint64_t address;
	uint64_t same_card; /* address of function 0 of its card, or of its PF's card */
	uint64_t physfn;    /* address of its PF, if it is a VF */
	uint64_t largest_bar;
	uint16_t vendor, device, subvendor, subdevice;
	uint16_t vfs, vfs_total;
	bool is_vf;
	bool tee_io;               /* the TEE-IO bit of its Device Capabilities */
	char driver[TIO_NAME_MAX]; /* "" if unbound */
};

/*
 * Runtime power management that should be off while a VM has the function, or a VF of it; the
 * VM's file may say otherwise.
 */
#define TIO_PIN_D3COLD 0x1 /* d3cold_allowed = 0 */
#define TIO_PIN_ON     0x2 /* power/control = on */

/* What is true of all functions of a kind.  Zero, and NULL, say nothing. */
struct tio_traits {
	const char *kind; /* "GPU": for people */

	/*
	 * Kernel module whose driver must run a PF so that its VFs can be enabled.  NULL:
	 * the one that its modalias names.
	 */
	const char *host_module;

	/* A sentence that the plan tells of a PF that is given away, and of a VF. */
	const char *note;
	const char *vf_note;

	/* Names below /dev that its driver makes, as fnmatch(3) patterns: "nvidia[0-9]*". */
	const char *const *nodes;
	size_t n_nodes;

	/*
	 * How long a driver's bind and unbind, and a write of sriov_numvfs (in all, and for
	 * each VF beside that) may take.  They lengthen tiod's own limits, within bounds, and
	 * never shorten them.
	 */
	uint32_t bind_ms, unbind_ms;
	uint32_t vfs_ms, per_vf_ms;

	uint32_t pins; /* TIO_PIN_… */

	/* VFs at most; 0: as sriov_totalvfs says.  It can lower that, not raise it. */
	uint32_t vfs_max;
};

/*
 * Zero means "any" in vendor and device; class is compared under class_mask.  The row that
 * names the most decides: device before vendor before class.
 */
struct tio_match {
	uint16_t vendor, device;
	uint32_t class, class_mask;      /* 0xccsspp */
	const struct tio_traits *traits; /* may be NULL */
};

/* What a check finds. */
#define TIO_FINE      0
#define TIO_WARN      1 /* the plan tells it and goes on */
#define TIO_NOT_READY 2 /* refused: the device or the host lacks something */
#define TIO_IN_USE    3 /* refused: something uses it */

struct tio_finding {
	uint32_t verdict;        /* TIO_FINE, … */
	char text[TIO_TEXT_MAX]; /* one sentence without a final stop, unless fine */
	char fix[TIO_TEXT_MAX];  /* what to do or type */
};

/* The way to look at the function that a check is about. */
struct tio_reader {
	void *host; /* tiod's */

	/*
	 * Reads an attribute of the function's own folder in sysfs: "power/control".  Returns
	 * its length without the final newline, with a NUL behind it in @buf, or a negative
	 * errno: -ENOENT, -EFBIG if it does not fit, -EPERM for paths that leave the folder,
	 * for BARs, ROM and tsm/, whose reading has effects or may wait.  4096 bytes at most.
	 */
	int (*read)(const struct tio_reader *reader, const char *attribute, char *buf,
		    size_t size);
};

struct tio_check {
	const char *name; /* "persistence" */

	/* @ret is all zero, which says that all is fine. */
	void (*run)(const struct tio_function *f, const struct tio_reader *reader,
		    struct tio_finding *ret);
};

struct tio_plugin {
	/* As they were when it was built: TIO_PLUGIN_HEAD. */
	uint32_t size, abi;
	uint32_t function_size, traits_size, match_size, check_size;

	const char *name;
	const struct tio_match *match; /* a row of zeros matches any function */
	size_t n_match;

	/*
	 * @sibling, another function in @lead's IOMMU group, belongs to it and goes to the same
	 * VM.  May be NULL: nothing goes along by itself.
	 */
	bool (*is_companion)(const struct tio_function *lead,
			     const struct tio_function *sibling);

	/* Asked before a function is given away or connected; of a VF that is still to be
	 * made, its PF is shown. */
	const struct tio_check *checks;
	size_t n_checks;
};

/* clang-format off */
#define TIO_PLUGIN_HEAD                                  \
	.size = sizeof(struct tio_plugin),               \
	.abi = TIO_PLUGIN_ABI,                           \
	.function_size = sizeof(struct tio_function),    \
	.traits_size = sizeof(struct tio_traits),        \
	.match_size = sizeof(struct tio_match),          \
	.check_size = sizeof(struct tio_check)
/* clang-format on */

/* Goes before the definition of `tio_plugin`. */
#define TIO_EXPORT __attribute__((visibility("default")))
