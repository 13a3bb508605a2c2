/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "look-evidence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "core/holder.h"
#include "core/json.h"
#include "core/reasons.h"
#include "host/evidence.h"
#include "wire.h"

/* Bytes in a reply: as base64, with what is around it, less than the 1 MiB of a message. */
#define PART_MAX (512 * 1024)

struct found {
	struct evidence set;
	struct bdf device; /* whose evidence it is */
	const char *source;
};

static int read_by_netlink(const struct function *dsm, const struct function *f,
			   struct evidence_request *request, struct found *found,
			   struct tio_error *err)
{
	struct evidence_socket *socket = NULL;
	int r = evidence_open(&socket, err);

	if (r < 0)
		return r;
	request->function = f->bdf;
	r = evidence_read(evidence_link(socket), request, &found->set, err);
	/* A function without a TDI has none of its own. */
	if (r == -ENODEV && !bdf_equal(f->bdf, dsm->bdf)) {
		request->function = dsm->bdf;
		r = evidence_read(evidence_link(socket), request, &found->set, err);
	}
	evidence_close(socket);
	found->device = request->function;
	found->source = "netlink";
	if (r == -ENODEV && !dsm->tsm[0]) {
		char name[BDF_STRLEN];

		error_kind_set(err, ERROR_NOT_READY, r,
			       "there is no evidence of %s: it is not connected to a TSM",
			       bdf_format(dsm->bdf, name));
		error_fix(err, "`tioctl connect %s` connects it", name);
	} else if (r < 0) {
		reasons_explain(err);
	}
	return r;
}

static int refuse_nonce(const struct holder *h, struct tio_error *err)
{
	char clause[600];

	error_kind_set(
		err, ERROR_IN_USE, -EBUSY,
		"a guest may be examining it: %.300s; with this kernel there is one nonce "
		"a card, and that guest would be told of measurements with another one",
		holder_describe(h, clause, sizeof(clause)));
	error_fix(err, "ask without a nonce, or stop that guest first");
	error_at(err, h->function, "");
	return -EBUSY;
}

/* tsm/meas_nonce is the card's: QEMU writes it and reads tsm/meas for its guest, too. */
static int check_nonce_is_free(struct host *host, const struct snapshot *known, struct bdf dsm,
			       struct tio_error *err)
{
	struct snapshot snap = *known;
	int r = 0;

	snap.holders = NULL;
	snap.n_holders = 0;
	for (size_t i = 0; r == 0 && i < snap.n_functions; i++) {
		const struct function *f = &snap.functions[i];

		if (f->cdev[0] && bdf_equal(function_family(f), dsm))
			r = host_ops.find_holders(host, &snap, f, NULL, err);
	}
	for (size_t i = 0; r == 0 && i < snap.n_holders; i++)
		if (holder_is_opener(&snap.holders[i]))
			r = refuse_nonce(&snap.holders[i], err);
	free(snap.holders);
	return r;
}

/* What exists decides, not the kernel's version; netlink is the newer one. */
static int read_evidence(struct host *host, const struct snapshot *known,
			 const struct function *dsm, const struct function *f,
			 const struct look *look, struct found *found, struct tio_error *err)
{
	struct evidence_request request = { .function = f->bdf,
					    .nonce_size = look->nonce_size };
	int r;

	memcpy(request.nonce, look->nonce, look->nonce_size);
	r = read_by_netlink(dsm, f, &request, found, err);
	if (r != -ENOENT || !evidence_has_files(host->sys_fd, dsm->bdf))
		return r;
	*err = TIO_ERROR_NONE;
	r = look->nonce_size ? check_nonce_is_free(host, known, dsm->bdf, err) : 0;
	if (r < 0)
		return r;
	request.function = f->bdf;
	found->device = f->bdf;
	found->source = "sysfs";
	r = evidence_read_files(host->sys_fd, dsm->bdf, &request, &found->set, err);
	if (r < 0)
		reasons_explain(err);
	return r;
}

/* --- Replies --- */

/* RFC 4648, with padding; NULL when memory is short. */
static char *to_base64(const uint8_t *data, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((size + 2) / 3 * 4 + 1), *to = text;

	for (size_t i = 0; text && i < size; i += 3) {
		size_t n = size - i < 3 ? size - i : 3;
		unsigned group = (unsigned)data[i] << 16 |
				 (n > 1 ? (unsigned)data[i + 1] << 8 : 0) |
				 (n > 2 ? data[i + 2] : 0);

		*to++ = digits[group >> 18];
		*to++ = digits[group >> 12 & 63];
		*to++ = n > 1 ? digits[group >> 6 & 63] : '=';
		*to++ = n > 2 ? digits[group & 63] : '=';
	}
	if (text)
		*to = '\0';
	return text;
}

/* Takes @parameters over. */
static int put_reply(FILE *out, json_t *parameters, bool continues)
{
	size_t size = 0;
	auto_free char *text = parameters ? wire_reply(parameters, NULL, continues, &size)
					  : NULL;

	return text && fwrite(text, 1, size, out) == size ? 0 : -ENOMEM;
}

static size_t bytes_of(const struct evidence *set)
{
	size_t bytes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(set->objects); i++)
		bytes += set->objects[i].size;
	return bytes;
}

static json_t *list_objects(const struct evidence *set)
{
	json_t *list = json_array();
	char name[16];

	for (unsigned i = 0; list && i < ARRAY_SIZE(set->objects); i++) {
		const struct evidence_object *object = &set->objects[i];

		if (object->present)
			json_array_append_new(
				list, json_pack("{ss sI sb}", "name", evidence_name(i, name),
						"bytes", (json_int_t)object->size, "truncated",
						(int)object->truncated));
	}
	return list;
}

static json_t *describe(const struct found *found, const struct function *f,
			const struct look *look)
{
	char vendor[8], device[8], nonce[2 * EVIDENCE_NONCE_MAX + 1] = "";

	snprintf(vendor, sizeof(vendor), "0x%04x", f->vendor);
	snprintf(device, sizeof(device), "0x%04x", f->device);
	for (size_t i = 0; i < look->nonce_size; i++)
		text_append(nonce, sizeof(nonce), "%02x", look->nonce[i]);
	return json_pack("{so so ss ss ss ss so? ss? so}", "function", json_bdf(f->bdf),
			 "address", json_bdf(found->device), "vendor", vendor, "device", device,
			 "serial", f->serial, "source", found->source, "generation",
			 found->set.has_generation ? json_integer(found->set.generation) : NULL,
			 "nonce", *nonce ? nonce : NULL, "objects", list_objects(&found->set));
}

static int put_object(FILE *out, const char *name, const struct evidence_object *object,
		      size_t *left)
{
	int r = 0;

	for (size_t at = 0, n; r == 0 && at < object->size; at += n) {
		auto_free char *text = NULL;

		n = object->size - at < PART_MAX ? object->size - at : PART_MAX;
		*left -= n;
		text = to_base64(object->data + at, n);
		if (!text)
			return -ENOMEM;
		r = put_reply(out,
			      json_pack("{s{ss sI ss}}", "part", "name", name, "offset",
					(json_int_t)at, "data", text),
			      *left > 0);
	}
	return r;
}

static int put_all(FILE *out, const struct found *found, const struct function *f,
		   const struct look *look)
{
	size_t left = bytes_of(&found->set);
	char name[16];
	int r;

	r = put_reply(out, json_pack("{so}", "evidence", describe(found, f, look)), left > 0);
	for (unsigned i = 0; r == 0 && i < EVIDENCE_TYPE_COUNT; i++)
		r = put_object(out, evidence_name(i, name), &found->set.objects[i], &left);
	return r;
}

int look_at_evidence(struct host *host, const struct snapshot *known,
		     const struct function *dsm, const struct function *f,
		     const struct look *look, struct result *ret)
{
	struct found found = { .source = "" };
	char *text = NULL;
	FILE *out;
	int r;

	r = read_evidence(host, known, dsm, f, look, &found, &ret->error);
	if (r < 0)
		return r;
	out = open_memstream(&text, &ret->text_size);
	r = out ? put_all(out, &found, f, look) : -ENOMEM;
	if (out && fclose(out) != 0)
		r = -ENOMEM;
	evidence_finish(&found.set);
	if (r < 0)
		return error_set(&ret->error, r, "write down what was read");
	ret->text = text;
	return 0;
}
