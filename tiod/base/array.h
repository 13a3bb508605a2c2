/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Lists that grow by one: an allocated array and the number of its elements, which everybody
 * here keeps in a structure of his own.
 */

#include <stddef.h>

/*
 * Appends a copy of *@one (@size bytes, one element) and counts it in *@n.  @list is the
 * address of the pointer to the first element: the array may move, and stays the caller's.
 * 0, or -ENOMEM and nothing has changed.
 */
int array_add(void *list, size_t *n, const void *one, size_t size);
