/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/lock.h"

#include <stdlib.h>
#include <string.h>

int mutex_take(struct mutex *mutex, enum sim_wait_mode mode)
{
	while (mutex->held) {
		int r = sim_wait(-1, mode);

		if (r < 0)
			return r;
	}
	mutex->held = true;
	return 0;
}

void mutex_drop(struct mutex *mutex)
{
	mutex->held = false;
	sim_wake();
}

int rwsem_read(struct rwsem *sem, enum sim_wait_mode mode)
{
	while (sem->writer || sem->writers_waiting > 0) {
		int r = sim_wait(-1, mode);

		if (r < 0)
			return r;
	}
	sem->readers++;
	return 0;
}

void rwsem_read_done(struct rwsem *sem)
{
	sem->readers--;
	sim_wake();
}

int rwsem_write(struct rwsem *sem, enum sim_wait_mode mode)
{
	int r = 0;

	sem->writers_waiting++;
	while (r == 0 && (sem->writer || sem->readers > 0))
		r = sim_wait(-1, mode);
	sem->writers_waiting--;
	if (r < 0) {
		sim_wake();
		return r;
	}
	sem->writer = true;
	return 0;
}

void rwsem_write_done(struct rwsem *sem)
{
	sem->writer = false;
	sim_wake();
}

int pool_take(struct pool *pool, int first)
{
	int number = first;

	while (number < pool->size && pool->used[number])
		number++;
	if (number >= pool->size) {
		int size = (number + 1) * 2;

		pool->used = realloc(pool->used, (size_t)size);
		memset(pool->used + pool->size, 0, (size_t)(size - pool->size));
		pool->size = size;
	}
	pool->used[number] = 1;
	return number;
}

void pool_drop(struct pool *pool, int number)
{
	pool->used[number] = 0;
}
