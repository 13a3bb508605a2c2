/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A file that module tools take for a kernel module: a relocatable ELF object with
 * .modinfo and symbols, from which depmod works out who depends on whom.
 */

/* @depends is comma-separated, @aliases NULL-terminated.  0, or -1 with errno. */
int elf_module_write(const char *path, const char *name, const char *depends,
		     const char *const *aliases, const char *release);
