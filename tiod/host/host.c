/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/driver.h"
#include "host/functions.h"
#include "host/helper.h"
#include "host/holders.h"
#include "host/parallel.h"
#include "host/pci.h"
#include "host/power.h"
#include "host/sriov.h"
#include "host/state.h"
#include "host/tsm.h"
#include "host/vf-admin.h"
#include "host/vfio.h"

/* --- Opening and closing --- */

static int open_root(const char *path, mode_t make, int *ret, struct tio_error *err)
{
	int fd, r;

	if (make && mkdir(path, make) < 0 && errno != EEXIST) {
		r = error_set(err, -errno, "make the folder %s: %s", path, strerror(errno));
		error_fix(err, "make it, or have its file system writable; --state-dir and "
			       "--runtime-dir name other places");
		return r;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(err, -errno, "open the folder %s: %s", path, strerror(errno));
	*ret = fd;
	return 0;
}

static int open_roots(struct host *host, const struct host_roots *roots, struct tio_error *err)
{
	struct {
		const char *path;
		mode_t make;
		int *fd;
	} folders[] = {
		{ roots->sys, 0, &host->sys_fd },
		{ roots->proc, 0, &host->proc_fd },
		{ roots->dev, 0, &host->dev_fd },
		{ roots->runtime, 0755, &host->runtime_fd },
		{ roots->state, 0700, &host->state_fd },
	};
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		if (!folders[i].path)
			continue;
		r = open_root(folders[i].path, folders[i].make, folders[i].fd, err);
		if (r < 0)
			return r;
	}
	if (host->runtime_fd >= 0 && mkdirat(host->runtime_fd, "journal", 0755) < 0 &&
	    errno != EEXIST)
		return error_set(err, -errno, "make the folder %s/journal: %s", roots->runtime,
				 strerror(errno));
	return 0;
}

bool host_runtime_is_there(const struct host *host)
{
	struct stat here, there;

	return stat(host->runtime, &there) == 0 && fstat(host->runtime_fd, &here) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino &&
	       faccessat(host->runtime_fd, "journal", F_OK, 0) == 0;
}

int host_reopen_runtime(struct host *host, struct tio_error *err)
{
	auto_close int fd = -1;
	int r = open_root(host->runtime, 0755, &fd, err);

	if (r < 0)
		return r;
	if (mkdirat(fd, "journal", 0755) < 0 && errno != EEXIST)
		return error_set(err, -errno, "make the folder %s/journal: %m", host->runtime);
	/* By its old number, by which workers are told of it. */
	if (dup3(fd, host->runtime_fd, O_CLOEXEC) < 0)
		return error_set(err, -errno, "open the folder %s: %m", host->runtime);
	return 0;
}

int host_init(struct host *host, const struct host_roots *roots, struct tio_error *err)
{
	int r;

	*host = (struct host){
		.sys_fd = -1, .proc_fd = -1, .dev_fd = -1, .runtime_fd = -1, .state_fd = -1
	};
	if (!text_copy(host->sys, sizeof(host->sys), roots->sys ? roots->sys : "") ||
	    !text_copy(host->plugin_dir, sizeof(host->plugin_dir),
		       roots->plugins ? roots->plugins : ""))
		return error_set(err, -ENAMETOOLONG, "the path of a folder is too long");
	(void)text_copy(host->runtime, sizeof(host->runtime), roots->runtime ?: "");
	(void)text_copy(host->state, sizeof(host->state), roots->state ?: "");
	/* One that is too long is told as one that nobody listens at. */
	text_append(host->helper, sizeof(host->helper), "%s%s", roots->helper ?: host->runtime,
		    roots->helper ? "" : "/helper");
	r = open_roots(host, roots, err);
	if (r < 0)
		host_finish(host);
	return r;
}

void host_finish(struct host *host)
{
	int *fds[] = { &host->sys_fd, &host->proc_fd, &host->dev_fd, &host->runtime_fd,
		       &host->state_fd };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		cleanup_close(fds[i]);
		*fds[i] = -1;
	}
	pci_door_free(host->pci);
	host->pci = NULL;
}

/* --- The table --- */

static int op_refresh(void *data, struct function *f, struct tio_error *err)
{
	struct host *host = data;
	struct reader reader = { .host = host };
	int r;

	r = functions_read_state(host, f, err);
	if (r != -ESTALE)
		return r;
	r = functions_read(&reader, f->bdf, f, err);
	reader_finish(&reader);
	return r;
}

static int op_discover(void *data, struct bdf bdf, struct function *ret, struct tio_error *err)
{
	struct reader reader = { .host = data };
	int r;

	r = functions_read(&reader, bdf, ret, err);
	reader_finish(&reader);
	return r;
}

static int op_read_link(void *data, struct function *dsm, struct tio_error *err)
{
	struct host *host = data;

	return tsm_read_link(host->sys_fd, dsm, err);
}

static int op_find_holders(void *data, struct snapshot *snap, const struct function *f,
			   const struct plugin_traits *traits, struct tio_error *err)
{
	return holders_find(data, snap, f, traits, err);
}

static int op_vf_admin_get(void *data, const struct function *vf, struct vf_settings *ret,
			   struct tio_error *err)
{
	struct host *host = data;

	return vf_admin_get(host->sys_fd, vf, ret, err);
}

static int op_vf_admin_set(void *data, const struct function *vf,
			   const struct vf_settings *wanted, struct tio_error *err)
{
	struct host *host = data;

	return vf_admin_set(host->sys_fd, vf, wanted, err);
}

static int op_set_override(void *data, struct bdf bdf, const char *driver,
			   struct tio_error *err)
{
	struct host *host = data;

	return driver_set_override(host->sys_fd, bdf, driver, err);
}

static int op_unbind(void *data, struct bdf bdf, struct tio_error *err)
{
	struct host *host = data;

	return driver_unbind(host->sys_fd, bdf, err);
}

static int op_bind(void *data, struct bdf bdf, const char *driver, struct tio_error *err)
{
	struct host *host = data;

	return driver_bind(host->sys_fd, bdf, driver, err);
}

static int op_probe(void *data, struct bdf bdf, struct tio_error *err)
{
	struct host *host = data;

	return driver_probe(host->sys_fd, bdf, err);
}

static int op_set_autoprobe(void *data, struct bdf pf, bool on, struct tio_error *err)
{
	struct host *host = data;

	return sriov_set_autoprobe(host->sys_fd, pf, on, err);
}

static int op_set_vfs(void *data, struct bdf pf, unsigned int n, struct tio_error *err)
{
	struct host *host = data;

	return sriov_set_vfs(host->sys_fd, pf, n, err);
}

static int op_connect(void *data, struct bdf dsm, const char *tsm, struct tio_error *err)
{
	struct host *host = data;

	return tsm_connect(host->sys_fd, dsm, tsm, err);
}

static int op_refresh_keys(void *data, struct bdf dsm, const char *tsm, struct tio_error *err)
{
	struct host *host = data;

	return tsm_refresh_keys(host->sys_fd, dsm, tsm, err);
}

static int op_disconnect(void *data, struct bdf dsm, const char *tsm, struct tio_error *err)
{
	struct host *host = data;

	return tsm_disconnect(host->sys_fd, dsm, tsm, err);
}

static int op_set_power(void *data, struct bdf bdf, enum power_attribute which,
			const char *value, struct tio_error *err)
{
	struct host *host = data;

	return power_set(host->sys_fd, bdf, which, value, err);
}

static int op_set_node(void *data, const struct function *f, const struct node_access *access,
		       struct tio_error *err)
{
	return helper_set_node(data, f, access, err);
}

static int op_load_module(void *data, const char *name, struct tio_error *err)
{
	return helper_load_module(data, name, err);
}

static int op_wait_cdev(void *data, struct function *f, unsigned int timeout_ms,
			struct tio_error *err)
{
	return vfio_wait_cdev(data, f, timeout_ms, err);
}

static int op_journal_write(void *data, struct bdf family, const char *json,
			    struct tio_error *err)
{
	return state_write_journal(data, family, json, err);
}

static void op_parallel(void *data, size_t n,
			int (*fn)(void *arg, size_t index, struct tio_error *err), void *arg,
			struct tio_error *errs)
{
	parallel_run(n, fn, arg, errs);
}

static int op_assign(void *data, const struct assignment *one, struct tio_error *err)
{
	return state_assign(data, one, err);
}

static int op_release(void *data, struct bdf function, struct tio_error *err)
{
	return state_release(data, function, err);
}

static void op_progress(void *data, const struct progress *progress)
{
	struct host *host = data;

	if (host->progress)
		host->progress(host->arg, progress);
}

static int op_tsm_take(void *data, const char *tsm, struct tio_error *err)
{
	struct host *host = data;

	return host->tsm_take ? host->tsm_take(host->arg, tsm, err) : 0;
}

static void op_tsm_give(void *data)
{
	struct host *host = data;

	if (host->tsm_give)
		host->tsm_give(host->arg);
}

const struct host_ops host_ops = {
	.refresh = op_refresh,
	.discover = op_discover,
	.read_link = op_read_link,
	.find_holders = op_find_holders,
	.vf_admin_get = op_vf_admin_get,
	.vf_admin_set = op_vf_admin_set,
	.set_override = op_set_override,
	.unbind = op_unbind,
	.bind = op_bind,
	.probe = op_probe,
	.set_autoprobe = op_set_autoprobe,
	.set_vfs = op_set_vfs,
	.connect = op_connect,
	.disconnect = op_disconnect,
	.set_power = op_set_power,
	.set_node = op_set_node,
	.refresh_keys = op_refresh_keys,
	.load_module = op_load_module,
	.wait_cdev = op_wait_cdev,
	.journal_write = op_journal_write,
	.parallel = op_parallel,
	.assign = op_assign,
	.release = op_release,
	.progress = op_progress,
	.tsm_take = op_tsm_take,
	.tsm_give = op_tsm_give,
};
