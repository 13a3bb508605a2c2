/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "core/grant.h"
#include "core/steps.h"

struct bdf address(const char *text)
{
	struct bdf bdf = BDF_NONE;

	if (bdf_parse(text, &bdf) < 0)
		abort();
	return bdf;
}

struct function *fake_function(struct fake_host *host, const char *bdf)
{
	return snapshot_find(&host->world, address(bdf));
}

/* --- The machine --- */

static struct function a_card(const char *bdf, const char *driver, int group)
{
	struct function f = { .bdf = address(bdf),
			      .vendor = 0x1af4,
			      .device = 0x1000,
			      .kind = FUNCTION_ENDPOINT,
			      .dsm = address(bdf),
			      .root_port = address("00:01.0"),
			      .numa_node = 1,
			      .iommu_group = group,
			      .config_complete = true,
			      .tee_io = true,
			      .doe_cma = true,
			      .doe_session = true,
			      .ide = { .offset = 0x200, .selective_streams = 2 },
			      .root_port_ide = { .offset = 0x200, .selective_streams = 4 },
			      .tsm_group = true,
			      .vfs_autoprobe = true,
			      .power = { .d3cold_allowed = SETTING_YES,
					 .always_on = SETTING_NO,
					 .reset = "flr bus" } };

	text_copy(f.driver, sizeof(f.driver), driver);
	return f;
}

void fake_host_init(struct fake_host *host)
{
	struct function port = { .bdf = address("00:01.0"),
				 .kind = FUNCTION_ROOT_PORT,
				 .iommu_group = 1,
				 .numa_node = 1,
				 .config_complete = true };
	struct function card = a_card("01:00.0", "nvme", 7);
	struct function nic = a_card("02:00.0", "mlx5_core", 8);

	*host = (struct fake_host){ 0 };
	nic.vfs_total = 8;
	nic.vf_offset = 1;
	nic.vf_stride = 1;
	nic.class = 0x020000;
	nic.vf_msix_total = 64;
	text_copy(nic.netdev, sizeof(nic.netdev), "eth0");
	for (size_t i = 0; i < ARRAY_SIZE(host->vf_admin); i++)
		for (enum vf_key key = 0; key < VF_KEYS_N; key++)
			vf_set(&host->vf_admin[i], key, 0);
	snapshot_put(&host->world, &port);
	snapshot_put(&host->world, &card);
	snapshot_put(&host->world, &nic);
	text_copy(host->world.tsms[0].name, TSM_NAME_MAX, "tsm0");
	host->world.n_tsms = 1;
	host->world.iommu = host->world.iommufd = host->world.vfio_pci = true;
}

void fake_host_finish(struct fake_host *host)
{
	snapshot_finish(&host->world);
	assignments_finish(&host->all);
}

/* Counts and notes a change.  1: do it; 0: do nothing and succeed; negative: fail. */
static int change(struct fake_host *host, const char *call, struct bdf bdf, const char *value,
		  struct tio_error *err)
{
	char name[BDF_STRLEN];

	host->changes++;
	if (host->die_at == host->changes * 2 - 1)
		longjmp(host->death, 1);
	text_append(host->trace, sizeof(host->trace), "%s%s %s%s%s", host->trace[0] ? "; " : "",
		    call, bdf_format(bdf, name), value[0] ? " " : "", value);
	if (!host->fail_call || strcmp(host->fail_call, call) != 0)
		return 1;
	if (host->fail_nth > 1) {
		host->fail_nth--;
		return 1;
	}
	if (host->fail_count > 1)
		host->fail_count--;
	else
		host->fail_call = NULL;
	if (host->fail_silently)
		return 0;
	error_set(err, host->fail_code, "fake %s", call);
	text_copy(err->attribute, sizeof(err->attribute), call);
	return host->fail_code;
}

static int done(struct fake_host *host)
{
	if (host->die_at == host->changes * 2)
		longjmp(host->death, 1);
	return 0;
}

static struct function *there(struct fake_host *host, struct bdf bdf, struct tio_error *err)
{
	struct function *f = snapshot_find(&host->world, bdf);

	if (!f)
		error_set(err, -ENODEV, "no such function");
	return f;
}

static int fake_refresh(void *arg, struct function *f, struct tio_error *err)
{
	struct function *now = there(arg, f->bdf, err);

	if (!now)
		return -ENODEV;
	*f = *now;
	return 0;
}

static int fake_discover(void *arg, struct bdf bdf, struct function *ret, struct tio_error *err)
{
	ret->bdf = bdf;
	return fake_refresh(arg, ret, err);
}

static int fake_read_link(void *arg, struct function *dsm, struct tio_error *err)
{
	struct fake_host *host = arg;

	if (!host->turn_held)
		abort();
	return fake_refresh(arg, dsm, err);
}

static int fake_find_holders(void *arg, struct snapshot *snap, const struct function *f,
			     const struct plugin_traits *traits, struct tio_error *err)
{
	struct fake_host *host = arg;

	/* As the real one: what was found before is out of date. */
	for (size_t i = snap->n_holders; i-- > 0;)
		if (bdf_equal(snap->holders[i].function, f->bdf))
			snap->holders[i] = snap->holders[--snap->n_holders];
	if (host->blind) {
		host->blind--;
		return 0;
	}
	for (size_t i = 0; i < host->world.n_holders; i++)
		if (bdf_equal(host->world.holders[i].function, f->bdf) &&
		    snapshot_add_holder(snap, &host->world.holders[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* The PF's table of VFs; by index. */
static int fake_vf_admin_get(void *arg, const struct function *vf, struct vf_settings *ret,
			     struct tio_error *err)
{
	struct fake_host *host = arg;

	if (!there(arg, vf->bdf, err))
		return -ENODEV;
	if (host->vf_admin_unseen)
		return error_set(err, -EOPNOTSUPP, "the PF has no network interface");
	*ret = vf_only(&host->vf_admin[vf->vf_index], VF_NET_KEYS & ~host->vf_keys_unseen);
	return 0;
}

static int fake_vf_admin_set(void *arg, const struct function *vf,
			     const struct vf_settings *wanted, struct tio_error *err)
{
	struct fake_host *host = arg;
	char text[160];
	int r = there(arg, vf->bdf, err) ? change(arg, "vf_admin", vf->bdf,
						  vf_format(wanted, text, sizeof(text)), err)
					 : -ENODEV;

	if (r <= 0)
		return r;
	vf_merge(&host->vf_admin[vf->vf_index], wanted);
	return done(arg);
}

static int fake_set_override(void *arg, struct bdf bdf, const char *driver,
			     struct tio_error *err)
{
	struct function *f = there(arg, bdf, err);
	int r = f ? change(arg, "driver_override", bdf, driver, err) : -ENODEV;

	if (r <= 0)
		return r;
	text_copy(f->override, sizeof(f->override), driver);
	return done(arg);
}

static void move_driver(struct fake_host *host, struct function *f, const char *driver)
{
	bool vfio = strcmp(driver, VFIO_DRIVER) == 0;

	/* As vfio-pci's pm_runtime_allow() and pm_runtime_forbid(); other drivers differ. */
	if (f->power.always_on)
		f->power.always_on = driver[0] ? SETTING_NO : SETTING_YES;
	if (vfio && host->sleep_drops_link)
		f->stream.endpoint.secure = false;

	text_copy(f->driver, sizeof(f->driver), driver);
	text_copy(f->cdev, sizeof(f->cdev), strcmp(driver, VFIO_DRIVER) == 0 ? "vfio0" : "");
	f->cdev_node = f->cdev[0] != '\0';
	f->node = (struct node_access){ .known = f->cdev_node,
					.mode = f->cdev_node ? 0600 : 0 };
}

static int fake_unbind(void *arg, struct bdf bdf, struct tio_error *err)
{
	struct function *f = there(arg, bdf, err);
	int r = f ? change(arg, "unbind", bdf, f->driver, err) : -ENODEV;

	if (r <= 0)
		return r;
	move_driver(arg, f, "");
	return done(arg);
}

static int fake_bind(void *arg, struct bdf bdf, const char *driver, struct tio_error *err)
{
	struct function *f = there(arg, bdf, err);
	int r = f ? change(arg, "bind", bdf, driver, err) : -ENODEV;

	if (r <= 0)
		return r;
	move_driver(arg, f, driver);
	return done(arg);
}

static int fake_probe(void *arg, struct bdf bdf, struct tio_error *err)
{
	struct function *f = there(arg, bdf, err);
	int r = f ? change(arg, "drivers_probe", bdf, "", err) : -ENODEV;

	if (r <= 0)
		return r;
	if (!((struct fake_host *)arg)->no_host_driver)
		move_driver(arg, f, "mlx5_core");
	return done(arg);
}

static int fake_set_autoprobe(void *arg, struct bdf pf, bool on, struct tio_error *err)
{
	struct function *f = there(arg, pf, err);
	int r = f ? change(arg, "sriov_drivers_autoprobe", pf, on ? "1" : "0", err) : -ENODEV;

	if (r <= 0)
		return r;
	f->vfs_autoprobe = on;
	return done(arg);
}

static void make_vf(struct fake_host *host, const struct function *pf, unsigned index)
{
	struct function vf = { .bdf = function_vf_address(pf, index),
			       .kind = FUNCTION_VF,
			       .physfn = pf->bdf,
			       .vf_index = (uint16_t)index,
			       .dsm = pf->dsm,
			       .root_port = pf->root_port,
			       .numa_node = pf->numa_node,
			       .iommu_group = 100 + (int)index,
			       .config_complete = true,
			       .tee_io = true };

	snapshot_put(&host->world, &vf);
}

static int fake_set_vfs(void *arg, struct bdf bdf, unsigned n, struct tio_error *err)
{
	struct fake_host *host = arg;
	struct function *pf = there(arg, bdf, err);
	char count[16];
	int r;

	snprintf(count, sizeof(count), "%u", n);
	r = pf ? change(arg, "sriov_numvfs", bdf, count, err) : -ENODEV;
	if (r <= 0)
		return r;
	if (n && pf->vfs)
		abort(); /* the kernel says EBUSY: core must go through 0 */
	n -= n > host->vfs_less ? host->vfs_less : 0;
	for (unsigned i = n; i < pf->vfs; i++)
		snapshot_remove(&host->world, function_vf_address(pf, i));
	pf = there(arg, bdf, err);
	pf->vfs = (uint16_t)n;
	for (unsigned i = 0; i < n; i++) {
		make_vf(host, pf, i);
		pf = there(arg, bdf, err);
	}
	return done(arg);
}

static struct ide_end an_end(bool secure)
{
	return (struct ide_end){
		.known = true, .enabled = true, .secure = secure, .stream_id = 3
	};
}

static int fake_connect(void *arg, struct bdf dsm, const char *tsm, struct tio_error *err)
{
	struct fake_host *host = arg;
	struct function *f = there(arg, dsm, err);
	int r = f ? change(arg, "tsm/connect", dsm, tsm, err) : -ENODEV;

	if (r <= 0)
		return r;
	text_copy(f->tsm, sizeof(f->tsm), tsm);
	f->stream = (struct ide_stream){ .present = true,
					 .endpoint = an_end(!host->insecure),
					 .root_port = an_end(!host->insecure) };
	return done(arg);
}

static int fake_disconnect(void *arg, struct bdf dsm, const char *tsm, struct tio_error *err)
{
	struct function *f = there(arg, dsm, err);
	int r = f ? change(arg, "tsm/disconnect", dsm, tsm, err) : -ENODEV;

	if (r <= 0)
		return r;
	f->tsm[0] = '\0';
	f->stream = (struct ide_stream){ 0 };
	return done(arg);
}

static int fake_set_power(void *arg, struct bdf bdf, enum power_attribute which,
			  const char *value, struct tio_error *err)
{
	static const char *const names[] = { "d3cold_allowed", "power/control",
					     "reset_method" };
	struct function *f = there(arg, bdf, err);
	int r = f ? change(arg, names[which], bdf, value, err) : -ENODEV;

	if (r <= 0)
		return r;
	if (which == POWER_D3COLD)
		f->power.d3cold_allowed = value[0] == '1' ? SETTING_YES : SETTING_NO;
	else if (which == POWER_CONTROL)
		f->power.always_on = strcmp(value, "on") == 0 ? SETTING_YES : SETTING_NO;
	else
		text_copy(f->power.reset, sizeof(f->power.reset), value);
	return done(arg);
}

static int fake_load_module(void *arg, const char *name, struct tio_error *err)
{
	struct fake_host *host = arg;
	int r = change(arg, "module", BDF_NONE, name, err);

	if (r <= 0)
		return r;
	host->world.vfio_pci |= strcmp(name, VFIO_DRIVER) == 0;
	return done(arg);
}

static int fake_set_node(void *arg, const struct function *f, const struct node_access *access,
			 struct tio_error *err)
{
	struct function *own = there(arg, f->bdf, err);
	char text[64];
	int r = own ? change(arg, "node", f->bdf,
			     node_access_format(access, text, sizeof(text)), err)
		    : -ENODEV;

	if (r <= 0)
		return r;
	own->node = *access;
	return done(arg);
}

static int fake_wait_cdev(void *arg, struct function *f, unsigned timeout_ms,
			  struct tio_error *err)
{
	struct fake_host *host = arg;

	if (host->cdev_unsupported)
		return error_set(err, -ENOTSUP, "this kernel makes no VFIO character devices");
	return fake_refresh(arg, f, err);
}

static void fake_parallel(void *arg, size_t n,
			  int (*fn)(void *arg, size_t index, struct tio_error *err),
			  void *fn_arg, struct tio_error *errs)
{
	struct fake_host *host = arg;

	host->batches++;
	for (size_t i = 0; i < n; i++) {
		struct tio_error err = TIO_ERROR_NONE;

		if (fn(fn_arg, i, &err) < 0)
			errs[i] = err;
	}
}

static int fake_journal_write(void *arg, struct bdf family, const char *json,
			      struct tio_error *err)
{
	struct fake_host *host = arg;
	int r = change(arg, "journal", family, "", err);

	if (r <= 0)
		return r;
	text_copy(host->journal, sizeof(host->journal), json ? json : "");
	return done(arg);
}

static int fake_assign(void *arg, const struct assignment *one, struct tio_error *err)
{
	struct fake_host *host = arg;
	struct assignment placed = *one;
	int r = assignments_place(&host->all, &placed, err);

	if (r == 0)
		r = change(arg, "assign", one->function, one->vm, err);
	if (r <= 0)
		return r;
	assignments_put(&host->all, &placed);
	return done(arg);
}

static int fake_release(void *arg, struct bdf function, struct tio_error *err)
{
	struct fake_host *host = arg;
	int r = change(arg, "release", function, "", err);

	if (r <= 0)
		return r;
	assignments_remove(&host->all, function);
	return done(arg);
}

static void fake_progress(void *arg, const struct progress *progress)
{
	struct fake_host *host = arg;

	if (progress->kind == PROGRESS_BEGIN && strcmp(progress->step, "enable-vfs") == 0)
		host->deadline_ms = progress->deadline_ms;
	if (progress->kind == PROGRESS_NOTE)
		text_copy(host->note, sizeof(host->note), progress->text);
}

static int fake_tsm_take(void *arg, const char *tsm, struct tio_error *err)
{
	struct fake_host *host = arg;

	host->turns++;
	host->turn_held = true;
	return 0;
}

static void fake_tsm_give(void *arg)
{
	((struct fake_host *)arg)->turn_held = false;
}

const struct host_ops fake_host_ops = {
	.refresh = fake_refresh,
	.discover = fake_discover,
	.read_link = fake_read_link,
	.find_holders = fake_find_holders,
	.vf_admin_get = fake_vf_admin_get,
	.vf_admin_set = fake_vf_admin_set,
	.set_override = fake_set_override,
	.unbind = fake_unbind,
	.bind = fake_bind,
	.probe = fake_probe,
	.set_autoprobe = fake_set_autoprobe,
	.set_vfs = fake_set_vfs,
	.connect = fake_connect,
	.disconnect = fake_disconnect,
	.set_power = fake_set_power,
	.set_node = fake_set_node,
	.load_module = fake_load_module,
	.wait_cdev = fake_wait_cdev,
	.parallel = fake_parallel,
	.journal_write = fake_journal_write,
	.assign = fake_assign,
	.release = fake_release,
	.progress = fake_progress,
	.tsm_take = fake_tsm_take,
	.tsm_give = fake_tsm_give,
};

/* --- Workers --- */

struct request a_request(struct fake_host *host, enum verb verb, const char *names)
{
	struct request request = { .verb = verb };
	char list[256], *rest = list, *name;
	struct tio_error err;

	text_copy(list, sizeof(list), names);
	text_copy(request.vm.name, sizeof(request.vm.name), "vm1");
	request.vm.numa_node = VM_NODE_AUTO;
	while ((name = strtok_r(rest, " ", &rest))) {
		struct target *t = &request.targets[request.n_targets++];
		const struct function *f;

		if (request_resolve(&host->world, name, t, &err) < 0)
			abort();
		f = snapshot_find(&host->world, t->physfn.valid ? t->physfn : t->function);
		request.family = function_family(f);
	}
	request.families[0] = request.family;
	request.n_families = 1;
	return request;
}

struct worker {
	struct snapshot snap;
	struct assignments all;
	struct journal journal;
	struct engine engine;
};

static void worker_init(struct worker *worker, struct fake_host *host)
{
	struct tio_error err;

	*worker = (struct worker){ 0 };
	snapshot_copy(&host->world, &worker->snap);
	snapshot_remove(&worker->snap, host->unknown);
	free(worker->snap.holders);
	worker->snap.holders = NULL;
	worker->snap.n_holders = 0;
	for (size_t i = 0; i < host->all.n; i++)
		assignments_put(&worker->all, &host->all.list[i]);
	if (host->journal[0] &&
	    journal_from_json(host->journal, strlen(host->journal), &worker->journal, &err) < 0)
		abort();
	worker->engine = (struct engine){ .ops = &fake_host_ops,
					  .host = host,
					  .snap = &worker->snap,
					  .all = &worker->all,
					  .journal = &worker->journal,
					  .plugins = host->plugins };
}

static void worker_finish(struct worker *worker)
{
	snapshot_finish(&worker->snap);
	assignments_finish(&worker->all);
	journal_finish(&worker->journal);
}

int fake_run(struct fake_host *host, const struct request *request, struct tio_error *err)
{
	auto_free struct request *copy = malloc(sizeof(*copy));
	struct worker worker;
	int r;

	*copy = *request;
	worker_init(&worker, host);
	r = engine_run(&worker.engine, copy, false, NULL, err);
	worker_finish(&worker);
	return r;
}

int fake_recover(struct fake_host *host, struct tio_error *err)
{
	struct worker worker;
	int r;

	host->turn_held = false;
	worker_init(&worker, host);
	r = engine_recover(&worker.engine, &host->recovery, err);
	worker_finish(&worker);
	return r;
}

const char *fake_plan(struct fake_host *host, const struct request *request, char *buf,
		      size_t size)
{
	auto_free struct request *copy = malloc(sizeof(*copy));
	struct tio_error err = TIO_ERROR_NONE;
	struct plan plan = { 0 };
	struct worker worker;
	char name[BDF_STRLEN];

	*copy = *request;
	buf[0] = '\0';
	worker_init(&worker, host);
	if (engine_run(&worker.engine, copy, true, &plan, &err) < 0)
		text_append(buf, size, "%s: %s", error_kind_to_string(err.kind), err.text);
	for (size_t i = 0; i < plan.n_steps; i++)
		text_append(buf, size, "%s%s%s %s", i ? "; " : "",
			    plan.steps[i].undo ? "undo " : "", steps[plan.steps[i].row]->name,
			    bdf_format(plan.steps[i].function, name));
	plan_finish(&plan);
	worker_finish(&worker);
	return buf;
}

const char *fake_state(const struct fake_host *host, char *buf, size_t size)
{
	const struct vf_settings untouched = { .given = (1u << VF_KEYS_N) - 1 };
	char name[BDF_STRLEN], settings[320];

	buf[0] = '\0';
	for (size_t i = 0; i < host->world.n_functions; i++) {
		const struct function *f = &host->world.functions[i];

		text_append(buf, size, "%s %s/%s vfs=%u/%d tsm=%s%d power=%d/%d/%s\n",
			    bdf_format(f->bdf, name), f->driver, f->override, f->vfs,
			    f->vfs_autoprobe, f->tsm, f->stream.present,
			    f->power.d3cold_allowed, f->power.always_on, f->power.reset);
	}
	for (size_t i = 0; i < ARRAY_SIZE(host->vf_admin); i++)
		if (vf_difference(&host->vf_admin[i], &untouched))
			text_append(buf, size, "VF %zu: %s\n", i,
				    vf_format(&host->vf_admin[i], settings, sizeof(settings)));
	for (size_t i = 0; i < host->all.n; i++)
		text_append(buf, size, "%s for %s\n",
			    bdf_format(host->all.list[i].function, name), host->all.list[i].vm);
	return buf;
}
