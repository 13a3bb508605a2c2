/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What is to be kept from a function while VMs use its card, so that its link lasts: sleep,
 * and resets of the whole bus.  A VM's file says so (Pin=), or else the function's plugin;
 * steps-power.c does it.
 */

#include "core/plugins.h"
#include "core/vm.h"

/* The first two as plugins call them. */
enum pin {
	PIN_D3COLD = TIO_PIN_D3COLD, /* d3cold_allowed = 0 */
	PIN_ON = TIO_PIN_ON,         /* power/control = on */
	PIN_RESET = 0x100,           /* no "bus" and "cxl_bus" in reset_method */
};

/* "d3cold, on", "none".  0 or -EINVAL. */
int power_parse_pins(const char *text, unsigned *ret);

/* What is wished for @f, which may be NULL; of a VF nothing: it has its PF's power. */
unsigned power_pins(const struct plugins *plugins, const struct vm *vm,
		    const struct function *f);

/* @now with @pins kept.  What the kernel does not have stays unknown. */
struct power power_pinned(const struct power *now, unsigned pins);
bool power_equal(const struct power *a, const struct power *b);

/* "d3cold_allowed=0, power/control=on": what @power says of @pins. */
void power_describe(const struct power *power, unsigned pins, char *buf, size_t size);

/* Whether the first way to reset it, of those in @methods, resets all behind the port. */
bool power_resets_bus(const char *methods);
