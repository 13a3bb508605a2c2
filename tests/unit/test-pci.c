/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/pci.h"

TestSuite(pci, .init = tree_start, .fini = tree_end);

#define GPU    "0000:e1:00.0"
#define TEE_IO (1u << 30)
#define FLR    (1u << 28)

static int read_caps(const struct config *config, size_t size, struct function *ret,
		     struct tio_error *err)
{
	struct pci_door *door;
	int r;

	tree_function("pci0000:e0/0000:e0:01.1/" GPU, 0x10de2901, 0x030200);
	tree_config(GPU, config, size);
	cr_assert(eq(int, pci_door_new(tree.host.sys, &door, err), 0), "%s", err->text);
	ret->bdf = address(GPU);
	r = pci_read_capabilities(door, ret, err);
	pci_door_free(door);
	return r;
}

Test(pci, a_tdisp_endpoint_is_read_whole)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct config config = { 0 };
	struct function f = { .vendor = 0x8086, .device = 0x100e };

	config_express(&config, 0, TEE_IO | FLR);
	config_extended(&config, 0x100, 0x0003, 0x120); /* serial number */
	config_put(&config, 0x104, 0x00000001);
	config_put(&config, 0x108, 0x48b02d00);
	config_extended(&config, 0x120, 0x0010, 0x160); /* SR-IOV */
	config_put(&config, 0x120 + 0x14, 2u | 1u << 16);
	config_extended(&config, 0x160, 0x0030, 0); /* IDE */
	config_put(&config, 0x164, 1u << 1 | 1u << 6 | 3u << 16);

	cr_assert(eq(int, read_caps(&config, sizeof(config.bytes), &f, &err), 0), "%s",
		  err.text);
	cr_expect(f.config_complete);
	cr_expect(eq(int, f.kind, FUNCTION_ENDPOINT));
	cr_expect(f.tee_io && f.flr);
	cr_expect(eq(str, f.serial, "48-b0-2d-00-00-00-00-01"));
	cr_expect(eq(uint, f.vf_offset, 2));
	cr_expect(eq(uint, f.vf_stride, 1));
	cr_expect(eq(uint, f.ide.offset, 0x160));
	cr_expect(eq(uint, f.ide.selective_streams, 4));
	cr_expect(f.ide.ide_km);
}

Test(pci, the_type_decides_the_kind)
{
	static const struct {
		unsigned int type;
		enum function_kind kind;
	} cases[] = {
		{ 0, FUNCTION_ENDPOINT }, { 1, FUNCTION_ENDPOINT }, { 4, FUNCTION_ROOT_PORT },
		{ 5, FUNCTION_BRIDGE },   { 6, FUNCTION_BRIDGE },   { 7, FUNCTION_BRIDGE },
		{ 9, FUNCTION_OTHER },    { 10, FUNCTION_OTHER },   { 15, FUNCTION_OTHER },
	};
	struct tio_error err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config = { 0 };
		struct function f = { 0 };

		config_express(&config, cases[i].type, 0);
		cr_assert(eq(int, read_caps(&config, sizeof(config.bytes), &f, &err), 0));
		cr_expect(eq(int, f.kind, cases[i].kind), "type %u", cases[i].type);
		cr_expect(not(f.tee_io || f.flr || f.ide.offset || f.serial[0]));
	}
}

Test(pci, a_vf_stays_one_whatever_its_type)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct config config = { 0 };
	struct function f = { .kind = FUNCTION_VF };

	config_express(&config, 0, TEE_IO);
	cr_assert(eq(int, read_caps(&config, sizeof(config.bytes), &f, &err), 0));
	cr_expect(eq(int, f.kind, FUNCTION_VF));
	cr_expect(f.tee_io);
}

Test(pci, sixty_four_bytes_are_not_the_whole)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct config config = { 0 };
	struct function f = { 0 };

	config_express(&config, 0, TEE_IO);
	cr_assert(eq(int, read_caps(&config, 64, &f, &err), 0));
	cr_expect(not(f.config_complete));
	cr_expect(not(f.tee_io));

	/* Conventional PCI: 256 bytes are all there is. */
	cr_assert(eq(int, read_caps(&config, 256, &f, &err), 0));
	cr_expect(f.config_complete);
	cr_expect(f.tee_io);
	cr_expect(eq(uint, f.ide.offset, 0));
}

Test(pci, chains_that_run_in_circles_end)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct config config = { 0 };
	struct function f = { 0 };

	config_express(&config, 0, 0);
	config.bytes[0x41] = 0x40; /* the first capability follows itself */
	config_extended(&config, 0x100, 0x0001, 0x200);
	config_extended(&config, 0x200, 0x000b, 0x100);
	cr_expect(eq(int, read_caps(&config, sizeof(config.bytes), &f, &err), 0));
	cr_expect(eq(int, f.kind, FUNCTION_ENDPOINT));
	cr_expect(eq(uint, f.ide.offset, 0));

	/* All ones, as of a card that has fallen off the bus. */
	memset(config.bytes, 0xff, sizeof(config.bytes));
	f = (struct function){ 0 };
	cr_expect(eq(int, read_caps(&config, sizeof(config.bytes), &f, &err), 0));
	cr_expect(eq(uint, f.ide.offset, 0));
}

Test(pci, an_ide_capability_at_the_very_end_is_refused)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct config config = { 0 };
	struct function f = { 0 };

	config_express(&config, 0, 0);
	config_extended(&config, 0x100, 0x0001, 0xffc);
	config_extended(&config, 0xffc, 0x0030, 0);
	cr_expect(eq(int, read_caps(&config, sizeof(config.bytes), &f, &err), 0));
	cr_expect(eq(uint, f.ide.offset, 0));
}

Test(pci, a_function_without_config_is_only_incomplete)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct function f = { .bdf = address(GPU), .vendor = 0x10de, .device = 0x2901 };
	struct pci_door *door;

	cr_assert(eq(int, pci_door_new(tree.host.sys, &door, &err), 0));
	cr_expect(eq(int, pci_read_capabilities(door, &f, &err), 0));
	cr_expect(not(f.config_complete));
	pci_door_free(door);
}

Test(pci, libpci_cannot_end_the_process)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct function f = { .bdf = address(GPU) };
	struct pci_door *door;
	char deep[2048];

	/* libpci calls its error function for a path beyond its own limit, and then exits. */
	memset(deep, '/', sizeof(deep));
	deep[sizeof(deep) - 1] = '\0';
	memcpy(deep, tree.root, strlen(tree.root));
	cr_assert(eq(int, pci_door_new(deep, &door, &err), 0), "%s", err.text);
	for (int i = 0; i < 3; i++) {
		err = TIO_ERROR_NONE;
		cr_expect(eq(int, pci_read_capabilities(door, &f, &err), -ENODEV));
		cr_expect(ne(ptr, strstr(err.text, "read the config space of " GPU ": "), NULL),
			  "%s", err.text);
	}
	cr_expect(not(f.config_complete));
	pci_door_free(door);
}
