/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/text.h"
#include "core/json.h"
#include "core/reasons.h"
#include "fake-host.h"
#include "handoff/qemu.h"

static void assign(struct assignments *all, const char *bdf, const char *lead)
{
	struct assignment one = { .function = address(bdf),
				  .family = address(lead),
				  .lead = address(lead),
				  .vf_index = -1,
				  .port = -1,
				  .vm = "vm1" };
	struct tio_error err;

	cr_assert(eq(int, assignments_place(all, &one, &err), 0));
	cr_assert(eq(int, assignments_put(all, &one), 0));
}

/* All arguments in one line. */
static void join(const json_t *handoff, char *buf, size_t size)
{
	const json_t *list = json_object_get(handoff, "arguments"), *one;
	size_t i;

	buf[0] = '\0';
	json_array_foreach(list, i, one)
		text_append(buf, size, "%s%s", i ? " " : "", json_string_value(one));
}

Test(qemu, each_device_has_a_root_port_of_its_own)
{
	struct vm vm = { .name = "vm1" };
	struct fake_host host;
	char line[4096];

	fake_host_init(&host);
	assign(&host.all, "01:00.0", "01:00.0");
	assign(&host.all, "02:00.0", "02:00.0");
	{
		auto_json json_t *handoff = qemu_arguments(&host.world, &host.all, &vm);

		join(handoff, line, sizeof(line));
		cr_expect(eq(
			str, line,
			"-object iommufd,id=iommufd0 "
			"-device pcie-root-port,id=tio_rp0,bus=pcie.0,chassis=1,slot=0,"
			"addr=0x10.0x0,multifunction=on "
			"-device vfio-pci,id=tio0_0,host=0000:01:00.0,bus=tio_rp0,iommufd=iommufd0 "
			"-device pcie-root-port,id=tio_rp1,bus=pcie.0,chassis=2,slot=1,"
			"addr=0x10.0x1 "
			"-device vfio-pci,id=tio1_0,host=0000:02:00.0,bus=tio_rp1,"
			"iommufd=iommufd0"));
		cr_expect(eq(sz, json_array_size(json_object_get(handoff, "devices")), 4));
	}
	fake_host_finish(&host);
}

Test(qemu, a_companion_sits_behind_the_port_of_its_lead)
{
	struct vm vm = { .name = "vm1" };
	struct fake_host host;
	char line[4096];

	fake_host_init(&host);
	assign(&host.all, "01:00.0", "01:00.0");
	assign(&host.all, "01:00.1", "01:00.0");
	{
		auto_json json_t *handoff = qemu_arguments(&host.world, &host.all, &vm);

		join(handoff, line, sizeof(line));
		cr_expect(ne(ptr,
			     strstr(line, "host=0000:01:00.0,bus=tio_rp0,iommufd=iommufd0,"
					  "addr=0x0.0x0,multifunction=on"),
			     NULL),
			  "%s", line);
		cr_expect(ne(ptr,
			     strstr(line, "host=0000:01:00.1,bus=tio_rp0,iommufd=iommufd0,"
					  "addr=0x0.0x1"),
			     NULL),
			  "%s", line);
	}
	fake_host_finish(&host);
}

Test(qemu, a_slot_always_has_a_function_0)
{
	struct vm vm = { .name = "vm1" };
	struct fake_host host;
	char line[4096];

	fake_host_init(&host);
	assign(&host.all, "01:00.0", "01:00.0");
	assign(&host.all, "02:00.0", "02:00.0");
	cr_assert(assignments_remove(&host.all, address("01:00.0")));
	{
		auto_json json_t *handoff = qemu_arguments(&host.world, &host.all, &vm);

		join(handoff, line, sizeof(line));
		cr_expect(ne(ptr,
			     strstr(line, "id=tio_rp0,bus=pcie.0,chassis=1,slot=0,"
					  "addr=0x10.0x0,multifunction=on"),
			     NULL),
			  "%s", line);
		cr_expect(ne(ptr, strstr(line, "id=tio_rp1,"), NULL), "%s", line);
		cr_expect(eq(ptr, strstr(line, "bus=tio_rp0,"), NULL), "%s", line);
	}
	fake_host_finish(&host);
}

Test(qemu, a_vm_without_devices_is_told_so)
{
	struct vm vm = { .name = "vm1" };
	struct fake_host host;

	fake_host_init(&host);
	{
		auto_json json_t *handoff = qemu_arguments(&host.world, &host.all, &vm);

		cr_expect(eq(sz, json_array_size(json_object_get(handoff, "arguments")), 0));
		cr_expect(eq(str,
			     (char *)json_string_value(
				     json_array_get(json_object_get(handoff, "notes"), 0)),
			     "no function is assigned to this VM"));
	}
	fake_host_finish(&host);
}

Test(reasons, an_errno_gets_its_name_cause_and_fix)
{
	struct tio_error err;

	error_set(&err, -14, "write \"tsm0\" to tsm/connect of 0000:01:00.0: Bad address");
	text_copy(err.attribute, sizeof(err.attribute), "tsm/connect");
	reasons_explain(&err);
	cr_expect(ne(ptr, strstr(err.text, "(EFAULT): no IDE stream could be set up"), NULL),
		  "%s", err.text);
	cr_expect(ne(ptr, strstr(err.fix, "BIOS"), NULL), "%s", err.fix);
}

Test(reasons, the_same_errno_means_another_thing_at_another_attribute)
{
	cr_expect(ne(str, (char *)reasons_cause("tsm/connect", -16),
		     (char *)reasons_cause("sriov_numvfs", -16)));
	cr_expect(ne(str, (char *)reasons_cause("sriov_numvfs", -16),
		     (char *)reasons_cause("bind", -16)));
	cr_expect(eq(ptr, (void *)reasons_cause("tsm/connect", -1000), NULL));
}
