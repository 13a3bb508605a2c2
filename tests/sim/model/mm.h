/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* NUMA nodes, their CPUs and the hugepage pools; asked by PCI functions and commands. */

#include <jansson.h>

int mm_load(const json_t *nodes);
/* "0-63\n" of a node that there is. */
const char *node_cpulist(int node);
/* {"node": 0, "size": 2048, "nr": …, "free": …, "resv": …}: what a test wants to be so. */
json_t *mm_set(const json_t *command);
