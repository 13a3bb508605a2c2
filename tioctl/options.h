/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The command line: options may stand anywhere, everything else is the verb and its
 * names.  One table says which options there are; each command says which it takes.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct screen;

enum option {
	OPTION_JSON,
	OPTION_SOCKET,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_ALL,
	OPTION_VM,
	OPTION_VFS,
	OPTION_VF,
	OPTION_COMPANIONS,
	OPTION_FORMAT,
	OPTION_DRY_RUN,
	OPTION_WAIT,
	OPTION_FORCE,
	OPTION_TSM,
	OPTION_OUTPUT,
	OPTION_NONCE,
	OPTION_OVERWRITE,
	OPTION_REFRESH,
	OPTION_TIMEOUT,
	OPTION_TEXTFILE,
	OPTION_MAC,
	OPTION_VLAN,
	OPTION_VLAN_QOS,
	OPTION_TRUST,
	OPTION_SPOOFCHK,
	OPTION_LINK_STATE,
	OPTION_MAX_RATE,
	OPTION_MSIX,
	OPTION_COUNT
};

/* A set of options: their OPTION_BIT()s. */
typedef uint64_t option_mask;

_Static_assert(OPTION_COUNT <= 64, "they are bits of an option_mask");

#define OPTION_BIT(option) ((option_mask)1 << (option))
#define OPTIONS_GLOBAL                                                                         \
	(OPTION_BIT(OPTION_JSON) | OPTION_BIT(OPTION_SOCKET) | OPTION_BIT(OPTION_HELP) |       \
	 OPTION_BIT(OPTION_VERSION))

#define OPTIONS_VFS_MAX 65535 /* NumVFs has 16 bits */
#define OPTIONS_VF_MAX  256   /* VFs in one call */

/* What is said of one option, for help and completion. */
struct option_row {
	char letter;
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *words;    /* the only arguments there are, '|' between them; NULL: any */
	const char *help;
	bool list; /* of @words, commas between them */
};

struct options {
	const char *value[OPTION_COUNT]; /* NULL: not given; "" of one without a value */
	const char *verb;                /* NULL: none */
	const char **names;              /* owned; the strings are argv's */
	size_t n_names;
	char *const *command; /* what stands behind "--" of run; NULL: nothing does */
};

/*
 * Takes a command line apart and checks what can be checked without knowing the verb.
 * 0; -EINVAL: not understood, which was said on @screen.
 */
int options_parse(struct options *options, char *const *argv, const struct screen *screen);
void options_finish(struct options *options);

static inline bool options_has(const struct options *options, enum option option)
{
	return options->value[option];
}

/* --vfs, or 0 when not given. */
unsigned options_vfs(const struct options *options);

/* --wait=no. */
bool options_is_no_wait(const struct options *options);

/* The words of --force; a list of none when it is not given. */
json_t *options_force(const struct options *options);

/*
 * The names as the daemon takes them, each expanded by --vf ("e1:00.0" and "0-1": two
 * names), none twice.  NULL: they don't go together, which was said on @screen.
 */
json_t *options_functions(const struct options *options, const struct screen *screen);

const struct option_row *options_row(enum option option);

/* Which option @word is, up to its '='; OPTION_COUNT: none. */
enum option options_find(const char *word);

/* "--vm", for sentences. */
const char *options_name(enum option option);

/* Prints those options of @mask with what they do. */
void options_help(const struct screen *screen, option_mask mask);

/* The one of @words (ended by NULL) nearest to @word, or NULL if none is near. */
const char *options_nearest(const char *word, const char *const *words);
