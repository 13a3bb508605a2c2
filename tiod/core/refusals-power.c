/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/refusals-rules.h"

#include <string.h>

#include "base/text.h"
#include "core/power.h"

/*
 * vfio-pci resets what it has when it is opened and closed, in the first way of reset_method
 * that works, and lets it sleep in between.  The kernel tells nobody that a link went with it.
 */

static void tell_of_function_0(const struct rule_input *in, const char *name)
{
	const struct vm *vm = &in->facts->request->vm;
	bool sleeps = in->f->power.always_on &&
		      !(power_pins(in->facts->plugins, vm, in->f) & PIN_ON);

	plan_note(in->plan,
		  "the encrypted link ends at %s itself: vfio-pci resets it (%.47s) when a VM "
		  "opens or closes it%s, and the link may be lost with that; `tioctl status` "
		  "tells%s",
		  name, in->f->power.reset[0] ? in->f->power.reset : "no way is known",
		  sleeps ? " and lets it sleep meanwhile" : "",
		  sleeps ? ", and Pin=d3cold,on in the VM's file keeps it awake" : "");
}

int rule_resets_are_told(const struct rule_input *in, struct tio_error *err)
{
	const struct function *f = in->f;
	char name[BDF_STRLEN];

	if (!f || f->kind == FUNCTION_VF || !rule_plan_has(in->plan, "rebind") ||
	    strcmp(f->driver, VFIO_DRIVER) == 0)
		return 0;
	bdf_format(f->bdf, name);
	if (in->dsm && bdf_equal(in->dsm->bdf, f->bdf))
		tell_of_function_0(in, name);
	else if (power_resets_bus(f->power.reset))
		plan_note(in->plan,
			  "%s can be reset with its whole bus only (%s), which drops the "
			  "encrypted link of its card: `tioctl status` tells",
			  name, f->power.reset);
	return 0;
}
