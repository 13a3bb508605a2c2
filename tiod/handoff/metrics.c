/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handoff/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "handoff/metrics-page.h"

const double metrics_bounds[METRICS_BUCKETS] = { 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120 };

static const char *const states[] = { "absent",   "stuck",     "busy", "attached", "degraded",
				      "reserved", "connected", "idle", "incapable" };

/* --- Counting --- */

void metrics_count_step(struct metrics_counters *counters, const char *step, bool undo,
			double seconds)
{
	struct metrics_step *at = counters->steps;
	size_t i = 0, bucket = 0;

	while (i < counters->n_steps && (at[i].undo != undo || strcmp(at[i].step, step) != 0))
		i++;
	if (i == METRICS_STEPS_MAX)
		return;
	if (i == counters->n_steps) {
		at[counters->n_steps++] = (struct metrics_step){ .undo = undo };
		text_copy(at[i].step, sizeof(at[i].step), step);
	}
	at[i].n++;
	at[i].seconds += seconds;
	while (bucket < METRICS_BUCKETS && seconds > metrics_bounds[bucket])
		bucket++;
	if (bucket < METRICS_BUCKETS)
		at[i].buckets[bucket]++;
}

void metrics_count_failure(struct metrics_counters *counters, const char *step, int code)
{
	struct metrics_failure *at = counters->failures;
	size_t i = 0;

	while (i < counters->n_failures &&
	       (at[i].code != code || strcmp(at[i].step, step) != 0))
		i++;
	if (i == METRICS_FAILURES_MAX)
		return;
	if (i == counters->n_failures) {
		at[counters->n_failures++] = (struct metrics_failure){ .code = code };
		text_copy(at[i].step, sizeof(at[i].step), step);
	}
	at[i].n++;
}

/* --- What was done --- */

static void put_steps(struct page *page)
{
	const struct metrics_counters *counters = page->in->counters;
	static const char name[] = "tiod_step_duration_seconds";

	page_head(page, name, "histogram",
		  "How long the steps of changes took, and their undoing.");
	for (size_t i = 0; i < counters->n_steps; i++) {
		const struct metrics_step *step = &counters->steps[i];
		uint64_t sum = 0;
		char labels[80];

		snprintf(labels, sizeof(labels), "step=\"%s\",undo=\"%s\"", step->step,
			 step->undo ? "true" : "false");
		for (size_t k = 0; k < METRICS_BUCKETS; k++) {
			sum += step->buckets[k];
			page_put(page, "%s_bucket{%s,le=\"%g\"} %" PRIu64 "\n", name, labels,
				 metrics_bounds[k], sum);
		}
		page_put(page, "%s_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", name, labels,
			 step->n);
		page_put(page, "%s_sum{%s} %.6f\n", name, labels, step->seconds);
		page_put(page, "%s_count{%s} %" PRIu64 "\n", name, labels, step->n);
	}
}

static void put_counters(struct page *page)
{
	const struct metrics_counters *counters = page->in->counters;
	const struct {
		const char *name, *help;
		uint64_t n;
	} plain[] = {
		{ "tiod_worker_kills_total", "Workers that were stopped.", counters->kills },
		{ "tiod_recoveries_total", "Changes that another worker had to put in order.",
		  counters->recoveries },
		{ "tiod_link_falls_total", "Links that fell after they were made.",
		  counters->falls },
	};
	char code[24];

	put_steps(page);
	page_head(page, "tiod_step_failures_total", "counter", "Steps that failed, by errno.");
	for (size_t i = 0; i < counters->n_failures; i++) {
		const struct metrics_failure *failure = &counters->failures[i];

		page_put(page,
			 "tiod_step_failures_total{step=\"%s\",errno=\"%s\"} %" PRIu64 "\n",
			 failure->step, errno_name(failure->code, code), failure->n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		page_head(page, plain[i].name, "counter", plain[i].help);
		page_put(page, "%s %" PRIu64 "\n", plain[i].name, plain[i].n);
	}
	page_head(page, "tiod_jobs", "gauge", "Jobs by state.");
	for (size_t i = 0; page->in->job_states[i]; i++)
		page_put(page, "tiod_jobs{state=\"%s\"} %zu\n", page->in->job_states[i],
			 page->in->jobs[i]);
}

/* --- Functions --- */

static bool is_told(const struct metrics_input *in, const struct function *f)
{
	if (assignments_find(in->all, f->bdf))
		return true;
	return function_is_tdisp(f) && f->kind != FUNCTION_VF;
}

static void put_state(struct page *page, struct bdf bdf)
{
	const char *now = page->in->state(page->in->arg, bdf);
	char labels[PAGE_PLACE];

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		page_put(page, "tiod_function_state{%s,state=\"%s\"} %d\n",
			 page_place(bdf, labels), states[i], strcmp(states[i], now) == 0);
}

static void put_states(struct page *page)
{
	const struct metrics_input *in = page->in;

	page_head(page, "tiod_function_state", "gauge",
		  "1 for the state that a function is in, 0 for all others.");
	for (size_t i = 0; i < in->snap->n_functions; i++)
		if (is_told(in, &in->snap->functions[i]))
			put_state(page, in->snap->functions[i].bdf);
	for (size_t i = 0; i < in->all->n; i++)
		if (!snapshot_find(in->snap, in->all->list[i].function))
			put_state(page, in->all->list[i].function);
}

static void put_assignments(struct page *page)
{
	const struct assignments *all = page->in->all;
	char labels[80], vm[160];

	page_head(page, "tiod_assignment_info", "info", "Which VM a function is assigned to.");
	for (size_t i = 0; i < all->n; i++)
		page_put(page, "tiod_assignment_info{%s,vm=\"%s\"} 1\n",
			 page_place(all->list[i].function, labels),
			 page_quoted(all->list[i].vm, vm, sizeof(vm)));
}

/* --- Links: of function 0 of a card, and of both ends --- */

static void put_connected(struct page *page, const struct function *f)
{
	char labels[80];

	if (f->tsm_group || f->tsm[0])
		page_put(page, "tiod_function_tsm_connected{%s} %d\n",
			 page_place(f->bdf, labels), f->tsm[0] != '\0');
}

static void put_vfs(struct page *page, const struct function *f)
{
	char labels[80];

	if (f->vfs_total)
		page_put(page, "tiod_function_vfs{%s} %u\n", page_place(f->bdf, labels),
			 f->vfs);
}

static void put_secure_end(struct page *page, const char *labels, const char *name,
			   const struct ide_end *end)
{
	page_put(page, "tiod_link_secure{%s,end=\"%s\"} %d\n", labels, name,
		 end->known && end->enabled && end->secure);
}

static void put_secure(struct page *page, const struct function *f)
{
	char labels[80];

	if (!f->stream.present && !f->tsm[0])
		return;
	page_place(f->bdf, labels);
	put_secure_end(page, labels, "endpoint", &f->stream.endpoint);
	put_secure_end(page, labels, "root_port", &f->stream.root_port);
}

static void put_failed(struct page *page, const struct function *f)
{
	char labels[80];

	if (!f->stream.present)
		return;
	page_place(f->bdf, labels);
	page_put(page, "tiod_link_fail_received{%s,end=\"endpoint\"} %d\n", labels,
		 f->stream.endpoint.failed);
	page_put(page, "tiod_link_fail_received{%s,end=\"root_port\"} %d\n", labels,
		 f->stream.root_port.failed);
}

static void put_errors_of(struct page *page, const char *labels, const char *end,
			  const struct ide_errors *errors)
{
	const struct {
		const char *name;
		uint32_t n;
	} each[] = {
		{ "IDECheck", errors->check },
		{ "MisIDETLP", errors->misrouted },
		{ "PCRC_CHECK", errors->pcrc },
	};

	for (size_t i = 0; errors->known && i < ARRAY_SIZE(each); i++)
		page_put(page, "tiod_link_errors_total{%s,end=\"%s\",error=\"%s\"} %u\n",
			 labels, end, each[i].name, each[i].n);
}

static void put_errors(struct page *page, const struct function *f)
{
	char labels[80];

	if (!f->stream.present)
		return;
	page_place(f->bdf, labels);
	put_errors_of(page, labels, "endpoint", &f->stream.endpoint.errors);
	put_errors_of(page, labels, "root_port", &f->stream.root_port.errors);
}

static void put_functions(struct page *page)
{
	static const struct {
		const char *name, *type, *help;
		void (*put)(struct page *page, const struct function *f);
	} families[] = {
		{ "tiod_function_tsm_connected", "gauge",
		  "Whether a card is connected to a TSM.", put_connected },
		{ "tiod_function_vfs", "gauge", "VFs that are enabled.", put_vfs },
		{ "tiod_link_secure", "gauge",
		  "Whether an end of a card's link is enabled and in the secure state.",
		  put_secure },
		{ "tiod_link_fail_received", "gauge",
		  "Whether an end of a link was told of a failed integrity check (IDE_FAIL).",
		  put_failed },
		{ "tiod_link_errors_total", "counter",
		  "Errors of IDE that the kernel counted at an end of a link (AER).",
		  put_errors },
	};
	const struct snapshot *snap = page->in->snap;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		page_head(page, families[i].name, families[i].type, families[i].help);
		for (size_t k = 0; k < snap->n_functions; k++)
			if (is_told(page->in, &snap->functions[k]))
				families[i].put(page, &snap->functions[k]);
	}
}

char *metrics_text(const struct metrics_input *input)
{
	struct page page = { .in = input };

	page_put_daemon(&page);
	page_put_host(&page);
	page_put_vms(&page);
	put_states(&page);
	put_assignments(&page);
	put_functions(&page);
	put_counters(&page);
	if (input->openmetrics)
		page_put(&page, "# EOF\n");
	if (page.r == 0)
		return page.text.data;
	text_finish(&page.text);
	return NULL;
}
