/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The texts of the interfaces that are spoken, built in from the *.varlink files by
 * embed-interfaces.py.
 */

extern const char interface_io_tiod[];
extern const char interface_org_varlink_service[];
extern const char interface_io_systemd_Metrics[];
