/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/modules.h"

#include <dlfcn.h>
#include <errno.h>
#include <libkmod.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/text.h"
#include "host/sysfs.h"

#define MODULE_NAME_MAX 64             /* the kernel's, less some */
#define LIBRARY         "libkmod.so.2" /* so named since its first release */

/*
 * Loaded by the first who needs it, which is a worker: it brings libcrypto along, and with it
 * 1.5 MiB that the daemon would hold all the time.
 */
static struct {
	bool loaded;
	typeof(kmod_new) *new;
	typeof(kmod_unref) *unref;
	typeof(kmod_set_log_fn) *set_log_fn;
	typeof(kmod_get_dirname) *get_dirname;
	typeof(kmod_list_next) *list_next;
	typeof(kmod_module_get_module) *get_module;
	typeof(kmod_module_get_name) *get_name;
	typeof(kmod_module_get_path) *get_path;
	typeof(kmod_module_new_from_lookup) *lookup;
	typeof(kmod_module_probe_insert_module) *insert;
	typeof(kmod_module_unref) *module_unref;
	typeof(kmod_module_unref_list) *unref_list;
} kmod;

static const struct {
	const char *name;
	void *place; /* of the pointer in kmod */
} symbols[] = {
	{ "kmod_new", &kmod.new },
	{ "kmod_unref", &kmod.unref },
	{ "kmod_set_log_fn", &kmod.set_log_fn },
	{ "kmod_get_dirname", &kmod.get_dirname },
	{ "kmod_list_next", &kmod.list_next },
	{ "kmod_module_get_module", &kmod.get_module },
	{ "kmod_module_get_name", &kmod.get_name },
	{ "kmod_module_get_path", &kmod.get_path },
	{ "kmod_module_new_from_lookup", &kmod.lookup },
	{ "kmod_module_probe_insert_module", &kmod.insert },
	{ "kmod_module_unref", &kmod.module_unref },
	{ "kmod_module_unref_list", &kmod.unref_list },
};

static int load_library(struct tio_error *err)
{
	void *handle, *symbol;

	if (kmod.loaded)
		return 0;
	handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; handle && i < ARRAY_SIZE(symbols); i++) {
		symbol = dlsym(handle, symbols[i].name);
		if (!symbol)
			break;
		memcpy(symbols[i].place, &symbol, sizeof(symbol));
		kmod.loaded = i + 1 == ARRAY_SIZE(symbols);
	}
	if (kmod.loaded)
		return 0;
	error_kind_set(err, ERROR_NOT_READY, -ELIBACC,
		       "no kernel module can be loaded without " LIBRARY ": %s", dlerror());
	error_fix(err, "install the package that has " LIBRARY " (libkmod2, kmod-libs)");
	if (handle)
		dlclose(handle);
	return -ELIBACC;
}

static void ignore_log(void *data, int priority, const char *file, int line, const char *fn,
		       const char *format, va_list args)
{
	/* Failures are told by return values; libkmod must not write to stderr beside. */
}

/* Only what has finished its start: libkmod waits for what has not. */
bool modules_is_present(int sys_fd, const char *name)
{
	char path[32 + MODULE_NAME_MAX] = "module/", state[16];

	if (strlen(name) >= MODULE_NAME_MAX || strchr(name, '/') || strchr(name, ':'))
		return false;
	text_append(path, sizeof(path), "%s", name);
	for (char *p = path; *p; p++)
		if (*p == '-')
			*p = '_';
	text_append(path, sizeof(path), "/initstate");
	return attr_read(sys_fd, path, state, sizeof(state)) == 0 && strcmp(state, "live") == 0;
}

static int not_found(const char *name, const char *folder, struct tio_error *err)
{
	struct utsname uts = { 0 };

	uname(&uts);
	error_kind_set(
		err, ERROR_NOT_READY, -ENOENT,
		"no kernel module for %s is listed in %s/modules.dep (running kernel: %s)",
		name, folder ? folder : "the modules' folder", uts.release);
	error_fix(err, "install the package with the modules of kernel %s, then run depmod",
		  uts.release);
	return -ENOENT;
}

static int insert(struct kmod_module *module, bool alias, struct tio_error *err)
{
	const char *path = kmod.get_path(module);
	int r;

	r = kmod.insert(module, alias ? KMOD_PROBE_APPLY_BLACKLIST : 0, NULL, NULL, NULL, NULL);
	if (r == 0 || r == -EEXIST)
		return 0;
	if (r > 0) {
		error_kind_set(err, ERROR_NOT_READY, -ECANCELED,
			       "module %s is on modprobe's blacklist", kmod.get_name(module));
		error_fix(err,
			  "take it off the blacklist in /etc/modprobe.d, or load it by name");
		return -ECANCELED;
	}
	if (r == -ENOENT)
		return error_kind_set(
			err, ERROR_NOT_READY, r,
			"load module %s: its file %s, or one it depends on, is missing",
			kmod.get_name(module), path ? path : "");
	return error_kind_set(err, ERROR_NOT_READY, r, "load module %s from %s: %s",
			      kmod.get_name(module), path ? path : "the kernel", strerror(-r));
}

/* One driver for the device is enough; the first failure is told if there is none. */
static int insert_any(struct kmod_list *list, bool alias, struct tio_error *err)
{
	struct kmod_list *entry;
	struct tio_error first = TIO_ERROR_NONE;
	bool one = false;

	for (entry = list; entry; entry = kmod.list_next(list, entry)) {
		struct kmod_module *module = kmod.get_module(entry);
		struct tio_error this = TIO_ERROR_NONE;

		if (insert(module, alias, &this) == 0)
			one = true;
		else if (!first.code)
			first = this;
		kmod.module_unref(module);
	}
	if (one)
		return 0;
	if (err)
		*err = first;
	return first.code;
}

static int lookup_and_insert(struct kmod_ctx *ctx, const char *name, struct tio_error *err)
{
	struct kmod_list *list = NULL;
	int r;

	r = kmod.lookup(ctx, name, &list);
	if (r < 0 && r != -ENOENT && r != -ENOSYS)
		error_set(err, r, "look for module %s: %s", name, strerror(-r));
	else if (r < 0 || !list)
		r = not_found(name, kmod.get_dirname(ctx), err);
	else
		r = insert_any(list, strchr(name, ':'), err);
	kmod.unref_list(list);
	return r;
}

int modules_load(int sys_fd, const char *name, struct tio_error *err)
{
	struct kmod_ctx *ctx;
	int r;

	if (!name[0])
		return error_kind_set(err, ERROR_INVALID, -EINVAL, "no module is named");
	if (modules_is_present(sys_fd, name))
		return 0;
	r = load_library(err);
	if (r < 0)
		return r;

	ctx = kmod.new(NULL, NULL);
	if (!ctx)
		return error_set(err, -ENOMEM, "libkmod cannot start");
	kmod.set_log_fn(ctx, ignore_log, NULL);
	r = lookup_and_insert(ctx, name, err);
	kmod.unref(ctx);
	if (r < 0 && err)
		text_copy(err->attribute, sizeof(err->attribute), "module");
	return r;
}
