/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "permits.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "methods.h"

static const struct vm *own_vm(const struct daemon *daemon, const struct call *call,
			       const char *name)
{
	const struct vm *vm = config_find_vm(&daemon->config, name);

	return vm && rights_own(&call->who, vm) ? vm : NULL;
}

int permit_vm(const struct daemon *daemon, const struct call *call, struct tio_error *err)
{
	const char *name = methods_text(call, "vm");

	if (own_vm(daemon, call, name))
		return 0;
	return rights_refuse_vm(&call->who, call->wire.method, name, err);
}

/* --- Functions --- */

/* The function @name has to be there, or to be reserved. */
static int find(const struct daemon *daemon, const char *name, struct target *ret,
		struct tio_error *err)
{
	int r = request_resolve(&daemon->cache.snap, name, ret, err);

	if (r == 0 || bdf_parse(name, &ret->function) < 0)
		return r;
	*err = TIO_ERROR_NONE;
	ret->physfn = BDF_NONE;
	ret->vf_index = -1;
	return 0;
}

/* A VM of the caller's has it. */
static int check_reserved(const struct daemon *daemon, const struct call *call,
			  const char *name, struct tio_error *err)
{
	const struct assignment *one;
	struct target target = { 0 };
	int r = find(daemon, name, &target, err);

	if (r < 0)
		return r;
	one = assignments_find(&daemon->cache.all, target.function);
	if (one && own_vm(daemon, call, one->vm))
		return 0;
	return rights_refuse_device(&target, NULL, err);
}

int permit_status(const struct daemon *daemon, const struct call *call, struct tio_error *err)
{
	const char *function = methods_text(call, "function");
	int r = 0;

	if (*function)
		r = check_reserved(daemon, call, function, err);
	if (r == 0 && (!*function || *methods_text(call, "vm")))
		r = permit_vm(daemon, call, err);
	return r;
}

/* --- What only an admin decides --- */

static bool is_given(const json_t *value)
{
	if (json_is_array(value) || json_is_object(value))
		return json_array_size(value) + json_object_size(value) > 0;
	return value && !json_is_null(value) && !json_is_false(value);
}

/* The device's settings and what is done against its users are not the VM's to choose. */
static int check_choices(const struct call *call, struct tio_error *err)
{
	static const char *const keys[] = { "vfs", "vfSettings", "withCompanions", "tsm",
					    "force" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!is_given(json_object_get(call->wire.parameters, keys[i])))
			continue;
		error_kind_set(err, ERROR_NOT_PERMITTED, -EPERM,
			       "uid %u may not choose \"%s\": only an admin decides that",
			       (unsigned)call->who.uid, keys[i]);
		error_fix(err, "leave it out, or be root or a member of the group tiod-admin");
		return -EPERM;
	}
	return 0;
}

int permit_attach(const struct daemon *daemon, const struct call *call, struct tio_error *err)
{
	const json_t *names = json_object_get(call->wire.parameters, "functions"), *name;
	const struct config *config = &daemon->config;
	const struct vm *vm;
	size_t i;
	int r = permit_vm(daemon, call, err);

	if (r == 0)
		r = check_choices(call, err);
	if (r < 0)
		return r;
	vm = config_find_vm(config, methods_text(call, "vm"));
	if (json_array_size(names) > REQUEST_TARGETS_MAX)
		return request_refuse_many(json_array_size(names), err);
	json_array_foreach(names, i, name)
	{
		struct target target = { 0 };

		r = find(daemon, json_string_value(name), &target, err);
		if (r < 0)
			return r;
		if (!rights_given(vm, &target, &daemon->cache.all, &daemon->cache.snap,
				  config->rules, config->n_rules))
			return rights_refuse_device(&target, vm->name, err);
	}
	return 0;
}

void permit_note_held(const struct daemon *daemon, const struct call *call, enum access access,
		      const struct vm *vm, struct target *target)
{
	const struct config *config = &daemon->config;

	if (!rights_allow(&call->who, access) &&
	    !rights_given_by_rule(vm, target, &daemon->cache.snap, config->rules,
				  config->n_rules))
		text_copy(target->held_by, sizeof(target->held_by), vm->name);
}

int permit_detach(const struct daemon *daemon, const struct call *call, struct tio_error *err)
{
	const json_t *names = json_object_get(call->wire.parameters, "functions"), *name;
	size_t i;
	int r = check_choices(call, err);

	if (r == 0 && (json_array_size(names) == 0 || *methods_text(call, "vm")))
		r = permit_vm(daemon, call, err);
	if (r == 0 && json_array_size(names) > REQUEST_TARGETS_MAX)
		r = request_refuse_many(json_array_size(names), err);
	json_array_foreach(names, i, name) if (r == 0)
		r = check_reserved(daemon, call, json_string_value(name), err);
	return r;
}
