/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "core/holder.h"
#include "core/hugepages.h"
#include "fake-host.h"

static struct fake_host host;
static struct request request;

/* --- Ways in which a host may stand --- */

static void as_it_is(void)
{
}

static void driverless(void)
{
	fake_function(&host, "01:00.0")->driver[0] = '\0';
}

static void without_tee_io(void)
{
	fake_function(&host, "01:00.0")->tee_io = false;
}

static void without_ide(void)
{
	fake_function(&host, "01:00.0")->ide.offset = 0;
}

static void without_doe(void)
{
	fake_function(&host, "01:00.0")->doe_cma = false;
}

static void root_port_without_ide(void)
{
	fake_function(&host, "01:00.0")->root_port_ide.offset = 0;
}

static void config_truncated(void)
{
	fake_function(&host, "01:00.0")->config_complete = false;
}

static void without_tsm(void)
{
	host.world.n_tsms = 0;
}

static void two_tsms(void)
{
	text_copy(host.world.tsms[1].name, TSM_NAME_MAX, "tsm1");
	host.world.n_tsms = 2;
}

static void tsm_shy(void)
{
	fake_function(&host, "01:00.0")->tsm_group = false;
}

static void without_iommu(void)
{
	host.world.iommu = false;
	fake_function(&host, "01:00.0")->iommu_group = -1;
}

static void without_iommufd(void)
{
	host.world.iommufd = false;
}

static void vfio_not_loaded(void)
{
	host.world.vfio_pci = host.world.iommufd = false;
}

static void held(enum holder_kind kind, const char *what, const char *where)
{
	struct holder holder = { .function = address("01:00.0"), .kind = kind, .pid = 4711 };

	text_copy(holder.what, sizeof(holder.what), what);
	text_copy(holder.where, sizeof(holder.where), where);
	text_copy(holder.command, sizeof(holder.command), "qemu");
	snapshot_add_holder(&host.world, &holder);
}

static void mounted(void)
{
	held(HOLDER_MOUNT, "/dev/nvme0n1p2", "/data");
	held(HOLDER_SWAP, "/dev/nvme0n1p3", "");
}

static void assigned_to(const char *bdf, const char *vm)
{
	struct assignment one = { .function = address(bdf),
				  .family = address(bdf),
				  .lead = address(bdf),
				  .vf_index = -1 };

	text_copy(one.vm, sizeof(one.vm), vm);
	assignments_put(&host.all, &one);
}

static void assigned_elsewhere(void)
{
	assigned_to("01:00.0", "vm2");
}

static void vf_reserved(void)
{
	struct assignment one = { .function = address("02:00.1"),
				  .family = address("02:00.0"),
				  .lead = address("02:00.1"),
				  .physfn = address("02:00.0"),
				  .vf_index = 0 };

	text_copy(one.vm, sizeof(one.vm), "vm2");
	assignments_put(&host.all, &one);
}

static void connected_elsewhere(void)
{
	text_copy(fake_function(&host, "01:00.0")->tsm, TSM_NAME_MAX, "tsm0");
	text_copy(request.tsm, sizeof(request.tsm), "tsm7");
}

static void tdi_bound(void)
{
	text_copy(fake_function(&host, "01:00.0")->tsm, TSM_NAME_MAX, "tsm0");
	text_copy(fake_function(&host, "01:00.0")->bound, TSM_NAME_MAX, "tsm0");
}

static void pf_assigned(void)
{
	assigned_to("02:00.0", "vm2");
}

static void with_vfs(void)
{
	fake_function(&host, "02:00.0")->vfs = 4;
}

static void with_vfs_connected(void)
{
	text_copy(fake_function(&host, "02:00.0")->tsm, TSM_NAME_MAX, "tsm0");
}

static void nic_driverless(void)
{
	fake_function(&host, "02:00.0")->driver[0] = '\0';
}

static void sibling(const char *driver)
{
	struct function audio = { .bdf = address("01:00.1"),
				  .kind = FUNCTION_ENDPOINT,
				  .dsm = address("01:00.0"),
				  .iommu_group = 7 };

	text_copy(audio.driver, sizeof(audio.driver), driver);
	snapshot_put(&host.world, &audio);
}

static void sibling_bound(void)
{
	sibling("snd_hda_intel");
}

static void sibling_unbound(void)
{
	sibling("");
}

static void sibling_of_other_vm(void)
{
	sibling("vfio-pci");
	assigned_to("01:00.1", "vm2");
}

static void group_with_a_bridge(void)
{
	struct function isa = { .bdf = address("01:00.3"),
				.kind = FUNCTION_OTHER,
				.class = 0x060100,
				.dsm = address("01:00.0"),
				.iommu_group = 7 };

	sibling("snd_hda_intel");
	snapshot_put(&host.world, &isa);
	request.with_companions = true;
}

static void few_hugepages(void)
{
	host.world.pools[0] = (struct hugepage_pool){
		.node = -1, .size = 2 << 20, .total = 4096, .free = 4000
	};
	host.world.pools[1] = (struct hugepage_pool){
		.node = 0, .size = 2 << 20, .total = 4000, .free = 3990
	};
	host.world.pools[2] = (struct hugepage_pool){
		.node = 1, .size = 2 << 20, .total = 96, .free = 10
	};
	host.world.n_pools = 3;
	request.vm.memory = 4ull << 30;
	request.vm.hugepage_size = 2 << 20;
}

Test(plan, two_vms_that_count_on_the_same_hugepages_are_told)
{
	char text[256];

	few_hugepages();
	request.vm.numa_node = 1;
	host.world.pools[2].free = 3000;
	hugepages_shared(&host.world, &request.vm, 1, 1ull << 30, "vm2", text, sizeof(text));
	cr_expect(eq(str, text, ""), "2048 and 512 of 3000");
	hugepages_shared(&host.world, &request.vm, 1, 2ull << 30, "vm2", text, sizeof(text));
	cr_expect(eq(str, text,
		     "vm2 count on 2 GiB of the same hugepages (1024), and 3000 are free for "
		     "both: unless they run already, not all can"));
}

static void take_group_along(void)
{
	sibling("snd_hda_intel");
	request.with_companions = true;
}

static void three_vfs_wanted(void)
{
	fake_function(&host, "02:00.0")->vfs = 4;
	request.vfs = 3;
}

static void nine_vfs_wanted(void)
{
	request.vfs = 9;
}

static void four_vfs_wanted(void)
{
	request.vfs = 4;
}

static void connected(void)
{
	text_copy(fake_function(&host, "01:00.0")->tsm, TSM_NAME_MAX, "tsm0");
}

static void connected_and_assigned(void)
{
	connected();
	assigned_to("01:00.0", "vm1");
}

/* --- What is planned then --- */

static const struct {
	void (*set_up)(void);
	enum verb verb;
	const char *names;
	const char *plan; /* all of it, or for a refusal its beginning */
} cases[] = {
	{ as_it_is, VERB_ATTACH, "01:00.0",
	  "reserve 0000:01:00.0; connect-tsm 0000:01:00.0; verify-ide 0000:01:00.0; "
	  "rebind 0000:01:00.0; wait-cdev 0000:01:00.0" },
	{ driverless, VERB_ATTACH, "01:00.0",
	  "reserve 0000:01:00.0; connect-tsm 0000:01:00.0; verify-ide 0000:01:00.0; "
	  "rebind 0000:01:00.0; wait-cdev 0000:01:00.0" },
	{ vfio_not_loaded, VERB_ATTACH, "01:00.0",
	  "reserve 0000:01:00.0; connect-tsm 0000:01:00.0; verify-ide 0000:01:00.0; "
	  "load-vfio 0000:01:00.0; rebind 0000:01:00.0; wait-cdev 0000:01:00.0" },
	{ sibling_unbound, VERB_ATTACH, "01:00.0",
	  "reserve 0000:01:00.0; connect-tsm 0000:01:00.0; verify-ide 0000:01:00.0; "
	  "rebind 0000:01:00.0; wait-cdev 0000:01:00.0" },
	{ take_group_along, VERB_ATTACH, "01:00.0",
	  "reserve 0000:01:00.0; reserve 0000:01:00.1; connect-tsm 0000:01:00.0; "
	  "verify-ide 0000:01:00.0; rebind 0000:01:00.0; rebind 0000:01:00.1; "
	  "wait-cdev 0000:01:00.0; wait-cdev 0000:01:00.1" },
	{ four_vfs_wanted, VERB_ATTACH, "02:00.0/vf1",
	  "reserve 0000:02:00.2; stop-vf-autoprobe 0000:02:00.0; enable-vfs 0000:02:00.0; "
	  "connect-tsm 0000:02:00.0; verify-ide 0000:02:00.0; rebind 0000:02:00.2; "
	  "wait-cdev 0000:02:00.2" },
	{ four_vfs_wanted, VERB_ATTACH, "02:00.0/vf1 02:00.0/vf3",
	  "reserve 0000:02:00.2; reserve 0000:02:00.4; stop-vf-autoprobe 0000:02:00.0; "
	  "enable-vfs 0000:02:00.0; connect-tsm 0000:02:00.0; verify-ide 0000:02:00.0; "
	  "rebind 0000:02:00.2; rebind 0000:02:00.4; wait-cdev 0000:02:00.2; "
	  "wait-cdev 0000:02:00.4" },
	{ as_it_is, VERB_CONNECT, "01:00.0",
	  "connect-tsm 0000:01:00.0; verify-ide 0000:01:00.0" },
	{ connected, VERB_DISCONNECT, "01:00.0", "undo connect-tsm 0000:01:00.0" },
	{ as_it_is, VERB_DISCONNECT, "01:00.0", "" },
	{ as_it_is, VERB_DETACH, "01:00.0", "" },

	{ as_it_is, VERB_ATTACH, "00:01.0",
	  "InvalidRequest: it is no PCIe endpoint (kind: root-port)" },
	{ without_tee_io, VERB_ATTACH, "01:00.0",
	  "NoSuchFunction: 0000:01:00.0 cannot do TDISP: it lacks the TEE-IO bit" },
	{ without_ide, VERB_ATTACH, "01:00.0",
	  "NoSuchFunction: 0000:01:00.0 cannot do TDISP: it lacks the IDE capability" },
	{ without_doe, VERB_ATTACH, "01:00.0",
	  "NoSuchFunction: 0000:01:00.0 cannot do TDISP: it lacks a DOE mailbox for CMA-SPDM" },
	{ root_port_without_ide, VERB_CONNECT, "01:00.0",
	  "NoSuchFunction: 0000:01:00.0 cannot do TDISP: it lacks IDE at its root port "
	  "0000:00:01.0" },
	{ config_truncated, VERB_ATTACH, "01:00.0", "NotReady: only the first 64 bytes" },
	{ without_tsm, VERB_ATTACH, "01:00.0", "NotReady: this host has no TSM" },
	{ two_tsms, VERB_ATTACH, "01:00.0", "InvalidRequest: this host has 2 TSMs" },
	{ tsm_shy, VERB_ATTACH, "01:00.0", "NotReady: the kernel offers no tsm/connect" },
	{ without_iommu, VERB_ATTACH, "01:00.0", "NotReady: the kernel has no IOMMU groups" },
	{ without_iommufd, VERB_ATTACH, "01:00.0", "NotReady: /dev/iommu does not exist" },
	{ mounted, VERB_ATTACH, "01:00.0",
	  "InUse: cannot unbind from nvme: /dev/nvme0n1p2 is mounted on /data; /dev/nvme0n1p3 is "
	  "used as swap space" },
	{ assigned_elsewhere, VERB_ATTACH, "01:00.0", "Conflict: it is assigned to vm2" },
	{ sibling_bound, VERB_ATTACH, "01:00.0",
	  "InUse: it shares IOMMU group 7 with 0000:01:00.1 (snd_hda_intel)" },
	{ sibling_of_other_vm, VERB_ATTACH, "01:00.0",
	  "Conflict: it shares IOMMU group 7 with 0000:01:00.1, which is assigned to vm2" },
	{ with_vfs, VERB_ATTACH, "02:00.0", "InUse: it has 4 VFs enabled" },
	{ pf_assigned, VERB_ATTACH, "02:00.0/vf0",
	  "Conflict: its PF 0000:02:00.0 is given to vm2 as a whole" },
	{ as_it_is, VERB_ATTACH, "02:00.0/vf0",
	  "InvalidRequest: VF 0 is not enabled (it has 0 VFs)" },
	{ nine_vfs_wanted, VERB_ATTACH, "02:00.0/vf0", "InvalidRequest: 9 VFs were asked for" },
	{ three_vfs_wanted, VERB_ATTACH, "02:00.0/vf0", "InUse: it has 4 VFs enabled already" },
	{ few_hugepages, VERB_ATTACH, "01:00.0",
	  "NotReady: vm1 needs 2048 hugepages of 2 MiB for its 4 GiB of memory on node 1; 10 "
	  "can be had (node 0 has 3990 of 4000 free, node 1 has 10 of 96 free)" },
	{ vf_reserved, VERB_ATTACH, "02:00.0",
	  "Conflict: its VF 0 (0000:02:00.1) is reserved for vm2" },
	{ connected_elsewhere, VERB_CONNECT, "01:00.0",
	  "Conflict: it is connected to tsm0, not to tsm7" },
	{ tdi_bound, VERB_DISCONNECT, "01:00.0", "InUse: a guest has bound its TDI (tsm0)" },
	{ group_with_a_bridge, VERB_ATTACH, "01:00.0",
	  "reserve 0000:01:00.0; reserve 0000:01:00.1; connect-tsm 0000:01:00.0; "
	  "verify-ide 0000:01:00.0; rebind 0000:01:00.0; rebind 0000:01:00.1; "
	  "wait-cdev 0000:01:00.0; wait-cdev 0000:01:00.1" },
	{ connected_and_assigned, VERB_DISCONNECT, "01:00.0",
	  "InUse: its TSM link is used by 0000:01:00.0, assigned to vm1" },
};

ParameterizedTestParameters(plan, is_as_the_table_says)
{
	static int numbers[ARRAY_SIZE(cases)];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		numbers[i] = (int)i;
	return cr_make_param_array(int, numbers, ARRAY_SIZE(numbers));
}

ParameterizedTest(int *number, plan, is_as_the_table_says)
{
	char plan[4096];

	fake_host_init(&host);
	request = a_request(&host, cases[*number].verb, cases[*number].names);
	cases[*number].set_up();
	fake_plan(&host, &request, plan, sizeof(plan));
	if (isupper((unsigned char)cases[*number].plan[0])) /* a refusal: its beginning */
		plan[strlen(cases[*number].plan)] = '\0';
	cr_expect(eq(str, plan, (char *)cases[*number].plan), "case %d", *number);
	cr_expect(eq(uint, host.changes, 0), "a plan changes nothing");
	fake_host_finish(&host);
}

Test(plan, a_host_driver_is_loaded_only_for_vfs_that_are_to_be_made)
{
	char plan[4096];

	fake_host_init(&host);
	nic_driverless();
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 1;
	fake_plan(&host, &request, plan, sizeof(plan));
	cr_expect(
		ne(ptr, strstr(plan, "load-host-driver 0000:02:00.0; stop-vf-autoprobe"), NULL),
		"%s", plan);
	fake_host_finish(&host);
}

Test(plan, vfs_are_not_made_behind_a_live_link)
{
	char plan[4096];

	fake_host_init(&host);
	with_vfs_connected();
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 1;
	fake_plan(&host, &request, plan, sizeof(plan));
	cr_expect(eq(int, strncmp(plan, "Conflict: VFs have to be enabled before", 38), 0),
		  "%s", plan);
	fake_host_finish(&host);
}

Test(plan, an_open_device_is_not_detached_unless_forced)
{
	struct tio_error err = TIO_ERROR_NONE;
	char plan[4096];

	fake_host_init(&host);
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	held(HOLDER_PROCESS, "/dev/vfio/devices/vfio0", "");
	host.changes = 0;

	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_expect(eq(
		str, (char *)fake_plan(&host, &request, plan, sizeof(plan)),
		"InUse: cannot unbind from vfio-pci: /dev/vfio/devices/vfio0 is open in process "
		"4711 (qemu)"));
	request.force = FORCE_OPEN;
	cr_expect(eq(str, (char *)fake_plan(&host, &request, plan, sizeof(plan)),
		     "undo rebind 0000:01:00.0; undo connect-tsm 0000:01:00.0; undo reserve "
		     "0000:01:00.0"));
	cr_expect(eq(uint, host.changes, 0));
	fake_host_finish(&host);
}

Test(plan, vfs_that_somebody_else_uses_are_not_removed)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct holder holder = { .kind = HOLDER_PROCESS, .pid = 4711 };
	char plan[4096];

	fake_host_init(&host);
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	text_copy(fake_function(&host, "02:00.3")->driver, DRIVER_NAME_MAX, "vfio-pci");
	holder.function = address("02:00.3");
	text_copy(holder.what, sizeof(holder.what), "/dev/vfio/devices/vfio9");
	text_copy(holder.command, sizeof(holder.command), "dpdk");
	cr_assert(eq(int, snapshot_add_holder(&host.world, &holder), 0));

	request = a_request(&host, VERB_DETACH, "02:00.0/vf0");
	fake_plan(&host, &request, plan, sizeof(plan));
	cr_expect(eq(str, plan,
		     "InUse: its VFs would be removed, and VF 2 (0000:02:00.3) is in use: "
		     "/dev/vfio/devices/vfio9 is open in process 4711 (dpdk)"));
	fake_host_finish(&host);
}

Test(plan, the_hugepage_figures_are_told_once_beside_other_notes)
{
	struct plan plan = { 0 };

	plan_note(&plan, "a plugin's word");
	plan_note(&plan, "vm1 needs %d pages", 512);
	plan_note(&plan, "vm1 needs %d pages", 512);
	cr_expect(eq(sz, plan.n_notes, 2));
	cr_expect(eq(str, plan.notes[1], "vm1 needs 512 pages"));
}

Test(plan, a_companion_goes_back_only_with_its_lead)
{
	struct tio_error err = TIO_ERROR_NONE;
	char plan[4096];

	fake_host_init(&host);
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	take_group_along();
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(int, host.all.list[1].port_function, 1));
	cr_expect(eq(int, host.all.list[1].port, host.all.list[0].port));

	request = a_request(&host, VERB_DETACH, "01:00.1");
	fake_plan(&host, &request, plan, sizeof(plan));
	cr_expect(eq(str, plan,
		     "InvalidRequest: it came along with 0000:01:00.0 and goes back with it"));
	fake_host_finish(&host);
}
