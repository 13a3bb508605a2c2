/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/grant.h"
#include "core/holder.h"
#include "fake-suite.h"

#define CARD "01:00.0"

FAKE_SUITE(grant);

/* --- Who gets what --- */

struct grant_case {
	char user[16], group[16];
	uid_t uid;
	gid_t gid;
	bool wanted;
	uint16_t mode; /* of what was 0600 of root's */
	uid_t node_uid;
	gid_t node_gid;
};

ParameterizedTestParameters(grant, access)
{
	static struct grant_case cases[] = {
		{ "", "", 0, 0, false, 0600, 0, 0 },
		{ "root", "", 0, 0, false, 0600, 0, 0 },
		{ "u", "", 1000, 0, true, 0600, 1000, 0 },
		{ "", "g", 0, 7, true, 0660, 0, 7 },
		{ "u", "g", 1000, 7, true, 0660, 1000, 7 },
		{ "root", "g", 0, 7, true, 0660, 0, 7 },
	};

	return cr_make_param_array(struct grant_case, cases, ARRAY_SIZE(cases));
}

ParameterizedTest(struct grant_case *c, grant, access)
{
	struct node_access root = { true, 0600, 0, 0 }, got;
	struct vm vm = { .uid = c->uid, .gid = c->gid };

	text_copy(vm.user, sizeof(vm.user), c->user);
	text_copy(vm.group, sizeof(vm.group), c->group);
	got = grant_access(&vm, &root);
	cr_expect(eq(int, grant_wanted(&vm), c->wanted));
	cr_expect(eq(u32, got.mode, c->mode));
	cr_expect(eq(u32, got.uid, c->node_uid));
	cr_expect(eq(u32, got.gid, c->node_gid));
}

Test(grant, what_the_user_lacks_is_said)
{
	struct vm vm = { .name = "x", .user = "u", .uid = 1000, .memory = 64ull << 30 };
	struct snapshot snap = { .iommu_node = { true, 0660, 0, 0 } };
	char text[320];

	cr_expect(grant_memory_note(&vm, text, sizeof(text)));
	cr_expect(ne(ptr, strstr(text, "64 GiB"), NULL), "%s", text);
	cr_expect(ne(ptr, strstr(text, "LimitMEMLOCK=68719476736"), NULL), "%s", text);
	cr_expect(grant_iommu_note(&snap, &vm, text, sizeof(text)));
	cr_expect(ne(ptr, strstr(text, "tioctl run x"), NULL), "%s", text);
	snap.iommu_node.mode = 0666;
	cr_expect(not(grant_iommu_note(&snap, &vm, text, sizeof(text))));
	snap.iommu_node = (struct node_access){ true, 0600, 1000, 0 };
	cr_expect(not(grant_iommu_note(&snap, &vm, text, sizeof(text))));
	vm.user[0] = '\0';
	snap.iommu_node.mode = 0;
	cr_expect(not(grant_iommu_note(&snap, &vm, text, sizeof(text))));
	cr_expect(not(grant_memory_note(&vm, text, sizeof(text))));
}

/* --- The step --- */

static int attach(uid_t uid)
{
	request = a_request(&host, VERB_ATTACH, CARD);
	text_copy(request.vm.user, sizeof(request.vm.user), uid ? "u" : "");
	request.vm.uid = uid;
	return fake_run(&host, &request, &err);
}

static int detach(void)
{
	request = a_request(&host, VERB_DETACH, CARD);
	return fake_run(&host, &request, &err);
}

static const struct node_access *node(void)
{
	return &fake_function(&host, CARD)->node;
}

Test(grant, the_node_is_the_users_while_its_vm_has_it)
{
	char *given_back;

	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, attach(1000), 0), "%s", err.text);
	cr_expect(eq(u32, node()->uid, 1000));
	cr_expect(eq(u32, node()->mode, 0600));
	host.trace[0] = '\0';
	cr_assert(eq(int, detach(), 0), "%s", err.text);
	/* Before the driver goes: nobody keeps a node that has a new owner. */
	given_back = strstr(host.trace, "node 0000:01:00.0 uid 0, gid 0, mode 0600");
	cr_assert(ne(ptr, given_back, NULL), "%s", host.trace);
	cr_expect(lt(ptr, given_back, strstr(host.trace, "unbind")), "%s", host.trace);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	cr_expect(eq(str, host.journal, ""));
}

Test(grant, a_vm_of_nobodys_gets_no_node)
{
	cr_assert(eq(int, attach(0), 0), "%s", err.text);
	cr_expect(eq(ptr, strstr(host.trace, "node "), NULL), "%s", host.trace);
	cr_expect(eq(u32, node()->uid, 0));
}

Test(grant, what_is_granted_is_not_granted_twice)
{
	cr_assert(eq(int, attach(1000), 0), "%s", err.text);
	host.trace[0] = '\0';
	cr_assert(eq(int, attach(1000), 0), "%s", err.text);
	cr_expect(eq(str, host.trace, ""));
}

Test(grant, a_new_user_gets_it_and_the_first_owner_back)
{
	cr_assert(eq(int, attach(1000), 0), "%s", err.text);
	cr_assert(eq(int, attach(1001), 0), "%s", err.text);
	cr_expect(eq(u32, node()->uid, 1001));
	host.trace[0] = '\0';
	cr_assert(eq(int, detach(), 0), "%s", err.text);
	cr_expect(ne(ptr, strstr(host.trace, "uid 0,"), NULL), "%s", host.trace);
	cr_expect(eq(ptr, strstr(host.trace, "uid 1000,"), NULL), "%s", host.trace);
}

Test(grant, whom_the_file_names_no_more_keeps_nothing)
{
	static const struct {
		uid_t uid;
		gid_t gid;
		uint16_t mode;
	} files[] = { { 1000, 7, 0660 },
		      { 1000, 0, 0600 },
		      { 0, 9, 0660 },
		      { 0, 0, 0600 },
		      { 1001, 0, 0600 } };

	fake_state(&host, before, sizeof(before));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		request = a_request(&host, VERB_ATTACH, CARD);
		text_copy(request.vm.user, sizeof(request.vm.user), files[i].uid ? "u" : "");
		text_copy(request.vm.group, sizeof(request.vm.group), files[i].gid ? "g" : "");
		request.vm.uid = files[i].uid;
		request.vm.gid = files[i].gid;
		cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
		cr_expect(eq(u32, node()->uid, files[i].uid), "%zu", i);
		cr_expect(eq(u32, node()->gid, files[i].gid), "%zu", i);
		cr_expect(eq(u32, node()->mode, files[i].mode), "%zu", i);
	}
	cr_assert(eq(int, detach(), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(grant, a_refused_or_ignored_grant_undoes_the_attach)
{
	for (int silent = 0; silent < 2; silent++) {
		fake_state(&host, before, sizeof(before));
		host.fail_call = "node";
		host.fail_nth = 1;
		host.fail_code = -EPERM;
		host.fail_silently = silent;
		cr_assert(lt(int, attach(1000), 0));
		cr_expect(eq(str, err.step, "grant"), "%s", err.text);
		cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
		cr_expect(eq(str, host.journal, ""));
	}
}

/* As when there is no helper that could take it back. */
static void nodes_stay(void)
{
	host.fail_call = "node";
	host.fail_nth = 1;
	host.fail_code = -ENOENT;
	host.fail_count = 99;
}

Test(grant, a_node_that_goes_with_vfio_need_not_be_taken_back)
{
	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, attach(1000), 0), "%s", err.text);
	nodes_stay();
	cr_assert(eq(int, detach(), 0), "%s", err.text);
	cr_expect(ne(ptr, strstr(host.note, "goes with vfio-pci"), NULL), "%s", host.note);
	cr_expect(ne(ptr, strstr(host.note, "fake node"), NULL), "%s", host.note);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	cr_expect(eq(str, host.journal, ""));
}

/* Nor does going back to it need who can give it. */
Test(grant, a_detach_that_fails_leaves_it_to_its_user)
{
	struct holder guest = { .kind = HOLDER_GUEST, .pid = 4711, .function = address(CARD) };

	cr_assert(eq(int, attach(1000), 0), "%s", err.text);
	fake_state(&host, before, sizeof(before));
	cr_assert(eq(int, snapshot_add_holder(&host.world, &guest), 0));
	host.blind = 1;
	nodes_stay();
	cr_expect(eq(int, detach(), -EBUSY));
	cr_expect(ne(ptr, strstr(err.text, "everything is as it was before"), NULL), "%s",
		  err.text);
	cr_expect(eq(u32, node()->uid, 1000));
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

/* A node that stays does not count as taken back. */
Test(grant, a_node_that_does_not_go_has_to_be_taken_back)
{
	IGNORE_LEAKS();
	cr_assert(eq(int, attach(1000), 0), "%s", err.text);
	host.changes = 0;
	host.die_at = 4; /* after the second change: the first is the journal's */
	if (setjmp(host.death) == 0)
		(void)attach(1001);
	cr_assert(eq(u32, node()->uid, 1001), "%s", host.trace);
	host.die_at = 0;
	nodes_stay();
	cr_expect(eq(int, fake_recover(&host, &err), -ENOENT));
	cr_expect(eq(int, (int)err.kind, (int)ERROR_STUCK));
	host.fail_call = NULL;
	cr_assert(eq(int, fake_recover(&host, &err), 0), "%s", err.text);
	cr_expect(eq(u32, node()->uid, 1000));
	cr_expect(eq(str, fake_function(&host, CARD)->driver, "vfio-pci"));
}

Test(grant, killed_at_any_change_it_is_put_back)
{
	enum { CHANGES_MAX = 64 };

	IGNORE_LEAKS();
	for (unsigned at = 1; at < 2 * CHANGES_MAX; at++) {
		fake_host_finish(&host);
		fake_host_init(&host);
		fake_state(&host, before, sizeof(before));
		host.die_at = at;
		if (setjmp(host.death) == 0) {
			(void)attach(1000);
			cr_expect(gt(u32, at, 8), "it makes some changes");
			return;
		}
		host.die_at = 0;
		cr_assert(eq(int, fake_recover(&host, &err), 0), "%u: %s", at, err.text);
		if (host.all.n) { /* it died after its last write */
			cr_expect(eq(u32, node()->uid, 1000));
			continue;
		}
		cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before),
			  "%u", at);
	}
	cr_assert(false, "it never got to its end");
}
