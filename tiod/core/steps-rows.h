/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The rows of the step table by themselves, and what they share.  Only steps*.c use this.
 */

#include "core/steps.h"

extern const struct step step_reserve;
extern const struct step step_pin_power;
extern const struct step step_load_host_driver;
extern const struct step step_stop_vf_autoprobe;
extern const struct step step_enable_vfs;
extern const struct step step_configure_vf;
extern const struct step step_connect_tsm;
extern const struct step step_renew_tsm;
extern const struct step step_verify_ide;
extern const struct step step_load_vfio;
extern const struct step step_rebind;
extern const struct step step_wait_cdev;
extern const struct step step_grant;

/* Reads the record's function again, into the snapshot.  -ENODEV: it is gone. */
int step_look(const struct step_work *work, const struct record *record, struct function **ret,
	      struct tio_error *err);

/* -ENODEV becomes 0 when the function has really gone: nothing is left to put back. */
int step_gone_is_done(const struct step_work *work, const struct record *record, int r,
		      struct tio_error *err);

/*
 * Minutes may lie between the plan and an unbind, and a restart: who uses the function is
 * looked for afresh.  An unbind from vfio-pci would wait without limit for whoever has it open.
 * 0, -EBUSY with who it is, or -errno when that cannot be seen.
 */
int step_check_is_free(const struct step_work *work, const struct function *f,
		       struct tio_error *err);

/* Both are of one and the same card, as far as that can be told. */
bool step_same_card(const struct record *one, const struct record *other);

/* Makes the function be as the record's wanted_pins say, and looks that it is. */
int step_pin(const struct step_work *work, const struct record *record, struct tio_error *err);

/* Notes driver and driver_override. */
void step_capture_driver(const struct step_work *work, const struct target *target,
			 const struct function *f, struct record *record);
