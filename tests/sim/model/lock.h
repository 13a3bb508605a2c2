/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel's sleeping locks, made of sim_wait(): a mutex (device_lock, the PCI
 * rescan/remove lock) and a reader/writer semaphore (pci_tsm_rwsem), in which a
 * waiting writer keeps new readers out.
 *
 * Taking returns 0, or -EINTR as sim_wait() does.  And the numbers that an IDA of the
 * kernel would give.
 */

#include <stdbool.h>

#include "tree.h"

struct mutex {
	bool held;
};

struct rwsem {
	int readers;
	int writers_waiting;
	bool writer;
};

int mutex_take(struct mutex *mutex, enum sim_wait_mode mode);
void mutex_drop(struct mutex *mutex);

int rwsem_read(struct rwsem *sem, enum sim_wait_mode mode);
void rwsem_read_done(struct rwsem *sem);
int rwsem_write(struct rwsem *sem, enum sim_wait_mode mode);
void rwsem_write_done(struct rwsem *sem);

/* Lowest free numbers, as an IDA of the kernel gives them. */
struct pool {
	unsigned char *used; /* owned, a byte a number */
	int size;
};

int pool_take(struct pool *pool, int first);
void pool_drop(struct pool *pool, int number);
