/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/text.h"
#include "config-file.h"
#include "core/report.h"
#include "host/peer.h"
#include "interface.h"
#include "permits.h"

#define WAITS true

/* clang-format off */
const struct method methods[] = {
	{ "org.varlink.service.GetInfo", ACCESS_ANYONE, MORE_NO, method_get_info },
	{ "org.varlink.service.GetInterfaceDescription",
				  ACCESS_ANYONE, MORE_NO,   method_get_interface_description },
	{ "io.tiod.GetHost",       ACCESS_READ,   MORE_NO,   method_get_host },
	{ "io.tiod.ListFunctions", ACCESS_READ,   MORE_NO,   method_list_functions },
	{ "io.tiod.GetFunction",   ACCESS_READ,   MORE_NO,   method_get_function },
	{ "io.tiod.GetStatus",     ACCESS_READ,   MORE_NO,   method_get_status, permit_status },
	{ "io.tiod.GetIde",        ACCESS_READ,   MORE_NO,   method_get_ide, NULL, WAITS },
	{ "io.tiod.GetTsmStatus",  ACCESS_READ,   MORE_NO,   method_get_tsm_status, NULL, WAITS },
	{ "io.tiod.GetEvidence",   ACCESS_CHANGE, MORE_MUST, method_get_evidence, NULL, WAITS },
	{ "io.tiod.Plan",          ACCESS_READ,   MORE_NO,   method_plan, permit_attach, WAITS },
	{ "io.tiod.Attach",        ACCESS_CHANGE, MORE_MAY,  method_attach, permit_attach, WAITS },
	{ "io.tiod.Detach",        ACCESS_CHANGE, MORE_MAY,  method_detach, permit_detach, WAITS },
	{ "io.tiod.Connect",       ACCESS_CHANGE, MORE_MAY,  method_connect, NULL, WAITS },
	{ "io.tiod.Disconnect",    ACCESS_CHANGE, MORE_MAY,  method_disconnect, NULL, WAITS },
	{ "io.tiod.Reconnect",     ACCESS_CHANGE, MORE_MAY,  method_reconnect, NULL, WAITS },
	{ "io.tiod.GetVm",         ACCESS_READ,   MORE_NO,   method_get_vm },
	{ "io.tiod.ListVms",       ACCESS_READ,   MORE_NO,   method_list_vms },
	{ "io.tiod.GetQemuArgs",   ACCESS_READ,   MORE_NO,   method_get_qemu_args, permit_vm },
	{ "io.tiod.OpenDevices",   ACCESS_CHANGE, MORE_NO,   method_open_devices, permit_vm },
	{ "io.tiod.GetHugepages",  ACCESS_READ,   MORE_NO,   method_get_hugepages },
	{ "io.tiod.ListPlugins",   ACCESS_READ,   MORE_NO,   method_list_plugins },
	{ "io.tiod.ListRules",     ACCESS_READ,   MORE_NO,   method_list_rules },
	{ "io.tiod.TestRules",     ACCESS_READ,   MORE_NO,   method_test_rules },
	{ "io.tiod.CheckConfig",   ACCESS_CHANGE,   MORE_NO,   method_check_config },
	{ "io.tiod.GetMetrics",    ACCESS_READ,   MORE_NO,   method_get_metrics },
	{ "io.systemd.Metrics.List",
				  ACCESS_READ,   MORE_MUST, method_report_list },
	{ "io.systemd.Metrics.Describe",
				  ACCESS_READ,   MORE_MUST, method_report_describe },
	{ "io.tiod.ListJobs",      ACCESS_READ,   MORE_NO,   method_list_jobs },
	{ "io.tiod.CancelJob",     ACCESS_CHANGE, MORE_NO,   method_cancel_job },
	{ "io.tiod.Reload",        ACCESS_CHANGE, MORE_NO,   method_reload },
	{ "io.tiod.Monitor",       ACCESS_READ,   MORE_MUST, method_monitor },
	{ NULL },
};
/* clang-format on */

/* --- For the methods --- */

void methods_fail(struct call *call, const struct tio_error *err)
{
	call_error(call, report_error_name(err), report_error(err));
}

void methods_reply(struct call *call, json_t *reply)
{
	struct tio_error err = TIO_ERROR_NONE;

	if (reply) {
		call_reply(call, reply);
		return;
	}
	error_kind_set(&err, ERROR_BUSY, -ENOMEM, "tiod is short of memory");
	methods_fail(call, &err);
}

const char *methods_text(const struct call *call, const char *key)
{
	return json_string_value(json_object_get(call->wire.parameters, key)) ?: "";
}

bool methods_flag(const struct call *call, const char *key)
{
	return json_is_true(json_object_get(call->wire.parameters, key));
}

/* What made the last reading pass over the VM's file; NULL if there is no such file. */
static const char *why_unread(const struct daemon *daemon, const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "/vms.d/%s.conf:", name);
	for (size_t i = 0; i < daemon->config.n_notes; i++)
		if (daemon->config.notes[i].error && strstr(daemon->config.notes[i].text, file))
			return daemon->config.notes[i].text;
	return NULL;
}

const struct vm *methods_find_vm(const struct daemon *daemon, const char *name,
				 struct tio_error *err)
{
	char dir[128];
	const struct vm *vm = config_find_vm(&daemon->config, name);
	const char *broken;

	if (vm)
		return vm;
	if (!text_is_name(name, VM_NAME_MAX - 1)) {
		error_kind_set(
			err, ERROR_INVALID, -EINVAL,
			"\"%.64s\" is not the name of a VM: letters, digits, '-', '_' and "
			"'.', at most %d of them",
			name, VM_NAME_MAX - 1);
		return NULL;
	}
	broken = why_unread(daemon, name);
	if (broken) {
		error_kind_set(err, ERROR_NO_VM, -EINVAL,
			       "the file of the VM \"%s\" cannot be used: %s", name, broken);
		error_fix(err, "mend that line, then `tioctl reload`");
		return NULL;
	}
	error_kind_set(err, ERROR_NO_VM, -ENOENT, "no file describes the VM \"%s\"", name);
	error_fix(err,
		  "write %s/vms.d/%s.conf with the lines \"[VM]\", \"Memory=64G\" and "
		  "\"HugepageSize=2M\" (\"no\": without hugepages), then `tioctl reload`",
		  config_first_dir(daemon->options->config_dir, dir, sizeof(dir)), name);
	return NULL;
}

/* --- Calls --- */

static const struct method *find(const char *name)
{
	for (const struct method *method = methods; method->name; method++)
		if (strcmp(method->name, name) == 0)
			return method;
	return NULL;
}

static void fail_plainly(struct call *call, const char *error, const char *key,
			 const char *value)
{
	char name[64];

	text_copy(name, sizeof(name), "org.varlink.service.");
	text_append(name, sizeof(name), "%s", error);
	call_error(call, name, key ? json_pack("{ss}", key, value) : NULL);
}

/* A method that is not there, or an interface that is not. */
static void fail_unknown(struct call *call)
{
	char interface[WIRE_METHOD_MAX];
	size_t length;

	text_copy(interface, sizeof(interface), call->wire.method);
	*strrchr(interface, '.') = '\0';
	length = strlen(interface);
	for (const struct method *method = methods; method->name; method++) {
		if ((size_t)(strrchr(method->name, '.') - method->name) != length ||
		    memcmp(method->name, interface, length) != 0)
			continue;
		fail_plainly(call, "MethodNotFound", "method", call->wire.method);
		return;
	}
	fail_plainly(call, "InterfaceNotFound", "interface", interface);
}

/* Says no to the caller, and to the log. */
static void refuse(struct daemon *daemon, struct call *call, const struct tio_error *err)
{
	if (server_may_tell(&daemon->server, call->who.uid)) {
		peer_describe(&daemon->host, &call->who);
		audit_refused(&call->who, err);
	}
	methods_fail(call, err);
}

/* Before the parameters are looked at. */
static bool is_allowed(const struct daemon *daemon, const struct call *call,
		       const struct method *method)
{
	if (rights_allow(&call->who, method->access))
		return true;
	return method->permit &&
	       rights_own_any(&call->who, daemon->config.vms, daemon->config.n_vms);
}

/* With the parameters, for who may not call it in general. */
static int permit(const struct daemon *daemon, const struct call *call,
		  const struct method *method, struct tio_error *err)
{
	if (rights_allow(&call->who, method->access))
		return 0;
	return method->permit(daemon, call, err);
}

/* NULL if the parameters fit the description, else the one that does not. */
static const char *wrong_parameter(const struct daemon *daemon, const struct call *call)
{
	const char *name = strrchr(call->wire.method, '.') + 1;

	for (size_t i = 0; i < DAEMON_INTERFACES; i++) {
		const struct idl *idl = &daemon->idl[i];
		size_t length = strlen(idl->interface);

		if (strncmp(call->wire.method, idl->interface, length) == 0 &&
		    call->wire.method + length + 1 == name)
			return idl_check(idl_find(idl, name), call->wire.parameters);
	}
	return NULL;
}

static void run(struct daemon *daemon, struct call *call, const struct method *method)
{
	struct tio_error err = TIO_ERROR_NONE;

	if (permit(daemon, call, method, &err) < 0)
		refuse(daemon, call, &err);
	else
		method->run(daemon, call);
}

void methods_call(void *arg, struct call *call)
{
	const struct method *method = find(call->wire.method);
	struct tio_error err = TIO_ERROR_NONE;
	struct daemon *daemon = arg;
	const char *wrong;

	if (!method) {
		fail_unknown(call);
		return;
	}
	if (!is_allowed(daemon, call, method)) {
		rights_refuse(&call->who, method->name, method->access, &err);
		refuse(daemon, call, &err);
		return;
	}
	if (method->more == MORE_MUST && !call->wire.more) {
		fail_plainly(call, "ExpectedMore", NULL, NULL);
		return;
	}
	wrong = wrong_parameter(daemon, call);
	if (wrong) {
		fail_plainly(call, "InvalidParameter", "parameter", wrong);
		return;
	}
	if (!method->waits || !waits_take(daemon, call))
		run(daemon, call, method);
}

void methods_resume(struct daemon *daemon, struct call *call)
{
	run(daemon, call, find(call->wire.method));
}
