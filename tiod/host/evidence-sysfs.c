/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Evidence as AMD's development kernels gave it before it went to netlink: raw bytes in text
 * attributes of tsm/, one page at most, and a lone newline while nothing is connected.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/evidence.h"
#include "host/sysfs.h"
#include "host/tsm.h"

#define NONCE         "tsm/meas_nonce"
#define SLOT_AT       3 /* certs_slot in struct tsm_dsm_status */
#define SLOT_STATUS   28
#define NOT_CONNECTED 1 /* bytes: the newline */

static const struct {
	const char *file;
	unsigned type;
	bool of_dsm;
} files[] = {
	{ "certs", EVIDENCE_CERTIFICATES, true },
	{ "meas", EVIDENCE_MEASUREMENTS, true },
	{ "report", EVIDENCE_REPORT, false },
};

bool evidence_has_files(int root, struct bdf dsm)
{
	auto_close int dir = openat(root, attr_of_function(dsm, "").path,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir >= 0 && tsm_has_evidence(dir);
}

static int write_nonce(int root, struct bdf dsm, const void *nonce, size_t size,
		       struct tio_error *err)
{
	struct attr attr = attr_of_function(dsm, NONCE);
	auto_close int fd = openat(root, attr.path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	int code = 0;

	if (fd < 0 || write(fd, nonce, size) != (ssize_t)size)
		code = errno ? -errno : -EIO;
	if (code == 0)
		return 0;
	error_set(err, code, "write a nonce to %s of %s: %s", attr.name, attr.owner,
		  strerror(-code));
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), NONCE);
	return code;
}

/* Which slot the chain is of; 0 when nothing says so. */
static unsigned slot_of(int root, struct bdf dsm)
{
	uint8_t status[SLOT_STATUS + 1];

	if (tsm_read_blob(root, dsm, "dsm_status", status, sizeof(status), NULL) != SLOT_STATUS)
		return 0;
	return status[SLOT_AT] < EVIDENCE_SLOTS ? status[SLOT_AT] : 0;
}

static int keep(struct evidence_object *object, const void *data, size_t size)
{
	object->data = size ? malloc(size) : NULL;
	if (size && !object->data)
		return -ENOMEM;
	if (size)
		memcpy(object->data, data, size);
	object->size = object->have = size;
	object->present = true;
	object->truncated = size == ATTR_SIZE_MAX;
	return 0;
}

static int read_all(int root, struct bdf dsm, const struct evidence_request *request,
		    struct evidence *set, struct tio_error *err)
{
	uint8_t data[ATTR_SIZE_MAX];
	size_t n_found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct bdf bdf = files[i].of_dsm ? dsm : request->function;
		unsigned type = files[i].type;
		ssize_t n = tsm_read_blob(root, bdf, files[i].file, data, sizeof(data), err);

		if (n == -ENOENT)
			continue;
		if (n < 0)
			return (int)n;
		if (n == NOT_CONNECTED)
			continue;
		n_found++;
		if (type == EVIDENCE_CERTIFICATES)
			type += slot_of(root, dsm);
		if (n > 0 && keep(&set->objects[type], data, (size_t)n) < 0)
			return error_set(err, -ENOMEM, "read evidence: memory is short");
	}
	return n_found ? 0 : -ENOTCONN;
}

static int not_connected(struct bdf dsm, struct tio_error *err)
{
	char name[BDF_STRLEN];

	bdf_format(dsm, name);
	error_kind_set(err, ERROR_NOT_READY, -ENOTCONN,
		       "there is no evidence of %s: it is not connected to a TSM", name);
	error_fix(err, "`tioctl connect %s` connects it", name);
	return -ENOTCONN;
}

/* A nonce that somebody else wrote meanwhile stays: it is theirs. */
static int put_nonce_back(int root, struct bdf dsm, const struct evidence_request *request,
			  const void *before, size_t size, struct tio_error *err)
{
	uint8_t now[EVIDENCE_NONCE_MAX];
	ssize_t n = tsm_read_blob(root, dsm, "meas_nonce", now, sizeof(now), err);

	if (n < 0)
		return (int)n;
	if ((size_t)n >= request->nonce_size &&
	    memcmp(now, request->nonce, request->nonce_size) == 0)
		return size ? write_nonce(root, dsm, before, size, err) : 0;
	error_kind_set(err, ERROR_IN_USE, -EBUSY,
		       "somebody else wrote to " NONCE
		       " while the measurements were made, which "
		       "may be with that nonce and not with yours");
	error_at(err, dsm, NONCE);
	error_fix(err, "try again when nobody else has it measured");
	return -EBUSY;
}

static int read_with_nonce(int root, struct bdf dsm, const struct evidence_request *request,
			   struct evidence *set, struct tio_error *err)
{
	uint8_t before[EVIDENCE_NONCE_MAX];
	struct tio_error ignored = TIO_ERROR_NONE;
	ssize_t n = tsm_read_blob(root, dsm, "meas_nonce", before, sizeof(before), err);
	int code, back;

	if (n < 0)
		return (int)n;
	code = write_nonce(root, dsm, request->nonce, request->nonce_size, err);
	if (code < 0)
		return code;
	code = read_all(root, dsm, request, set, err);
	back = put_nonce_back(root, dsm, request, before, (size_t)n, code < 0 ? &ignored : err);
	return code < 0 ? code : back;
}

int evidence_read_files(int root, struct bdf dsm, const struct evidence_request *request,
			struct evidence *ret, struct tio_error *err)
{
	struct evidence set = { 0 };
	int code = request->nonce_size ? read_with_nonce(root, dsm, request, &set, err)
				       : read_all(root, dsm, request, &set, err);

	if (code == -ENOTCONN)
		not_connected(dsm, err);
	if (code == 0)
		*ret = set;
	else
		evidence_finish(&set);
	return code;
}
