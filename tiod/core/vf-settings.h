/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a PF decides for one of its VFs: address, VLAN, trust, …: as an administrator asks for
 * it, as the kernel shows it, and as journal and assignments keep it.
 *
 * One plain value for all of it: every setting is a number, and one table (vf-settings.c) says
 * how each is called, written and limited.  Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t; /* jansson's */
struct tio_error;

enum vf_key {
	VF_MAC, /* 48 bits, the first byte in the highest */
	VF_VLAN,
	VF_QOS,        /* priority, 0 to 7 */
	VF_PROTO,      /* enum vf_proto */
	VF_TRUST,      /* 0 or 1, as VF_SPOOFCHK */
	VF_SPOOFCHK,   /* frames with other source addresses are dropped */
	VF_LINK_STATE, /* 0 auto, 1 enable, 2 disable: IFLA_VF_LINK_STATE_* */
	VF_RATE_MIN,   /* Mbit/s, 0: none; IFLA_VF_RATE */
	VF_RATE_MAX,
	VF_MSIX, /* interrupt vectors, 0: what the driver gives by itself; write-only */
	VF_KEYS_N
};

enum vf_proto { VF_PROTO_8021Q, VF_PROTO_8021AD };

#define VF_BIT(key) (1u << (key))
/* All that goes through the PF's network interface. */
#define VF_NET_KEYS (VF_BIT(VF_MSIX) - 1)

struct vf_settings {
	uint32_t given; /* bits of those that are set */
	uint64_t value[VF_KEYS_N];
};

static inline bool vf_given(const struct vf_settings *settings, enum vf_key key)
{
	return settings->given & VF_BIT(key);
}

void vf_set(struct vf_settings *settings, enum vf_key key, uint64_t value);

/* Those of @over that are given replace those of @into. */
void vf_merge(struct vf_settings *into, const struct vf_settings *over);

/* Only those of @mask. */
struct vf_settings vf_only(const struct vf_settings *settings, uint32_t mask);

/* The bits of @wanted that @now has otherwise, or does not have. */
uint32_t vf_difference(const struct vf_settings *wanted, const struct vf_settings *now);

/* "MAC address 02:00:00:00:00:01, VLAN 12, trust on"; "" for none.  Returns @buf. */
const char *vf_format(const struct vf_settings *settings, char *buf, size_t size);

/* "VLAN"; for sentences. */
const char *vf_key_name(enum vf_key key);

/* The key of a setting on the wire and in files ("linkState"); VF_KEYS_N: there is none. */
enum vf_key vf_key_find(const char *name);

/*
 * Sets @key from text as a person writes it: "02:00:00:00:00:01", "12", "on", "auto".
 * -EINVAL: *@expected says what it should have been.
 */
int vf_parse(struct vf_settings *settings, enum vf_key key, const char *text,
	     const char **expected);

/* An object of those given, under the names that they have on the wire. */
struct json_t *vf_to_json(const struct vf_settings *settings);

/*
 * Back; NULL and null are none.  -EBADMSG: unknown names or values out of range, in a sentence
 * of kind ERROR_INVALID.
 */
int vf_from_json(const struct json_t *json, struct vf_settings *ret, struct tio_error *err);

/* What no VF can be given although it can be written: a group address, a VLAN-less priority. */
int vf_check(const struct vf_settings *settings, struct tio_error *err);
