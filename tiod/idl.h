/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The inputs of the methods of a Varlink interface, read from its description.
 *
 * The description is what clients are shown, so calls are checked against nothing else:
 * an unknown field, a wrong type or a missing field is refused by its name.  Types of
 * outputs and errors are only skipped over.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum idl_type { IDL_BOOL, IDL_INT, IDL_FLOAT, IDL_STRING, IDL_OBJECT, IDL_TYPE_COUNT };

struct idl_field {
	char name[32];
	enum idl_type type; /* IDL_OBJECT also for named types */
	bool array, nullable;
};

struct idl_method {
	char name[32];
	struct idl_field *fields; /* owned */
	size_t n_fields;
	bool may_more, must_more; /* from the comment tags */
};

struct idl {
	char interface[64];
	const char *text;           /* borrowed */
	struct idl_method *methods; /* owned */
	size_t n_methods;
};

/* -EINVAL: the description is wrong, with its line in @err. */
int idl_parse(const char *text, struct idl *ret, struct tio_error *err);
void idl_finish(struct idl *idl);

/* NULL if there is none. */
const struct idl_method *idl_find(const struct idl *idl, const char *name);

/* NULL: @parameters fit; else the name of the first that does not. */
const char *idl_check(const struct idl_method *method, const json_t *parameters);
