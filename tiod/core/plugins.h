/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which plugin speaks for which function, and what it says.
 *
 * core sees plain values and a table of questions, never a plugin's code:
 * host/plugins.c fills both from a process of their own that workers start; tests fill
 * them from constants.
 */

#include <stddef.h>

#include "base/error.h"
#include "core/function.h"
#include "tio-plugin.h"

#define PLUGINS_MAX 32

/* A plugin may ask for this much time, and no more. */
#define PLUGIN_WAIT_MAX_MS   600000
#define PLUGIN_PER_VF_MAX_MS 10000

/* What a plugin may ask more time for. */
enum plugin_wait { WAIT_NONE, WAIT_LOAD, WAIT_REBIND, WAIT_VFS, PLUGIN_WAIT_COUNT };

struct plugin_traits {
	char kind[TIO_NAME_MAX];
	char host_module[TIO_NAME_MAX];
	char note[TIO_TEXT_MAX], vf_note[TIO_TEXT_MAX];
	char nodes[TIO_NODES_MAX][TIO_NAME_MAX];
	uint32_t n_nodes;
	uint32_t bind_ms, unbind_ms, vfs_ms, per_vf_ms;
	uint32_t pins, vfs_max;
};

struct plugin_match {
	uint16_t vendor, device;
	uint32_t class, class_mask;
	uint32_t traits; /* number in the plugin's list, from 1; 0: none */
};

/* All that a plugin declares, without pointers: it comes through a socket. */
struct plugin {
	char name[TIO_NAME_MAX];
	char file[64];
	uint32_t abi;
	uint32_t has_companions;
	uint32_t n_match, n_traits, n_checks;
	struct plugin_match match[TIO_MATCHES_MAX];
	struct plugin_traits traits[TIO_TRAITS_MAX];
	char checks[TIO_CHECKS_MAX][TIO_NAME_MAX];
};

/* A file that is no use. */
struct plugin_refused {
	char file[64];
	char why[320];
};

struct plugins_ops {
	/* 0, 1, or a negative errno: the plugin did not answer. */
	int (*is_companion)(void *arg, size_t plugin, const struct tio_function *lead,
			    const struct tio_function *sibling, struct tio_error *err);
	int (*check)(void *arg, size_t plugin, size_t check, const struct tio_function *f,
		     struct tio_finding *ret, struct tio_error *err);
};

struct plugins {
	struct plugin *list; /* owned by whoever filled it */
	size_t n;
	struct plugin_refused *refused; /* as @list */
	size_t n_refused;
	const struct plugins_ops *ops;
	void *arg;
};

/* What is said of one function. */
struct plugin_claim {
	const struct plugin *plugin; /* NULL: none speaks for it */
	size_t index;
	const struct plugin_traits *traits; /* NULL: nothing is said */
	bool specific;                      /* matched by more than "any function" */
};

/* @plugins may be NULL.  Of equal matches the first counts. */
struct plugin_claim plugins_claim(const struct plugins *plugins, const struct function *f);

/*
 * 1 when the lead's plugin says that @sibling goes along with it, 0 when not, or a negative
 * errno.
 */
int plugins_is_companion(const struct plugins *plugins, const struct function *lead,
			 const struct function *sibling, struct tio_error *err);

/* The module that must run PF @pf, or "" if that is left to its modalias. */
const char *plugins_host_module(const struct plugins *plugins, const struct function *pf);

/* @ms, or longer when @f's plugin knows that it takes longer. */
unsigned plugins_deadline(const struct plugins *plugins, const struct function *f,
			  enum plugin_wait wait, unsigned vfs, unsigned ms);

/* What a plugin is shown of a function, and back. */
struct tio_function plugins_view(const struct function *f);
struct bdf plugins_address(uint64_t address);
