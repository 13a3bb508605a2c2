/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "open-devices.h"

#include <errno.h>
#include <string.h>

#include "core/json.h"
#include "core/link.h"
#include "core/steps.h"
#include "handoff/qemu.h"
#include "host/devnodes.h"

/* Nothing here is freed or closed: the process writes its result and exits. */

struct opened {
	int fds[CHANNEL_FDS_MAX];
	size_t n;
	json_t *list;
};

static int keep(struct opened *opened, int fd, json_t *name, struct tio_error *err)
{
	if (fd < 0)
		return fd;
	if (opened->n == CHANNEL_FDS_MAX)
		return error_set(err, -E2BIG, "more than %d descriptors at once",
				 CHANNEL_FDS_MAX);
	json_array_append_new(opened->list,
			      json_pack("{so si}", "name", name, "descriptor", (int)opened->n));
	opened->fds[opened->n++] = fd;
	return 0;
}

/* The function as it is now: the cache may be older than its driver. */
static int look_again(struct host *host, const struct snapshot *known,
		      const struct assignment *one, struct function *ret, struct tio_error *err)
{
	const struct function *f = snapshot_find(known, one->function);
	char name[BDF_STRLEN];
	int r;

	bdf_format(one->function, name);
	if (!f || !identity_may_be(&one->identity, f))
		return error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV,
				      "%s is assigned but not in the host now", name);
	*ret = *f;
	r = host_ops.refresh(host, ret, err);
	if (r < 0)
		return r;
	if (strcmp(ret->driver, VFIO_DRIVER) == 0 && ret->cdev[0])
		return 0;
	error_kind_set(err, ERROR_NOT_READY, -ENXIO, "%s is reserved but not brought up", name);
	error_fix(err, "`tioctl attach %s --vm %s`", name, one->vm);
	return -ENXIO;
}

/* A link falls without a word, and what was seen last may be older: its registers count. */
static int check_link(struct host *host, const struct snapshot *known, const struct function *f,
		      struct tio_error *err)
{
	const struct function *seen = snapshot_find(known, function_family(f));
	struct function dsm = seen ? *seen : *f;
	struct link_state state;
	struct link_base base;
	char name[BDF_STRLEN];
	int r = host_ops.refresh(host, &dsm, err);

	if (r < 0)
		return r;
	base = link_base_of(&dsm);
	state = link_judge(known, &dsm, &base);
	if (state.trouble == LINK_FINE)
		return 0;
	error_kind_set(err, ERROR_NOT_READY, -EPROTO, "its link is not secure: %s", state.text);
	error_fix(err, "`tioctl reconnect %s` makes it anew", bdf_format(dsm.bdf, name));
	return -EPROTO;
}

static int open_one(struct host *host, const struct snapshot *known,
		    const struct assignment *one, struct opened *opened, struct tio_error *err)
{
	struct function f;
	int r = look_again(host, known, one, &f, err);

	if (r == 0)
		r = check_link(host, known, &f, err);
	if (r == 0)
		r = keep(opened, devnode_open(host, &f, err), json_bdf(one->function), err);
	if (r < 0)
		error_at(err, one->function, "");
	return r;
}

static int open_all(struct host *host, const struct snapshot *known,
		    const struct assignments *all, const char *vm, struct opened *opened,
		    struct tio_error *err)
{
	int r = keep(opened, devnode_open_iommu(host, err), json_string("iommu"), err);

	for (size_t i = 0; r == 0 && i < all->n; i++)
		if (strcmp(all->list[i].vm, vm) == 0)
			r = open_one(host, known, &all->list[i], opened, err);
	if (r < 0 || opened->n > 1)
		return r;
	error_kind_set(err, ERROR_NOT_READY, -ENOENT,
		       "no function is assigned to the VM \"%s\"", vm);
	error_fix(err, "`tioctl attach DEV --vm %s`", vm);
	return -ENOENT;
}

int open_devices(struct host *host, const struct snapshot *known, const struct assignments *all,
		 const struct vm *vm, struct channel *channel, struct result *ret)
{
	struct opened opened = { .list = json_array() };
	json_t *reply;
	char *text;
	int r = open_all(host, known, all, vm->name, &opened, &ret->error);

	if (r < 0)
		return r;
	reply = json_pack("{so so}", "devices", opened.list, "handoff",
			  qemu_arguments_open(known, all, vm));
	text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
	if (!text)
		return error_set(&ret->error, -ENOMEM, "write down what was opened");
	ret->text = text;
	ret->text_size = strlen(text) + 1;
	r = channel_send_fds(channel, opened.fds, opened.n);
	return r < 0 ? error_set(&ret->error, r, "send the open devices: %s", strerror(-r)) : 0;
}
