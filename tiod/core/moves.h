/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A card that was reserved by its slot or serial number and is found at another address: its
 * reservations follow it.  Pure; automatic.c finds such cards, work.c changes the file.
 */

#include "core/assignments.h"
#include "core/snapshot.h"

/*
 * True when @one, by what the admin named, belongs to a card that is at another address now;
 * @ret is that card's function 0.
 */
bool moves_find(const struct snapshot *snap, const struct assignment *one, struct bdf *ret);

/*
 * Gives every reservation of the card @from the addresses that it has as @to: functions keep
 * their number, VFs their index, and all of them VM, port and settings.  What came along from
 * another card stays where it is.  -ENODEV: the PF of a VF is not there; @all is then as it
 * was.
 */
int moves_apply(const struct snapshot *snap, struct assignments *all, struct bdf from,
		struct bdf to, struct tio_error *err);
