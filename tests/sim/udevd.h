/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* systemd-udevd of this machine, started inside, with the rules in the folder @rules. */
void udevd_start(const char *rules);
