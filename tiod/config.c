/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "config-file.h"
#include "config-rules.h"

#define NO_GROUP ((gid_t)-1)

/* --- tiod.conf --- */

static const struct config_section daemon_sections[] = {
	{ "Daemon", config_daemon_keys },
	{ NULL },
};

static int read_daemon_file(struct config *config, const char *path, const char *name,
			    void *arg)
{
	int r = config_read_file(config, path, daemon_sections, arg);

	return r == -ENOENT ? 0 : r;
}

void config_presets(struct config *ret)
{
	*ret = (struct config){
		.workers = 8,
		.turn_seconds = 600,
		.clients = 256,
		.log_level = LOG_LEVEL_INFO,
		.watch_ms = 10000,
		.reconnect = true,
		.readers = NO_GROUP,
		.changers = NO_GROUP,
	};
}

/* A file with a mistake leaves all of the old settings in force, so that none is half read. */
static int read_daemon(struct config *config, const char *dirs)
{
	auto_text struct text path = { 0 };
	struct config fresh;
	bool first = config->workers == 0;
	int r, r2;

	config_presets(&fresh);
	r = config_find_file(dirs, "tiod.conf", &path);
	if (r == -ENOMEM)
		return r;
	r = r == 0 ? read_daemon_file(config, path.data, "", &fresh) : 0;
	r2 = config_each_file(config, dirs, "tiod.conf.d", read_daemon_file, &fresh);
	r = r < 0 ? r : r2;
	if (r < 0 && !first)
		return r;

	config->workers = fresh.workers;
	config->turn_seconds = fresh.turn_seconds;
	config->step_ms = fresh.step_ms;
	config->clients = fresh.clients;
	config->watch_ms = fresh.watch_ms;
	config->reconnect = fresh.reconnect;
	config->log_level = fresh.log_level;
	memcpy(config->cdi_file, fresh.cdi_file, sizeof(fresh.cdi_file));
	memcpy(config->nfd_file, fresh.nfd_file, sizeof(fresh.nfd_file));
	config->present = fresh.present;
	config->inserted = fresh.inserted;
	return r;
}

/* --- vms.d --- */

struct vm_list {
	struct vm *vms;
	size_t n;
};

static int keep_vm(struct vm_list *list, const struct vm *vm)
{
	return array_add(&list->vms, &list->n, vm, sizeof(*vm));
}

static const struct config_section vm_sections[] = {
	{ "VM", config_vm_keys },
	{ "Network", config_network_keys },
	{ NULL },
};

static int read_vm_file(struct config *config, const char *path, const char *name, void *arg)
{
	struct vm_list *list = arg;
	struct vm vm = { .numa_node = VM_NODE_AUTO };
	const struct vm *before;
	int r;

	text_copy(vm.file, sizeof(vm.file), path);
	r = config_name_of(config, path, name, "VM", vm.name, sizeof(vm.name));
	if (r < 0)
		return r;
	r = config_read_file(config, path, vm_sections, &vm);
	if (r == 0)
		return keep_vm(list, &vm);

	before = vm.unknown_owner ? NULL : config_find_vm(config, vm.name);
	if (before && keep_vm(list, before) == 0)
		config_note(config, false, "%s: what was read of it before stays in force",
			    path);
	return r == -ENOENT ? 0 : r;
}

static int compare_vms(const void *a, const void *b)
{
	return strcmp(((const struct vm *)a)->name, ((const struct vm *)b)->name);
}

static int read_vms(struct config *config, const char *dirs)
{
	struct vm_list list = { 0 };
	int r = config_each_file(config, dirs, "vms.d", read_vm_file, &list);

	if (r == -EIO || r == -ENOMEM) {
		free(list.vms);
		return r;
	}
	if (list.n)
		qsort(list.vms, list.n, sizeof(*list.vms), compare_vms);
	free(config->vms);
	config->vms = list.vms;
	config->n_vms = list.n;
	return r;
}

bool config_is_broken(const struct config *config)
{
	for (size_t i = 0; i < config->n_notes; i++)
		if (config->notes[i].error)
			return true;
	return false;
}

static uint64_t usec_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- The groups --- */

/* Whoever could not be asked leaves what was known: getgrnam(3) says which errors are a no. */
static gid_t look_up(const struct config *config, const char *name, gid_t before)
{
	const struct group *group;

	config_tell(config, "who is in the group %s", name);
	errno = 0;
	group = getgrnam(name);
	if (group)
		return group->gr_gid;
	return errno == 0 || errno == ENOENT || errno == ESRCH || errno == EBADF ||
			       errno == EPERM
		       ? NO_GROUP
		       : before;
}

static void read_groups(struct config *config, bool first)
{
	config->readers = look_up(config, CONFIG_GROUP_READ,
				  first ? NO_GROUP : config->readers);
	config->changers = look_up(config, CONFIG_GROUP_CHANGE,
				   first ? NO_GROUP : config->changers);
}

int config_load(const char *dirs, struct config *config)
{
	uint64_t since = usec_now();
	bool first = config->workers == 0;
	int r, r2, r3;

	config_forget_notes(config);
	read_groups(config, first);
	r = read_daemon(config, dirs);
	r2 = read_vms(config, dirs);
	r3 = config_read_rules(config, dirs);
	config->read_usec = usec_now() - since;
	if (!config_is_broken(config))
		config->good_at = time(NULL);
	r = r < 0 ? r : r2;
	return r < 0 ? r : r3;
}

const struct vm *config_find_vm(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_vms; i++)
		if (strcmp(config->vms[i].name, name) == 0)
			return &config->vms[i];
	return NULL;
}

void config_finish(struct config *config)
{
	free(config->vms);
	free(config->rules);
	free(config->notes);
	*config = (struct config){ 0 };
}
