/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Hot-plug and driver events of pci, tsm and vfio-dev devices, by libudev.
 *
 * The daemon subscribes before the first scan and so loses nothing between the two.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bdf.h"

struct tio_error;
struct uevents;

enum uevent_kind {
	UEVENT_FUNCTION, /* add, change, bind, unbind of @function */
	UEVENT_REMOVED,  /* @function has gone */
	UEVENT_TSM,      /* a TSM came, changed or went: look at every function again */
	UEVENT_LOST,     /* the kernel dropped events (ENOBUFS): look at everything again */
	UEVENT_OTHER,
};

struct uevent {
	enum uevent_kind kind;
	struct bdf function;
	char tsm[16];
	char action[16];
};

/*
 * Listens to udevd's events where udevd runs (rules have been applied then), else to the
 * kernel's own.  @ret is freed by uevents_free().
 */
int uevents_new(struct uevents **ret, struct tio_error *err);
void uevents_free(struct uevents *uevents);

/*
 * The folder that udevd's socket is in, and that socket's name there: when it comes or goes,
 * others are to be listened to, and what happened meanwhile was told to nobody.
 */
#define UEVENTS_UDEV_FOLDER "/run/udev"
#define UEVENTS_UDEV_SOCKET "control"

/* To be watched for input. */
int uevents_fd(const struct uevents *uevents);

/* Takes one event; never blocks.  1: @ret is filled, 0: none is there. */
int uevents_next(struct uevents *uevents, struct uevent *ret);

/*
 * What udev knows of block device @number: "ID_FS_TYPE", ….  -ENODATA: nothing.  Reads files,
 * so workers only.
 */
int uevents_property(dev_t number, const char *key, char *buf, size_t size);
