/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The address of a PCI function: domain:bus:device.function.
 *
 * A plain value, compared and sorted as one number.  Domains are 32 bits wide
 * because some hosts (VMD, Hyper-V) number them above 0xffff.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BDF_STRLEN 20 /* "ffffffff:ff:1f.7" and its NUL, rounded up */

struct bdf {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;   /* 0 to 31 */
	uint8_t function; /* 0 to 7 */
	bool valid;       /* false: no function at all */
};

#define BDF_NONE ((struct bdf){ 0 })

/*
 * Reads "0000:e1:00.0" or "e1:00.0" (domain 0); nothing may follow.  0 or -EINVAL.
 */
int bdf_parse(const char *text, struct bdf *ret);

/* Writes "0000:e1:00.0", or "" for BDF_NONE, and returns @buf. */
const char *bdf_format(struct bdf bdf, char buf[static BDF_STRLEN]);

/* Below, equal, above: as strcmp; BDF_NONE sorts first. */
int bdf_compare(struct bdf a, struct bdf b);
bool bdf_equal(struct bdf a, struct bdf b);

/*
 * Where @bdf is in a sorted array, or has to go: an index of 0 to @n.  @first is the address in
 * the first of @n elements, which are @stride bytes each; NULL when there are none.
 */
size_t bdf_place(const struct bdf *first, size_t n, size_t stride, struct bdf bdf);

/* Same domain, bus and device: functions of one card. */
bool bdf_same_device(struct bdf a, struct bdf b);
