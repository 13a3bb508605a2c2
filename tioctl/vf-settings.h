/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The options of plan and attach that say what a VF shall be set to: --mac, --vlan, ….
 * The daemon says what makes sense; here only numbers are numbers.
 */

#include <jansson.h>

#include "tioctl/options.h"

#define OPTIONS_VF_SETTINGS                                                                    \
	(OPTION_BIT(OPTION_MAC) | OPTION_BIT(OPTION_VLAN) | OPTION_BIT(OPTION_VLAN_QOS) |      \
	 OPTION_BIT(OPTION_TRUST) | OPTION_BIT(OPTION_SPOOFCHK) |                              \
	 OPTION_BIT(OPTION_LINK_STATE) | OPTION_BIT(OPTION_MAX_RATE) |                         \
	 OPTION_BIT(OPTION_MSIX))

/* For the help of a verb. */
#define VF_SETTINGS_ARGUMENTS                                                                  \
	"[--mac MAC] [--vlan N] [--vlan-qos N] [--trust on|off] [--spoofchk on|off] "          \
	"[--link-state auto|enable|disable] [--max-rate MBIT] [--msix N]"

/* A new VfSettings in @ret, NULL if no such option was given.  0; -EINVAL: said on @screen. */
int vf_settings_get(const struct options *options, const struct screen *screen, json_t **ret);
