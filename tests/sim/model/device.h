/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What all devices of the model share, as struct device does in the kernel: a
 * directory with uevent, subsystem link and dev number, a link in its bus or
 * class, and the events that tell of it.
 *
 * Embedded in what the other files make (PCI functions, class devices).
 */

#include <stdbool.h>
#include <stddef.h>

#include "tree.h"

struct device;

/* The variables of an event: NULL-terminated for sim_uevent(). */
struct env {
	char text[1536];
	size_t used;
	const char *vars[24];
	size_t count;
};

void env_add(struct env *env, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct device_type {
	const char *subsystem;
	const char *devtype; /* DEVTYPE=, or NULL */
	bool bus;            /* below /sys/bus, not /sys/class */
	void (*uevent)(const struct device *dev, struct env *env); /* may be NULL */
};

struct device {
	char name[48];
	char devname[48];    /* DEVNAME=, "" for none */
	int major, minor;    /* 0:0 for none */
	struct node *dir;    /* NULL once it is gone */
	struct node *glue;   /* the directory of its class that was made for it, or NULL */
	struct node *link;   /* in the bus or class, or NULL */
	struct node *number; /* the link below /sys/dev, or NULL */
	const struct device_type *type;
};

/*
 * Makes the directory of @dev, whose name, type and numbers are set, below @parent.
 * With @glue a class device stands in a directory named by its class, as where parent
 * and child are of different subsystems.  No event is sent.
 */
void device_add(struct device *dev, struct node *parent, bool glue);
/* Sends "remove" and takes the directory away. */
void device_remove(struct device *dev);
void device_event(const struct device *dev, const char *action);

/* An attribute table: what tree_attr() needs, ended by a NULL name. */
struct attribute {
	const char *name;
	mode_t mode;
	struct node_ops ops;
};

void attributes_add(struct node *dir, const struct attribute *table, void *obj);
void attributes_remove(struct node *dir, const struct attribute *table);

/* A constant attribute made from a format. */
void attr_printf(struct node *dir, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Finds or makes "a/b/c" below @parent. */
struct node *dir_make(struct node *parent, const char *path);
struct node *sys_dir(const char *path);

/* "1", "y", "on" and so on as kstrtobool() takes them; "0x10" as kstrtou16(…, 0). */
int parse_bool(const char *text, bool *ret);
int parse_number(const char *text, int base, unsigned long max, unsigned long *ret);
/* As kstrtoint(…, 0). */
int parse_int(const char *text, int *ret);
