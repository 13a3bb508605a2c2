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

int evidence_read_files(int root, struct bdf dsm, const struct evidence_request *request,
			struct evidence *ret, struct tio_error *err)
{
	uint8_t before[EVIDENCE_NONCE_MAX];
	struct evidence set = { 0 };
	ssize_t n_before = 0;
	int code = 0;

	if (request->nonce_size > 0) {
		n_before = tsm_read_blob(root, dsm, "meas_nonce", before, sizeof(before), err);
		if (n_before < 0)
			return (int)n_before;
		code = write_nonce(root, dsm, request->nonce, request->nonce_size, err);
	}
	if (code == 0)
		code = read_all(root, dsm, request, &set, err);
	if (code == -ENOTCONN)
		not_connected(dsm, err);
	if (n_before > 0 &&
	    write_nonce(root, dsm, before, (size_t)n_before, code < 0 ? NULL : err) < 0 &&
	    code == 0)
		code = -EIO;
	if (code == 0)
		*ret = set;
	else
		evidence_finish(&set);
	return code;
}
