/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "idl.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"

#define TOKEN_MAX 80

struct scanner {
	const char *at;
	unsigned line;
	char token[TOKEN_MAX];    /* a word, or one character, or "->" ; "" at the end */
	bool may_more, must_more; /* tags since the last method */
	struct tio_error *err;
};

static int wrong(struct scanner *s, const char *expected)
{
	return error_set(s->err, -EINVAL, "line %u of the interface: \"%s\" where %s belongs",
			 s->line, s->token, expected);
}

static void skip_comment(struct scanner *s)
{
	size_t length = strcspn(s->at, "\n");

	if (memmem(s->at, length, "[Supports 'more' flag]", 22))
		s->may_more = true;
	if (memmem(s->at, length, "[Requires 'more' flag]", 22))
		s->must_more = true;
	s->at += length;
}

static void skip_blanks(struct scanner *s)
{
	while (*s->at == '#' || isspace((unsigned char)*s->at)) {
		if (*s->at == '#') {
			skip_comment(s);
			continue;
		}
		s->line += *s->at == '\n';
		s->at++;
	}
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '.' || c == '_';
}

static void advance(struct scanner *s)
{
	size_t length = 0;

	skip_blanks(s);
	while (is_word(s->at[length]) && length < TOKEN_MAX - 1)
		length++;
	if (length == 0 && strncmp(s->at, "->", 2) == 0)
		length = 2;
	else if (length == 0 && *s->at)
		length = 1;
	memcpy(s->token, s->at, length);
	s->token[length] = '\0';
	s->at += length;
}

static bool is_token(const struct scanner *s, const char *text)
{
	return strcmp(s->token, text) == 0;
}

static int expect(struct scanner *s, const char *text)
{
	if (!is_token(s, text))
		return wrong(s, text);
	advance(s);
	return 0;
}

static int take_word(struct scanner *s, char *to, size_t size, const char *what)
{
	if (!isalpha((unsigned char)s->token[0]) || !text_copy(to, size, s->token))
		return wrong(s, what);
	advance(s);
	return 0;
}

/* Skips "(…)" with whatever is inside; the scanner stands at "(". */
static int skip_group(struct scanner *s)
{
	int depth = 0;

	if (!is_token(s, "("))
		return wrong(s, "(");
	do {
		if (is_token(s, "("))
			depth++;
		else if (is_token(s, ")"))
			depth--;
		else if (is_token(s, ""))
			return wrong(s, ")");
		advance(s);
	} while (depth > 0);
	return 0;
}

static int take_type(struct scanner *s, struct idl_field *field)
{
	static const char *const names[IDL_TYPE_COUNT] = { "bool", "int", "float", "string",
							   "object" };

	if (is_token(s, "?")) {
		field->nullable = true;
		advance(s);
	}
	if (is_token(s, "[")) {
		field->array = true;
		advance(s);
		if (expect(s, "]") < 0)
			return -EINVAL;
	}
	field->type = IDL_OBJECT;
	if (is_token(s, "("))
		return skip_group(s);
	if (!isalpha((unsigned char)s->token[0]))
		return wrong(s, "a type");
	for (int i = 0; i < IDL_TYPE_COUNT; i++)
		if (is_token(s, names[i]))
			field->type = (enum idl_type)i;
	advance(s);
	return 0;
}

static int take_field(struct scanner *s, struct idl_method *method)
{
	struct idl_field field = { 0 };

	if (take_word(s, field.name, sizeof(field.name), "a field's name") < 0 ||
	    expect(s, ":") < 0 || take_type(s, &field) < 0)
		return -EINVAL;
	return array_add(&method->fields, &method->n_fields, &field, sizeof(field));
}

static int take_fields(struct scanner *s, struct idl_method *method)
{
	int r = expect(s, "(");

	while (r == 0 && !is_token(s, ")")) {
		r = take_field(s, method);
		if (r == 0 && !is_token(s, ")"))
			r = expect(s, ",");
	}
	return r < 0 ? r : expect(s, ")");
}

static int take_method(struct scanner *s, struct idl *idl)
{
	const struct idl_method fresh = { .must_more = s->must_more,
					  .may_more = s->may_more || s->must_more };
	struct idl_method *method;
	int r;

	if (array_add(&idl->methods, &idl->n_methods, &fresh, sizeof(fresh)) < 0)
		return -ENOMEM;
	method = &idl->methods[idl->n_methods - 1];
	r = take_word(s, method->name, sizeof(method->name), "a method's name");
	s->may_more = s->must_more = false;
	if (r == 0)
		r = take_fields(s, method);
	if (r == 0)
		r = expect(s, "->");
	return r < 0 ? r : skip_group(s);
}

static int take_member(struct scanner *s, struct idl *idl)
{
	char name[TOKEN_MAX];

	if (is_token(s, "method")) {
		advance(s);
		return take_method(s, idl);
	}
	if (!is_token(s, "type") && !is_token(s, "error"))
		return wrong(s, "method, type or error");
	advance(s);
	if (take_word(s, name, sizeof(name), "a name") < 0)
		return -EINVAL;
	s->may_more = s->must_more = false;
	return skip_group(s);
}

int idl_parse(const char *text, struct idl *ret, struct tio_error *err)
{
	struct scanner s = { .at = text, .line = 1, .err = err };
	struct idl idl = { .text = text };
	int r;

	advance(&s);
	r = expect(&s, "interface");
	if (r == 0)
		r = take_word(&s, idl.interface, sizeof(idl.interface), "the interface's name");
	while (r == 0 && !is_token(&s, ""))
		r = take_member(&s, &idl);
	if (r < 0) {
		idl_finish(&idl);
		return r;
	}
	*ret = idl;
	return 0;
}

void idl_finish(struct idl *idl)
{
	for (size_t i = 0; i < idl->n_methods; i++)
		free(idl->methods[i].fields);
	free(idl->methods);
	*idl = (struct idl){ 0 };
}

const struct idl_method *idl_find(const struct idl *idl, const char *name)
{
	for (size_t i = 0; i < idl->n_methods; i++)
		if (strcmp(idl->methods[i].name, name) == 0)
			return &idl->methods[i];
	return NULL;
}

static bool fits_one(enum idl_type type, const json_t *value)
{
	switch (type) {
	case IDL_BOOL:
		return json_is_boolean(value);
	case IDL_INT:
		return json_is_integer(value);
	case IDL_FLOAT:
		return json_is_number(value);
	case IDL_STRING:
		return json_is_string(value);
	case IDL_OBJECT:
		return json_is_object(value);
	case IDL_TYPE_COUNT:
		break;
	}
	return false;
}

static bool fits(const struct idl_field *field, const json_t *value)
{
	const json_t *one;
	size_t i;

	if (!value || json_is_null(value))
		return field->nullable;
	if (!field->array)
		return fits_one(field->type, value);
	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, one) if (!fits_one(field->type, one)) return false;
	return true;
}

const char *idl_check(const struct idl_method *method, const json_t *parameters)
{
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach((json_t *)parameters, key, value)
	{
		for (i = 0; i < method->n_fields; i++)
			if (strcmp(method->fields[i].name, key) == 0)
				break;
		if (i == method->n_fields)
			return key;
	}
	for (i = 0; i < method->n_fields; i++)
		if (!fits(&method->fields[i],
			  json_object_get(parameters, method->fields[i].name)))
			return method->fields[i].name;
	return NULL;
}
