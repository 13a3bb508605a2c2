/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A small machine of ordinary files in a temporary folder, for the tests of tiod/host:
 * sysfs in shape only.  Writes have no effect but on the file, which is what shows what
 * a door wrote; how a kernel answers is the simulated host's matter.
 */

#include <stdint.h>

#include "host/host.h"

struct host_tree {
	char root[64]; /* the folder of all: sys, proc, dev, run, state */
	struct host host;
};

/* The one tree of a test; TestSuite's .init and .fini. */
extern struct host_tree tree;
void tree_start(void);
void tree_end(void);

/* Paths are relative to the root, printf-wise; folders on the way are made. */
void tree_put(const char *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tree_put_bytes(const void *bytes, size_t size, const char *path);
void tree_link(const char *target, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tree_folder(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void tree_remove(const char *path);

/* What a file holds, "" when it is not there; valid until the next call. */
char *tree_text(const char *path);

/*
 * A function at "pci0000:e0/0000:e0:01.1/0000:e1:00.0" below devices, with its link in
 * bus/pci/devices and the usual attributes.
 */
void tree_function(const char *path, unsigned int vendor_device, unsigned int class);

/* The function's attributes are put through the bus's link. */
void tree_attr(const char *address, const char *name, const char *text);

struct bdf address(const char *text);

/* --- Config space --- */

struct config {
	uint8_t bytes[4096];
};

void config_put(struct config *config, unsigned int offset, uint32_t value);

/* An express capability at 0x40 of a type (0: endpoint, 4: root port), with DevCap. */
void config_express(struct config *config, unsigned int type, uint32_t devcap);

/* The header of an extended capability; @next is the one after it, 0 for none. */
void config_extended(struct config *config, unsigned int offset, unsigned int id,
		     unsigned int next);

void tree_config(const char *address, const struct config *config, size_t size);
