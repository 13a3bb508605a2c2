/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Where each part of the plugins' interface lies.  Rows may be added to the end of a
 * structure's; a row that has to be changed breaks every plugin that was built before.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tio-plugin.h"

#if __SIZEOF_POINTER__ == 8

/* clang-format off */
static const struct {
	const char *what;
	size_t offset, size;
	size_t wanted_offset, wanted_size;
} parts[] = {
#define ROW(type, member, offset, size) \
	{ #type "." #member, offsetof(struct type, member), sizeof(((struct type *)0)->member), offset, size }
	ROW(tio_function, size, 0, 4),
	ROW(tio_function, class, 4, 4),
	ROW(tio_function, address, 8, 8),
	ROW(tio_function, same_card, 16, 8),
	ROW(tio_function, physfn, 24, 8),
	ROW(tio_function, largest_bar, 32, 8),
	ROW(tio_function, vendor, 40, 2),
	ROW(tio_function, device, 42, 2),
	ROW(tio_function, subvendor, 44, 2),
	ROW(tio_function, subdevice, 46, 2),
	ROW(tio_function, vfs, 48, 2),
	ROW(tio_function, vfs_total, 50, 2),
	ROW(tio_function, is_vf, 52, 1),
	ROW(tio_function, tee_io, 53, 1),
	ROW(tio_function, driver, 54, 32),

	ROW(tio_traits, kind, 0, 8),
	ROW(tio_traits, host_module, 8, 8),
	ROW(tio_traits, note, 16, 8),
	ROW(tio_traits, vf_note, 24, 8),
	ROW(tio_traits, nodes, 32, 8),
	ROW(tio_traits, n_nodes, 40, 8),
	ROW(tio_traits, bind_ms, 48, 4),
	ROW(tio_traits, unbind_ms, 52, 4),
	ROW(tio_traits, vfs_ms, 56, 4),
	ROW(tio_traits, per_vf_ms, 60, 4),
	ROW(tio_traits, pins, 64, 4),
	ROW(tio_traits, vfs_max, 68, 4),

	ROW(tio_match, vendor, 0, 2),
	ROW(tio_match, device, 2, 2),
	ROW(tio_match, class, 4, 4),
	ROW(tio_match, class_mask, 8, 4),
	ROW(tio_match, traits, 16, 8),

	ROW(tio_finding, verdict, 0, 4),
	ROW(tio_finding, text, 4, 256),
	ROW(tio_finding, fix, 260, 256),

	ROW(tio_reader, host, 0, 8),
	ROW(tio_reader, read, 8, 8),

	ROW(tio_check, name, 0, 8),
	ROW(tio_check, run, 8, 8),

	ROW(tio_plugin, size, 0, 4),
	ROW(tio_plugin, abi, 4, 4),
	ROW(tio_plugin, function_size, 8, 4),
	ROW(tio_plugin, traits_size, 12, 4),
	ROW(tio_plugin, match_size, 16, 4),
	ROW(tio_plugin, check_size, 20, 4),
	ROW(tio_plugin, name, 24, 8),
	ROW(tio_plugin, match, 32, 8),
	ROW(tio_plugin, n_match, 40, 8),
	ROW(tio_plugin, is_companion, 48, 8),
	ROW(tio_plugin, checks, 56, 8),
	ROW(tio_plugin, n_checks, 64, 8),
};
/* clang-format on */

Test(plugin_abi, every_part_lies_where_it_always_lay)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		cr_expect(eq(sz, parts[i].offset, parts[i].wanted_offset), "%s", parts[i].what);
		cr_expect(eq(sz, parts[i].size, parts[i].wanted_size), "%s", parts[i].what);
	}
}

/* It has no size member: it can never grow without a new number of the interface. */
Test(plugin_abi, what_is_given_by_value_keeps_its_size)
{
	cr_expect(eq(sz, sizeof(struct tio_finding), 516));
}

#endif

Test(plugin_abi, its_constants_stay)
{
	cr_expect(eq(int, TIO_PLUGIN_ABI, 1));
	cr_expect(eq(int, TIO_FINE, 0));
	cr_expect(eq(int, TIO_WARN, 1));
	cr_expect(eq(int, TIO_NOT_READY, 2));
	cr_expect(eq(int, TIO_IN_USE, 3));
	cr_expect(eq(int, TIO_PIN_D3COLD, 1));
	cr_expect(eq(int, TIO_PIN_ON, 2));
}
