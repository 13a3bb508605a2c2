/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/assignments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/json.h"

#define FILE_VERSION 1

void assignments_finish(struct assignments *all)
{
	free(all->list);
	*all = (struct assignments){ 0 };
}

/* Where @function is, or has to go. */
static size_t place_of(const struct assignments *all, struct bdf function)
{
	return bdf_place(all->list ? &all->list->function : NULL, all->n, sizeof(*all->list),
			 function);
}

const struct assignment *assignments_find(const struct assignments *all, struct bdf function)
{
	size_t i = place_of(all, function);

	return i < all->n && bdf_equal(all->list[i].function, function) ? &all->list[i] : NULL;
}

int assignments_put(struct assignments *all, const struct assignment *one)
{
	size_t i = place_of(all, one->function);
	struct assignment *list;

	if (i < all->n && bdf_equal(all->list[i].function, one->function)) {
		all->list[i] = *one;
		return 0;
	}
	list = reallocarray(all->list, all->n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	memmove(&list[i + 1], &list[i], (all->n - i) * sizeof(*list));
	list[i] = *one;
	all->list = list;
	all->n++;
	return 0;
}

bool assignments_remove(struct assignments *all, struct bdf function)
{
	size_t i = place_of(all, function);

	if (i == all->n || !bdf_equal(all->list[i].function, function))
		return false;
	all->n--;
	memmove(&all->list[i], &all->list[i + 1], (all->n - i) * sizeof(*all->list));
	return true;
}

int assignments_free_port(const struct assignments *all, const char *vm)
{
	for (int port = 0;; port++) {
		bool taken = false;

		for (size_t i = 0; i < all->n && !taken; i++)
			taken = all->list[i].port == port && strcmp(all->list[i].vm, vm) == 0;
		if (!taken)
			return port;
	}
}

static bool place_is_free(const struct assignments *all, const char *vm, int port, int function)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].port == port && all->list[i].port_function == function &&
		    strcmp(all->list[i].vm, vm) == 0)
			return false;
	return true;
}

int assignments_place(const struct assignments *all, struct assignment *one,
		      struct tio_error *err)
{
	const struct assignment *there = assignments_find(all, one->function);
	const struct assignment *lead = assignments_find(all, one->lead);
	char name[BDF_STRLEN];

	if (there && strcmp(there->vm, one->vm) != 0) {
		error_kind_set(err, ERROR_CONFLICT, -EEXIST, "%s is reserved for %s",
			       bdf_format(one->function, name), there->vm);
		error_fix(err, "`tioctl detach %s` takes it back first", name);
		return -EEXIST;
	}
	if (one->port >= 0)
		return 0;
	if (there) {
		one->port = there->port;
		one->port_function = there->port_function;
		return 0;
	}
	one->port = assignments_free_port(all, one->vm);
	one->port_function = 0;
	if (lead && strcmp(lead->vm, one->vm) == 0 &&
	    bdf_same_device(lead->function, one->function) &&
	    place_is_free(all, one->vm, lead->port, one->function.function)) {
		one->port = lead->port;
		one->port_function = one->function.function;
	}
	return 0;
}

static json_t *one_to_json(const struct assignment *one)
{
	return json_pack("{so so so so so si ss ss si si si so}", "function",
			 json_bdf(one->function), "family", json_bdf(one->family), "lead",
			 json_bdf(one->lead), "physfn", json_bdf(one->physfn), "card",
			 json_identity(&one->identity), "vfIndex", one->vf_index, "vm", one->vm,
			 "named", one->named, "port", one->port, "portFunction",
			 one->port_function, "vfs", (int)one->vfs, "settings",
			 vf_to_json(&one->settings));
}

int assignments_to_json(const struct assignments *all, char **ret, struct tio_error *err)
{
	json_t *list = json_array();

	for (size_t i = 0; i < all->n; i++) {
		if (json_array_append_new(list, one_to_json(&all->list[i])) < 0) {
			json_decref(list);
			return error_set(err, -ENOMEM, "out of memory");
		}
	}
	return json_to_file_text(
		json_pack("{si so}", "version", FILE_VERSION, "assignments", list), ret, err);
}

static int one_from_json(const json_t *json, struct assignment *ret, struct tio_error *err)
{
	long long vf, port, port_function, vfs = 0;
	int r;

	if ((r = json_get_bdf(json, "function", false, &ret->function, err)) < 0 ||
	    (r = json_get_bdf(json, "family", false, &ret->family, err)) < 0 ||
	    (r = json_get_bdf(json, "lead", false, &ret->lead, err)) < 0 ||
	    (r = json_get_bdf(json, "physfn", true, &ret->physfn, err)) < 0 ||
	    (r = json_get_identity(json, &ret->identity, err)) < 0 ||
	    (r = json_get_int(json, "vfIndex", -1, 65535, &vf, err)) < 0 ||
	    (r = json_get_text(json, "vm", ret->vm, sizeof(ret->vm), err)) < 0 ||
	    (r = json_get_text(json, "named", ret->named, sizeof(ret->named), err)) < 0 ||
	    (r = json_get_int(json, "port", 0, 65535, &port, err)) < 0 ||
	    (r = json_get_int(json, "portFunction", 0, 7, &port_function, err)) < 0 ||
	    (r = vf_from_json(json_object_get(json, "settings"), &ret->settings, err)) < 0)
		return r;
	if (json_object_get(json, "vfs") &&
	    (r = json_get_int(json, "vfs", 0, 65535, &vfs, err)) < 0)
		return r;
	if (!text_is_name(ret->vm, VM_NAME_MAX - 1))
		return error_set(err, -EBADMSG, "\"%s\" is no VM name", ret->vm);
	ret->vf_index = (int)vf;
	ret->port = (int)port;
	ret->port_function = (int)port_function;
	ret->vfs = (unsigned)vfs;
	return 0;
}

static int list_from_json(const json_t *root, struct assignments *all, struct tio_error *err)
{
	json_t *list, *entry;
	size_t i;
	int r;

	r = json_get_array(root, "assignments", &list, err);
	if (r < 0)
		return r;
	json_array_foreach(list, i, entry)
	{
		struct assignment one = { 0 };

		r = one_from_json(entry, &one, err);
		if (r < 0)
			return error_wrap(err, r, "entry %zu", i);
		if (assignments_find(all, one.function))
			return error_set(err, -EBADMSG,
					 "entry %zu: the function is named twice", i);
		if (assignments_put(all, &one) < 0)
			return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

int assignments_from_json(const char *text, size_t size, struct assignments *ret,
			  struct tio_error *err)
{
	struct assignments all = { 0 };
	auto_json json_t *root = NULL;
	int r;

	r = json_load_versioned(text, size, "assignments", FILE_VERSION, &root, err);
	if (r < 0)
		return r;
	r = list_from_json(root, &all, err);
	if (r < 0) {
		assignments_finish(&all);
		return error_wrap(err, r, "assignments");
	}
	*ret = all;
	return 0;
}
