/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What may stand where the cursor is, for the shells: "tioctl __complete WORD…", the last
 * word being the unfinished one.  Everything follows from the tables of verbs and options:
 * words in capitals in a verb's arguments ("DEV", "VM") are asked of the daemon, the others
 * are offered as they are.
 *
 * A line for each candidate, with a tab and a description where there is one; ":files" or
 * ":folders" leaves it to the shell.  Without a daemon there are no names, and no complaint.
 */

#include <stddef.h>

#include "tioctl/tioctl.h"

#define COMPLETE_WORD "__complete"

struct complete {
	struct tioctl *t;
	const struct command *const *commands;
	size_t n_commands;

	/* Filled by complete_read(); all borrowed from the words. */
	const char *current; /* the unfinished word */
	const char *socket;  /* NULL: not given */
	const char *verb;    /* NULL: none yet */
	const char *first;   /* the first name behind the verb */
	size_t n_names;      /* names before @current */
	enum option pending; /* @current is its value; OPTION_COUNT: of none */
	option_mask given;
	bool only_names; /* "--" was typed */
};

void complete_read(struct complete *c, char *const *words, size_t n);

/* Prints the candidates, asking tioctl's client for names. */
void complete_answer(struct complete *c);
