/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/driver.h"
#include "model/host.h"
#include "model/tsm.h"

static const struct device_type tsm_type = { .subsystem = "tsm" };
static struct tsm *tsms;
static struct pool ids;

static struct tsm *tsm_by_id(int id)
{
	struct tsm *tsm = tsms;

	while (tsm && (!tsm->live || tsm->id != id))
		tsm = tsm->next;
	return tsm;
}

static bool any_tsm(void)
{
	struct tsm *tsm = tsms;

	while (tsm && !tsm->live)
		tsm = tsm->next;
	return tsm != NULL;
}

/* --- Who has tsm/ --- */

/* The kernel forgets an endpoint's IDE capability when the port above has none. */
static bool has_ide(const struct pci_dev *dev)
{
	const struct pci_dev *port = ide_port(dev);

	return dev->ide_cap && port && port->ide_cap;
}

static bool is_pf0(const struct pci_dev *dev)
{
	if (dev->physfn || (dev->devfn & 7) != 0)
		return false;
	if (dev->type != PCI_ENDPOINT && dev->type != PCI_UPSTREAM && dev->type != PCI_RC_END)
		return false;
	return dev->tee || has_ide(dev);
}

/* The device security manager of @dev: itself, or the connected function 0 beside it. */
struct pci_dev *tsm_dsm(const struct pci_dev *dev)
{
	struct pci_dev *dsm;

	if (is_pf0(dev))
		return dev->tsm.tsm ? (struct pci_dev *)dev : NULL;
	if (!host.vf_tsm || pci_is_bridge(dev))
		return NULL;
	dsm = pci_function0(dev);
	return dsm && dsm != dev && dsm->tsm.tsm ? dsm : NULL;
}

/* --- Reading: waits for every connect and disconnect of the host --- */

static int read_lock(const struct sim_caller *who)
{
	return who->snapshot ? 0 : rwsem_read(&host.tsm_rwsem, SIM_INTERRUPTIBLE);
}

static void read_unlock(const struct sim_caller *who)
{
	if (!who->snapshot)
		rwsem_read_done(&host.tsm_rwsem);
}

static const char *connect_text(const struct pci_dev *dev)
{
	return dev->tsm.tsm ? dev->tsm.tsm->device.name : "";
}

static const char *authenticated_text(const struct pci_dev *dev)
{
	const struct pci_dev *dsm = tsm_dsm(dev);

	return dsm ? connect_text(dsm) : "";
}

static const char *dsm_text(const struct pci_dev *dev)
{
	const struct pci_dev *dsm = tsm_dsm(dev);

	return dsm ? dsm->device.name : "";
}

static const char *bound_text(const struct pci_dev *dev)
{
	const struct pci_dev *dsm = tsm_dsm(dev);

	return dsm && dev->tsm.bound ? connect_text(dsm) : "";
}

static ssize_t show_text(struct pci_dev *dev, const struct sim_caller *who, char *buf,
			 const char *(*text)(const struct pci_dev *))
{
	int r = read_lock(who);
	ssize_t n;

	if (r < 0)
		return r;
	n = snprintf(buf, SIM_ATTR_MAX, "%s\n", text(dev));
	read_unlock(who);
	return n;
}

static ssize_t connect_show(void *obj, const struct sim_caller *who, char *buf)
{
	return show_text(obj, who, buf, connect_text);
}

static ssize_t dsm_show(void *obj, const struct sim_caller *who, char *buf)
{
	return show_text(obj, who, buf, dsm_text);
}

static ssize_t bound_show(void *obj, const struct sim_caller *who, char *buf)
{
	return show_text(obj, who, buf, bound_text);
}

static ssize_t authenticated_show(void *obj, const struct sim_caller *who, char *buf)
{
	return show_text(obj, who, buf, authenticated_text);
}

/* --- Connecting --- */

/* One mailbox must have both CMA-SPDM and its secured sessions. */
static int check_mailbox(const struct pci_dev *dev)
{
	const json_t *boxes = json_object_get(dev->desc, "doe"), *box, *feature;
	bool cma_anywhere = false, both = false;
	size_t i, j;

	if (!boxes)
		return desc_bool(dev->desc, "tdisp", false) ? 0 : -ENXIO;
	json_array_foreach(boxes, i, box)
	{
		bool cma = false, secured = false;

		json_array_foreach(box, j, feature)
		{
			cma |= strcmp(json_string_value(feature), "0001:01") == 0;
			secured |= strcmp(json_string_value(feature), "0001:02") == 0;
		}
		cma_anywhere |= cma;
		both |= cma && secured;
	}
	if (!cma_anywhere)
		return -ENXIO;
	return both ? 0 : -EFAULT;
}

static void update_family(struct pci_dev *dsm)
{
	for (struct pci_dev *dev = pci_first(); dev && host.vf_tsm; dev = dev->next)
		if (dev != dsm && pci_function0(dev) == dsm)
			tsm_visibility(dev);
}

/* A second connect, whatever TSM it names: the stream gets new keys and stays. */
static int refresh_keys(struct pci_dev *dev)
{
	dev->tsm.refreshed++;
	return host_sleep(desc_int(dev->tsm.tsm->desc, "connect_ms", 0), SIM_UNINTERRUPTIBLE);
}

/* pci_tsm_rwsem held for write, over all that takes time. */
static int connect_locked(struct pci_dev *dev, int id)
{
	struct ide_stream stream = { 0 };
	struct tsm *tsm;
	int r;

	if (dev->gone)
		return -ENODEV;
	if (dev->tsm.tsm && host.amd_sysfs)
		return refresh_keys(dev);
	if (dev->tsm.tsm)
		return -EBUSY;
	tsm = tsm_by_id(id);
	if (!tsm)
		return -ENXIO;
	r = check_mailbox(dev);
	if (r == 0)
		r = tsm_hang_wait();
	if (r < 0)
		return r;
	r = ide_alloc(dev, &stream);
	if (r < 0)
		return r;

	r = host_sleep(desc_int(tsm->desc, "connect_ms", 0),
		       desc_bool(tsm->desc, "killable", false) ? SIM_KILLABLE
							       : SIM_UNINTERRUPTIBLE);
	if (r == 0 && dev->disconnected)
		r = -EIO;
	if (r < 0) {
		ide_free(dev, &stream);
		return r;
	}
	dev->tsm.tsm = tsm;
	dev->tsm.stream = stream;
	ide_enable(dev, &dev->tsm.stream);
	update_family(dev);
	return 0;
}

static int connect_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	int id, r;

	if (sscanf(buf, "tsm%d", &id) != 1)
		return -EINVAL;
	r = rwsem_write(&host.tsm_rwsem, SIM_KILLABLE);
	if (r < 0)
		return r;
	r = connect_locked(obj, id);
	rwsem_write_done(&host.tsm_rwsem);
	return r;
}

/* pci_tsm_rwsem held for write; TDIs of all functions are unbound first. */
static void disconnect_locked(struct pci_dev *dsm)
{
	for (struct pci_dev *dev = pci_first(); dev; dev = dev->next)
		if (dev->tsm.bound && pci_function0(dev) == dsm)
			dev->tsm.bound = false;
	if (!dsm->disconnected)
		host_sleep(desc_int(dsm->tsm.tsm->desc, "disconnect_ms", 0),
			   SIM_UNINTERRUPTIBLE);
	ide_free(dsm, &dsm->tsm.stream);
	dsm->tsm.tsm = NULL;
	update_family(dsm);
}

static bool names(const char *buf, const struct tsm *tsm)
{
	size_t n = strlen(tsm->device.name);

	return strncmp(buf, tsm->device.name, n) == 0 &&
	       (!buf[n] || strcmp(buf + n, "\n") == 0);
}

static int disconnect_store(void *obj, const struct sim_caller *who, const char *buf,
			    size_t size)
{
	struct pci_dev *dev = obj;
	int r = rwsem_write(&host.tsm_rwsem, SIM_KILLABLE);

	if (r < 0)
		return r;
	if (dev->gone || !dev->tsm.tsm)
		r = -ENXIO;
	else if (!names(buf, dev->tsm.tsm))
		r = -EINVAL;
	else
		disconnect_locked(dev);
	rwsem_write_done(&host.tsm_rwsem);
	return r;
}

/* --- The group --- */

static const struct attribute pf0_attrs[] = {
	{ "connect", 0644, { .show = connect_show, .store = connect_store } },
	{ "disconnect", 0200, { .store = disconnect_store } },
	{ "dsm", 0444, { .show = dsm_show } },
	{ NULL },
};

static const struct attribute managed_attrs[] = {
	{ "dsm", 0444, { .show = dsm_show } },
	{ NULL },
};

static const struct attribute bound_attrs[] = {
	{ "bound", 0444, { .show = bound_show } },
	{ NULL },
};

static const struct attribute auth_attrs[] = {
	{ "authenticated", 0444, { .show = authenticated_show } },
	{ NULL },
};

static void show_group(struct pci_dev *dev, bool pf0, bool tee)
{
	struct node *dir = tree_dir(dev->device.dir, "tsm");

	attributes_add(dir, pf0 ? pf0_attrs : managed_attrs, dev);
	if (tee)
		attributes_add(dir, bound_attrs, dev);
	if (host.amd_sysfs && pf0)
		attributes_add(dir, tsm_amd_pf0_attrs, dev);
	if (host.amd_sysfs && tee)
		attributes_add(dir, tsm_amd_tdi_attrs, dev);
	attributes_add(dev->device.dir, auth_attrs, dev);
}

void tsm_visibility(struct pci_dev *dev)
{
	bool pf0 = is_pf0(dev) && any_tsm();
	const struct pci_dev *dsm = pf0 ? dev : tsm_dsm(dev);
	bool shown = !dev->gone && dsm;

	if (shown == dev->tsm.group_shown)
		return;
	dev->tsm.group_shown = shown;
	if (shown) {
		show_group(dev, pf0, dsm->tee);
		return;
	}
	attributes_remove(dev->device.dir, auth_attrs);
	tree_remove(tree_find(dev->device.dir, "tsm"));
}

static void update_all(void)
{
	for (struct pci_dev *dev = pci_first(); dev; dev = dev->next)
		tsm_visibility(dev);
}

/* What a function that is added waits for, while a connect runs somewhere. */
void tsm_function_added(struct pci_dev *dev)
{
	rwsem_read(&host.tsm_rwsem, SIM_UNINTERRUPTIBLE);
	tsm_visibility(dev);
	rwsem_read_done(&host.tsm_rwsem);
}

void tsm_function_going(struct pci_dev *dev)
{
	rwsem_write(&host.tsm_rwsem, SIM_UNINTERRUPTIBLE);
	if (dev->tsm.tsm)
		disconnect_locked(dev);
	rwsem_write_done(&host.tsm_rwsem);
}

/* --- TSMs --- */

struct tsm *tsm_find(const char *name)
{
	struct tsm *tsm = tsms;

	while (tsm && (!tsm->live || (name && strcmp(tsm->device.name, name) != 0)))
		tsm = tsm->next;
	return tsm;
}

/* "add" is too early for users: "change" says that connecting works now. */
static int arrive(struct tsm *tsm)
{
	const char *parent = desc_text(tsm->desc, "parent", "");

	tsm->parent = pci_find(parent);
	if (!tsm->parent)
		return desc_fail("tsm: there is no function %s", parent);
	tsm->id = pool_take(&ids, 0);
	tsm->device.type = &tsm_type;
	snprintf(tsm->device.name, sizeof(tsm->device.name), "tsm%d", tsm->id);
	device_add(&tsm->device, tsm->parent->device.dir, true);
	tree_link_to(tsm->device.dir, "device", tsm->parent->device.dir);
	device_event(&tsm->device, "add");

	rwsem_write(&host.tsm_rwsem, SIM_UNINTERRUPTIBLE);
	tsm->live = true;
	update_all();
	rwsem_write_done(&host.tsm_rwsem);
	device_event(&tsm->device, "change");
	return 0;
}

static void leave(struct tsm *tsm)
{
	rwsem_write(&host.tsm_rwsem, SIM_UNINTERRUPTIBLE);
	for (struct pci_dev *dev = pci_first(); dev && tsm->live; dev = dev->next)
		if (dev->tsm.tsm == tsm)
			disconnect_locked(dev);
	if (tsm->live) {
		tsm->live = false;
		update_all();
		device_remove(&tsm->device);
		pool_drop(&ids, tsm->id);
	}
	rwsem_write_done(&host.tsm_rwsem);
}

void tsm_leave_parent(struct pci_dev *parent)
{
	for (struct tsm *tsm = tsms; tsm; tsm = tsm->next)
		if (tsm->live && tsm->parent == parent)
			leave(tsm);
}

void tsm_module(const char *sysname, bool present)
{
	for (struct tsm *tsm = tsms; tsm; tsm = tsm->next) {
		struct module *module = module_find(desc_text(tsm->desc, "module", ""));

		if (!module || strcmp(module->sysname, sysname) != 0)
			continue;
		if (present && !tsm->live)
			arrive(tsm);
		else if (!present && tsm->live)
			leave(tsm);
	}
}

/* --- The description and the commands --- */

static const struct desc_key tsm_keys[] = {
	{ "parent", 's', true },  { "present", 'b' },  { "module", 's' }, { "connect_ms", 'n' },
	{ "disconnect_ms", 'n' }, { "killable", 'b' }, { NULL },
};

int tsm_load(json_t *list)
{
	struct tsm **end = &tsms;
	json_t *desc;
	size_t i;

	sys_dir("class/tsm");
	json_array_foreach(list, i, desc)
	{
		struct module *module;

		if (desc_check(desc, "tsm", tsm_keys) < 0)
			return -EINVAL;
		*end = calloc(1, sizeof(**end));
		(*end)->desc = desc;
		module = module_find(desc_text(desc, "module", ""));
		if (desc_bool(desc, "present", true) && (!module || module->live) &&
		    arrive(*end) < 0)
			return -EINVAL;
		end = &(*end)->next;
	}
	return 0;
}

static json_t *answer(const char *error)
{
	if (error)
		return json_pack("{s:b,s:s}", "ok", 0, "error", error);
	return json_pack("{s:b}", "ok", 1);
}

json_t *tsm_arrive(const json_t *command)
{
	struct tsm *tsm = tsms;

	while (tsm && tsm->live)
		tsm = tsm->next;
	if (!tsm)
		return answer("every TSM of the host's description is there already");
	if (arrive(tsm) < 0)
		return answer(desc_error());
	return json_pack("{s:b,s:s}", "ok", 1, "tsm", tsm->device.name);
}

json_t *tsm_leave(const json_t *command)
{
	struct tsm *tsm = tsm_find(desc_text(command, "tsm", NULL));

	if (!tsm)
		return answer("there is no such TSM");
	leave(tsm);
	return answer(NULL);
}

json_t *tsm_bound(const json_t *command)
{
	struct pci_dev *dev = pci_find(desc_text(command, "function", NULL));

	if (!dev)
		return answer("there is no such function");
	dev->tsm.bound = desc_bool(command, "on", true);
	return answer(NULL);
}
