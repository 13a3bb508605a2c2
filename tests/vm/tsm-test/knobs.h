/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a test can turn: module parameters for what cards lack, and files of debugfs
 * (/sys/kernel/debug/tsm-test) for what goes wrong.  debugfs, since writes to parameters of one
 * module wait for each other, and a hanging connect has to be let go of.
 */

#include <linux/pci.h>

enum knobs_lack { KNOBS_NO_TEE, KNOBS_NO_IDE, KNOBS_NO_DOE };

int knobs_start(void);
void knobs_stop(void);

/* May be called from anywhere. */
bool knobs_lack(enum knobs_lack what, struct pci_bus *bus, unsigned int devfn);
bool knobs_link_down(struct pci_bus *bus, unsigned int devfn);
bool knobs_insecure(bool port);
bool knobs_only_pf0(void);

/* What connect is to do before its work: wait, hang, fail.  Sleeps. */
int knobs_before_connect(void);
void knobs_before_disconnect(void);
