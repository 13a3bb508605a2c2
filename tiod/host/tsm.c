/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/tsm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/link-facts.h"
#include "host/sysfs.h"
#include "host/topology.h"

bool tsm_is_name(const char *text)
{
	size_t digits;

	if (strncmp(text, "tsm", 3) != 0)
		return false;
	digits = strspn(text + 3, "0123456789");
	return digits > 0 && text[3 + digits] == '\0' && 3 + digits < TSM_NAME_MAX;
}

static int compare(const void *a, const void *b)
{
	return strverscmp(((const struct tsm *)a)->name, ((const struct tsm *)b)->name);
}

/* Whose child it is: the folder that the class's folder "tsm" is in. */
static void read_parent(int folder, const char *name, struct tsm *ret)
{
	char link[ATTR_SIZE_MAX], path[TSM_NAME_MAX + 16];
	struct topology place;
	char *end;

	if (attr_read_link(folder, name, link, sizeof(link)) < 0)
		return;
	if (topology_parse(link, &place) == 0)
		ret->parent = place.last;
	snprintf(path, sizeof(path), "/tsm/%s", name);
	end = strstr(link, path);
	if (end) {
		*end = '\0';
		text_copy(ret->parent_name, sizeof(ret->parent_name),
			  strrchr(link, '/') ? strrchr(link, '/') + 1 : link);
	}
	snprintf(path, sizeof(path), "%s/device/driver", name);
	(void)attr_read_link_name(folder, path, ret->driver, sizeof(ret->driver));
}

size_t tsm_list(int root, struct tsm ret[static SNAPSHOT_TSMS_MAX])
{
	auto_closedir DIR *folder = attr_open_folder(root, "class/tsm");
	const char *name;
	size_t n = 0;

	while (folder && n < SNAPSHOT_TSMS_MAX && (name = attr_next_entry(folder))) {
		if (!tsm_is_name(name))
			continue;
		ret[n] = (struct tsm){ 0 };
		text_copy(ret[n].name, sizeof(ret[n].name), name);
		read_parent(dirfd(folder), name, &ret[n]);
		n++;
	}
	qsort(ret, n, sizeof(ret[0]), compare);
	return n;
}

/* "" for what is not connected, and for what has no such attribute. */
static int read_name(int root, const struct attr *attr, char ret[static TSM_NAME_MAX],
		     struct tio_error *err)
{
	char text[ATTR_SIZE_MAX];
	int r = attr_read(root, attr->path, text, sizeof(text));

	ret[0] = '\0';
	/* ENODEV: it went, as all tsm/ do with their TSM, while it was open. */
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	if (r < 0)
		return sysfs_read(root, attr, text, sizeof(text), err);
	text_copy(ret, TSM_NAME_MAX, text);
	return 0;
}

/* The TSM that @dsm is connected to, or "". */
static int read_connect(int root, struct bdf dsm, struct attr *attr,
			char ret[static TSM_NAME_MAX], struct tio_error *err)
{
	*attr = attr_of_function(dsm, "tsm/connect");
	return read_name(root, attr, ret, err);
}

int tsm_read_link(int root, struct function *dsm, struct tio_error *err)
{
	struct attr connect = attr_of_function(dsm->bdf, "tsm/connect");
	struct attr bound = attr_of_function(dsm->bdf, "tsm/bound");
	char tsm[TSM_NAME_MAX] = "", tdi[TSM_NAME_MAX] = "";
	int r;

	r = read_name(root, &connect, tsm, err);
	if (r < 0)
		return r;
	r = read_name(root, &bound, tdi, err);
	if (r < 0)
		return r;
	r = sysfs_check_function(root, dsm->bdf, err);
	if (r < 0)
		return r;

	dsm->tsm_group = attr_exists(root, connect.path);
	dsm->link_known = true;
	memcpy(dsm->tsm, tsm, sizeof(tsm));
	memcpy(dsm->bound, tdi, sizeof(tdi));
	return 0;
}

static int change(int root, struct bdf dsm, const char *name, const char *tsm,
		  const char *wanted, struct tio_error *err)
{
	struct attr attr = attr_of_function(dsm, name);
	struct attr connect = attr_of_function(dsm, "tsm/connect");
	char found[TSM_NAME_MAX];
	int r;

	r = sysfs_write(root, &attr, tsm, err);
	if (r < 0)
		return r;
	r = read_name(root, &connect, found, err);
	if (r < 0)
		return r;
	if (strcmp(found, wanted) == 0)
		return 0;
	error_set(err, -EPROTO, "%s was written to %s of %s, but tsm/connect then read \"%s\"",
		  tsm, name, attr.owner, found);
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), name);
	return -EPROTO;
}

static int refuse(struct tio_error *err, int code, const struct attr *attr, const char *tsm,
		  const char *now)
{
	error_set(err, code, "%s is connected to %s, not to %s", attr->owner, now, tsm);
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), attr->name);
	return code;
}

/* What the errno means here, where it may mean several things. */
static void explain(int root, struct bdf dsm, const char *tsm, int code, struct tio_error *err)
{
	struct link_finding finding;
	struct link_facts facts;
	char name[24];

	if (code != -EBUSY && code != -EFAULT && code != -ENXIO)
		return;
	link_facts_read(root, dsm, tsm, &facts);
	if (!link_find(code, &facts, &finding))
		return;
	text_append(err->text, sizeof(err->text), " (%s): %s", errno_name(code, name),
		    finding.cause);
	error_fix(err, "%s", finding.fix);
}

int tsm_connect(int root, struct bdf dsm, const char *tsm, struct tio_error *err)
{
	struct attr attr;
	char now[TSM_NAME_MAX];
	int r;

	if (!tsm_is_name(tsm))
		return error_kind_set(err, ERROR_INVALID, -EINVAL,
				      "\"%s\" is not the name of a TSM", tsm);
	r = read_connect(root, dsm, &attr, now, err);
	if (r < 0)
		return r;
	if (strcmp(now, tsm) == 0)
		return 0;
	if (now[0])
		return refuse(err, -EBUSY, &attr, tsm, now);
	r = change(root, dsm, "tsm/connect", tsm, tsm, err);
	if (r < 0 && err)
		explain(root, dsm, tsm, r, err);
	return r;
}

int tsm_refresh_keys(int root, struct bdf dsm, const char *tsm, struct tio_error *err)
{
	struct attr attr;
	char now[TSM_NAME_MAX];
	int r = read_connect(root, dsm, &attr, now, err);

	if (r < 0)
		return r;
	if (strcmp(now, tsm) != 0)
		return refuse(err, -ENXIO, &attr, tsm, now[0] ? now : "no TSM");
	return change(root, dsm, "tsm/connect", tsm, tsm, err);
}

int tsm_disconnect(int root, struct bdf dsm, const char *tsm, struct tio_error *err)
{
	struct attr attr;
	char now[TSM_NAME_MAX];
	int r = read_connect(root, dsm, &attr, now, err);

	if (r < 0)
		return r;
	if (!now[0])
		return 0;
	if (strcmp(now, tsm) != 0) {
		text_copy(attr.name, sizeof(attr.name), "tsm/disconnect");
		return refuse(err, -EINVAL, &attr, tsm, now);
	}
	return change(root, dsm, "tsm/disconnect", tsm, "", err);
}

bool tsm_has_blobs(int dir)
{
	return attr_exists(dir, "tsm/tdi_status") || attr_exists(dir, "tsm/dsm_status") ||
	       attr_exists(dir, "tsm/dev_status");
}

bool tsm_has_evidence(int dir)
{
	return attr_exists(dir, "tsm/certs") || attr_exists(dir, "tsm/meas") ||
	       attr_exists(dir, "tsm/report");
}

static ssize_t blob_error(const struct attr *attr, int code, struct tio_error *err)
{
	error_set(err, code, "read %s of %s: %s", attr->name, attr->owner, strerror(-code));
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), attr->name);
	return code;
}

/* The security manager's driver may answer so for ever, not only when a signal came. */
#define INTERRUPTED_MAX 8

/* One read: the kernel makes each from the beginning again. */
ssize_t tsm_read_blob(int root, struct bdf bdf, const char *name, void *buf, size_t size,
		      struct tio_error *err)
{
	char path[64];
	struct attr attr;
	auto_close int fd = -1;
	int tries = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "tsm/%s", name);
	attr = attr_of_function(bdf, path);
	fd = openat(root, attr.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return blob_error(&attr, -errno, err);
	do {
		n = read(fd, buf, size);
	} while (n < 0 && errno == EINTR && ++tries < INTERRUPTED_MAX);
	return n < 0 ? blob_error(&attr, -errno, err) : n;
}
