/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "host/helper.h"

#define MODE_MAX  0777
#define ERRNO_MAX 4095 /* MAX_ERRNO of include/linux/err.h */

/* --- Requests: "load NAME", or "node BDF CDEV MODE UID GID MODE UID GID" --- */

void helper_write_request(const struct helper_request *request,
			  char buf[static HELPER_PACKET_MAX])
{
	const struct node_access *access = &request->access, *found = &request->found;
	char name[BDF_STRLEN];

	if (request->task == HELPER_LOAD)
		snprintf(buf, HELPER_PACKET_MAX, "load %s", request->module);
	else
		snprintf(buf, HELPER_PACKET_MAX, "node %s %s %o %u %u %o %u %u",
			 bdf_format(request->function, name), request->cdev, access->mode,
			 access->uid, access->gid, found->mode, found->uid, found->gid);
}

static int read_module(char *rest, struct helper_request *ret)
{
	static const char fit[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_-:";

	if (!rest || !rest[0] || rest[0] == '-' || rest[strspn(rest, fit)])
		return -EBADMSG;
	ret->task = HELPER_LOAD;
	return text_copy(ret->module, sizeof(ret->module), rest) ? 0 : -EBADMSG;
}

static int read_number(char **rest, int base, uint64_t max, uint64_t *ret)
{
	const char *word = strsep(rest, " ");

	return word && text_to_u64(word, base, ret) == 0 && *ret <= max ? 0 : -EBADMSG;
}

/* The last uid and gid mean "leave it" to chown(2). */
static int read_access(char **rest, struct node_access *ret)
{
	uint64_t mode, uid, gid;

	if (read_number(rest, 8, MODE_MAX, &mode) < 0 ||
	    read_number(rest, 10, UINT32_MAX - 1, &uid) < 0 ||
	    read_number(rest, 10, UINT32_MAX - 1, &gid) < 0)
		return -EBADMSG;
	*ret = (struct node_access){ true, (uint16_t)mode, (uint32_t)uid, (uint32_t)gid };
	return 0;
}

static int read_node(char *rest, struct helper_request *ret)
{
	const char *function = strsep(&rest, " "), *cdev = strsep(&rest, " ");

	if (!function || bdf_parse(function, &ret->function) < 0 || !cdev ||
	    !text_is_name(cdev, sizeof(ret->cdev) - 1) ||
	    read_access(&rest, &ret->access) < 0 || read_access(&rest, &ret->found) < 0 || rest)
		return -EBADMSG;
	ret->task = HELPER_NODE;
	text_copy(ret->cdev, sizeof(ret->cdev), cdev);
	return 0;
}

int helper_read_request(char *text, struct helper_request *ret)
{
	struct helper_request request = { 0 };
	const char *task = strsep(&text, " ");
	int r = -EBADMSG;

	if (strcmp(task, "load") == 0)
		r = read_module(text, &request);
	else if (strcmp(task, "node") == 0)
		r = read_node(text, &request);
	if (r == 0)
		*ret = request;
	return r;
}

/* --- Replies: "0", or errno, kind, attribute, sentence and what mends it, a line each --- */

void helper_write_reply(const struct tio_error *err, char buf[static HELPER_PACKET_MAX])
{
	if (err->code == 0)
		snprintf(buf, HELPER_PACKET_MAX, "0");
	else
		snprintf(buf, HELPER_PACKET_MAX, "%d\n%s\n%s\n%s\n%s", -err->code,
			 error_kind_to_string(err->kind), err->attribute, err->text, err->fix);
}

int helper_read_reply(char *text, struct tio_error *ret)
{
	struct tio_error err = { 0 };
	const char *code = strsep(&text, "\n"), *kind = strsep(&text, "\n");
	const char *attribute = strsep(&text, "\n"), *sentence = strsep(&text, "\n");
	uint64_t number;

	if (text_to_u64(code, 10, &number) < 0 || number > ERRNO_MAX)
		return -EBADMSG;
	if (number == 0 && !kind) {
		*ret = err;
		return 0;
	}
	if (number == 0 || !text || error_kind_from_string(kind, &err.kind) < 0)
		return -EBADMSG;
	error_kind_set(&err, err.kind, -(int)number, "%s", sentence);
	text_copy(err.attribute, sizeof(err.attribute), attribute);
	if (text[0])
		error_fix(&err, "%s", text);
	*ret = err;
	return 0;
}
