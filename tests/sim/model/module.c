/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "model/driver.h"
#include "model/host.h"
#include "model/tsm.h"

static struct module *modules, **modules_end = &modules;

static void to_sysname(const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s", name);
	for (; *buf; buf++)
		if (*buf == '-')
			*buf = '_';
}

/* "vfio-pci" and "vfio_pci" are one. */
struct module *module_find(const char *name)
{
	struct module *module;
	char sysname[64];

	to_sysname(name, sysname, sizeof(sysname));
	for (module = modules; module; module = module->next)
		if (strcmp(module->sysname, sysname) == 0)
			break;
	return module;
}

/* --- /sys/module and /proc/modules --- */

static int module_users(const struct module *module)
{
	int users = 0;

	for (struct pci_dev *dev = pci_first(); dev; dev = dev->next)
		if (dev->driver && dev->driver->module == module)
			users += vfio_users(dev);
	return users;
}

static bool depends_on(const struct module *module, const struct module *other)
{
	const json_t *name;
	size_t i;

	json_array_foreach(json_object_get(module->desc, "depends"), i,
			   name) if (module_find(json_string_value(name)) == other) return true;
	return false;
}

static int module_refs(const struct module *module)
{
	int refs = module_users(module);

	for (const struct module *other = modules; other; other = other->next)
		refs += other->live && depends_on(other, module);
	return refs;
}

static ssize_t refcnt_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%d\n", module_refs(obj));
}

static const struct attribute module_attrs[] = {
	{ "refcnt", 0444, { .show = refcnt_show } },
	{ NULL },
};

static ssize_t proc_modules_show(void *obj, const struct sim_caller *who, char *buf)
{
	size_t used = 0;

	for (const struct module *module = modules; module; module = module->next) {
		char by[256] = "";

		if (!module->live || used > SIM_ATTR_MAX - 400)
			continue;
		for (const struct module *other = modules; other; other = other->next)
			if (other->live && depends_on(other, module) && strlen(by) < 180)
				strcat(strcat(by, other->sysname), ",");
		used += (size_t)snprintf(buf + used, SIM_ATTR_MAX - used,
					 "%s 65536 %d %s Live 0x0000000000000000\n",
					 module->sysname, module_refs(module),
					 by[0] ? by : "-");
	}
	return (ssize_t)used;
}

static const struct node_ops proc_modules = { .show = proc_modules_show };

/* --- Loading and removing --- */

/* A switch is shown as Y or N, however it was spelled. */
static const char *parameter_text(const char *otherwise, const char *given)
{
	bool on;

	if (!given)
		return otherwise;
	if (strcmp(otherwise, "Y") != 0 && strcmp(otherwise, "N") != 0)
		return given;
	if (parse_bool(given, &on) < 0)
		return otherwise;
	return on ? "Y" : "N";
}

static void add_parameters(struct module *module, const char *params)
{
	json_t *all = json_object_get(module->desc, "parameters"), *value;
	struct node *dir;
	const char *key;

	if (!all)
		return;
	dir = tree_dir(module->dir, "parameters");
	json_object_foreach(all, key, value)
	{
		char given[64];
		const char *at = params;
		size_t n = strlen(key);

		while (at && (strncmp(at, key, n) != 0 || at[n] != '='))
			at = (at = strchr(at, ' ')) ? at + 1 : NULL;
		snprintf(given, sizeof(given), "%.*s", at ? (int)strcspn(at + n + 1, " ") : 0,
			 at ? at + n + 1 : "");
		attr_printf(dir, key, "%s\n",
			    parameter_text(json_string_value(value), at ? given : NULL));
	}
}

static void appear(struct module *module, const char *params)
{
	module->live = true;
	module->dir = tree_dir(sys_dir("module"), module->sysname);
	tree_text(module->dir, "initstate", "live\n");
	tree_text(module->dir, "taint", "\n");
	attributes_add(module->dir, module_attrs, module);
	module->holders = tree_dir(module->dir, "holders");
	add_parameters(module, params);
	for (struct module *other = modules; other; other = other->next)
		if (other->live && depends_on(module, other))
			tree_link_to(other->holders, module->sysname, module->dir);
}

static void module_event(const struct module *module, const char *action)
{
	char path[96];
	const char *env[] = { "SUBSYSTEM=module", NULL };

	snprintf(path, sizeof(path), "/module/%s", module->sysname);
	if (!host.loading)
		sim_uevent(action, path, env);
}

/* What some modules bring beside drivers. */
static void provide(const struct module *module, bool present)
{
	if (strcmp(module->sysname, "iommufd") == 0 && host.iommufd)
		vfio_iommufd(present);
	if (strcmp(module->sysname, "vfio") == 0)
		vfio_container(present);
	tsm_module(module->sysname, present);
}

static int insert(const char *name, const char *params)
{
	struct module *module = module_find(name);
	const json_t *needed;
	size_t i;

	if (!module)
		return -ENOENT;
	if (module->live)
		return -EEXIST;
	json_array_foreach(json_object_get(module->desc, "depends"), i, needed)
	{
		struct module *other = module_find(json_string_value(needed));

		if (!other || !other->live)
			return -ENOENT;
	}
	appear(module, params);
	for (struct pci_driver *driver = driver_first(); driver; driver = driver->next)
		if (driver->module == module)
			driver_register(driver);
	provide(module, true);
	module_event(module, "add"); /* the kernel sends it when the module's init is done */
	return 0;
}

static void drop_holder(struct module *module)
{
	for (struct module *other = modules; other; other = other->next) {
		struct node *link = other->live ? tree_find(other->holders, module->sysname)
						: NULL;

		if (link)
			tree_remove(link);
	}
}

static int remove_module(const char *name)
{
	struct module *module = module_find(name);

	if (!module || !module->live)
		return -ENOENT;
	if (module_refs(module) > 0)
		return -EBUSY;
	for (struct pci_driver *driver = driver_first(); driver; driver = driver->next)
		if (driver->module == module && driver->registered)
			driver_unregister(driver);
	provide(module, false);
	drop_holder(module);
	module->live = false;
	tree_remove(module->dir);
	module->dir = module->holders = NULL;
	module_event(module, "remove");
	return 0;
}

/* Coming and going take time, and one module does so at a time. */
static struct mutex module_mutex;

int model_module_insert(const char *name, const char *params)
{
	int r = mutex_take(&module_mutex, SIM_KILLABLE);

	if (r < 0)
		return r;
	r = insert(name, params);
	mutex_drop(&module_mutex);
	return r;
}

int model_module_remove(const char *name)
{
	int r = mutex_take(&module_mutex, SIM_KILLABLE);

	if (r < 0)
		return r;
	r = remove_module(name);
	mutex_drop(&module_mutex);
	return r;
}

/* --- The description --- */

static const struct desc_key module_keys[] = {
	{ "loaded", 'b' },  { "depends", 'a' },    { "aliases", 'a' },
	{ "drivers", 'o' }, { "parameters", 'o' }, { NULL },
};

static int check_strings(const char *module, const json_t *desc, const char *key)
{
	const json_t *value;
	size_t i;

	json_array_foreach(json_object_get(desc, key), i, value) if (
		!json_is_string(value)) return desc_fail("module %s: \"%s\" must be strings",
							 module, key);
	return 0;
}

static int check_module(const char *name, json_t *desc)
{
	const char *key;
	json_t *value;

	if (desc_check(desc, name, module_keys) < 0 ||
	    check_strings(name, desc, "depends") < 0 ||
	    check_strings(name, desc, "aliases") < 0)
		return -EINVAL;
	json_object_foreach(json_object_get(desc, "parameters"), key, value) if (
		!json_is_string(
			value)) return desc_fail("module %s: parameter \"%s\" must be a string",
						 name, key);
	json_object_foreach(json_object_get(desc, "drivers"), key,
			    value) if (driver_check(key, value) < 0) return -EINVAL;
	return 0;
}

static struct module *new_module(const char *name, json_t *desc)
{
	struct module *module = calloc(1, sizeof(*module));
	const char *key;
	json_t *value;

	module->name = name;
	module->desc = desc;
	to_sysname(name, module->sysname, sizeof(module->sysname));
	*modules_end = module;
	modules_end = &module->next;
	json_object_foreach(json_object_get(desc, "drivers"), key, value)
		driver_new(key, value, module);
	return module;
}

int modules_load(json_t *list)
{
	const char *name;
	json_t *desc;
	int r;

	sys_dir("module");
	tree_attr(tree_root("proc"), "modules", 0444, &proc_modules, NULL);
	json_object_foreach(list, name, desc)
	{
		if (check_module(name, desc) < 0)
			return -EINVAL;
		new_module(name, desc);
	}
	json_object_foreach(list, name, desc)
	{
		if (!desc_bool(desc, "loaded", false))
			continue;
		r = model_module_insert(name, NULL);
		if (r < 0)
			return desc_fail("module %s: what it depends on must be loaded before",
					 name);
	}
	return 0;
}

/* --- For /lib/modules --- */

#define ALIASES_MAX 64

static size_t add_aliases(const json_t *from, const char **aliases, size_t n)
{
	const json_t *alias;
	size_t i;

	json_array_foreach(from, i, alias) if (n < ALIASES_MAX)
		aliases[n++] = json_string_value(alias);
	return n;
}

void model_modules_each(void (*fn)(void *arg, const char *name, const char *depends,
				   const char *const *aliases),
			void *arg)
{
	for (struct module *module = modules; module; module = module->next) {
		const char *aliases[ALIASES_MAX + 1] = { NULL };
		char depends[256] = "";
		const json_t *name;
		const char *key;
		json_t *driver;
		size_t i, n;

		json_array_foreach(json_object_get(module->desc, "depends"), i, name)
			snprintf(depends + strlen(depends), sizeof(depends) - strlen(depends),
				 "%s%s", i ? "," : "", json_string_value(name));
		n = add_aliases(json_object_get(module->desc, "aliases"), aliases, 0);
		json_object_foreach(json_object_get(module->desc, "drivers"), key, driver)
			n = add_aliases(json_object_get(driver, "ids"), aliases, n);
		aliases[n] = NULL;
		fn(arg, module->name, depends, aliases);
	}
}
