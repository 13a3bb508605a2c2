/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Settings of VFs by host/netlink.c and host/devlink.c, without a PCI device: for netdevsim.
 *
 *	vf-probe get INTERFACE VF
 *	vf-probe set INTERFACE VF KEY VALUE …
 *	vf-probe eswitch BUS DEVICE
 *	vf-probe mac BUS DEVICE VF [MAC]
 *
 * Prints what it finds, or the sentence that refuses and exits with 1; 2: not understood.
 */

#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "host/devlink.h"
#include "host/netlink.h"

static int refused(const struct tio_error *err)
{
	char name[24];

	printf("%s: %s\n", errno_name(err->code, name), err->text);
	return 1;
}

static int get(const char *interface, unsigned vf)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct vf_settings settings;
	char text[320];

	if (netlink_vf_get((int)if_nametoindex(interface), vf, &settings, &err) < 0)
		return refused(&err);
	puts(vf_format(&settings, text, sizeof(text)));
	return 0;
}

static int set(const char *interface, unsigned vf, char **words)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct vf_settings settings = { 0 };
	const char *expected;

	for (; words[0] && words[1]; words += 2) {
		enum vf_key key = vf_key_find(words[0]);

		if (key == VF_KEYS_N || vf_parse(&settings, key, words[1], &expected) < 0)
			return 2;
	}
	if (netlink_vf_set((int)if_nametoindex(interface), vf, &settings, &err) < 0)
		return refused(&err);
	return get(interface, vf);
}

static int mac(const char *bus, const char *device, unsigned vf, const char *text)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct vf_settings settings = { 0 };
	const char *expected;
	uint64_t found;

	if (text && vf_parse(&settings, VF_MAC, text, &expected) < 0)
		return 2;
	if (text && devlink_set_mac(bus, device, vf, settings.value[VF_MAC], &err) < 0)
		return refused(&err);
	if (devlink_get_mac(bus, device, vf, &found, &err) < 0)
		return refused(&err);
	printf("%012" PRIx64 "\n", found);
	return 0;
}

static int eswitch(const char *bus, const char *device)
{
	struct tio_error err = TIO_ERROR_NONE;
	enum eswitch mode;
	int r = devlink_eswitch(bus, device, &mode, &err);

	puts(eswitch_to_string(mode));
	return r < 0 ? refused(&err) : 0;
}

int main(int argc, char **argv)
{
	unsigned vf = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;

	if (argc == 4 && strcmp(argv[1], "get") == 0)
		return get(argv[2], vf);
	if (argc >= 6 && strcmp(argv[1], "set") == 0)
		return set(argv[2], vf, argv + 4);
	if (argc == 4 && strcmp(argv[1], "eswitch") == 0)
		return eswitch(argv[2], argv[3]);
	if (argc >= 5 && strcmp(argv[1], "mac") == 0)
		return mac(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10), argv[5]);
	return 2;
}
