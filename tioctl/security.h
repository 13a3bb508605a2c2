/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the security manager says of a function, on kernels that let it: status DEV and show.
 */

#include "tioctl/tioctl.h"

/*
 * An io.tiod.TsmStatus, owned by the caller, or NULL: this kernel has none, or the daemon
 * could not get it, which is told on stderr and is no failure of the command.
 */
json_t *security_ask(struct tioctl *t, const json_t *function, bool evidence);

/* NULL is nothing. */
void security_print(const struct screen *screen, const json_t *security);
