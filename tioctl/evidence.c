/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a verifier is given of a device, saved as files with an index: evidence.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/chain.h"
#include "tioctl/digest.h"
#include "tioctl/field.h"
#include "tioctl/save.h"
#include "tioctl/tioctl.h"

#define INDEX_SCHEMA 1 /* of index.json: raised when a key changes its meaning */
#define OBJECTS_MAX  16
#define OBJECT_NAME  12
#define BYTES_MAX    (32 * 1024 * 1024) /* of all objects, as tiod has it */
#define NONCE_MAX    32

struct object {
	char name[OBJECT_NAME + 1];
	uint8_t *data; /* owned */
	size_t size, have;
	bool truncated;
};

struct evidence {
	json_t *head; /* owned: the type Evidence */
	struct object objects[OBJECTS_MAX];
	size_t n;
};

static void evidence_finish(struct evidence *evidence)
{
	for (size_t i = 0; i < evidence->n; i++)
		free(evidence->objects[i].data);
	json_decref(evidence->head);
	*evidence = (struct evidence){ 0 };
}

#define auto_evidence __attribute__((cleanup(evidence_finish)))

static int fail(struct tioctl *t, const struct tio_error *err)
{
	auto_reply struct reply reply = { .error = FAILURE_FILE };

	reply.parameters = failure_new(err->fix, "%s", err->text);
	return tioctl_fail(t, &reply);
}

/* --- The nonce --- */

static const char *make_nonce(char buf[static 2 * NONCE_MAX + 1])
{
	uint8_t bytes[NONCE_MAX];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		abort();
	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(bytes); i++)
		text_append(buf, 2 * NONCE_MAX + 1, "%02x", bytes[i]);
	return buf;
}

static bool is_nonce(const char *text)
{
	size_t n = strlen(text);

	return n && n % 2 == 0 && n <= (size_t)2 * NONCE_MAX &&
	       strspn(text, "0123456789abcdefABCDEF") == n;
}

/* --- What tiod sends --- */

static bool add_object(struct evidence *evidence, const json_t *object)
{
	json_int_t bytes = field_int(object, "bytes", -1);
	const char *name = field_text(object, "name");
	struct object *new = &evidence->objects[evidence->n];

	if (evidence->n == OBJECTS_MAX || !text_is_name(name, OBJECT_NAME) || bytes < 0 ||
	    bytes > BYTES_MAX)
		return false;
	for (size_t i = 0; i < evidence->n; i++)
		if (strcmp(evidence->objects[i].name, name) == 0)
			return false;
	*new = (struct object){ .data = must(malloc(bytes ? (size_t)bytes : 1)),
				.size = (size_t)bytes,
				.truncated = field_is(object, "truncated") };
	text_copy(new->name, sizeof(new->name), name);
	evidence->n++;
	return true;
}

static bool take_head(struct evidence *evidence, json_t *head)
{
	const json_t *object, *objects = json_object_get(head, "objects");
	size_t i;

	if (evidence->head || !json_is_array(objects))
		return false;
	evidence->head = json_incref(head);
	json_array_foreach(objects, i, object)
	{
		if (!add_object(evidence, object))
			return false;
	}
	return true;
}

static bool take_part(struct evidence *evidence, const json_t *part)
{
	const char *name = field_text(part, "name");
	struct object *object = NULL;
	long n;

	for (size_t i = 0; i < evidence->n; i++)
		if (strcmp(evidence->objects[i].name, name) == 0)
			object = &evidence->objects[i];
	if (!object || field_int(part, "offset", -1) != (json_int_t)object->have)
		return false;
	n = digest_from_base64(field_text(part, "data"), object->data + object->have,
			       object->size - object->have);
	if (n <= 0)
		return false;
	object->have += (size_t)n;
	return true;
}

static bool is_whole(const struct evidence *evidence)
{
	for (size_t i = 0; i < evidence->n; i++)
		if (evidence->objects[i].have != evidence->objects[i].size)
			return false;
	return evidence->head;
}

static bool take_reply(struct evidence *evidence, const struct reply *reply)
{
	json_t *head = json_object_get(reply->parameters, "evidence");
	json_t *part = json_object_get(reply->parameters, "part");

	if (json_is_object(head))
		return take_head(evidence, head) && (reply->continues || is_whole(evidence));
	return json_is_object(part) && take_part(evidence, part) &&
	       (reply->continues || is_whole(evidence));
}

static int fetch(struct tioctl *t, json_t *parameters, struct evidence *evidence)
{
	auto_reply struct reply reply = { 0 };
	bool good = true;

	if (client_send(&t->client, "io.tiod.GetEvidence", parameters, true, &reply) < 0)
		return tioctl_fail(t, &reply);
	do {
		reply_finish(&reply);
		if (!client_next(&t->client, t->client.patience_ms, &reply))
			return tioctl_silent(t);
		if (reply.error[0])
			return tioctl_fail(t, &reply);
		good = take_reply(evidence, &reply);
	} while (good && reply.continues);
	return good ? EXIT_DONE : tioctl_malformed(t, "io.tiod.GetEvidence", "evidence");
}

/* --- What is saved --- */

static json_t *save_one(struct save *save, const char *name, const void *data, size_t size,
			struct tio_error *err)
{
	char digest[DIGEST_TEXT];

	if (save_file(save, name, data, size, err) < 0)
		return NULL;
	return must(json_pack("{ss sI ss}", "file", name, "bytes", (json_int_t)size, "sha384",
			      digest_sha384(data, size, digest)));
}

/* The certificates of a slot's chain, each as a file of its own; NULL: @err says why. */
static json_t *save_chain(struct save *save, const struct object *object, struct tio_error *err)
{
	struct certificate certificates[CHAIN_CERTIFICATES_MAX];
	size_t n = chain_split(object->data, object->size, certificates);
	auto_json json_t *list = must(json_array());
	char name[SAVE_NAME_MAX];

	for (size_t i = 0; i < n; i++) {
		json_t *one;

		name[0] = '\0';
		text_append(name, sizeof(name), "%s-%zu.der", object->name, i + 1);
		one = save_one(save, name, certificates[i].data, certificates[i].size, err);
		if (!one)
			return NULL;
		json_array_append_new(list, one);
	}
	return take_json(&list);
}

static json_t *save_object(struct save *save, const struct object *object,
			   struct tio_error *err)
{
	char name[SAVE_NAME_MAX];
	auto_json json_t *saved = NULL;
	json_t *list;

	snprintf(name, sizeof(name), "%s.bin", object->name);
	saved = save_one(save, name, object->data, object->size, err);
	if (!saved)
		return NULL;
	json_object_set_new(saved, "name", json_string(object->name));
	json_object_set_new(saved, "truncated", json_boolean(object->truncated));
	if (strncmp(object->name, "slot", 4) == 0) {
		list = save_chain(save, object, err);
		if (!list)
			return NULL;
		json_object_set_new(saved, "certificates", list);
	}
	return take_json(&saved);
}

/* Head of the index: what tiod said of the device, and when this was. */
static json_t *begin_index(const struct evidence *evidence)
{
	static const char *const keys[] = { "function", "address",    "vendor", "device",
					    "serial",   "generation", "source", "nonce" };
	json_t *index = must(json_object());
	time_t now = time(NULL);
	char when[32] = "";
	struct tm tm;

	json_object_set_new(index, "schema", json_integer(INDEX_SCHEMA));
	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(index, "time", json_string(when));
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		json_t *value = json_object_get(evidence->head, keys[i]);

		json_object_set_new(index, keys[i], value ? json_incref(value) : json_null());
	}
	return index;
}

static int save_all(struct save *save, const struct evidence *evidence, json_t *index,
		    struct tio_error *err)
{
	json_t *list = must(json_array()), *saved;
	auto_free char *text = NULL;
	int r;

	json_object_set_new(index, "objects", list);
	for (size_t i = 0; i < evidence->n; i++) {
		saved = save_object(save, &evidence->objects[i], err);
		if (!saved)
			return err->code;
		json_array_append_new(list, saved);
	}
	text = must(json_dumps(index, JSON_INDENT(2) | JSON_ENSURE_ASCII));
	r = save_file(save, "index.json", text, strlen(text), err);
	return r;
}

static int save(struct tioctl *t, const struct evidence *evidence, json_t *index)
{
	const struct options *options = t->options;
	bool overwrite = options_has(options, OPTION_OVERWRITE);
	auto_free struct save *folder = must(calloc(1, sizeof(*folder)));
	struct tio_error err = TIO_ERROR_NONE;

	folder->dir = -1;
	if (save_begin(folder, options->value[OPTION_OUTPUT], overwrite, &err) < 0)
		return fail(t, &err);
	if (save_all(folder, evidence, index, &err) < 0) {
		save_abort(folder);
		return fail(t, &err);
	}
	return save_commit(folder, &err) < 0 ? fail(t, &err) : EXIT_DONE;
}

/* --- What is shown --- */

static void add_row(struct table *table, const json_t *file, const char *name)
{
	table_cell(table, STYLE_PLAIN, "%s", name);
	table_cell(table, STYLE_PLAIN, "%lld", (long long)field_int(file, "bytes", 0));
	table_cell(table, STYLE_PLAIN, "%s", field_text(file, "file"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(file, "sha384"));
}

static void print_index(const struct tioctl *t, const json_t *index)
{
	static const struct column columns[] = {
		{ "OBJECT" },
		{ "BYTES", .right = true },
		{ "FILE" },
		{ "SHA-384", .flexible = true },
	};
	auto_table struct table table = { 0 };
	const json_t *object, *certificate;
	size_t i, k;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(json_object_get(index, "objects"), i, object)
	{
		add_row(&table, object, field_text(object, "name"));
		json_array_foreach(json_object_get(object, "certificates"), k, certificate)
			add_row(&table, certificate, "certificate");
	}
	table_print(&table, &t->out);
	fflush(t->out.file);
	json_array_foreach(json_object_get(index, "objects"), i, object)
	{
		if (field_is(object, "truncated"))
			screen_line(&t->err,
				    "%s: this kernel's file holds %lld bytes, and the device "
				    "may have more: it may be cut",
				    field_text(object, "name"),
				    (long long)field_int(object, "bytes", 0));
	}
	screen_line(&t->err, "evidence of %s saved in %s", field_text(index, "address"),
		    t->options->value[OPTION_OUTPUT]);
}

static int run_evidence(struct tioctl *t)
{
	const char *path = t->options->value[OPTION_OUTPUT];
	const char *nonce = t->options->value[OPTION_NONCE];
	bool overwrite = options_has(t->options, OPTION_OVERWRITE);
	struct tio_error err = TIO_ERROR_NONE;
	auto_evidence struct evidence evidence = { 0 };
	auto_json json_t *index = NULL;
	char random[2 * NONCE_MAX + 1];
	json_t *parameters;
	int r;

	if (nonce && strcmp(nonce, "random") == 0)
		nonce = make_nonce(random);
	if (nonce && !is_nonce(nonce)) {
		screen_line(&t->err,
			    "tioctl: --nonce is \"random\" or up to %d bytes as hexadecimal "
			    "digits, not \"%.80s\"",
			    NONCE_MAX, nonce);
		return EXIT_USAGE;
	}
	/* Before the device is bothered. */
	if (save_check(path, overwrite, &err) < 0)
		return fail(t, &err);
	parameters = must(json_pack("{ss}", "function", t->options->names[0]));
	if (nonce)
		json_object_set_new(parameters, "nonce", json_string(nonce));
	r = fetch(t, parameters, &evidence);
	if (r != EXIT_DONE)
		return r;
	index = begin_index(&evidence);
	r = save(t, &evidence, index);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(
			t, must(json_pack("{ss sO}", "folder", path, "index", index)));
	print_index(t, index);
	return EXIT_DONE;
}

const struct command command_evidence = {
	.name = "evidence",
	.arguments = "DEV -o DIR [--nonce HEX|random] [--overwrite]",
	.summary = "save certificates, measurements and report of a device for a verifier",
	.options = OPTION_BIT(OPTION_OUTPUT) | OPTION_BIT(OPTION_NONCE) |
		   OPTION_BIT(OPTION_OVERWRITE),
	.needed = OPTION_BIT(OPTION_OUTPUT),
	.names_min = 1,
	.names_max = 1,
	.run = run_evidence,
};
