/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Evidence of a device: its certificate chains, the transcript of version, capabilities and
 * algorithms (VCA), measurements and the TDI report, whole and undecoded.
 *
 * Two kernels' ways to it: the generic netlink family "device-evidence" (evidence.c), and
 * before that AMD's files in tsm/ (evidence-sysfs.c).  Used by tiod/look-evidence.c in a
 * worker: both make the security manager and the card work, and sleep meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/function.h"

struct tio_error;

#define EVIDENCE_SLOTS      8
#define EVIDENCE_NONCE_MAX  32                 /* SPDM_NONCE_LEN of the posted family */
#define EVIDENCE_OBJECT_MAX (16 * 1024 * 1024) /* as the posted family says */
#define EVIDENCE_ALL_MAX    (32 * 1024 * 1024) /* ours: of all objects of a device */

enum evidence_type {
	EVIDENCE_CERTIFICATES, /* of slot 0; those of the others follow */
	EVIDENCE_VCA = EVIDENCE_SLOTS,
	EVIDENCE_MEASUREMENTS,
	EVIDENCE_REPORT,
	EVIDENCE_TYPE_COUNT
};

struct evidence_object {
	bool present, truncated;
	uint8_t *data; /* owned; NULL of an empty one */
	size_t size;   /* bytes that it has */
	size_t have;   /* bytes that have come */
};

struct evidence {
	struct evidence_object objects[EVIDENCE_TYPE_COUNT];
	bool has_generation;
	uint32_t generation; /* the same of all objects */
};

struct evidence_request {
	struct bdf function;
	uint8_t nonce[EVIDENCE_NONCE_MAX];
	size_t nonce_size; /* 0: none */
};

void evidence_finish(struct evidence *set);

/* "slot0" … "slot7", "vca", "measurements", "report"; in @buf or constant. */
const char *evidence_name(unsigned type, char buf[static 16]);

/* --- Netlink --- */

/*
 * Where requests go and answers come from: a generic netlink socket, or a test.  @receive
 * gives one datagram, to be freed; both answer a negative errno when it fails.
 */
struct evidence_link {
	int (*send)(void *arg, const void *message, size_t size);
	ssize_t (*receive)(void *arg, void **ret);
	void *arg;
	uint16_t family;
};

/*
 * Reads all objects of a device.  What was refreshed while it was read is read again, a few
 * times.  Results are written only on success; -ENODEV: the kernel has none of this function.
 * err->attribute is "device-evidence".
 */
int evidence_read(const struct evidence_link *link, const struct evidence_request *request,
		  struct evidence *ret, struct tio_error *err);

/* Is there such a family?  False also when that cannot be asked. */
bool evidence_is_offered(void);

/* The kernel's.  -ENOENT with a sentence: it has no such family. */
struct evidence_socket;
int evidence_open(struct evidence_socket **ret, struct tio_error *err);
const struct evidence_link *evidence_link(const struct evidence_socket *socket);
void evidence_close(struct evidence_socket *socket);

/* --- Files --- */

bool evidence_has_files(int root, struct bdf dsm);

/*
 * Certificates and measurements of @dsm, the report of request->function.  A nonce is written
 * to tsm/meas_nonce first, and what was there is written back, unless somebody else wrote to
 * it meanwhile: -EBUSY.  The caller sees to it that no guest is attesting the card, as that is
 * done with the same file.  An object that fills a page may have been cut: truncated.
 * -ENOTCONN: the card is connected to nothing.
 */
int evidence_read_files(int root, struct bdf dsm, const struct evidence_request *request,
			struct evidence *ret, struct tio_error *err);
