/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config-rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "config-file.h"

#define CLASS_MAX 0xffffff

/* --- [Match] --- */

static struct rule_match *given(void *object, enum rule_key key)
{
	struct rule *rule = object;

	rule->match.given |= 1u << key;
	return &rule->match;
}

static int number_up_to(const char *value, uint64_t most, uint64_t *ret)
{
	return text_to_u64(value, 0, ret) < 0 || *ret > most ? -EINVAL : 0;
}

static int set_vendor(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t n;

	*expected = "a vendor's number such as 0x10de";
	if (number_up_to(value, UINT16_MAX, &n) < 0)
		return -EINVAL;
	given(object, MATCH_VENDOR)->vendor = (uint16_t)n;
	return 0;
}

static int set_device(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t n;

	*expected = "a device's number such as 0x2901";
	if (number_up_to(value, UINT16_MAX, &n) < 0)
		return -EINVAL;
	given(object, MATCH_DEVICE)->device = (uint16_t)n;
	return 0;
}

/* "0x030000/0xff0000"; four digits are class and subclass, as lspci shows them. */
static int set_class(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t class, mask = CLASS_MAX;
	char first[32];
	const char *slash = strchr(value, '/');

	*expected = "a class such as 0x0302, 0x030200 or 0x030000/0xff0000";
	if (!text_copy(first, sizeof(first), value))
		return -EINVAL;
	first[strcspn(first, "/")] = '\0';
	if (number_up_to(first, CLASS_MAX, &class) < 0 ||
	    (slash && number_up_to(slash + 1, CLASS_MAX, &mask) < 0))
		return -EINVAL;
	if (!slash && strlen(first) <= strlen("0x0302")) {
		class <<= 8;
		mask = 0xffff00;
	}
	if (class > CLASS_MAX)
		return -EINVAL;
	given(object, MATCH_CLASS)->class = (uint32_t) class;
	((struct rule *)object)->match.class_mask = (uint32_t)mask;
	return 0;
}

static int set_slot(const char *value, size_t offset, void *object, const char **expected)
{
	*expected = "the name of a physical slot, as `tioctl list -a` shows it";
	if (!value[0])
		return -EINVAL;
	return text_copy(given(object, MATCH_SLOT)->slot,
			 sizeof(((struct rule *)0)->match.slot), value)
		       ? 0
		       : -EINVAL;
}

static int set_serial(const char *value, size_t offset, void *object, const char **expected)
{
	*expected = "a serial number, as `tioctl show` shows it";
	if (!value[0])
		return -EINVAL;
	return text_copy(given(object, MATCH_SERIAL)->serial,
			 sizeof(((struct rule *)0)->match.serial), value)
		       ? 0
		       : -EINVAL;
}

static int set_address(const char *value, size_t offset, void *object, const char **expected)
{
	*expected = "an address such as 0000:e1:00.0";
	return bdf_parse(value, &given(object, MATCH_ADDRESS)->address) < 0 ? -EINVAL : 0;
}

static int set_node(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t n;

	*expected = "the number of a NUMA node";
	if (number_up_to(value, 1023, &n) < 0)
		return -EINVAL;
	given(object, MATCH_NUMA_NODE)->numa_node = (int)n;
	return 0;
}

static int set_capability(const char *value, size_t offset, void *object, const char **expected)
{
	char words[64], *save = NULL;
	unsigned bits = 0, bit;

	*expected = "some of tee-io, ide and sr-iov, with blanks between";
	if (!text_copy(words, sizeof(words), value))
		return -EINVAL;
	for (char *word = strtok_r(words, " \t,", &save); word;
	     word = strtok_r(NULL, " \t,", &save)) {
		bit = rule_capability(word);
		if (!bit)
			return -EINVAL;
		bits |= bit;
	}
	if (!bits)
		return -EINVAL;
	given(object, MATCH_CAPABILITY)->capabilities |= bits;
	return 0;
}

/* --- What to do --- */

static int take_action(struct rule *rule, enum rule_action action, const char **expected)
{
	if (rule->action != RULE_NONE && rule->action != action) {
		*expected = "possible here: another section says what to do already";
		return -EINVAL;
	}
	rule->action = action;
	return 0;
}

/* @offset is the action of the section that it stands in. */
static int set_on(const char *value, size_t offset, void *object, const char **expected)
{
	struct rule *rule = object;
	char words[64], *save = NULL;
	unsigned on = 0;

	*expected = "boot, hotplug or boot,hotplug";
	if (!text_copy(words, sizeof(words), value))
		return -EINVAL;
	for (char *word = strtok_r(words, " \t,", &save); word;
	     word = strtok_r(NULL, " \t,", &save)) {
		if (strcmp(word, "boot") == 0)
			on |= RULE_BOOT;
		else if (strcmp(word, "hotplug") == 0)
			on |= RULE_HOTPLUG;
		else
			return -EINVAL;
	}
	if (!on)
		return -EINVAL;
	rule->on = on;
	return take_action(rule, (enum rule_action)offset, expected);
}

static int set_vm(const char *value, size_t offset, void *object, const char **expected)
{
	struct rule *rule = object;

	*expected = "the name of a VM: a file of vms.d without .conf";
	if (!text_is_name(value, sizeof(rule->vm) - 1))
		return -EINVAL;
	text_copy(rule->vm, sizeof(rule->vm), value);
	return take_action(rule, RULE_ATTACH, expected);
}

static int set_function(const char *value, size_t offset, void *object, const char **expected)
{
	struct rule *rule = object;

	*expected = "pf or vf";
	if (strcmp(value, "pf") != 0 && strcmp(value, "vf") != 0)
		return -EINVAL;
	rule->vf = strcmp(value, "vf") == 0;
	if (rule->vf && !rule->n_vfs)
		rule->n_vfs = 1;
	return take_action(rule, RULE_ATTACH, expected);
}

static int set_vfs(const char *value, size_t offset, void *object, const char **expected)
{
	struct rule *rule = object;
	uint64_t n;

	*expected = "a number from 1 to 256";
	if (number_up_to(value, 256, &n) < 0 || n == 0)
		return -EINVAL;
	rule->n_vfs = (unsigned)n;
	return take_action(rule, RULE_ATTACH, expected);
}

static int set_companions(const char *value, size_t offset, void *object, const char **expected)
{
	struct rule *rule = object;

	*expected = "yes or no";
	if (text_to_bool(value, &rule->companions) < 0)
		return -EINVAL;
	return take_action(rule, RULE_ATTACH, expected);
}

static const struct config_key match_keys[] = {
	{ "Vendor", set_vendor }, { "Device", set_device },         { "Class", set_class },
	{ "Slot", set_slot },     { "Serial", set_serial },         { "Address", set_address },
	{ "NumaNode", set_node }, { "Capability", set_capability }, { NULL },
};

static const struct config_key attach_keys[] = {
	{ "VM", set_vm },
	{ "Function", set_function },
	{ "VFs", set_vfs },
	{ "Companions", set_companions },
	{ "On", set_on, RULE_ATTACH },
	{ NULL },
};

static const struct config_key connect_keys[] = {
	{ "On", set_on, RULE_CONNECT },
	{ NULL },
};

static const struct config_key report_keys[] = {
	{ "On", set_on, RULE_REPORT },
	{ NULL },
};

static const struct config_section sections[] = {
	{ "Match", match_keys, .strict = true },
	{ "Attach", attach_keys },
	{ "Connect", connect_keys },
	{ "Report", report_keys },
	{ NULL },
};

int config_policy(const char *text, enum rule_action *ret)
{
	static const struct {
		const char *word;
		enum rule_action action;
	} words[] = { { "ignore", RULE_NONE },
		      { "report", RULE_REPORT },
		      { "connect", RULE_CONNECT } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(words[i].word, text) != 0)
			continue;
		*ret = words[i].action;
		return 0;
	}
	return -EINVAL;
}

/* --- The files --- */

struct rule_list {
	struct rule *rules; /* owned */
	size_t n;
};

static int keep(struct rule_list *list, const struct rule *rule)
{
	return array_add(&list->rules, &list->n, rule, sizeof(*rule));
}

/* Nobody knows what it was to match: no rule behind it may decide in its place. */
static void keep_broken(struct rule_list *list, const struct rule *rule)
{
	struct rule broken = { .broken = true };

	text_copy(broken.name, sizeof(broken.name), rule->name);
	text_copy(broken.file, sizeof(broken.file), rule->file);
	if (keep(list, &broken) < 0)
		list->n = 0;
}

static const struct rule *find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_rules; i++)
		if (strcmp(config->rules[i].name, name) == 0)
			return &config->rules[i];
	return NULL;
}

static int read_rule(struct config *config, const char *path, const char *name, void *arg)
{
	struct rule_list *list = arg;
	const struct rule *before;
	struct rule rule = { 0 };
	char lacking[160];
	int r;

	text_copy(rule.file, sizeof(rule.file), path);
	r = config_name_of(config, path, name, "rule", rule.name, sizeof(rule.name));
	if (r < 0)
		return r;
	r = config_read_file(config, path, sections, &rule);
	if (r == 0 && rule_is_lacking(&rule, lacking, sizeof(lacking))) {
		config_note(config, true, "%s: %s", path, lacking);
		r = -EINVAL;
	}
	if (r == 0)
		return keep(list, &rule);
	if (r == -ENOENT)
		return 0;
	before = find(config, rule.name);
	if (before && !before->broken && keep(list, before) == 0)
		config_note(config, false, "%s: what was read of it before stays in force",
			    path);
	else
		keep_broken(list, &rule);
	return r;
}

int config_read_rules(struct config *config, const char *dirs)
{
	struct rule_list list = { 0 };
	int r = config_each_file(config, dirs, "rules.d", read_rule, &list);

	if (r == -EIO || r == -ENOMEM) {
		free(list.rules);
		return r;
	}
	free(config->rules);
	config->rules = list.rules;
	config->n_rules = list.n;
	return r;
}
