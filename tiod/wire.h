/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Varlink on the wire, without the sockets: messages are JSON objects that end in NUL.
 *
 * Used by server.c for every connection and by the tests and fuzzers directly.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

#define WIRE_MESSAGE_MAX (1024 * 1024)
#define WIRE_METHOD_MAX  128

struct wire_call {
	char method[WIRE_METHOD_MAX]; /* "io.tiod.Attach" */
	json_t *parameters;           /* owned; an object, never NULL */
	bool oneway, more;
};

/*
 * 1: @ret_length is the length of the first message in @data, with its NUL.  0: there is no
 * whole one yet; -EMSGSIZE: nor will there be one within the limit.  @seen starts at 0 for each
 * message and says how much of it was looked at, so that no byte is looked at twice.
 */
int wire_next(const char *data, size_t size, size_t *seen, size_t *ret_length);

/* @text is one message without its NUL.  -EPROTO with a sentence: the peer is broken. */
int wire_parse_call(const char *text, size_t length, struct wire_call *ret,
		    struct tio_error *err);
void wire_call_finish(struct wire_call *call);

/*
 * A reply's text; its length includes the NUL that ends it.  Takes over the reference to
 * @parameters, which may be NULL.  @error is NULL in a reply that is none.  NULL when memory is
 * short.  free() it.
 */
char *wire_reply(json_t *parameters, const char *error, bool continues, size_t *ret_length);

/*
 * A reply that is one list, written item by item: of a big host it would take ten times the
 * room as one JSON value, and hold the loop up while that is built and freed.  wire_list_end()
 * ends it in any case, and its answer is as wire_reply()'s.
 */
struct wire_list {
	struct text text;
	size_t n;
	bool failed; /* memory was short */
};

void wire_list_begin(struct wire_list *list, const char *name);
/* Takes @item over; NULL counts as short memory. */
void wire_list_add(struct wire_list *list, json_t *item);
char *wire_list_end(struct wire_list *list, size_t *ret_length);
