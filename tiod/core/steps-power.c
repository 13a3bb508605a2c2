/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/steps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/power.h"

/*
 * The kernel knows nothing of IDE when it puts a card to sleep or resets it: the stream is
 * gone and tsm/connect still names the TSM.  So what a VM's functions stand on is kept awake
 * from before VFs and link are made until after both are gone: a PF carries its VFs, function 0
 * the link of all.  A VF has no power of its own.
 */

static bool pin_needed(const struct step_facts *facts, const struct target *target,
		       const struct function *f)
{
	unsigned pins = f ? power_pins(facts->plugins, &facts->request->vm, f) : 0;
	struct power wanted;

	if (!pins)
		return false;
	wanted = power_pinned(&f->power, pins);
	/* A driver that leaves and one that comes change power/control: remember it now. */
	return !power_equal(&wanted, &f->power) ||
	       ((pins & PIN_ON) && wanted.always_on && bdf_equal(target->function, f->bdf) &&
		strcmp(f->driver, VFIO_DRIVER) != 0);
}

static void pin_describe(const struct step_facts *facts, const struct target *target,
			 const struct function *f, char *buf, size_t size)
{
	unsigned pins = power_pins(facts->plugins, &facts->request->vm, f);
	struct power wanted = power_pinned(&f->power, pins);
	char name[BDF_STRLEN], values[112];

	power_describe(&wanted, pins, values, sizeof(values));
	snprintf(buf, size, "keep the link of %s up: %s", bdf_format(f->bdf, name), values);
}

static void pin_describe_undo(const struct record *record, char *buf, size_t size)
{
	char name[BDF_STRLEN], values[112];

	power_describe(&record->before.power, record->wanted_pins, values, sizeof(values));
	snprintf(buf, size, "set %s back to %s", bdf_format(record->function, name), values);
}

static void pin_capture(const struct step_work *work, const struct target *target,
			const struct function *f, struct record *record)
{
	record->before.power = f->power;
	record->wanted_pins = power_pins(work->plugins, &work->request->vm, f);
}

/* Writes what differs; what is unknown, or is unknown by now, is left alone. */
static int write_power(const struct step_work *work, const struct function *f,
		       const struct power *wanted, struct tio_error *err)
{
	const struct power now = f->power;
	int r = 0;

	if (wanted->d3cold_allowed && now.d3cold_allowed &&
	    wanted->d3cold_allowed != now.d3cold_allowed)
		r = work->ops->set_power(work->host, f->bdf, POWER_D3COLD,
					 wanted->d3cold_allowed == SETTING_YES ? "1" : "0",
					 err);
	if (r == 0 && wanted->always_on && now.always_on && wanted->always_on != now.always_on)
		r = work->ops->set_power(work->host, f->bdf, POWER_CONTROL,
					 wanted->always_on == SETTING_YES ? "on" : "auto", err);
	if (r == 0 && wanted->reset[0] && now.reset[0] && strcmp(wanted->reset, now.reset) != 0)
		r = work->ops->set_power(work->host, f->bdf, POWER_RESET, wanted->reset, err);
	return r;
}

int step_pin(const struct step_work *work, const struct record *record, struct tio_error *err)
{
	struct power wanted;
	struct function *f;
	int r;

	r = step_look(work, record, &f, err);
	if (r < 0)
		return r;
	wanted = power_pinned(&f->power, record->wanted_pins);
	r = write_power(work, f, &wanted, err);
	return r < 0 ? r : step_look(work, record, &f, err);
}

static int pin_verify(const struct step_work *work, const struct record *record,
		      struct tio_error *err)
{
	struct power wanted;
	struct function *f;
	char found[112];
	int r;

	r = step_look(work, record, &f, err);
	if (r < 0)
		return r;
	wanted = power_pinned(&f->power, record->wanted_pins);
	if (power_equal(&wanted, &f->power))
		return 0;
	power_describe(&f->power, record->wanted_pins, found, sizeof(found));
	return error_set(err, -EIO, "it was set, but the kernel shows %s", found);
}

/* What was found, of that alone which was pinned. */
static struct power to_restore(const struct record *record, const struct power *now)
{
	const struct power *before = &record->before.power;
	struct power power = *now;

	if (record->wanted_pins & PIN_D3COLD)
		power.d3cold_allowed = before->d3cold_allowed;
	if (record->wanted_pins & PIN_ON)
		power.always_on = before->always_on;
	if (record->wanted_pins & PIN_RESET)
		text_copy(power.reset, sizeof(power.reset), before->reset);
	return power;
}

static int pin_undo(const struct step_work *work, const struct record *record,
		    struct tio_error *err)
{
	struct power wanted;
	struct function *f;
	int r;

	r = step_look(work, record, &f, err);
	if (r == 0) {
		wanted = to_restore(record, &f->power);
		r = write_power(work, f, &wanted, err);
	}
	return step_gone_is_done(work, record, r, err);
}

/* What was there before the first attach counts, not what a later one found. */
static void pin_overtake(struct record *newer, const struct record *older)
{
	if (!step_same_card(newer, older))
		return;
	newer->before.power = to_restore(older, &newer->before.power);
	newer->wanted_pins |= older->wanted_pins;
}

/* A wake-up waits up to 60 s for the card (PCIE_RESET_READY_POLL_MS of drivers/pci/pci.c). */
const struct step step_pin_power = {
	.name = "pin-power",
	.subject = SUBJECT_CARRIERS,
	.deadline_ms = 75000,
	.journaled = true,
	.held = true,
	.needed = pin_needed,
	.describe = pin_describe,
	.describe_undo = pin_describe_undo,
	.capture = pin_capture,
	.apply = step_pin,
	.verify = pin_verify,
	.undo = pin_undo,
	.overtake = pin_overtake,
};
