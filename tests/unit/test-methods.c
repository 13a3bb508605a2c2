/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The table of methods against the description that clients are shown.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/text.h"
#include "interface.h"
#include "methods.h"

static struct idl interfaces[3];

static void read_interfaces(void)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_assert(eq(int, idl_parse(interface_io_tiod, &interfaces[0], &err), 0));
	cr_assert(eq(int, idl_parse(interface_org_varlink_service, &interfaces[1], &err), 0));
	cr_assert(eq(int, idl_parse(interface_io_systemd_Metrics, &interfaces[2], &err), 0));
}

static void free_interfaces(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++)
		idl_finish(&interfaces[i]);
}

TestSuite(methods, .init = read_interfaces, .fini = free_interfaces);

static const struct idl_method *described(const struct method *method)
{
	const char *name = strrchr(method->name, '.') + 1;

	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
		size_t length = strlen(interfaces[i].interface);

		if (strncmp(method->name, interfaces[i].interface, length) == 0 &&
		    method->name + length + 1 == name)
			return idl_find(&interfaces[i], name);
	}
	return NULL;
}

Test(methods, every_method_of_the_table_is_described)
{
	for (const struct method *method = methods; method->name; method++)
		cr_expect(ne(ptr, (void *)described(method), NULL), "%s", method->name);
}

Test(methods, every_described_method_is_in_the_table)
{
	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
		for (size_t k = 0; k < interfaces[i].n_methods; k++) {
			char name[256];
			bool found = false;

			snprintf(name, sizeof(name), "%s.%s", interfaces[i].interface,
				 interfaces[i].methods[k].name);
			for (const struct method *m = methods; m->name; m++)
				found |= strcmp(m->name, name) == 0;
			cr_expect(found, "%s", name);
		}
	}
}

Test(methods, more_is_as_the_description_says)
{
	for (const struct method *method = methods; method->name; method++) {
		const struct idl_method *said = described(method);

		cr_expect(eq(int, method->more != MORE_NO, said->may_more), "%s", method->name);
		cr_expect(eq(int, method->more == MORE_MUST, said->must_more), "%s",
			  method->name);
	}
}

Test(methods, what_changes_something_is_for_those_who_may)
{
	/*
	 * The kernel, too, gives evidence to CAP_NET_ADMIN only; reading all files again keeps
	 * everybody waiting.
	 */
	const char *changes[] = { "CheckConfig", "Attach",     "Detach", "Connect",
				  "Disconnect",  "CancelJob",  "Reload", "GetEvidence",
				  "Reconnect",   "OpenDevices" };

	for (const struct method *method = methods; method->name; method++) {
		bool is_change = false;

		for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
			is_change |= strcmp(strrchr(method->name, '.') + 1, changes[i]) == 0;
		cr_expect(eq(int, method->access == ACCESS_CHANGE, is_change), "%s",
			  method->name);
		cr_expect(eq(int, method->access == ACCESS_ANYONE,
			     strncmp(method->name, "org.varlink.", 12) == 0),
			  "%s", method->name);
	}
}

Test(methods, what_the_users_of_a_vm_may_call)
{
	/* Nothing else, and each with a second look. */
	const char *own[] = { "GetStatus", "Plan",        "Attach",
			      "Detach",    "GetQemuArgs", "OpenDevices" };

	for (const struct method *method = methods; method->name; method++) {
		bool is_own = false;

		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			is_own |= strcmp(strrchr(method->name, '.') + 1, own[i]) == 0;
		cr_expect(eq(int, method->permit != NULL, is_own), "%s", method->name);
	}
}
