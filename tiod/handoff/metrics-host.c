/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The families about the daemon, its host and the VMs, but for functions and steps.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "handoff/metrics-page.h"

/* --- The host --- */

static void put_ready(struct page *page)
{
	const struct metrics_input *in = page->in;
	const struct {
		const char *check;
		bool passed;
	} checks[] = {
		{ "tsm", in->snap->n_tsms > 0 },
		{ "iommu", in->snap->iommu },
		{ "iommufd", in->snap->iommufd },
	};

	page_head(page, "tiod_host_ready", "gauge",
		  "What the host must have before anything is given.");
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		page_put(page, "tiod_host_ready{check=\"%s\"} %d\n", checks[i].check,
			 checks[i].passed);
}

static void put_tsms(struct page *page)
{
	const struct snapshot *snap = page->in->snap;

	page_head(page, "tiod_tsm_info", "info", "The TSMs, and which device each belongs to.");
	for (size_t i = 0; i < snap->n_tsms; i++) {
		const struct tsm *tsm = &snap->tsms[i];
		char name[80], parent[100], driver[160];

		page_put(page, "tiod_tsm_info{tsm=\"%s\",parent=\"%s\",driver=\"%s\"} 1\n",
			 page_quoted(tsm->name, name, sizeof(name)),
			 page_quoted(tsm->parent_name, parent, sizeof(parent)),
			 page_quoted(tsm->driver, driver, sizeof(driver)));
	}
}

static void put_hugepages(struct page *page)
{
	page_head(page, "tiod_hugepages", "gauge", "Huge pages by node, size and use.");
	for (size_t i = 0; i < page->in->snap->n_pools; i++) {
		const struct hugepage_pool *pool = &page->in->snap->pools[i];
		char labels[80];

		if (pool->node < 0)
			continue;
		snprintf(labels, sizeof(labels), "node=\"%d\",size_bytes=\"%" PRIu64 "\"",
			 pool->node, pool->size);
		page_put(page, "tiod_hugepages{%s,use=\"free\"} %" PRIu64 "\n", labels,
			 pool->free);
		page_put(page, "tiod_hugepages{%s,use=\"taken\"} %" PRIu64 "\n", labels,
			 pool->total - pool->free);
	}
}

void page_put_host(struct page *page)
{
	put_ready(page);
	put_tsms(page);
	put_hugepages(page);
}

/* --- The daemon --- */

static const struct gauge {
	const char *name, *help;
	size_t offset; /* of a double in struct metrics_input */
} gauges[] = {
	{ "tiod_ready", "Whether tiod has read its host and takes changes.",
	  offsetof(struct metrics_input, ready) },
	{ "tiod_problems", "What keeps tiod from its work, as GetHost tells.",
	  offsetof(struct metrics_input, problems) },
	{ "tiod_config_problems",
	  "Mistakes and warnings of the last reading of the configuration.",
	  offsetof(struct metrics_input, config_problems) },
	{ "tiod_config_last_reload_successful",
	  "Whether the last reading of the configuration found no mistake.",
	  offsetof(struct metrics_input, config_good) },
	{ "tiod_config_last_reload_success_timestamp_seconds",
	  "When the configuration was last read without a mistake; 0: never.",
	  offsetof(struct metrics_input, config_good_at) },
	{ "tiod_config_reload_duration_seconds",
	  "How long the last reading of the configuration took.",
	  offsetof(struct metrics_input, config_seconds) },
};

static void put_gauges(struct page *page)
{
	char version[64];

	page_head(page, "tiod_build_info", "info", "The version of tiod.");
	page_put(page, "tiod_build_info{version=\"%s\"} 1\n",
		 page_quoted(page->in->version, version, sizeof(version)));
	for (size_t i = 0; i < ARRAY_SIZE(gauges); i++) {
		const char *at = (const char *)page->in + gauges[i].offset;

		page_head(page, gauges[i].name, "gauge", gauges[i].help);
		page_put(page, "%s %.14g\n", gauges[i].name, *(const double *)at);
	}
}

static void put_clients(struct page *page)
{
	const struct metrics_input *in = page->in;

	page_head(page, "tiod_clients", "gauge",
		  "Who is connected: those who may do something here, and strangers.");
	page_put(page, "tiod_clients{kind=\"known\"} %u\n", in->clients - in->strangers);
	page_put(page, "tiod_clients{kind=\"stranger\"} %u\n", in->strangers);
	page_head(page, "tiod_clients_refused_total", "counter",
		  "Clients that were turned away because too many were connected.");
	page_put(page, "tiod_clients_refused_total %" PRIu64 "\n", in->clients_refused);
}

static void put_scans(struct page *page)
{
	static const char *const reasons[SCAN_REASONS] = {
		[SCAN_WATCH] = "watch", [SCAN_LINKS] = "links", [SCAN_DOUBT] = "doubt",
		[SCAN_RETRY] = "retry", [SCAN_EVENT] = "event", [SCAN_TSM] = "tsm",
		[SCAN_LOST] = "lost",   [SCAN_START] = "start",
	};
	const struct metrics_counters *counters = page->in->counters;

	page_head(page, "tiod_scans_total", "counter",
		  "Readings of the host by the weightiest of their reasons.");
	for (size_t i = 0; i < SCAN_REASONS; i++)
		page_put(page, "tiod_scans_total{reason=\"%s\"} %" PRIu64 "\n", reasons[i],
			 counters->scans[i]);
	page_head(page, "tiod_uevent_overruns_total", "counter",
		  "How often the kernel dropped events because they were not read in time.");
	page_put(page, "tiod_uevent_overruns_total %" PRIu64 "\n", counters->overruns);
}

void page_put_daemon(struct page *page)
{
	put_gauges(page);
	put_clients(page);
	put_scans(page);
}

/* --- VMs --- */

/* What a VM is in; "undescribed": it has functions and no file of it is in force. */
static const char *const vm_states[] = { "empty", "attached", "incomplete", "undescribed" };

static const char *state_of(const struct metrics_input *in, const char *vm, bool described)
{
	size_t all = 0, attached = 0;

	for (size_t i = 0; i < in->all->n; i++) {
		const struct assignment *one = &in->all->list[i];

		if (strcmp(one->vm, vm) != 0)
			continue;
		all++;
		attached += strcmp(in->state(in->arg, one->function), "attached") == 0;
	}
	if (!described)
		return "undescribed";
	if (all == 0)
		return "empty";
	return attached == all ? "attached" : "incomplete";
}

static void put_vm(struct page *page, const char *vm, bool described)
{
	const char *now = state_of(page->in, vm, described);
	char name[160];

	page_quoted(vm, name, sizeof(name));
	for (size_t i = 0; i < ARRAY_SIZE(vm_states); i++)
		page_put(page, "tiod_vm_state{vm=\"%s\",state=\"%s\"} %d\n", name, vm_states[i],
			 strcmp(vm_states[i], now) == 0);
}

static bool is_described(const struct metrics_input *in, const char *name)
{
	for (size_t i = 0; i < in->n_vms; i++)
		if (strcmp(in->vms[i].name, name) == 0)
			return true;
	return false;
}

static bool is_first_of_its_vm(const struct assignments *all, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(all->list[i].vm, all->list[at].vm) == 0)
			return false;
	return true;
}

void page_put_vms(struct page *page)
{
	const struct metrics_input *in = page->in;

	page_head(page, "tiod_vm_state", "gauge",
		  "1 for the state that a VM's functions are in, 0 for all others.");
	for (size_t i = 0; i < in->n_vms; i++)
		put_vm(page, in->vms[i].name, true);
	for (size_t i = 0; i < in->all->n; i++)
		if (is_first_of_its_vm(in->all, i) && !is_described(in, in->all->list[i].vm))
			put_vm(page, in->all->list[i].vm, false);
}
