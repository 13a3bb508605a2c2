/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config-keys.h"

#include <errno.h>
#include <grp.h>
#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config-rules.h"
#include "core/power.h"

static void *field(void *object, size_t offset)
{
	return (char *)object + offset;
}

static int number_within(const char *value, uint64_t low, uint64_t high, uint64_t *ret)
{
	int r = text_to_u64(value, 0, ret);

	if (r == 0 && (*ret < low || *ret > high))
		r = -ERANGE;
	return r;
}

static int set_workers(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t n;

	*expected = "a number from 1 to 64";
	if (number_within(value, 1, 64, &n) < 0)
		return -EINVAL;
	*(unsigned *)field(object, offset) = (unsigned)n;
	return 0;
}

static int set_clients(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t n;

	*expected = "a number from 1 to 1024";
	if (number_within(value, 1, CONFIG_CLIENTS_MAX, &n) < 0)
		return -EINVAL;
	*(unsigned *)field(object, offset) = (unsigned)n;
	return 0;
}

static int to_seconds(const char *value, double *ret)
{
	char *end;

	errno = 0;
	*ret = strtod(value, &end);
	if (errno || end == value || *end != '\0' || !isfinite(*ret))
		return -EINVAL;
	return *ret >= 0.01 && *ret <= 86400 ? 0 : -EINVAL;
}

static int set_seconds(const char *value, size_t offset, void *object, const char **expected)
{
	double seconds;

	*expected = "seconds, from 1 to 86400";
	if (to_seconds(value, &seconds) < 0 || seconds < 1)
		return -EINVAL;
	*(unsigned *)field(object, offset) = (unsigned)seconds;
	return 0;
}

static int set_ms(const char *value, size_t offset, void *object, const char **expected)
{
	double seconds;

	*expected = "seconds, from 0.01 to 86400";
	if (to_seconds(value, &seconds) < 0)
		return -EINVAL;
	*(unsigned *)field(object, offset) = (unsigned)(seconds * 1000);
	return 0;
}

/* Reading config space is not free for the cards: at most once in 0.1 s. */
static int set_interval(const char *value, size_t offset, void *object, const char **expected)
{
	double seconds;

	*expected = "0 for never, or seconds from 0.1 to 86400";
	if (strcmp(value, "0") == 0)
		seconds = 0;
	else if (to_seconds(value, &seconds) < 0 || seconds < 0.1)
		return -EINVAL;
	*(unsigned *)field(object, offset) = (unsigned)(seconds * 1000);
	return 0;
}

static int set_flag(const char *value, size_t offset, void *object, const char **expected)
{
	bool yes = strcmp(value, "yes") == 0;

	*expected = "yes or no";
	if (!yes && strcmp(value, "no") != 0)
		return -EINVAL;
	*(bool *)field(object, offset) = yes;
	return 0;
}

int config_log_level(const char *text, enum log_level *ret)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{ "error", LOG_LEVEL_ERROR },
		{ "warning", LOG_LEVEL_WARNING },
		{ "info", LOG_LEVEL_INFO },
		{ "debug", LOG_LEVEL_DEBUG },
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_level(const char *value, size_t offset, void *object, const char **expected)
{
	*expected = "error, warning, info or debug";
	return config_log_level(value, field(object, offset));
}

static int set_bytes(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t bytes;

	*expected = "a size such as 64G";
	if (text_to_bytes(value, &bytes) < 0 || bytes == 0)
		return -EINVAL;
	*(uint64_t *)field(object, offset) = bytes;
	return 0;
}

static int set_page_size(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t bytes;

	*expected = "2M, 1G or no";
	if (strcmp(value, "no") == 0)
		bytes = 0;
	else if (text_to_bytes(value, &bytes) < 0 || bytes < 4096 || (bytes & (bytes - 1)))
		return -EINVAL;
	*(uint64_t *)field(object, offset) = bytes;
	return 0;
}

static int set_node(const char *value, size_t offset, void *object, const char **expected)
{
	uint64_t n;

	*expected = "auto or the number of a node";
	if (strcmp(value, "auto") == 0) {
		*(int *)field(object, offset) = VM_NODE_AUTO;
		return 0;
	}
	if (number_within(value, 0, 1023, &n) < 0)
		return -EINVAL;
	*(int *)field(object, offset) = (int)n;
	return 0;
}

/*
 * A name that means nobody gives the VM to nobody, nor to whom the file named before: the VM
 * cannot be used until the file is mended.
 */
static int set_user(const char *value, size_t offset, void *object, const char **expected)
{
	const struct passwd *user;
	struct vm *vm = object;

	*expected = "the name of a user that this host knows";
	user = text_is_name(value, sizeof(vm->user) - 1) ? getpwnam(value) : NULL;
	vm->unknown_owner |= !user;
	if (!user)
		return -EINVAL;
	text_copy(vm->user, sizeof(vm->user), value);
	vm->uid = user->pw_uid;
	return 0;
}

static int set_group(const char *value, size_t offset, void *object, const char **expected)
{
	const struct group *group;
	struct vm *vm = object;

	*expected = "the name of a group that this host knows";
	group = text_is_name(value, sizeof(vm->group) - 1) ? getgrnam(value) : NULL;
	vm->unknown_owner |= !group;
	if (!group)
		return -EINVAL;
	text_copy(vm->group, sizeof(vm->group), value);
	vm->gid = group->gr_gid;
	return 0;
}

static int set_path(char *to, size_t size, const char *value)
{
	if (value[0] != '/' || strlen(value) >= size)
		return -EINVAL;
	text_copy(to, size, value);
	return 0;
}

static int set_socket(const char *value, size_t offset, void *object, const char **expected)
{
	*expected = "an absolute path of at most 107 characters";
	return set_path(field(object, offset), sizeof(((struct vm *)0)->qmp_socket), value);
}

static int set_file(const char *value, size_t offset, void *object, const char **expected)
{
	*expected = "an absolute path";
	return set_path(field(object, offset), sizeof(((struct vm *)0)->firmware), value);
}

/* Who reads the folder takes nothing else for a description of devices. */
static int set_cdi_file(const char *value, size_t offset, void *object, const char **expected)
{
	const size_t length = strlen(value), suffix = strlen(".json");

	*expected = "an absolute path that ends in .json";
	if (length < suffix || strcmp(value + length - suffix, ".json") != 0)
		return -EINVAL;
	return set_path(field(object, offset), sizeof(((struct config *)0)->cdi_file), value);
}

/* A file whose name begins with a dot is not read. */
static int set_nfd_file(const char *value, size_t offset, void *object, const char **expected)
{
	const char *name = strrchr(value, '/');

	*expected = "an absolute path to a file whose name does not begin with a dot";
	if (!name || !name[1] || name[1] == '.')
		return -EINVAL;
	return set_path(field(object, offset), sizeof(((struct config *)0)->nfd_file), value);
}

static int set_policy(const char *value, size_t offset, void *object, const char **expected)
{
	struct vm *vm = object;

	*expected = "a number such as 0x30000";
	if (text_to_u64(value, 0, field(object, offset)) < 0)
		return -EINVAL;
	vm->policy_given = true;
	return 0;
}

static int set_policy_for(const char *value, size_t offset, void *object, const char **expected)
{
	*expected = "ignore, report or connect";
	return config_policy(value, field(object, offset));
}

static int set_pins(const char *value, size_t offset, void *object, const char **expected)
{
	struct vm *vm = object;

	*expected = "none, or some of d3cold, on and reset";
	if (power_parse_pins(value, field(object, offset)) < 0)
		return -EINVAL;
	vm->pins_given = true;
	return 0;
}

const struct config_key config_daemon_keys[] = {
	{ "Workers", set_workers, offsetof(struct config, workers) },
	{ "TurnTimeout", set_seconds, offsetof(struct config, turn_seconds) },
	{ "StepTimeout", set_ms, offsetof(struct config, step_ms) },
	{ "MaxClients", set_clients, offsetof(struct config, clients) },
	{ "LogLevel", set_level, offsetof(struct config, log_level) },
	{ "PresentDevices", set_policy_for, offsetof(struct config, present) },
	{ "InsertedDevices", set_policy_for, offsetof(struct config, inserted) },
	{ "WatchInterval", set_interval, offsetof(struct config, watch_ms) },
	{ "Reconnect", set_flag, offsetof(struct config, reconnect) },
	{ "CdiFile", set_cdi_file, offsetof(struct config, cdi_file) },
	{ "NfdFile", set_nfd_file, offsetof(struct config, nfd_file) },
	{ NULL },
};

const struct config_key config_vm_keys[] = {
	{ "User", set_user, offsetof(struct vm, user), .asks = true },
	{ "Group", set_group, offsetof(struct vm, group), .asks = true },
	{ "Memory", set_bytes, offsetof(struct vm, memory) },
	{ "HugepageSize", set_page_size, offsetof(struct vm, hugepage_size) },
	{ "NumaNode", set_node, offsetof(struct vm, numa_node) },
	{ "QMPSocket", set_socket, offsetof(struct vm, qmp_socket) },
	{ "GuestAgentSocket", set_socket, offsetof(struct vm, guest_agent_socket) },
	{ "Firmware", set_file, offsetof(struct vm, firmware) },
	{ "Policy", set_policy, offsetof(struct vm, policy) },
	{ "Pin", set_pins, offsetof(struct vm, pins) },
	{ NULL },
};

/* @offset is which of the settings. */
static int set_of_vf(const char *value, size_t offset, void *object, const char **expected)
{
	struct vm *vm = object;

	return vf_parse(&vm->network, (enum vf_key)offset, value, expected);
}

const struct config_key config_network_keys[] = {
	{ "MAC", set_of_vf, VF_MAC },
	{ "VLAN", set_of_vf, VF_VLAN },
	{ "VLANPriority", set_of_vf, VF_QOS },
	{ "VLANProtocol", set_of_vf, VF_PROTO },
	{ "Trust", set_of_vf, VF_TRUST },
	{ "SpoofCheck", set_of_vf, VF_SPOOFCHK },
	{ "LinkState", set_of_vf, VF_LINK_STATE },
	{ "MinRate", set_of_vf, VF_RATE_MIN },
	{ "MaxRate", set_of_vf, VF_RATE_MAX },
	{ NULL },
};
