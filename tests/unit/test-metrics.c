/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "handoff/metrics-records.h"
#include "handoff/metrics.h"

static struct snapshot snap;
static struct assignments all;
static struct metrics_counters counters;
static struct vm vms[2];

static const char *idle_word = "idle";

static const char *state_of(void *arg, struct bdf function)
{
	return snapshot_find(&snap, function) ? idle_word : "absent";
}

static char *page(bool openmetrics)
{
	static const char *const names[] = { "running", NULL };
	static const size_t jobs[] = { 2 };
	struct metrics_input input = { .version = "1\"2",
				       .snap = &snap,
				       .all = &all,
				       .counters = &counters,
				       .state = state_of,
				       .job_states = names,
				       .jobs = jobs,
				       .vms = vms,
				       .n_vms = ARRAY_SIZE(vms),
				       .clients = 5,
				       .strangers = 2,
				       .config_good_at = 1234567890123,
				       .config_seconds = 0.25,
				       .openmetrics = openmetrics };

	return metrics_text(&input);
}

static void expect(bool openmetrics, const char *line, bool there)
{
	char *text = page(openmetrics), with_newline[256];

	snprintf(with_newline, sizeof(with_newline), "%s\n", line);
	cr_assert(ne(ptr, text, NULL));
	cr_expect(eq(int, strstr(text, with_newline) != NULL, there), "%s", line);
	free(text);
}

static void clean(void)
{
	snapshot_finish(&snap);
	assignments_finish(&all);
}

TestSuite(metrics, .fini = clean);

Test(metrics, buckets_hold_all_that_is_not_longer)
{
	metrics_count_step(&counters, "rebind", false, 0.1);
	metrics_count_step(&counters, "rebind", false, 0.2);
	metrics_count_step(&counters, "rebind", false, 1000);
	metrics_count_step(&counters, "rebind", true, 1);
	expect(true,
	       "tiod_step_duration_seconds_bucket{step=\"rebind\",undo=\"false\",le=\"0.05\"} 0",
	       true);
	expect(true,
	       "tiod_step_duration_seconds_bucket{step=\"rebind\",undo=\"false\",le=\"0.1\"} 1",
	       true);
	expect(true,
	       "tiod_step_duration_seconds_bucket{step=\"rebind\",undo=\"false\",le=\"120\"} 2",
	       true);
	expect(true,
	       "tiod_step_duration_seconds_bucket{step=\"rebind\",undo=\"false\",le=\"+Inf\"} 3",
	       true);
	expect(true,
	       "tiod_step_duration_seconds_sum{step=\"rebind\",undo=\"false\"} 1000.300000",
	       true);
	expect(true, "tiod_step_duration_seconds_count{step=\"rebind\",undo=\"true\"} 1", true);
}

Test(metrics, failures_are_counted_by_step_and_errno)
{
	metrics_count_failure(&counters, "rebind", -EIO);
	metrics_count_failure(&counters, "rebind", -EIO);
	metrics_count_failure(&counters, "rebind", -EBUSY);
	expect(true, "tiod_step_failures_total{step=\"rebind\",errno=\"EIO\"} 2", true);
	expect(true, "tiod_step_failures_total{step=\"rebind\",errno=\"EBUSY\"} 1", true);
}

Test(metrics, tables_that_are_full_stay_as_they_are)
{
	char step[24];

	for (int i = 0; i < 1000; i++) {
		snprintf(step, sizeof(step), "step%d", i);
		metrics_count_step(&counters, step, false, 1);
		metrics_count_failure(&counters, step, -EIO);
	}
	cr_expect(eq(sz, counters.n_steps, METRICS_STEPS_MAX));
	cr_expect(eq(sz, counters.n_failures, METRICS_FAILURES_MAX));
}

Test(metrics, the_two_formats_name_families_differently)
{
	expect(true, "# TYPE tiod_worker_kills counter", true);
	expect(false, "# TYPE tiod_worker_kills_total counter", true);
	expect(true, "# TYPE tiod_build info", true);
	expect(false, "# TYPE tiod_build_info gauge", true);
	expect(true, "# EOF", true);
	expect(false, "# EOF", false);
}

Test(metrics, labels_are_quoted)
{
	expect(true, "tiod_build_info{version=\"1\\\"2\"} 1", true);
}

Test(metrics, vfs_are_told_while_they_are_assigned)
{
	struct function vf = { .kind = FUNCTION_VF, .tee_io = true };
	struct assignment one = { .vm = "vm1" };
	const char *idle = "tiod_function_state{segment=\"0000\",bus=\"41\",device=\"00\","
			   "function=\"1\",state=\"idle\"} 1";
	const char *absent = "tiod_function_state{segment=\"0000\",bus=\"41\",device=\"00\","
			     "function=\"1\",state=\"absent\"} 1";

	bdf_parse("0000:41:00.1", &vf.bdf);
	one.function = one.lead = vf.bdf;
	cr_assert(eq(int, snapshot_put(&snap, &vf), 0));
	expect(true, idle, false);
	cr_assert(eq(int, assignments_put(&all, &one), 0));
	expect(true, idle, true);
	snapshot_remove(&snap, vf.bdf);
	expect(true, absent, true);
}

Test(metrics, a_vm_is_in_the_state_of_its_functions)
{
	struct assignment one = { .vm = "here" }, other = { .vm = "file-is-gone" };
	struct function f = { .tee_io = true };

	text_copy(vms[0].name, sizeof(vms[0].name), "none");
	text_copy(vms[1].name, sizeof(vms[1].name), "here");
	bdf_parse("0000:41:00.1", &f.bdf);
	one.function = one.lead = f.bdf;
	bdf_parse("0000:42:00.1", &other.function);
	other.lead = other.function;
	cr_assert(eq(int, snapshot_put(&snap, &f), 0));
	cr_assert(eq(int, assignments_put(&all, &one), 0));
	cr_assert(eq(int, assignments_put(&all, &other), 0));
	expect(true, "tiod_vm_state{vm=\"none\",state=\"empty\"} 1", true);
	expect(true, "tiod_vm_state{vm=\"none\",state=\"attached\"} 0", true);
	expect(true, "tiod_vm_state{vm=\"here\",state=\"incomplete\"} 1", true);
	expect(true, "tiod_vm_state{vm=\"file-is-gone\",state=\"undescribed\"} 1", true);
	snapshot_remove(&snap, f.bdf);
	idle_word = "attached";
	cr_assert(eq(int, snapshot_put(&snap, &f), 0));
	expect(true, "tiod_vm_state{vm=\"here\",state=\"attached\"} 1", true);
	expect(true, "tiod_vm_state{vm=\"here\",state=\"incomplete\"} 0", true);
}

Test(metrics, readings_are_counted_by_reason_and_clients_by_kind)
{
	counters.scans[SCAN_LOST] = 3;
	counters.overruns = 7;
	expect(true, "tiod_scans_total{reason=\"lost\"} 3", true);
	expect(true, "tiod_scans_total{reason=\"start\"} 0", true);
	expect(false, "tiod_uevent_overruns_total 7", true);
	expect(true, "tiod_clients{kind=\"known\"} 3", true);
	expect(true, "tiod_clients{kind=\"stranger\"} 2", true);
}

Test(metrics, a_time_keeps_its_seconds)
{
	expect(true, "tiod_config_last_reload_success_timestamp_seconds 1234567890123", true);
	expect(true, "tiod_config_reload_duration_seconds 0.25", true);
}

Test(metrics, a_tsm_names_its_device)
{
	snap.tsms[0] = (struct tsm){ .name = "tsm0", .parent_name = "0000:c3:00.5" };
	snap.n_tsms = 1;
	expect(true, "tiod_tsm_info{tsm=\"tsm0\",parent=\"0000:c3:00.5\",driver=\"\"} 1", true);
}

/* --- As records --- */

static const char sample_page[] =
	"# HELP tiod_build_info The version.\n"
	"# TYPE tiod_build_info gauge\n"
	"tiod_build_info{version=\"1\\\"{2} \\\\ =\\\"3\"} 1\n"
	"# HELP tiod_function_state 1 for the state.\n"
	"# TYPE tiod_function_state gauge\n"
	"tiod_function_state{segment=\"0000\",bus=\"61\",device=\"00\",function=\"0\","
	"state=\"idle\"} 0\n"
	"tiod_function_state{segment=\"0000\",bus=\"61\",device=\"00\",function=\"0\","
	"state=\"attached\"} 1\n"
	"# HELP tiod_step_duration_seconds How long.\n"
	"# TYPE tiod_step_duration_seconds histogram\n"
	"tiod_step_duration_seconds_bucket{step=\"rebind\",le=\"0.01\"} 2\n"
	"tiod_step_duration_seconds_sum{step=\"rebind\"} 0.250000\n"
	"tiod_step_duration_seconds_count{step=\"rebind\"} 2\n"
	"# HELP tiod_ready Ready.\n"
	"# TYPE tiod_ready gauge\n"
	"tiod_ready 1\n";

static const char sample_records[] =
	"[{\"name\":\"io.tiod.version\",\"value\":\"1\\\"{2} \\\\ =\\\"3\"},"
	"{\"name\":\"io.tiod.function_state\",\"object\":\"0000:61:00.0\","
	"\"value\":\"attached\"},"
	"{\"name\":\"io.tiod.step_duration_seconds_sum\",\"fields\":{\"step\":\"rebind\"},"
	"\"value\":0.25},"
	"{\"name\":\"io.tiod.step_duration_seconds_count\",\"fields\":{\"step\":\"rebind\"},"
	"\"value\":2},"
	"{\"name\":\"io.tiod.ready\",\"value\":1}]";

static const char sample_families[] =
	"[{\"name\":\"io.tiod.version\",\"description\":\"The version of tiod.\","
	"\"type\":\"string\"},"
	"{\"name\":\"io.tiod.function_state\","
	"\"description\":\"The state that a function is in.\",\"type\":\"string\"},"
	"{\"name\":\"io.tiod.step_duration_seconds_count\",\"description\":\"How long.\","
	"\"type\":\"counter\"},"
	"{\"name\":\"io.tiod.step_duration_seconds_sum\",\"description\":\"How long.\","
	"\"type\":\"counter\"},"
	"{\"name\":\"io.tiod.ready\",\"description\":\"Ready.\",\"type\":\"gauge\"}]";

static void expect_json(json_t *got, const char *wanted)
{
	char *text = json_dumps(got, JSON_COMPACT);

	cr_expect(eq(str, text, (char *)wanted));
	free(text);
	json_decref(got);
}

Test(metrics, a_page_can_be_read_as_records)
{
	expect_json(metrics_records(sample_page), sample_records);
	expect_json(metrics_families(sample_page), sample_families);
}

Test(metrics, what_is_no_page_has_no_records)
{
	static const char *const pages[] = { "",
					     "#",
					     "# TYPE",
					     "# HELP tiod_x",
					     "tiod_x{y=\"",
					     "\n\n#\n# TYPE\n# TYPE tiod_\n# HELP x y\n",
					     "tiod_ready\nother 1\ntiod_\n{} 1\n" };

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		expect_json(metrics_records(pages[i]), "[]");
		expect_json(metrics_families(pages[i]), "[]");
	}
}
