/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The host and its daemon: hugepages, vms, reload, version.
 */

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/tioctl.h"

static void bytes_cell(struct table *table, json_int_t bytes)
{
	char text[32] = "";

	if (bytes > 0)
		text_from_bytes((uint64_t)bytes, text, sizeof(text));
	table_cell(table, STYLE_PLAIN, "%s", text);
}

static void pool_row(struct table *table, const json_t *pool)
{
	const long long pages = field_int(pool, "free", 0);
	const long long size = field_int(pool, "pageSize", 0);
	long long bytes;

	if (field_has(pool, "node"))
		table_cell(table, STYLE_PLAIN, "%lld", (long long)field_int(pool, "node", 0));
	else
		table_cell(table, STYLE_PLAIN, "all");
	bytes_cell(table, size);
	table_cell(table, STYLE_PLAIN, "%lld", (long long)field_int(pool, "total", 0));
	table_cell(table, STYLE_PLAIN, "%lld", pages);
	if (field_has(pool, "reserved"))
		table_cell(table, STYLE_PLAIN, "%lld",
			   (long long)field_int(pool, "reserved", 0));
	else
		table_cell(table, STYLE_PLAIN, "%s", "");
	bytes_cell(table, __builtin_mul_overflow(pages, size, &bytes) ? 0 : bytes);
}

static int run_hugepages(struct tioctl *t)
{
	static const struct column columns[] = {
		{ "NODE" },
		{ "PAGE SIZE", .right = true },
		{ "TOTAL", .right = true },
		{ "FREE", .right = true },
		{ "RESERVED", .right = true },
		{ "FREE MEMORY", .right = true },
	};
	auto_table struct table table = { 0 };
	auto_json json_t *reply = NULL;
	const json_t *pool;
	size_t i;
	int r;

	r = tioctl_call(t, &(struct call){ "io.tiod.GetHugepages", .list = "pools" }, &reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(json_object_get(reply, "pools"), i, pool) pool_row(&table, pool);
	table_print(&table, &t->out);
	return EXIT_DONE;
}

const struct command command_hugepages = {
	.name = "hugepages",
	.arguments = "",
	.summary = "the huge pages of each node, all and free",
	.run = run_hugepages,
};

static void vm_row(struct table *table, const json_t *vm)
{
	table_cell(table, STYLE_PLAIN, "%s", field_text(vm, "name"));
	bytes_cell(table, field_int(vm, "memory", 0));
	bytes_cell(table, field_int(vm, "hugepageSize", 0));
	if (field_has(vm, "numaNode"))
		table_cell(table, STYLE_PLAIN, "%lld", (long long)field_int(vm, "numaNode", 0));
	else
		table_cell(table, STYLE_PLAIN, "auto");
	table_cell(table, STYLE_PLAIN, "%s", field_text(vm, "user"));
	table_cell(table, STYLE_PLAIN, "%zu",
		   json_array_size(json_object_get(vm, "assignments")));
	table_cell(table, STYLE_PLAIN, "%s", field_text(vm, "file"));
}

static void print_vms(const struct screen *screen, const json_t *vms)
{
	static const struct column columns[] = {
		{ "VM" },
		{ "MEMORY", .right = true },
		{ "HUGE PAGES", .right = true },
		{ "NODE", .right = true },
		{ "USER" },
		{ "FUNCTIONS", .right = true },
		{ "FILE", .flexible = true },
	};
	auto_table struct table table = { 0 };
	const json_t *vm;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(vms, i, vm) vm_row(&table, vm);
	table_print(&table, screen);
}

/* What ListVms named, each with all of GetVm, in @vms; a VM that went meanwhile is left out. */
static int collect_vms(struct tioctl *t, json_t *vms)
{
	auto_json json_t *names = NULL;
	const json_t *name;
	size_t i;
	int r;

	r = tioctl_call(t, &(struct call){ "io.tiod.ListVms", .list = "vms" }, &names);
	if (r != EXIT_DONE)
		return r;
	json_array_foreach(json_object_get(names, "vms"), i, name)
	{
		auto_reply struct reply reply = { 0 };
		const char *vm = json_string_value(name);
		const struct call call = { "io.tiod.GetVm",
					   json_pack("{s:s}", "vm", vm ? vm : "") };

		r = tioctl_ask(t, &call, &reply);
		if (r == EXIT_NO_SUCH)
			continue;
		if (r != EXIT_DONE)
			return tioctl_fail(t, &reply);
		json_array_append(vms, reply.parameters);
	}
	return EXIT_DONE;
}

static int run_vms(struct tioctl *t)
{
	auto_json json_t *vms = must(json_array());
	int r;

	r = collect_vms(t, vms);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, must(json_pack("{s:O}", "vms", vms)));
	if (json_array_size(vms))
		print_vms(&t->out, vms);
	else
		screen_line(&t->err, "no VM has a file (see /etc/tiod/vms.d)");
	return EXIT_DONE;
}

const struct command command_vms = {
	.name = "vms",
	.arguments = "",
	.summary = "the VMs that have a file, and what they are given",
	.run = run_vms,
};

static int run_reload(struct tioctl *t)
{
	auto_json json_t *reply = NULL;
	const json_t *warnings, *warning;
	size_t i;
	int r;

	r = tioctl_call(t, &(struct call){ "io.tiod.Reload", .list = "warnings" }, &reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	warnings = json_object_get(reply, "warnings");
	json_array_foreach(warnings, i, warning)
	{
		const char *text = json_string_value(warning);

		screen_line(&t->err, "warning: %s", text ? text : "");
	}
	screen_line(&t->err, "configuration and VM files were read again%s",
		    json_array_size(warnings) ? "; what could not be read stays as it was"
					      : "");
	return EXIT_DONE;
}

const struct command command_reload = {
	.name = "reload",
	.arguments = "",
	.summary = "have tiod read its configuration and the VM files again",
	.run = run_reload,
};

static void print_host(const struct screen *screen, const json_t *host)
{
	static const struct {
		const char *key, *label;
	} parts[] = {
		{ "iommu", "IOMMU" },
		{ "iommufd", "iommufd" },
		{ "vfioPci", "vfio-pci" },
	};
	const json_t *tsm, *problem;
	size_t i;

	screen_line(screen, "tioctl %s", TIOD_VERSION);
	screen_line(screen, "tiod %s", field_text(host, "version"));
	screen_line(screen, "functions %lld, of which %lld can do TDISP or IDE",
		    (long long)field_int(host, "functions", 0),
		    (long long)field_int(host, "capable", 0));
	json_array_foreach(json_object_get(host, "platforms"), i, tsm) screen_line(
		screen, "TSM %s: %s", field_text(tsm, "name"), field_text(tsm, "platform"));
	if (!i)
		screen_line(screen, "TSM none");
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		screen_line(screen, "%s %s", parts[i].label,
			    field_is(host, parts[i].key) ? "yes" : "no");
	screen_line(screen, "%lld functions attached, %lld jobs",
		    (long long)field_int(host, "assignments", 0),
		    (long long)field_int(host, "jobs", 0));
	screen_line(screen, field_is(host, "ready") ? "ready" : "not ready");
	json_array_foreach(json_object_get(host, "problems"), i, problem)
	{
		screen_line(screen, "problem: %s", json_string_value(problem) ?: "?");
	}
}

static int run_version(struct tioctl *t)
{
	auto_json json_t *host = NULL;
	int r;

	r = tioctl_call(t, &(struct call){ "io.tiod.GetHost" }, &host);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(
			t, must(json_pack("{s:s, s:O}", "tioctl", TIOD_VERSION, "tiod", host)));
	print_host(&t->out, host);
	return EXIT_DONE;
}

const struct command command_version = {
	.name = "version",
	.arguments = "",
	.summary = "the versions of tioctl and tiod, and what the host offers",
	.run = run_version,
};
