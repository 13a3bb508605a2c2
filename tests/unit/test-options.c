/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/options.h"
#include "tioctl/render.h"

#define WORDS_MAX 12

/* Splits at spaces; argv is NULL-terminated and points into @line. */
static void split(char *line, char *argv[static WORDS_MAX + 1])
{
	size_t n = 0;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " ")) {
		cr_assert(lt(sz, n, WORDS_MAX));
		argv[n++] = word;
	}
	argv[n] = NULL;
}

struct expansion {
	char line[64];
	char names[96]; /* "" for: refused */
};

ParameterizedTestParameters(options, names_are_expanded_by_vf)
{
	static struct expansion expansions[] = {
		{ "attach a", "a" },
		{ "attach a b a", "a b" },
		{ "attach a --vf 0", "a/vf0" },
		{ "attach a --vf 2-4", "a/vf2 a/vf3 a/vf4" },
		{ "attach a b --vf=0,2-3,2", "a/vf0 a/vf2 a/vf3 b/vf0 b/vf2 b/vf3" },
		{ "attach a --vf 007", "a/vf7" },
		{ "attach a/vf1", "a/vf1" },
		{ "attach a/vf1 --vf 0", "" },
		{ "attach a --vf ,", "" },
		{ "attach a --vf 0-0-0", "" },
		{ "attach a --vf 0x3", "" },
		{ "attach a --vf 65535", "" },
		{ "attach a --vf 1-", "" },
		{ "attach a b --vf 0-200", "" },
	};

	return cr_make_param_array(struct expansion, expansions, ARRAY_SIZE(expansions));
}

ParameterizedTest(struct expansion *expansion, options, names_are_expanded_by_vf)
{
	auto_fclose FILE *null = fopen("/dev/null", "w");
	struct screen screen = { .file = null };
	struct options options;
	char *argv[WORDS_MAX + 1];
	auto_json json_t *names = NULL;
	char got[96] = "";
	const json_t *name;
	size_t i;

	split(expansion->line, argv);
	cr_assert(zero(int, options_parse(&options, argv, &screen)));
	names = options_functions(&options, &screen);
	json_array_foreach(names, i, name)
		text_append(got, sizeof(got), "%s%s", i ? " " : "", json_string_value(name));
	cr_assert(eq(str, got, expansion->names));
	options_finish(&options);
}

Test(options, stand_anywhere)
{
	struct screen screen = { .file = stderr };
	char line[] = "--vm=v attach x --vfs 4 --wait no --json y -- --z";
	struct options options;
	char *argv[WORDS_MAX + 1];

	split(line, argv);
	cr_assert(zero(int, options_parse(&options, argv, &screen)));
	cr_assert(eq(str, (char *)options.verb, "attach"));
	cr_assert(eq(sz, options.n_names, 3));
	cr_assert(eq(str, (char *)options.names[2], "--z"));
	cr_assert(eq(uint, options_vfs(&options), 4));
	cr_assert(options_is_no_wait(&options));
	cr_assert(options_has(&options, OPTION_JSON));
	cr_assert(not(options_has(&options, OPTION_ALL)));
	options_finish(&options);
}

struct refusal {
	char line[40], words[64];
};

ParameterizedTestParameters(options, what_is_wrong_is_said)
{
	static struct refusal refusals[] = {
		{ "list --socket", "--socket needs a value" },
		{ "list --al", "did you mean --all?" },
		{ "list -aa", "there is no option -aa" },
		{ "list -", "there is no option -" },
		{ "x --vf 1 --vf 2", "--vf is given twice" },
		{ "x --vfs -1", "--vfs is a number from 1 to 65535" },
		{ "x --force", "--force needs a value" },
		{ "x --format=qem", "--format is qemu|json|libvirt" },
		{ "x --all=1", "--all takes no value" },
	};

	return cr_make_param_array(struct refusal, refusals, ARRAY_SIZE(refusals));
}

ParameterizedTest(struct refusal *refusal, options, what_is_wrong_is_said)
{
	auto_free char *said = NULL;
	struct screen screen = { 0 };
	struct options options;
	char *argv[WORDS_MAX + 1];
	size_t size;

	screen.file = open_memstream(&said, &size);
	split(refusal->line, argv);
	cr_assert(eq(int, options_parse(&options, argv, &screen), -EINVAL));
	fclose(screen.file);
	cr_assert(strstr(said, refusal->words) != NULL, "%s", said);
	options_finish(&options);
}

Test(options, a_word_that_is_near_is_found_and_others_are_not)
{
	static const char *const words[] = { "attach", "detach", "ide", "list", NULL };

	cr_assert(eq(str, (char *)options_nearest("atach", words), "attach"));
	cr_assert(eq(str, (char *)options_nearest("dettach", words), "detach"));
	cr_assert(zero(ptr, (void *)options_nearest("xyz", words)));
	cr_assert(zero(ptr, (void *)options_nearest("", words)));
}
