/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/options.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/render.h"

static const struct option_row table[OPTION_COUNT] = {
	[OPTION_JSON] = { 0, "--json", NULL, NULL, "print one JSON document" },
	[OPTION_SOCKET] = { 0, "--socket", "PATH", NULL,
			    "tiod's socket, instead of $TIOD_SOCKET" },
	[OPTION_HELP] = { 'h', "--help", NULL, NULL, "say what a verb does and takes" },
	[OPTION_VERSION] = { 'V', "--version", NULL, NULL, "print tioctl's version" },
	[OPTION_ALL] = { 'a', "--all", NULL, NULL, "every PCIe endpoint; every job" },
	[OPTION_VM] = { 0, "--vm", "VM", NULL, "the virtual machine, as its file is named" },
	[OPTION_VFS] = { 0, "--vfs", "N", NULL, "have N virtual functions enabled" },
	[OPTION_VF] = { 0, "--vf", "I|I-J|I,J,…", NULL,
			"these virtual functions of DEV, counted from 0" },
	[OPTION_COMPANIONS] = { 0, "--with-companions", NULL, NULL,
				"take the rest of the IOMMU group along" },
	[OPTION_FORMAT] = { 0, "--format", "qemu|json|libvirt", "qemu|json|libvirt",
			    "how to print what the VM is given" },
	[OPTION_DRY_RUN] = { 0, "--dry-run", NULL, NULL, "only say what would be done" },
	[OPTION_WAIT] = { 0, "--wait", "yes|no", "yes|no",
			  "no: return at once with the numbers of the jobs" },
	[OPTION_FORCE] = { 0, "--force", "net|open[,…]", "net|open",
			   "take it although its network interface (net) is configured, or a "
			   "process has it open",
			   .list = true },
	[OPTION_TSM] = { 0, "--tsm", "NAME", NULL, "the TSM to connect to" },
	[OPTION_OUTPUT] = { 'o', "--output", "DIR", NULL, "the folder to save into" },
	[OPTION_NONCE] = { 0, "--nonce", "HEX|random", NULL,
			   "have the device make its measurements anew with it" },
	[OPTION_TIMEOUT] = { 0, "--timeout", "S", NULL, "give up after S seconds" },
	[OPTION_OVERWRITE] = { 0, "--overwrite", NULL, NULL,
			       "save over what is in the folder" },
	[OPTION_REFRESH] = { 0, "--refresh", NULL, NULL,
			     "only new keys, for the link as it stands" },
	[OPTION_TEXTFILE] = { 0, "--textfile", "PATH", NULL,
			      "write a file for node_exporter, at once and whole" },
	[OPTION_MAC] = { 0, "--mac", "MAC", NULL, "the VF's MAC address" },
	[OPTION_VLAN] = { 0, "--vlan", "N", NULL, "put the VF's frames into VLAN N; 0: none" },
	[OPTION_VLAN_QOS] = { 0, "--vlan-qos", "N", NULL, "with that priority, 0 to 7" },
	[OPTION_TRUST] = { 0, "--trust", "on|off", "on|off",
			   "on: the VF may change its address, be promiscuous, …" },
	[OPTION_SPOOFCHK] = { 0, "--spoofchk", "on|off", "on|off",
			      "on: drop what it sends from other addresses" },
	[OPTION_LINK_STATE] = { 0, "--link-state", "auto|enable|disable", "auto|enable|disable",
				"the link that the VF sees" },
	[OPTION_MAX_RATE] = { 0, "--max-rate", "MBIT", NULL,
			      "limit what the VF sends, in Mbit/s; 0: don't" },
	[OPTION_MSIX] = { 0, "--msix", "N", NULL, "give the VF N interrupt vectors" },
};

const struct option_row *options_row(enum option option)
{
	return &table[option];
}

const char *options_name(enum option option)
{
	return table[option].name;
}

void options_help(const struct screen *screen, option_mask mask)
{
	char left[48];

	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (!(mask & OPTION_BIT(i)))
			continue;
		left[0] = '\0';
		if (table[i].letter)
			text_append(left, sizeof(left), "-%c, ", table[i].letter);
		text_append(left, sizeof(left), "%s", table[i].name);
		if (table[i].argument)
			text_append(left, sizeof(left), " %s", table[i].argument);
		screen_line(screen, "  %s%*s%s", left,
			    render_width(left) < 26 ? 26 - (int)render_width(left) : 1, "",
			    table[i].help);
	}
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein's distance; words longer than a verb can be are far from everything. */
static size_t distance(const char *a, const char *b)
{
	size_t row[33], corner, above, n = strlen(b);

	if (n > 32 || strlen(a) > 32)
		return 64;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		corner = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			above = row[j + 1];
			row[j + 1] = min3(above + 1, row[j] + 1, corner + (a[i] != b[j]));
			corner = above;
		}
	}
	return row[n];
}

const char *options_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t best = 3, d;

	for (; *words; words++) {
		d = distance(word, *words);
		if (d < best && d < strlen(word) && d < strlen(*words)) {
			best = d;
			nearest = *words;
		}
	}
	return nearest;
}

static int say_unknown(const char *word, const struct screen *screen)
{
	const char *names[OPTION_COUNT + 1] = { NULL };
	const char *nearest;

	for (size_t i = 0; i < OPTION_COUNT; i++)
		names[i] = table[i].name;
	nearest = options_nearest(word, names);
	if (nearest)
		screen_line(screen, "tioctl: there is no option %s (did you mean %s?)", word,
			    nearest);
	else
		screen_line(screen, "tioctl: there is no option %s (see \"tioctl --help\")",
			    word);
	return -EINVAL;
}

enum option options_find(const char *word)
{
	const size_t length = strcspn(word, "=");
	size_t i;

	for (i = 0; i < OPTION_COUNT; i++) {
		if (table[i].letter && word[0] == '-' && word[1] == table[i].letter && !word[2])
			break;
		if (strlen(table[i].name) == length &&
		    strncmp(word, table[i].name, length) == 0)
			break;
	}
	return (enum option)i;
}

static bool is_one_of(const char *word, const char *words)
{
	const size_t length = strcspn(word, "|");

	if (word[length])
		return false;
	for (; words; words = strchr(words, '|')) {
		words += *words == '|';
		if (length && strncmp(words, word, length) == 0 &&
		    (words[length] == '|' || !words[length]))
			return true;
	}
	return false;
}

/* Of a list, each word between commas. */
static bool is_fitting(const char *value, size_t option)
{
	char word[16];
	size_t length;

	if (!table[option].list)
		return is_one_of(value, table[option].words);
	for (;; value += length + 1) {
		length = strcspn(value, ",");
		snprintf(word, sizeof(word), "%.*s", (int)length, value);
		if (length >= sizeof(word) || !is_one_of(word, table[option].words))
			return false;
		if (!value[length])
			return true;
	}
}

/* Fills @value from "--name=VALUE" or @next; how many words that were, or -EINVAL. */
static int take_value(size_t option, const char *word, const char *next, const char **value,
		      const struct screen *screen)
{
	const char *equals = strchr(word, '=');

	if (!table[option].argument) {
		*value = "";
		if (!equals)
			return 1;
		screen_line(screen, "tioctl: %s takes no value", table[option].name);
		return -EINVAL;
	}
	*value = equals ? equals + 1 : next;
	if (!*value || !**value) {
		screen_line(screen, "tioctl: %s needs a value: %s %s", table[option].name,
			    table[option].name, table[option].argument);
		return -EINVAL;
	}
	if (table[option].words && !is_fitting(*value, option)) {
		screen_line(screen, "tioctl: %s is %s, not \"%s\"", table[option].name,
			    table[option].argument, *value);
		return -EINVAL;
	}
	return equals ? 1 : 2;
}

/* One option at @argv; how many words it took, or -EINVAL. */
static int take_option(struct options *options, char *const *argv, const struct screen *screen)
{
	const size_t option = options_find(argv[0]);
	const char *value;
	int words;

	if (option == OPTION_COUNT)
		return say_unknown(argv[0], screen);
	words = take_value(option, argv[0], argv[1], &value, screen);
	if (words < 0)
		return words;
	if (options->value[option] && strcmp(options->value[option], value) != 0) {
		screen_line(screen, "tioctl: %s is given twice, with \"%s\" and \"%s\"",
			    table[option].name, options->value[option], value);
		return -EINVAL;
	}
	options->value[option] = value;
	return words;
}

static int check_vfs(const struct options *options, const struct screen *screen)
{
	const char *value = options->value[OPTION_VFS];
	uint64_t vfs;

	if (!value || (text_to_u64(value, 10, &vfs) == 0 && vfs >= 1 && vfs <= OPTIONS_VFS_MAX))
		return 0;
	screen_line(screen, "tioctl: --vfs is a number from 1 to %d, not \"%s\"",
		    OPTIONS_VFS_MAX, value);
	return -EINVAL;
}

/* What is not UTF-8 can't be sent, and what is this long names nothing. */
static bool is_sendable(const char *word)
{
	auto_json json_t *text = json_string(word);

	return text && *word && strlen(word) <= 255;
}

static int check_words(const struct options *options, const struct screen *screen)
{
	static const enum option sent[] = { OPTION_VM, OPTION_TSM };
	const char *bad = NULL, *value;

	for (size_t i = 0; i < options->n_names; i++)
		if (!is_sendable(options->names[i]))
			bad = options->names[i];
	for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
		value = options->value[sent[i]];
		if (value && !is_sendable(value))
			bad = value;
	}
	if (!bad)
		return 0;
	screen_line(screen, "tioctl: \"%.64s\" can't be the name of anything", bad);
	return -EINVAL;
}

int options_parse(struct options *options, char *const *argv, const struct screen *screen)
{
	bool only_names = false;
	size_t n = 0;
	int r;

	while (argv[n])
		n++;
	*options = (struct options){ .names = must(calloc(n + 1, sizeof(char *))) };

	while (*argv) {
		r = 1;
		/* The words of another program's are none of ours. */
		if (!only_names && strcmp(*argv, "--") == 0 && options->verb &&
		    strcmp(options->verb, "run") == 0) {
			options->command = argv + 1;
			break;
		}
		if (!only_names && strcmp(*argv, "--") == 0)
			only_names = true;
		else if (!only_names && **argv == '-')
			r = take_option(options, argv, screen);
		else if (!options->verb)
			options->verb = *argv;
		else
			options->names[options->n_names++] = *argv;
		if (r < 0)
			return r;
		argv += r;
	}
	r = check_vfs(options, screen);
	return r < 0 ? r : check_words(options, screen);
}

void options_finish(struct options *options)
{
	free(options->names);
	*options = (struct options){ 0 };
}

unsigned options_vfs(const struct options *options)
{
	uint64_t vfs = 0;

	if (options->value[OPTION_VFS])
		(void)text_to_u64(options->value[OPTION_VFS], 10, &vfs);
	return (unsigned)vfs;
}

bool options_is_no_wait(const struct options *options)
{
	const char *wait = options->value[OPTION_WAIT];

	return wait && strcmp(wait, "no") == 0;
}

json_t *options_force(const struct options *options)
{
	const char *value = options->value[OPTION_FORCE];
	json_t *words = must(json_array());
	size_t length;

	for (; value && *value; value += length + (value[length] != '\0')) {
		length = strcspn(value, ",");
		json_array_append_new(words, must(json_stringn(value, length)));
	}
	return words;
}

static void add_name(json_t *names, const char *name)
{
	const json_t *known;
	size_t i;

	json_array_foreach(names, i, known)
	{
		if (strcmp(json_string_value(known), name) == 0)
			return;
	}
	json_array_append_new(names, must(json_string(name)));
}

/* One "I" or "I-J" at @range, for @name.  What follows it, or NULL. */
static const char *add_range(json_t *names, const char *name, const char *range)
{
	unsigned long first, last;
	char *end, vf[320];

	if (*range < '0' || *range > '9')
		return NULL;
	first = last = strtoul(range, &end, 10);
	if (*end == '-') {
		range = end + 1;
		if (*range < '0' || *range > '9')
			return NULL;
		last = strtoul(range, &end, 10);
	}
	if (last < first || last >= OPTIONS_VFS_MAX || last - first >= OPTIONS_VF_MAX)
		return NULL;
	for (unsigned long i = first; i <= last; i++) {
		snprintf(vf, sizeof(vf), "%s/vf%lu", name, i);
		add_name(names, vf);
	}
	return end;
}

static int add_vfs(json_t *names, const char *name, const char *list,
		   const struct screen *screen)
{
	const char *at = list;

	if (strchr(name, '/')) {
		screen_line(screen,
			    "tioctl: %s names a virtual function already (leave out --vf)",
			    name);
		return -EINVAL;
	}
	while ((at = add_range(names, name, at)) && *at == ',')
		at++;
	if (at && !*at && json_array_size(names) <= OPTIONS_VF_MAX)
		return 0;
	screen_line(screen,
		    "tioctl: --vf %s: not a list like 0, 0-3 or 0,2,5-7 of at most %d "
		    "virtual functions",
		    list, OPTIONS_VF_MAX);
	return -EINVAL;
}

json_t *options_functions(const struct options *options, const struct screen *screen)
{
	const char *vf = options->value[OPTION_VF];
	auto_json json_t *names = must(json_array());

	for (size_t i = 0; i < options->n_names; i++) {
		const char *name = options->names[i];

		if (!vf)
			add_name(names, name);
		else if (add_vfs(names, name, vf, screen) < 0)
			return NULL;
	}
	return take_json(&names);
}
