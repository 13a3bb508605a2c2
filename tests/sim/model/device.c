/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/device.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/host.h"

void env_add(struct env *env, const char *fmt, ...)
{
	size_t room = sizeof(env->text) - env->used;
	va_list args;
	int n;

	if (env->count + 1 >= sizeof(env->vars) / sizeof(env->vars[0]))
		return;
	va_start(args, fmt);
	n = vsnprintf(env->text + env->used, room, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		return;
	env->vars[env->count++] = env->text + env->used;
	env->vars[env->count] = NULL;
	env->used += (size_t)n + 1;
}

struct node *dir_make(struct node *parent, const char *path)
{
	char part[64];

	while (*path) {
		size_t n = strcspn(path, "/");
		struct node *next;

		snprintf(part, sizeof(part), "%.*s", (int)n, path);
		next = tree_find(parent, part);
		parent = next ? next : tree_dir(parent, part);
		path += n + (path[n] == '/');
	}
	return parent;
}

struct node *sys_dir(const char *path)
{
	return dir_make(tree_root("sys"), path);
}

void attributes_add(struct node *dir, const struct attribute *table, void *obj)
{
	for (; table->name; table++)
		tree_attr(dir, table->name, table->mode, &table->ops, obj);
}

void attributes_remove(struct node *dir, const struct attribute *table)
{
	for (; table->name; table++) {
		struct node *node = tree_find(dir, table->name);

		if (node)
			tree_remove(node);
	}
}

void attr_printf(struct node *dir, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tree_text(dir, name, text);
}

/* --- uevent: what it shows is what an event carries, without the subsystem --- */

static void fill_env(const struct device *dev, struct env *env)
{
	if (dev->major) {
		env_add(env, "MAJOR=%d", dev->major);
		env_add(env, "MINOR=%d", dev->minor);
	}
	if (dev->devname[0])
		env_add(env, "DEVNAME=%s", dev->devname);
	if (dev->type->devtype)
		env_add(env, "DEVTYPE=%s", dev->type->devtype);
	if (dev->type->uevent)
		dev->type->uevent(dev, env);
}

static ssize_t uevent_show(void *obj, const struct sim_caller *who, char *buf)
{
	struct env env = { 0 };
	size_t used = 0;

	fill_env(obj, &env);
	for (size_t i = 0; i < env.count; i++)
		used += (size_t)snprintf(buf + used, SIM_ATTR_MAX - used, "%s\n", env.vars[i]);
	return (ssize_t)used;
}

/* The kernel keeps udev from loading modules for what has just been let go. */
static void drop_modalias(struct env *env)
{
	for (size_t i = 0; i < env->count; i++) {
		if (strncmp(env->vars[i], "MODALIAS=", 9) != 0)
			continue;
		env->count--;
		memmove(env->vars + i, env->vars + i + 1,
			(env->count - i + 1) * sizeof(env->vars[0]));
	}
}

/* @env has what comes before the device's own. */
static void send_event(const struct device *dev, const char *action, struct env *own)
{
	struct env env = { 0 };
	char path[512];

	if (host.loading || !dev->dir)
		return;
	if (dev->type->subsystem)
		env_add(&env, "SUBSYSTEM=%s", dev->type->subsystem);
	for (size_t i = 0; own && i < own->count; i++)
		env_add(&env, "%s", own->vars[i]);
	fill_env(dev, &env);
	if (strcmp(action, "unbind") == 0)
		drop_modalias(&env);
	tree_path(dev->dir, path, sizeof(path));
	sim_uevent(action, path + strlen("sys"), env.vars);
}

static size_t span_alnum(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]))
		n++;
	return n;
}

/* Length of a UUID at the start of @text, or 0. */
static size_t span_uuid(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; form[i]; i++)
		if (form[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return 0;
	return sizeof(form) - 1;
}

/* " UUID KEY=value…", or nothing, for which the kernel says SYNTH_UUID=0. */
static int parse_synthetic(const char *text, struct env *env)
{
	size_t n, key;

	if (!*text) {
		env_add(env, "SYNTH_UUID=0");
		return 0;
	}
	n = span_uuid(++text);
	if (!n)
		return -EINVAL;
	env_add(env, "SYNTH_UUID=%.*s", (int)n, text);
	for (text += n; *text; text += key + 1 + n) {
		if (*text++ != ' ')
			return -EINVAL;
		key = span_alnum(text);
		n = text[key] == '=' ? span_alnum(text + key + 1) : 0;
		if (!key || !n)
			return -EINVAL;
		env_add(env, "SYNTH_ARG_%.*s", (int)(key + 1 + n), text);
	}
	return 0;
}

static int uevent_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	static const char *const actions[] = { "add",    "remove",  "change", "move",
					       "online", "offline", "bind",   "unbind" };
	struct env env = { 0 };
	char text[512];
	size_t n;

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(buf, "\n"), buf);
	n = strcspn(text, " ");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strlen(actions[i]) != n || strncmp(text, actions[i], n) != 0)
			continue;
		if (parse_synthetic(text + n, &env) < 0)
			return -EINVAL;
		send_event(obj, actions[i], &env);
		return 0;
	}
	return -EINVAL;
}

static ssize_t dev_show(void *obj, const struct sim_caller *who, char *buf)
{
	const struct device *dev = obj;

	return snprintf(buf, SIM_ATTR_MAX, "%d:%d\n", dev->major, dev->minor);
}

static const struct attribute uevent_attrs[] = {
	{ "uevent", 0644, { .show = uevent_show, .store = uevent_store } },
	{ NULL },
};

static const struct attribute dev_attrs[] = {
	{ "dev", 0444, { .show = dev_show } },
	{ NULL },
};

void device_event(const struct device *dev, const char *action)
{
	send_event(dev, action, NULL);
}

/* --- Coming and going --- */

static void link_number(struct device *dev)
{
	bool block = strcmp(dev->type->subsystem, "block") == 0;
	char name[24];

	attributes_add(dev->dir, dev_attrs, dev);
	snprintf(name, sizeof(name), "%d:%d", dev->major, dev->minor);
	dev->number = tree_link_to(sys_dir(block ? "dev/block" : "dev/char"), name, dev->dir);
}

static void link_subsystem(struct device *dev)
{
	char path[64];
	struct node *home;

	snprintf(path, sizeof(path), "%s/%s", dev->type->bus ? "bus" : "class",
		 dev->type->subsystem);
	home = sys_dir(path);
	tree_link_to(dev->dir, "subsystem", home);
	if (dev->type->bus)
		home = dir_make(home, "devices");
	dev->link = tree_link_to(home, dev->name, dev->dir);
}

/* The directories named by a class, which go with the last device in them. */
struct glue {
	struct node *dir;
	int users;
	struct glue *next;
};

static struct glue *glues;

static struct node *glue_take(struct node *parent, const char *class)
{
	struct node *dir = tree_find(parent, class);
	struct glue *glue;

	for (glue = glues; glue && glue->dir != dir; glue = glue->next)
		;
	if (!dir || !glue) {
		glue = calloc(1, sizeof(*glue));
		glue->dir = dir ? dir : tree_dir(parent, class);
		glue->next = glues;
		glues = glue;
	}
	glue->users++;
	return glue->dir;
}

static void glue_drop(struct node *dir)
{
	for (struct glue **at = &glues; *at; at = &(*at)->next) {
		struct glue *glue = *at;

		if (glue->dir != dir || --glue->users > 0)
			continue;
		*at = glue->next;
		tree_remove(dir);
		free(glue);
		return;
	}
}

void device_add(struct device *dev, struct node *parent, bool glue)
{
	if (glue)
		parent = dev->glue = glue_take(parent, dev->type->subsystem);

	dev->dir = tree_dir(parent, dev->name);
	attributes_add(dev->dir, uevent_attrs, dev);
	if (dev->type->subsystem)
		link_subsystem(dev);
	if (dev->major)
		link_number(dev);
}

static void drop_node(struct node **node)
{
	if (*node)
		tree_remove(*node);
	*node = NULL;
}

void device_remove(struct device *dev)
{
	struct env env = { 0 };
	char path[512];

	if (!dev->dir)
		return;
	tree_path(dev->dir, path, sizeof(path));
	drop_node(&dev->number);
	drop_node(&dev->link);
	drop_node(&dev->dir);
	if (dev->glue)
		glue_drop(dev->glue);
	dev->glue = NULL;

	if (dev->type->subsystem)
		env_add(&env, "SUBSYSTEM=%s", dev->type->subsystem);
	fill_env(dev, &env);
	if (!host.loading)
		sim_uevent("remove", path + strlen("sys"), env.vars);
}

/* --- Numbers --- */

int parse_bool(const char *text, bool *ret)
{
	if (strchr("yYtT1", text[0]) && text[0])
		*ret = true;
	else if (strchr("nNfF0", text[0]) && text[0])
		*ret = false;
	else if (strncasecmp(text, "on", 2) == 0)
		*ret = true;
	else if (strncasecmp(text, "of", 2) == 0)
		*ret = false;
	else
		return -EINVAL;
	return 0;
}

int parse_number(const char *text, int base, unsigned long max, unsigned long *ret)
{
	unsigned long value;
	char *end;

	if (*text == '+')
		text++;
	if (!isxdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, base);
	if (end == text || (*end != '\0' && strcmp(end, "\n") != 0))
		return -EINVAL;
	if (errno || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int parse_int(const char *text, int *ret)
{
	bool minus = *text == '-';
	unsigned long value;
	int r = parse_number(text + minus, 0, (unsigned long)INT_MAX + minus, &value);

	if (r < 0 || (minus && text[1] == '+'))
		return r < 0 ? r : -EINVAL;
	*ret = (int)(minus ? -(long)value : (long)value);
	return 0;
}
