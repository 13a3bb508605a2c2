/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * org.varlink.service: what the service says of itself.
 */

#include <string.h>

#include "methods.h"

void method_get_info(struct daemon *daemon, struct call *call)
{
	json_t *interfaces = json_array();

	for (size_t i = 0; i < DAEMON_INTERFACES; i++)
		json_array_append_new(interfaces, json_string(daemon->idl[i].interface));
	methods_reply(call,
		      json_pack("{ss ss ss ss so}", "vendor", "tiod", "product", "tiod",
				"version", TIOD_VERSION, "url", "", "interfaces", interfaces));
}

void method_get_interface_description(struct daemon *daemon, struct call *call)
{
	const char *name = methods_text(call, "interface");

	for (size_t i = 0; i < DAEMON_INTERFACES; i++) {
		if (strcmp(daemon->idl[i].interface, name) != 0)
			continue;
		methods_reply(call, json_pack("{ss}", "description", daemon->idl[i].text));
		return;
	}
	call_error(call, "org.varlink.service.InterfaceNotFound",
		   json_pack("{ss}", "interface", name));
}
