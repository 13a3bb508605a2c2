/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The whole interface between tiod and a plugin.
 *
 * A plugin is a shared object that exports one constant, `tio_plugin`.  It runs
 * no code when it is loaded, has no globals that change, starts no threads and
 * includes nothing of tiod but this file.  It is called in worker processes only: if it
 * crashes or hangs, the device is refused and the daemon goes on.
 *
 * A plugin declares; it may not reorder or drop a step of the bring-up.
 *
 * The ABI grows at the end of the structures only.  `size` and `abi` come first so
 * that both sides can tell what the other knows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIO_PLUGIN_ABI 1

/* Zero means "any" in every field but class_mask. */
struct tio_match {
	uint16_t vendor;
	uint16_t device;
	uint32_t class; /* 0xccsspp, compared under class_mask */
	uint32_t class_mask;
};

/* What a plugin is shown of a function; addresses are domain << 16 | bus << 8 | devfn. */
struct tio_function {
	uint64_t address;
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class; /* 0xccsspp */
	uint64_t same_card; /* address of function 0 of its card */
	bool is_vf;
	const char *driver; /* "" if unbound; valid during the call */
};

struct tio_plugin {
	uint32_t size; /* sizeof(struct tio_plugin) when it was built */
	uint32_t abi;  /* TIO_PLUGIN_ABI when it was built */
	const char *name;
	const struct tio_match *match; /* @n_match rows; a row of zeros matches any function */
	size_t n_match;

	/*
	 * Kernel module whose driver must run a PF so that VFs can be enabled.  NULL: the
	 * one that its modalias names.
	 */
	const char *host_module;

	/*
	 * @sibling, another function in @lead's IOMMU group, belongs to it and goes to the same
	 * VM.  May be NULL: nothing goes along by itself.
	 */
	bool (*is_companion)(const struct tio_function *lead, const struct tio_function *sibling);
};
