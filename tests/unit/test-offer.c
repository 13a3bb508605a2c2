/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/json.h"
#include "handoff/cdi.h"
#include "handoff/libvirt.h"
#include "handoff/nfd.h"

static struct snapshot snap;
static struct assignments all;
static struct bdf fallen; /* is degraded, all others attached */

static struct bdf address(const char *text)
{
	struct bdf bdf;

	cr_assert(eq(int, bdf_parse(text, &bdf), 0));
	return bdf;
}

static const char *state_of(void *arg, struct bdf bdf)
{
	return bdf_equal(bdf, fallen) ? "degraded" : "attached";
}

static const struct offer offer = { .snap = &snap, .all = &all, .state = state_of };

static void add(const char *bdf, const char *cdev)
{
	struct function f = { .bdf = address(bdf), .numa_node = 1, .tee_io = true };

	text_copy(f.cdev, sizeof(f.cdev), cdev);
	cr_assert(eq(int, snapshot_put(&snap, &f), 0));
}

static void assign(const char *bdf, const char *lead)
{
	struct assignment one = { .function = address(bdf),
				  .lead = address(lead),
				  .family = address(lead),
				  .vf_index = -1,
				  .vm = "vm\"1" };

	cr_assert(eq(int, assignments_put(&all, &one), 0));
}

static void clean(void)
{
	snapshot_finish(&snap);
	assignments_finish(&all);
	fallen = BDF_NONE;
}

TestSuite(offer, .fini = clean);

/* The names of the devices that CDI is told, "" for no file. */
static const char *devices(char *buf, size_t size)
{
	const json_t *device;
	json_t *json = NULL;
	bool empty;
	char *text = cdi_text(&offer, &empty);
	size_t i;

	buf[0] = '\0';
	cr_assert(eq(int, empty, text == NULL));
	if (text)
		json = json_loads(text, 0, NULL);
	cr_assert(eq(int, json != NULL, text != NULL), "%s", text);
	json_array_foreach(json_object_get(json, "devices"), i, device)
		text_append(buf, size, "%s%s", i ? " " : "",
			    json_string_value(json_object_get(device, "name")));
	json_decref(json);
	free(text);
	return buf;
}

Test(offer, cdi_has_no_file_without_devices)
{
	char names[256];

	add("01:00.0", "");
	cr_expect(eq(str, (char *)devices(names, sizeof(names)), ""));
	assign("01:00.0", "01:00.0"); /* without a node */
	cr_expect(eq(str, (char *)devices(names, sizeof(names)), ""));
	assign("02:00.0", "02:00.0"); /* not there */
	cr_expect(eq(str, (char *)devices(names, sizeof(names)), ""));
}

Test(offer, cdi_names_have_no_colon)
{
	char names[256];

	add("e1:00.0", "vfio7");
	add("e1:00.1", "vfio8");
	assign("e1:00.0", "e1:00.0");
	assign("e1:00.1", "e1:00.0");
	cr_expect(eq(str, (char *)devices(names, sizeof(names)), "0000-e1-00.0 0000-e1-00.1"));
}

Test(offer, what_came_along_goes_with_the_link_of_its_lead)
{
	char names[256];

	add("e1:00.0", "vfio7");
	add("e1:00.1", "vfio8");
	add("e2:00.0", "vfio9");
	assign("e1:00.0", "e1:00.0");
	assign("e1:00.1", "e1:00.0");
	assign("e2:00.0", "e2:00.0");
	fallen = address("e1:00.0");
	cr_expect(eq(str, (char *)devices(names, sizeof(names)), "0000-e2-00.0"));
}

Test(offer, features_count_cards_and_attached_functions)
{
	bool empty;
	char *text;

	cr_expect(eq(ptr, nfd_text(&offer, &empty), NULL));
	cr_expect(empty);
	snap.n_tsms = 1;
	text = nfd_text(&offer, &empty);
	cr_expect(eq(str, text, "tiod.io/tsm.present=true\n"));
	free(text);
	snap.n_tsms = 0;
	add("e1:00.0", "vfio7");
	add("e2:00.0", "");
	assign("e1:00.0", "e1:00.0");
	text = nfd_text(&offer, &empty);
	cr_expect(eq(str, text,
		     "tiod.io/tdisp.present=true\n"
		     "tiod.io/tdisp.functions=2\n"
		     "tiod.io/tdisp.attached=1\n"));
	free(text);
}

Test(offer, libvirt_is_given_the_devices_of_one_vm)
{
	json_t *text;

	assign("e1:1f.7", "e1:1f.7");
	text = libvirt_devices(&all, "vm\"1");
	cr_expect(ne(ptr,
		     strstr(json_string_value(text),
			    "<address domain='0x0000' bus='0xe1' slot='0x1f' "
			    "function='0x7'/>"),
		     NULL));
	cr_expect(ne(ptr, strstr(json_string_value(text), "managed='no'"), NULL));
	json_decref(text);
	text = libvirt_devices(&all, "other");
	cr_expect(eq(str, (char *)json_string_value(text), ""));
	json_decref(text);
}
