/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The socket through which sim_uevent() speaks to this network namespace; -errno. */
int uevent_open(void);
