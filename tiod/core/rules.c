/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/rules.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct {
	const char *word;
	unsigned bit;
} capabilities[] = {
	{ "tee-io", CAPABILITY_TEE_IO },
	{ "ide", CAPABILITY_IDE },
	{ "sr-iov", CAPABILITY_SRIOV },
};

unsigned rule_capability(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (strcmp(capabilities[i].word, word) == 0)
			return capabilities[i].bit;
	return 0;
}

static unsigned capabilities_of(const struct function *f)
{
	return (f->tee_io ? CAPABILITY_TEE_IO : 0) | (f->ide.offset ? CAPABILITY_IDE : 0) |
	       (f->vfs_total ? CAPABILITY_SRIOV : 0);
}

static void say_capabilities(unsigned bits, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++)
		if (bits & capabilities[i].bit)
			text_append(buf, size, "%s%s", buf[0] ? " " : "", capabilities[i].word);
	if (!buf[0])
		text_copy(buf, size, "none");
}

/* --- The keys: whether each fits, and both sides in words --- */

static bool vendor_fits(const struct rule_match *m, const struct function *f)
{
	return m->vendor == f->vendor;
}

static void say_vendor(const struct rule_match *m, const struct function *f, char *buf,
		       size_t size)
{
	snprintf(buf, size, "0x%04x", m ? m->vendor : f->vendor);
}

static bool device_fits(const struct rule_match *m, const struct function *f)
{
	return m->device == f->device;
}

static void say_device(const struct rule_match *m, const struct function *f, char *buf,
		       size_t size)
{
	snprintf(buf, size, "0x%04x", m ? m->device : f->device);
}

static bool class_fits(const struct rule_match *m, const struct function *f)
{
	return (f->class & m->class_mask) == (m->class & m->class_mask);
}

static void say_class(const struct rule_match *m, const struct function *f, char *buf,
		      size_t size)
{
	if (m)
		snprintf(buf, size, "0x%06x/0x%06x", m->class, m->class_mask);
	else
		snprintf(buf, size, "0x%06x", f->class);
}

static bool slot_fits(const struct rule_match *m, const struct function *f)
{
	return strcmp(m->slot, f->slot) == 0;
}

static void say_slot(const struct rule_match *m, const struct function *f, char *buf,
		     size_t size)
{
	const char *slot = m ? m->slot : f->slot;

	text_copy(buf, size, *slot ? slot : "none");
}

static bool serial_fits(const struct rule_match *m, const struct function *f)
{
	return strcmp(m->serial, f->serial) == 0;
}

static void say_serial(const struct rule_match *m, const struct function *f, char *buf,
		       size_t size)
{
	const char *serial = m ? m->serial : f->serial;

	text_copy(buf, size, *serial ? serial : "none");
}

static bool address_fits(const struct rule_match *m, const struct function *f)
{
	return bdf_equal(m->address, f->bdf);
}

static void say_address(const struct rule_match *m, const struct function *f, char *buf,
			size_t size)
{
	char name[BDF_STRLEN];

	text_copy(buf, size, bdf_format(m ? m->address : f->bdf, name));
}

static bool node_fits(const struct rule_match *m, const struct function *f)
{
	return m->numa_node == f->numa_node;
}

static void say_node(const struct rule_match *m, const struct function *f, char *buf,
		     size_t size)
{
	int node = m ? m->numa_node : f->numa_node;

	if (node < 0)
		text_copy(buf, size, "unknown");
	else
		snprintf(buf, size, "%d", node);
}

static bool capability_fits(const struct rule_match *m, const struct function *f)
{
	return (m->capabilities & ~capabilities_of(f)) == 0;
}

static void say_capability(const struct rule_match *m, const struct function *f, char *buf,
			   size_t size)
{
	say_capabilities(m ? m->capabilities : capabilities_of(f), buf, size);
}

/* say() writes the rule's side, or with a NULL match the function's. */
static const struct {
	const char *name;
	bool (*fits)(const struct rule_match *m, const struct function *f);
	void (*say)(const struct rule_match *m, const struct function *f, char *buf,
		    size_t size);
} keys[MATCH_COUNT] = {
	[MATCH_VENDOR] = { "Vendor", vendor_fits, say_vendor },
	[MATCH_DEVICE] = { "Device", device_fits, say_device },
	[MATCH_CLASS] = { "Class", class_fits, say_class },
	[MATCH_SLOT] = { "Slot", slot_fits, say_slot },
	[MATCH_SERIAL] = { "Serial", serial_fits, say_serial },
	[MATCH_ADDRESS] = { "Address", address_fits, say_address },
	[MATCH_NUMA_NODE] = { "NumaNode", node_fits, say_node },
	[MATCH_CAPABILITY] = { "Capability", capability_fits, say_capability },
};

bool rule_concerns(const struct function *f)
{
	return f->kind == FUNCTION_ENDPOINT;
}

/* The first key that does not fit; MATCH_COUNT: all do. */
static int first_misfit(const struct rule *rule, const struct function *f)
{
	int key = 0;

	while (key < MATCH_COUNT &&
	       (!(rule->match.given & (1u << key)) || keys[key].fits(&rule->match, f)))
		key++;
	return key;
}

bool rule_mismatch(const struct rule *rule, const struct function *f, unsigned occasion,
		   char *buf, size_t size)
{
	char wanted[64], there[64];
	int key = first_misfit(rule, f);

	buf[0] = '\0';
	if (rule->broken)
		return false;
	if (key < MATCH_COUNT) {
		keys[key].say(&rule->match, f, wanted, sizeof(wanted));
		keys[key].say(NULL, f, there, sizeof(there));
		snprintf(buf, size, "%s=%s, but it is %s", keys[key].name, wanted, there);
		return true;
	}
	if (rule->on & occasion)
		return false;
	snprintf(buf, size, "On=%s, and this is %s", rule_occasions(rule->on),
		 rule_occasions(occasion));
	return true;
}

const struct rule *rules_find(const struct rule *rules, size_t n, const struct function *f,
			      unsigned occasion)
{
	for (size_t i = 0; rule_concerns(f) && i < n; i++)
		if (rules[i].broken ||
		    (rules[i].on & occasion && first_misfit(&rules[i], f) == MATCH_COUNT))
			return &rules[i];
	return NULL;
}

/* --- In words --- */

const char *rule_action_to_string(enum rule_action action)
{
	static const char *const names[RULE_ACTION_COUNT] = {
		[RULE_NONE] = "none",
		[RULE_ATTACH] = "attach",
		[RULE_CONNECT] = "connect",
		[RULE_REPORT] = "report",
	};

	return action < RULE_ACTION_COUNT ? names[action] : "unknown";
}

const char *rule_occasions(unsigned on)
{
	static const char *const names[] = { "nothing", "boot", "hotplug", "boot,hotplug" };

	return names[on & (RULE_BOOT | RULE_HOTPLUG)];
}

void rule_describe(const struct rule *rule, char *buf, size_t size)
{
	const char *along = rule->companions ? " with its companions" : "";

	if (rule->broken)
		text_copy(buf, size, "nothing: its file has mistakes (`tioctl rules check`)");
	else if (rule->action == RULE_CONNECT)
		text_copy(buf, size, "connect it to its TSM");
	else if (rule->action == RULE_REPORT)
		text_copy(buf, size, "report it");
	else if (rule->action != RULE_ATTACH)
		text_copy(buf, size, "do nothing");
	else if (!rule->vf)
		snprintf(buf, size, "attach it to %s%s", rule->vm, along);
	else if (rule->n_vfs == 1)
		snprintf(buf, size, "attach VF 0 of it to %s%s", rule->vm, along);
	else
		snprintf(buf, size, "attach VFs 0 to %u of it to %s%s", rule->n_vfs - 1,
			 rule->vm, along);
}

bool rule_is_lacking(const struct rule *rule, char *buf, size_t size)
{
	buf[0] = '\0';
	if (rule->action == RULE_NONE)
		text_copy(buf, size,
			  "nothing says what to do: add a section [Attach], [Connect] or "
			  "[Report] with On=boot,hotplug");
	else if (rule->action == RULE_ATTACH && !rule->vm[0])
		text_copy(buf, size, "[Attach] names no VM: add VM=");
	else if (!rule->on)
		snprintf(buf, size, "[%s] does not say when: add On=boot, On=hotplug or both",
			 rule->action == RULE_ATTACH    ? "Attach"
			 : rule->action == RULE_CONNECT ? "Connect"
							: "Report");
	else if (!rule->match.given)
		text_copy(buf, size,
			  "[Match] names nothing, so that every card would fit: add "
			  "Capability=tee-io, or what you mean");
	else if (!rule->vf && rule->n_vfs)
		text_copy(buf, size, "VFs= is for Function=vf");
	return buf[0] != '\0';
}
