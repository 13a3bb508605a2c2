/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/holder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/text.h"

/* --- What may be forced --- */

static const struct {
	const char *word;
	unsigned bit;
} forces[] = {
	{ "net", FORCE_NET },
	{ "open", FORCE_OPEN },
};

int force_add(const char *word, unsigned *mask, struct tio_error *err)
{
	char all[64];

	for (size_t i = 0; i < ARRAY_SIZE(forces); i++) {
		if (strcmp(forces[i].word, word) == 0) {
			*mask |= forces[i].bit;
			return 0;
		}
	}
	error_kind_set(err, ERROR_INVALID, -EINVAL, "\"%.32s\" is nothing that can be forced",
		       word);
	error_fix(err, "the words are %s; a mounted file system, swap and volumes never are",
		  force_format(~0u, all, sizeof(all)));
	return -EINVAL;
}

const char *force_format(unsigned mask, char *buf, size_t size)
{
	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(forces); i++)
		if (mask & forces[i].bit)
			text_append(buf, size, "%s%s", buf[0] ? "," : "", forces[i].word);
	return buf;
}

/* --- Sentences with names in braces --- */

struct field {
	const char *name, *text;
};

static void put_field(const char *name, const struct field *fields, size_t n, char *buf,
		      size_t size)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, fields[i].name) == 0)
			text_append(buf, size, "%s", fields[i].text);
}

static void expand(const char *row, const struct field *fields, size_t n, char *buf,
		   size_t size)
{
	char name[16];
	size_t length;

	buf[0] = '\0';
	while (row && *row) {
		length = strcspn(row, "{");
		text_append(buf, size, "%.*s", (int)length, row);
		row += length;
		if (*row != '{')
			break;
		length = strcspn(row, "}");
		snprintf(name, sizeof(name), "%.*s", (int)length - 1, row + 1);
		put_field(name, fields, n, buf, size);
		row += length + 1;
	}
}

/* --- Devices that are built on others --- */

static const struct {
	const char *phrase, *undo;
} stacks[STACK_KIND_COUNT] = {
	[STACK_LVM] = { "the volume group {group} ({name})", "vgchange -an {group}" },
	[STACK_CRYPT] = { "the encrypted volume {name}", "cryptsetup close {name}" },
	[STACK_MULTIPATH] = { "the multipath device {name}", "multipath -f {name}" },
	[STACK_DM] = { "the mapped device {name}", "dmsetup remove {name}" },
	[STACK_MD] = { "the array /dev/{name}", "mdadm --stop /dev/{name}" },
	[STACK_BCACHE] = { "the cached device /dev/{name}",
			   "echo 1 > /sys/block/{name}/bcache/stop" },
	[STACK_LOOP] = { "the loop device /dev/{name}", "losetup -d /dev/{name}" },
	[STACK_OTHER] = { "/dev/{name}", NULL },
};

void holder_stack_on(struct holder *h, enum stack_kind kind, const char *name,
		     const char *group)
{
	const struct field fields[] = { { "name", name }, { "group", group } };
	char text[256], before[sizeof(h->undo)];

	expand(stacks[kind].phrase, fields, ARRAY_SIZE(fields), text, sizeof(text));
	text_append(h->stack, sizeof(h->stack), "%s%s", h->stack[0] ? ", of " : "", text);
	if (!stacks[kind].undo)
		return;
	/* The last that was put on is the first that has to go. */
	expand(stacks[kind].undo, fields, ARRAY_SIZE(fields), text, sizeof(text));
	text_copy(before, sizeof(before), h->undo);
	h->undo[0] = '\0';
	text_append(h->undo, sizeof(h->undo), "`%s`%s%s", text, before[0] ? ", " : "", before);
}

/* --- A row for each kind --- */

/*
 * {on} is the device, with what is built on it; {then} how to take that apart; words in braces
 * otherwise are the holder's fields, {'where} quoted for a shell.
 */
static const struct {
	const char *sentence, *fix;
	unsigned force;
	bool note;
} rows[HOLDER_KIND_COUNT] = {
	[HOLDER_MOUNT] = { "{on} mounted on {where}", "`umount {'where}`{then}" },
	[HOLDER_FAR_MOUNT] = { "{on} mounted on {where} in the mount namespace of process "
			       "{pid} ({command})",
			       "`nsenter -t {pid} -m umount {'where}`{then}" },
	[HOLDER_OVERLAY] = { "{on} below the overlay on {where}", "`umount {'where}`{then}" },
	[HOLDER_SWAP] = { "{on} used as swap space", "`swapoff {'where}`{then}" },
	[HOLDER_BLOCK] = { "{what} is part of {stack}", "{undo}" },
	[HOLDER_POOL] = { "{on} part of the ZFS pool {where}", "`zpool export {where}`{then}" },
	[HOLDER_CLAIMED] = { "{on} claimed within the kernel by something that does not show "
			     "itself",
			     "`lsblk {what}` and `dmesg` may tell what it is" },
	[HOLDER_ADDRESS] = { "network interface {what} is up with the address {where}",
			     "`ip addr flush dev {what}`", FORCE_NET },
	[HOLDER_MASTER] = { "network interface {what} is a member of the {sort} {where}",
			    "`ip link set {what} nomaster`", FORCE_NET },
	[HOLDER_UPPER] = { "network interface {what} carries the {sort} {where}",
			   "`ip link delete {where}`", FORCE_NET },
	[HOLDER_ROUTE] = { "network interface {what} carries the {sort} {where}",
			   "`ip route flush dev {what}`", FORCE_NET },
	[HOLDER_PROCESS] = { "{on} open in process {pid} ({command})",
			     "end that process (`kill {pid}`)", FORCE_OPEN },
	[HOLDER_GUEST] = { "{on} open in the virtual machine {guest} (process {pid}, "
			   "{command})",
			   "shut that virtual machine down", FORCE_OPEN },
	[HOLDER_MAYBE] = { "{what}, which may be its, is open in process {pid} ({command})", "",
			   0, true },
	[HOLDER_HIDDEN] = { "its network interface is not in tiod's network namespace, so what "
			    "uses it there is not seen",
			    "end the container that has it, or move it back (`ip -n NAMESPACE "
			    "link set INTERFACE netns 1`)",
			    FORCE_NET },
	[HOLDER_VFS] = { "it has VFs enabled ({what})",
			 "attach a VF instead, or set sriov_numvfs to 0" },
	[HOLDER_UNSEEN] = { "not all of its users could be looked for: {where}", "{undo}" },
};

static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "0123456789_@%+=:,./-";

/* Anybody may call his process, or his guest, "x) (uid 0": what looks odd stands in quotes. */
static void set_apart(const char *text, char *buf, size_t size)
{
	char escaped[256];

	if (text[strspn(text, harmless)] == '\0')
		text_copy(buf, size, text);
	else
		snprintf(buf, size, "\"%s\"", escape_copy(escaped, sizeof(escaped), text));
}

/* For a shell. */
static void quote(const char *text, char *buf, size_t size)
{
	char part[2] = "";

	if (text[strspn(text, harmless)] == '\0') {
		text_append(buf, size, "%s", text);
		return;
	}
	text_append(buf, size, "'");
	for (; *text; text++) {
		part[0] = *text;
		text_append(buf, size, "%s", *text == '\'' ? "'\\''" : part);
	}
	text_append(buf, size, "'");
}

static const char *tell(const struct holder *h, const char *row, char *buf, size_t size)
{
	char on[320], place[256] = "", pid[16], then[224], command[72], guest[264];
	const struct field fields[] = {
		{ "what", h->what },   { "where", h->where },  { "sort", h->sort },
		{ "undo", h->undo },   { "command", command }, { "guest", guest },
		{ "stack", h->stack }, { "'where", place },    { "pid", pid },
		{ "on", on },          { "then", then },
	};

	snprintf(on, sizeof(on), "%s is%s%s%s", h->what, h->stack[0] ? " part of " : "",
		 h->stack, h->stack[0] ? ", which is" : "");
	snprintf(then, sizeof(then), "%s%s", h->undo[0] ? ", " : "", h->undo);
	snprintf(pid, sizeof(pid), "%d", h->pid);
	quote(h->where, place, sizeof(place));
	set_apart(h->command, command, sizeof(command));
	set_apart(h->where, guest, sizeof(guest));
	expand(row, fields, ARRAY_SIZE(fields), buf, size);
	return buf;
}

const char *holder_describe(const struct holder *h, char *buf, size_t size)
{
	return tell(h, h->kind < HOLDER_KIND_COUNT ? rows[h->kind].sentence : "", buf, size);
}

const char *holder_fix(const struct holder *h, char *buf, size_t size)
{
	return tell(h, h->kind < HOLDER_KIND_COUNT ? rows[h->kind].fix : "", buf, size);
}

unsigned holder_force(const struct holder *h)
{
	return h->kind < HOLDER_KIND_COUNT ? rows[h->kind].force : 0;
}

bool holder_is_opener(const struct holder *h)
{
	return h->kind == HOLDER_PROCESS || h->kind == HOLDER_GUEST;
}

bool holder_is_note(const struct holder *h)
{
	return h->kind < HOLDER_KIND_COUNT && rows[h->kind].note;
}

bool holder_counts(const struct holder *h, bool from_vm)
{
	return !from_vm || holder_is_opener(h) || h->kind == HOLDER_UNSEEN;
}

bool holder_forbids(const struct holder *h, bool from_vm, unsigned force)
{
	return holder_counts(h, from_vm) && !holder_is_note(h) &&
	       (holder_force(h) & force) == 0;
}
