/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Rules: what is to happen by itself with a card that is there at boot or is plugged in.
 *
 * Pure: a rule is matched against the function that a card shows, and every answer can be
 * explained.  The first rule in the order of file names that fits decides.  config-rules.c
 * reads them, automatic.c acts on them.
 */

#include <stddef.h>

#include "core/assignments.h"
#include "core/function.h"

struct tio_error;

/* When: bits of rule.on. */
#define RULE_BOOT    0x1 /* tiod starts for the first time since the host did */
#define RULE_HOTPLUG 0x2 /* the card was plugged in, or found by a rescan */

enum rule_action {
	RULE_NONE, /* no section says what to do */
	RULE_ATTACH,
	RULE_CONNECT, /* the TSM link alone */
	RULE_REPORT,  /* tell it in the log and in Monitor */
	RULE_ACTION_COUNT
};

/* What it looks at; only what is in @given counts. */
enum rule_key {
	MATCH_VENDOR,
	MATCH_DEVICE,
	MATCH_CLASS,
	MATCH_SLOT,
	MATCH_SERIAL,
	MATCH_ADDRESS,
	MATCH_NUMA_NODE,
	MATCH_CAPABILITY,
	MATCH_COUNT
};

/* Bits of rule_match.capabilities; each of those named must be there. */
#define CAPABILITY_TEE_IO 0x1
#define CAPABILITY_IDE    0x2
#define CAPABILITY_SRIOV  0x4

struct rule_match {
	unsigned given; /* 1 << MATCH_… */
	uint16_t vendor, device;
	uint32_t class, class_mask; /* 0xccsspp */
	char slot[16];
	char serial[24];
	struct bdf address;
	int numa_node;
	unsigned capabilities;
};

struct rule {
	char name[64]; /* the file's, without ".conf" */
	char file[256];
	struct rule_match match;
	bool broken; /* its file has mistakes: nothing is done for what comes to it */
	enum rule_action action;
	unsigned on; /* RULE_BOOT, RULE_HOTPLUG */

	/* RULE_ATTACH */
	char vm[VM_NAME_MAX];
	bool vf;         /* VFs of the function instead of itself */
	unsigned n_vfs;  /* how many go to the VM: VF 0 and up */
	bool companions; /* all of its IOMMU group goes along */
};

/* The first of @rules that fits @f on that occasion, or NULL. */
const struct rule *rules_find(const struct rule *rules, size_t n, const struct function *f,
			      unsigned occasion);

/*
 * Why @rule does not fit @f on that occasion: "Vendor=0x10de, but it is 0x8086".  False when
 * it does fit; @buf is then empty.
 */
bool rule_mismatch(const struct rule *rule, const struct function *f, unsigned occasion,
		   char *buf, size_t size);

/* What the rule does, for people: "attach VF 0 and 1 to gpu-vm". */
void rule_describe(const struct rule *rule, char *buf, size_t size);

/* What a file's author forgot, as a sentence; false when the rule is whole. */
bool rule_is_lacking(const struct rule *rule, char *buf, size_t size);

/* Rules look at what a card is; VFs follow from their PF. */
bool rule_concerns(const struct function *f);

/* "attach", …; never NULL. */
const char *rule_action_to_string(enum rule_action action);

/* "boot", "hotplug", "boot,hotplug". */
const char *rule_occasions(unsigned on);

/* "tee-io" to its bit; 0: no such word. */
unsigned rule_capability(const char *word);
