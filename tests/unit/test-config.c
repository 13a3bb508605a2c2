/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "config.h"

static char folder[] = "/tmp/test-config.XXXXXX";
static struct config config;

static void make_folder(void)
{
	char path[64];

	cr_assert(ne(ptr, mkdtemp(folder), NULL));
	snprintf(path, sizeof(path), "%s/tiod.conf.d", folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/vms.d", folder);
	mkdir(path, 0700);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	return remove(path);
}

static void remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	config_finish(&config);
}

TestSuite(config, .init = make_folder, .fini = remove_folder);

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	cr_assert(ne(ptr, file, NULL));
	fputs(text, file);
	fclose(file);
}

static bool is_noted(const char *text)
{
	for (size_t i = 0; i < config.n_notes; i++)
		if (strstr(config.notes[i].text, text))
			return true;
	return false;
}

Test(config, nothing_at_all_is_the_presets)
{
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_expect(eq(u32, config.workers, 8));
	cr_expect(eq(u32, config.turn_seconds, 600));
	cr_expect(eq(u32, config.step_ms, 0));
	cr_expect(eq(u32, config.clients, 256));
	cr_expect(eq(sz, config.n_vms, 0));
	cr_expect(eq(sz, config.n_notes, 0));
	cr_assert(eq(int, config_load("/nowhere/at/all", &config), 0));
}

Test(config, drop_ins_win_in_the_order_of_their_names)
{
	write_file("tiod.conf", "# a comment\n[Daemon]\nWorkers=2\nStepTimeout=0.25\n");
	write_file("tiod.conf.d/20-b.conf", "[Daemon]\nWorkers=4\n");
	write_file("tiod.conf.d/10-a.conf", "[Daemon]\nWorkers=3\nLogLevel=debug\n");
	write_file("tiod.conf.d/30-c.conf~", "[Daemon]\nWorkers=60\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_expect(eq(u32, config.workers, 4));
	cr_expect(eq(u32, config.step_ms, 250));
	cr_expect(eq(int, config.log_level, LOG_LEVEL_DEBUG));
}

Test(config, a_vms_file_is_read_and_named_by_its_file)
{
	const struct vm *vm;

	write_file(
		"vms.d/gpu-vm.conf",
		"[VM]\n  User=daemon\nMemory = 64G\nHugepageSize=2M\nNumaNode=1\n"
		"QMPSocket=/run/qemu/gpu-vm.qmp\nFirmware=/usr/share/OVMF.fd\nPolicy=0x30000\n");
	write_file("vms.d/a.conf", "[VM]\nNumaNode=auto\nHugepageSize=no\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_assert(eq(sz, config.n_vms, 2));
	cr_expect(eq(str, config.vms[0].name, "a"));
	vm = config_find_vm(&config, "gpu-vm");
	cr_assert(ne(ptr, (void *)vm, NULL));
	cr_expect(eq(str, (char *)vm->user, "daemon"));
	cr_expect(eq(u64, vm->memory, 64ull << 30));
	cr_expect(eq(u64, vm->hugepage_size, 2ull << 20));
	cr_expect(eq(int, vm->numa_node, 1));
	cr_expect(eq(str, (char *)vm->qmp_socket, "/run/qemu/gpu-vm.qmp"));
	cr_expect(eq(u64, vm->policy, 0x30000));
	cr_expect(vm->policy_given);
	cr_expect(eq(int, config.vms[0].numa_node, VM_NODE_AUTO));
	cr_expect(eq(int, config.vms[0].policy_given, false));
	cr_expect(eq(ptr, (void *)config_find_vm(&config, "b"), NULL));
}

Test(config, unknown_keys_and_sections_are_warnings_with_their_line)
{
	write_file("tiod.conf", "\n[Daemon]\nWorker=2\n\n[Deamon]\nWorkers=3\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_expect(eq(u32, config.workers, 8));
	cr_expect(is_noted("/tiod.conf:3: unknown key Worker="));
	cr_expect(is_noted("/tiod.conf:6: unknown section [Deamon]"));
	for (size_t i = 0; i < config.n_notes; i++)
		cr_expect(eq(int, config.notes[i].error, false));
}

Test(config, a_vm_of_an_unknown_owner_is_of_no_use)
{
	write_file("vms.d/vm.conf", "[VM]\nUser=root\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_assert(eq(sz, config.n_vms, 1));

	/* The former owner, too, must not keep it. */
	write_file("vms.d/vm.conf", "[VM]\nMemory=4G\nUser=no-such-one\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_expect(eq(sz, config.n_vms, 0));
	cr_expect(is_noted("vms.d/vm.conf:3: User=no-such-one is not the name of a user"));

	write_file("vms.d/vm.conf", "[VM]\nUser=root\nGroup=no-such-one\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_expect(eq(sz, config.n_vms, 0));
	cr_expect(is_noted("vms.d/vm.conf:3: Group=no-such-one is not the name of a group"));
}

Test(config, a_broken_vms_file_leaves_the_last_good_one_in_force)
{
	write_file("vms.d/vm.conf", "[VM]\nMemory=4G\n");
	write_file("vms.d/other.conf", "[VM]\nMemory=2G\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	write_file("vms.d/vm.conf", "[VM]\nMemory=lots\n");
	write_file("vms.d/other.conf", "[VM]\nMemory=3G\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_assert(eq(sz, config.n_vms, 2));
	cr_expect(eq(u64, config_find_vm(&config, "vm")->memory, 4ull << 30));
	cr_expect(eq(u64, config_find_vm(&config, "other")->memory, 3ull << 30));
	cr_expect(is_noted("/vms.d/vm.conf:2: Memory=lots is not a size such as 64G"));
	cr_expect(is_noted("stays in force"));
}

Test(config, a_broken_vms_file_at_the_start_is_no_vm)
{
	write_file("vms.d/vm.conf", "[VM]\nMemory=4G\nno equals sign\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_expect(eq(sz, config.n_vms, 0));
	cr_expect(is_noted("/vms.d/vm.conf:3: neither [Section] nor Key=value"));
}

Test(config, a_broken_tiod_conf_changes_nothing_on_reload)
{
	write_file("tiod.conf", "[Daemon]\nWorkers=2\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	write_file("tiod.conf", "[Daemon]\nWorkers=3\nMaxClients=0\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_expect(eq(u32, config.workers, 2));
	cr_expect(eq(u32, config.clients, 256));
}

Test(config, names_that_could_leave_the_folder_are_no_vms)
{
	write_file("vms.d/-x.conf", "[VM]\n");
	write_file("vms.d/a b.conf", "[VM]\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_expect(eq(sz, config.n_vms, 0));
	cr_expect(is_noted("-x.conf: the file's name is the VM's"));
}

Test(config, a_line_that_is_too_long_is_an_error_and_not_cut)
{
	char text[600];

	snprintf(text, sizeof(text), "[VM]\nFirmware=/%0400d\nMemory=1G\n", 0);
	write_file("vms.d/vm.conf", text);
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_expect(is_noted("vm.conf:2: the line is longer than"));
}

struct value_case {
	char line[48];
	bool good;
};

ParameterizedTestParameters(config, values_are_checked)
{
	static struct value_case cases[] = {
		{ "Memory=4096", true },      { "Memory=0", false },
		{ "Memory=-1", false },       { "Memory=1Q", false },
		{ "Memory=", false },         { "HugepageSize=1G", true },
		{ "HugepageSize=3M", false }, { "HugepageSize=512", false },
		{ "HugepageSize=no", true },  { "NumaNode=0", true },
		{ "NumaNode=1024", false },   { "NumaNode=any", false },
		{ "User=root", true },        { "User=a b", false },
		{ "QMPSocket=rel", false },   { "QMPSocket=/run/x", true },
		{ "Policy=0x30000", true },   { "Policy=x", false },
		{ "Pin=d3cold, on", true },   { "Pin=none", true },
		{ "Pin=off", false },         { "Group=root", true },
		{ "User=no-such", false },    { "Group=no-such", false },
		{ "User=0", false },
	};

	return cr_make_param_array(struct value_case, cases, ARRAY_SIZE(cases));
}

ParameterizedTest(struct value_case *c, config, values_are_checked)
{
	char text[64];

	snprintf(text, sizeof(text), "[VM]\n%s\n", c->line);
	write_file("vms.d/vm.conf", text);
	cr_expect(eq(int, config_load(folder, &config), c->good ? 0 : -EINVAL), "%s", c->line);
	cr_expect(eq(sz, config.n_vms, c->good), "%s", c->line);
}

/* --- Search path --- */

/* Two folders below the test's own, the first of which wins. */
static void load_both(void)
{
	char dirs[160];

	snprintf(dirs, sizeof(dirs), "%s/etc:%s/usr", folder, folder);
	config_load(dirs, &config);
}

static void make_both(void)
{
	static const char *const folders[] = { "etc", "usr", "etc/vms.d", "usr/vms.d",
					       "usr/tiod.conf.d" };
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, folders[i]);
		cr_assert(eq(int, mkdir(path, 0700), 0));
	}
}

Test(config, earlier_folder_hides_a_file_of_the_same_name)
{
	make_both();
	write_file("etc/vms.d/a.conf", "[VM]\nMemory=1G\n");
	write_file("usr/vms.d/a.conf", "[VM]\nMemory=2G\n");
	write_file("usr/vms.d/b.conf", "[VM]\nMemory=3G\n");
	load_both();
	cr_assert(eq(sz, config.n_vms, 2));
	cr_assert(eq(u64, config_find_vm(&config, "a")->memory, 1ull << 30));
	cr_assert(eq(u64, config_find_vm(&config, "b")->memory, 3ull << 30));
}

Test(config, empty_file_hides_others)
{
	char path[128];

	make_both();
	write_file("etc/vms.d/a.conf", "");
	write_file("usr/vms.d/a.conf", "[VM]\nMemory=2G\n");
	snprintf(path, sizeof(path), "%s/etc/vms.d/b.conf", folder);
	cr_assert(eq(int, symlink("/dev/null", path), 0));
	write_file("usr/vms.d/b.conf", "[VM]\nMemory=2G\n");
	load_both();
	cr_expect(eq(sz, config.n_vms, 0));
	cr_expect(eq(sz, config.n_notes, 0));
}

Test(config, only_the_first_main_file_counts_but_all_drop_ins)
{
	make_both();
	write_file("etc/tiod.conf", "[Daemon]\nWorkers=3\n");
	write_file("usr/tiod.conf", "[Daemon]\nWorkers=5\nMaxClients=7\n");
	write_file("usr/tiod.conf.d/10-more.conf", "[Daemon]\nTurnTimeout=9\n");
	load_both();
	cr_expect(eq(uint, config.workers, 3));
	cr_expect(eq(uint, config.clients, 256));
	cr_expect(eq(uint, config.turn_seconds, 9));
}

/* --- Rules --- */

static void make_rules(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/rules.d", folder);
	cr_assert(eq(int, mkdir(path, 0700), 0));
}

Test(config, rules_are_read_in_order)
{
	make_rules();
	write_file("rules.d/60-nic.conf", "[Match]\nClass=0x0200\nCapability=ide sr-iov\n"
					  "[Attach]\nVM=n\nFunction=vf\nVFs=4\nOn=boot\n");
	write_file("rules.d/50-gpu.conf", "[Match]\nVendor=0x10de\nSlot=7\n"
					  "[Attach]\nVM=g\nCompanions=yes\nOn=hotplug,boot\n");
	write_file("rules.d/70-all.conf",
		   "[Match]\nAddress=0000:01:00.0\n[Connect]\nOn=boot\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_assert(eq(sz, config.n_rules, 3));
	cr_expect(eq(str, config.rules[0].name, (char *)"50-gpu"));
	cr_expect(eq(str, config.rules[0].vm, (char *)"g"));
	cr_expect(eq(uint, config.rules[0].on, RULE_BOOT | RULE_HOTPLUG));
	cr_expect(config.rules[0].companions && !config.rules[0].vf);
	cr_expect(eq(u32, config.rules[1].match.class, 0x020000));
	cr_expect(eq(u32, config.rules[1].match.class_mask, 0xffff00));
	cr_expect(eq(uint, config.rules[1].n_vfs, 4));
	cr_expect(eq(int, config.rules[2].action, RULE_CONNECT));
}

struct bad_rule {
	char text[96], note[64];
};

ParameterizedTestParameters(config, bad_rule)
{
	static struct bad_rule cases[] = {
		{ "[Match]\nVendor=nvidia\n[Report]\nOn=boot\n",
		  "r.conf:2: Vendor=nvidia is not a vendor's number" },
		{ "[Match]\nClass=0x1000000\n[Report]\nOn=boot\n", "r.conf:2: Class=" },
		{ "[Match]\nAddress=e1\n[Report]\nOn=boot\n", "r.conf:2: Address=e1 is not" },
		{ "[Match]\nCapability=tdisp\n[Report]\nOn=boot\n", "r.conf:2: Capability=" },
		{ "[Match]\nSlot=7\n[Report]\nOn=always\n", "r.conf:4: On=always is not" },
		{ "[Match]\nSlot=7\n[Report]\nOn=boot\n[Connect]\nOn=boot\n",
		  "r.conf:6: On=boot is not possible here" },
		{ "[Match]\nSlot=7\n[Attach]\nVM=a/b\nOn=boot\n", "r.conf:4: VM=a/b is not" },
		{ "[Match]\nSlot=7\n[Attach]\nVM=a\nVFs=0\nOn=boot\n", "r.conf:5: VFs=0" },
		{ "[Match]\nSlot=7\n[Attach]\nOn=boot\n", "r.conf: [Attach] names no VM" },
		{ "[Match]\nSlot=7\n", "r.conf: nothing says what to do" },
		{ "[Match]\nVendor=1\nSlt=7\n[Report]\nOn=boot\n",
		  "r.conf:3: unknown key Slt= in [Match]" },
		{ "[Math]\nSlot=7\n[Report]\nOn=boot\n", "r.conf:2: unknown section [Math]" },
		{ "Slot=7\n", "r.conf:1: unknown section [] with Slot=" },
	};

	return cr_make_param_array(struct bad_rule, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad_rule *one, config, bad_rule)
{
	make_rules();
	write_file("rules.d/r.conf", one->text);
	cr_expect(eq(int, config_load(folder, &config), -EINVAL));
	cr_assert(eq(sz, config.n_rules, 1));
	cr_expect(config.rules[0].broken && config.rules[0].action == RULE_NONE);
	cr_expect(is_noted(one->note), "%s", one->note);
}

Test(config, broken_rule_leaves_the_former_one_in_force)
{
	make_rules();
	write_file("rules.d/r.conf", "[Match]\nSlot=7\n[Report]\nOn=boot\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	write_file("rules.d/r.conf", "[Match]\nSlot=7\n[Report]\nOn=never\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_assert(eq(sz, config.n_rules, 1));
	cr_expect(eq(uint, config.rules[0].on, RULE_BOOT));
	cr_expect(is_noted("stays in force"));
	write_file("rules.d/r.conf", "");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_expect(eq(sz, config.n_rules, 0));
}

Test(config, policies_for_cards_without_a_rule)
{
	write_file("tiod.conf", "[Daemon]\nPresentDevices=report\nInsertedDevices=connect\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_expect(eq(int, config.present, RULE_REPORT));
	cr_expect(eq(int, config.inserted, RULE_CONNECT));
	write_file("tiod.conf", "[Daemon]\nPresentDevices=attach\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_expect(is_noted("tiod.conf:2: PresentDevices=attach is not"));
	cr_expect(eq(int, config.present, RULE_REPORT));
}

Test(config, the_network_section_is_of_the_vms_vfs)
{
	write_file("vms.d/net.conf", "[VM]\nMemory=1G\n[Network]\nVLAN=12\nTrust=on\n"
				     "MAC=02:00:00:00:00:01\nLinkState=enable\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_expect(eq(uint, config_find_vm(&config, "net")->network.given,
		     VF_BIT(VF_VLAN) | VF_BIT(VF_TRUST) | VF_BIT(VF_MAC) |
			     VF_BIT(VF_LINK_STATE)));
	cr_expect(eq(uint, config_find_vm(&config, "net")->network.value[VF_VLAN], 12));
}

Test(config, a_mistake_in_the_network_section_is_told)
{
	write_file("vms.d/net.conf", "[VM]\nMemory=1G\n[Network]\nVLAN=4095\n");
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	cr_expect(
		is_noted("net.conf:4: VLAN=4095 is not a VLAN from 1 to 4094, or 0 for none"));
}

Test(config, it_comes_through_another_process_whole)
{
	struct config copy = { 0 };
	void *block;
	size_t size;

	make_rules();
	write_file("tiod.conf", "[Daemon]\nWorkers=3\nFrob=1\n");
	write_file("vms.d/a.conf", "[VM]\nMemory=1G\n");
	write_file("vms.d/b.conf", "[VM]\nMemory=2G\n");
	write_file("rules.d/r.conf", "[Match]\nSlot=8\n[Report]\nOn=boot\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_assert(eq(int, config_pack(&config, &block, &size), 0));
	for (size_t part = 0; part < size; part += 61)
		cr_assert(eq(int, config_unpack(block, part, &copy), -EINVAL), "%zu", part);
	cr_assert(eq(int, config_unpack(block, size, &copy), 0));
	free(block);
	cr_expect(eq(uint, copy.workers, 3));
	cr_assert(eq(sz, copy.n_vms, 2));
	cr_expect(eq(u64, config_find_vm(&copy, "b")->memory, (uint64_t)2 << 30));
	cr_assert(eq(sz, copy.n_rules, 1));
	cr_expect(eq(str, copy.rules[0].match.slot, "8"));
	cr_assert(eq(sz, copy.n_notes, config.n_notes));
	cr_expect(eq(str, copy.notes[0].text, config.notes[0].text));
	config_finish(&copy);
}

Test(config, a_fifo_is_not_waited_for)
{
	char path[128];

	make_rules();
	write_file("rules.d/r.conf", "[Match]\nSlot=7\n[Report]\nOn=boot\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	snprintf(path, sizeof(path), "%s/rules.d/r.conf", folder);
	unlink(path);
	cr_assert(eq(int, mkfifo(path, 0600), 0));
	alarm(20);
	cr_assert(eq(int, config_load(folder, &config), -EINVAL));
	alarm(0);
	cr_expect(is_noted("r.conf: it is no file that can be read"));
	cr_assert(eq(sz, config.n_rules, 1));
	cr_expect(eq(str, config.rules[0].match.slot, "7"), "the last good one stays");
}

static void tell(void *arg, const char *what)
{
	struct text *told = arg;

	text_add(told, "%s\n", what);
}

Test(config, what_may_take_long_is_told_before_it_is_begun)
{
	auto_text struct text told = { 0 };

	config.tell = tell;
	config.tell_arg = &told;
	write_file("vms.d/a.conf", "[VM]\nMemory=1G\nUser=root\n");
	cr_assert(eq(int, config_load(folder, &config), 0));
	cr_expect(ne(ptr, strstr(told.data, "who is in the group tiod\n"), NULL));
	cr_expect(ne(ptr, strstr(told.data, "vms.d/a.conf\nwho User=root is ("), NULL), "%s",
		  told.data);
}
