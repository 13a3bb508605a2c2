/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "core/json.h"

int wire_next(const char *data, size_t size, size_t *seen, size_t *ret_length)
{
	const char *end = memchr(data + *seen, '\0', size - *seen);

	*seen = size;
	if (end ? end - data >= WIRE_MESSAGE_MAX : size >= WIRE_MESSAGE_MAX)
		return -EMSGSIZE;
	if (!end)
		return 0;
	*seen = 0;
	*ret_length = (size_t)(end - data) + 1;
	return 1;
}

static int take_flag(const json_t *value, const char *key, bool *ret, struct tio_error *err)
{
	if (!json_is_boolean(value))
		return error_set(err, -EPROTO, "\"%s\" is not true or false", key);
	*ret = json_is_true(value);
	return 0;
}

static int take_method(const json_t *value, struct wire_call *ret, struct tio_error *err)
{
	const char *name = json_string_value(value);

	if (!name || !text_copy(ret->method, sizeof(ret->method), name) || !strchr(name, '.'))
		return error_set(err, -EPROTO, "\"method\" is not the name of a method");
	return 0;
}

static int take_parameters(json_t *value, struct wire_call *ret, struct tio_error *err)
{
	if (json_is_null(value))
		return 0;
	if (!json_is_object(value))
		return error_set(err, -EPROTO, "\"parameters\" is not an object");
	json_decref(ret->parameters);
	ret->parameters = json_incref(value);
	return 0;
}

static int take_key(const char *key, json_t *value, struct wire_call *ret, bool *upgrade,
		    struct tio_error *err)
{
	if (strcmp(key, "method") == 0)
		return take_method(value, ret, err);
	if (strcmp(key, "parameters") == 0)
		return take_parameters(value, ret, err);
	if (strcmp(key, "oneway") == 0)
		return take_flag(value, key, &ret->oneway, err);
	if (strcmp(key, "more") == 0)
		return take_flag(value, key, &ret->more, err);
	if (strcmp(key, "upgrade") == 0)
		return take_flag(value, key, upgrade, err);
	return error_set(err, -EPROTO, "unknown key \"%.40s\"", key);
}

static int take_call(json_t *object, struct wire_call *ret, struct tio_error *err)
{
	bool upgrade = false;
	const char *key;
	json_t *value;
	int r;

	if (!json_is_object(object))
		return error_set(err, -EPROTO, "a message is not an object");
	json_object_foreach(object, key, value)
	{
		r = take_key(key, value, ret, &upgrade, err);
		if (r < 0)
			return r;
	}
	if (!ret->method[0])
		return error_set(err, -EPROTO, "a call without \"method\"");
	if (upgrade)
		return error_set(err, -EPROTO, "\"upgrade\" is not supported");
	if (ret->oneway && ret->more)
		return error_set(err, -EPROTO, "both \"oneway\" and \"more\"");
	return 0;
}

int wire_parse_call(const char *text, size_t length, struct wire_call *ret,
		    struct tio_error *err)
{
	struct wire_call call = { .parameters = json_object() };
	json_error_t why;
	json_t *object;
	int r;

	object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
	if (!object)
		r = error_set(err, -EPROTO, "not JSON: %s", why.text);
	else if (!call.parameters)
		r = error_set(err, -ENOMEM, "memory is short");
	else
		r = take_call(object, &call, err);
	json_decref(object);
	if (r < 0) {
		wire_call_finish(&call);
		return r;
	}
	*ret = call;
	return 0;
}

void wire_call_finish(struct wire_call *call)
{
	json_decref(call->parameters);
	*call = (struct wire_call){ 0 };
}

char *wire_reply(json_t *parameters, const char *error, bool continues, size_t *ret_length)
{
	json_t *reply = json_object();
	char *text = NULL;
	int r = reply ? 0 : -1;

	if (r == 0 && error)
		r = json_object_set_new(reply, "error", json_string(error));
	if (r == 0 && json_object_size(parameters) > 0)
		r = json_object_set(reply, "parameters", parameters);
	if (r == 0 && continues)
		r = json_object_set_new(reply, "continues", json_true());
	if (r == 0)
		text = json_dumps(reply, JSON_COMPACT | JSON_SECONDS);
	if (text)
		*ret_length = strlen(text) + 1;
	json_decref(reply);
	json_decref(parameters);
	return text;
}

/* --- A list --- */

void wire_list_begin(struct wire_list *list, const char *name)
{
	*list = (struct wire_list){ 0 };
	list->failed = text_add(&list->text, "{\"parameters\":{\"%s\":[", name) < 0;
}

void wire_list_add(struct wire_list *list, json_t *item)
{
	char *text = item ? json_dumps(item, JSON_COMPACT | JSON_SECONDS) : NULL;

	if (!text || text_add(&list->text, "%s%s", list->n++ ? "," : "", text) < 0)
		list->failed = true;
	free(text);
	json_decref(item);
}

char *wire_list_end(struct wire_list *list, size_t *ret_length)
{
	char *text = NULL;

	if (!list->failed && text_add(&list->text, "]}}") == 0) {
		*ret_length = list->text.length + 1;
		text = take_ptr(list->text.data);
	}
	text_finish(&list->text);
	return text;
}
