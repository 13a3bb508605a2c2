/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/complete.h"

#include <string.h>

#include "base/text.h"
#include "tioctl/field.h"

/* Somebody waits with a finger on the key. */
#define PATIENCE_MS 1500

/* --- Reading the line --- */

static void read_option(struct complete *c, const char *word)
{
	const enum option option = options_find(word);
	const char *equals = strchr(word, '=');

	if (option == OPTION_COUNT)
		return;
	c->given |= OPTION_BIT(option);
	if (equals && option == OPTION_SOCKET)
		c->socket = equals + 1;
	if (!equals && options_row(option)->argument)
		c->pending = option;
}

static void read_word(struct complete *c, const char *word)
{
	if (c->pending != OPTION_COUNT) {
		if (c->pending == OPTION_SOCKET)
			c->socket = word;
		c->pending = OPTION_COUNT;
	} else if (!c->only_names && strcmp(word, "--") == 0) {
		c->only_names = true;
	} else if (!c->only_names && *word == '-') {
		read_option(c, word);
	} else if (!c->verb) {
		c->verb = word;
	} else {
		c->first = c->n_names++ ? c->first : word;
	}
}

void complete_read(struct complete *c, char *const *words, size_t n)
{
	c->pending = OPTION_COUNT;
	c->current = n ? words[n - 1] : "";
	for (size_t i = 0; i + 1 < n; i++)
		read_word(c, words[i]);
}

/* --- Candidates --- */

static bool begins(const char *word, const char *with)
{
	return strncmp(word, with, strlen(with)) == 0;
}

/* @lead stands before the word that is completed: "--vm=". */
static void offer(const struct complete *c, const char *lead, const char *word,
		  const char *about)
{
	if (!begins(word, c->current + strlen(lead)))
		return;
	screen_text(&c->t->out, STYLE_PLAIN, "%s%s", lead, word);
	if (about && *about) {
		fputc('\t', c->t->out.file);
		screen_text(&c->t->out, STYLE_PLAIN, "%s", about);
	}
	fputc('\n', c->t->out.file);
}

/* An address without its domain is a name, too, once that has been begun. */
static void offer_device(const struct complete *c, const char *lead, const json_t *function)
{
	const char *address = field_text(function, "address");
	const char *typed = c->current + strlen(lead);
	char about[256];

	snprintf(about, sizeof(about), "%s (%s)", field_text(function, "name"),
		 field_text(function, "state"));
	if (*typed && !begins(address, typed) && begins(address, "0000:"))
		address += strlen("0000:");
	offer(c, lead, address, about);
}

static void offer_vm(const struct complete *c, const char *lead, const json_t *vm)
{
	offer(c, lead, json_string_value(vm) ?: "", NULL);
}

static void offer_job(const struct complete *c, const char *lead, const json_t *job)
{
	char id[24], about[256];

	snprintf(id, sizeof(id), "%lld", (long long)field_int(job, "id", 0));
	snprintf(about, sizeof(about), "%s %s", field_text(job, "verb"),
		 field_text(job, "family"));
	offer(c, lead, id, about);
}

/* What the daemon has names for. */
static const struct {
	const char *word, *method, *list;
	void (*offer)(const struct complete *c, const char *lead, const json_t *one);
} asked[] = {
	{ "DEV", "io.tiod.ListFunctions", "functions", offer_device },
	{ "VM", "io.tiod.ListVms", "vms", offer_vm },
	{ "JOB", "io.tiod.ListJobs", "jobs", offer_job },
	{ "NAME", "io.tiod.GetHost", "tsms", offer_vm }, /* of a TSM */
};

static void ask(const struct complete *c, const char *lead, size_t row)
{
	auto_reply struct reply reply = { 0 };
	const struct call call = { .method = asked[row].method, .list = asked[row].list };
	const json_t *one;
	size_t i;

	c->t->client.patience_ms = PATIENCE_MS;
	if (tioctl_ask(c->t, &call, &reply) != EXIT_DONE)
		return;
	json_array_foreach(json_object_get(reply.parameters, asked[row].list), i, one)
		asked[row]
			.offer(c, lead, one);
}

/* One word of a verb's or an option's arguments. */
static void offer_argument(const struct complete *c, const char *lead, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		if (strcmp(asked[i].word, word) == 0)
			ask(c, lead, i);
	if (strcmp(word, "PATH") == 0)
		fputs(":files\n", c->t->out.file);
	else if (strcmp(word, "DIR") == 0)
		fputs(":folders\n", c->t->out.file);
	else if (*word >= 'a' && *word <= 'z')
		offer(c, lead, word, NULL);
}

static void offer_value(const struct complete *c, enum option option, const char *typed)
{
	const struct option_row *row = options_row(option);
	const char *comma = row->list ? strrchr(typed, ',') : NULL;
	char words[128], lead[256], *save = NULL;

	if (!text_copy(words, sizeof(words), row->words ?: row->argument ?: ""))
		return;
	typed = comma ? comma + 1 : typed;
	if ((size_t)snprintf(lead, sizeof(lead), "%.*s", (int)(typed - c->current),
			     c->current) >= sizeof(lead))
		return;
	for (char *word = strtok_r(words, "|", &save); word; word = strtok_r(NULL, "|", &save))
		offer_argument(c, lead, word);
}

static const struct command *find_command(const struct complete *c, const char *name)
{
	for (size_t i = 0; name && i < c->n_commands; i++)
		if (strcmp(c->commands[i]->name, name) == 0)
			return c->commands[i];
	return NULL;
}

static void offer_options(const struct complete *c)
{
	const struct command *command = find_command(c, c->verb);
	const option_mask known = OPTIONS_GLOBAL | (command ? command->options : 0);

	for (unsigned i = 0; i < OPTION_COUNT; i++)
		if (known & ~c->given & OPTION_BIT(i))
			offer(c, "", options_row((enum option)i)->name,
			      options_row((enum option)i)->help);
}

static void offer_verbs(const struct complete *c)
{
	for (size_t i = 0; i < c->n_commands; i++)
		offer(c, "", c->commands[i]->name, c->commands[i]->summary);
}

/* "DEV…": may be repeated. */
static bool is_repeated(const char *word)
{
	const size_t length = strlen(word), mark = strlen("…");

	return length > mark && strcmp(word + length - mark, "…") == 0;
}

/* One way to use a verb, "test DEV": its word for the place where the cursor is. */
static void offer_alternative(const struct complete *c, char *words)
{
	char *save = NULL, *word = strtok_r(words, " ", &save);
	const bool literal = word && *word >= 'a' && *word <= 'z';

	if (!word || *word == '-')
		return;
	if (c->n_names && literal && strcmp(c->first, word) != 0)
		return;
	for (size_t i = 0; word && i < c->n_names; i++)
		if (!is_repeated(word))
			word = strtok_r(NULL, " ", &save);
	if (!word)
		return;
	word[strcspn(word, "]")] = '\0';
	if (is_repeated(word))
		word[strlen(word) - strlen("…")] = '\0';
	offer_argument(c, "", word);
}

/* "DEV…|all|--vm VM [--wait=no]": what is before the options. */
static void offer_names(const struct complete *c, const struct command *command)
{
	char words[512], *save = NULL, *cut;

	if (c->n_names >= command->names_max)
		return;
	text_copy(words, sizeof(words), command->arguments + (command->arguments[0] == '['));
	for (cut = words; (cut = strchr(cut, ' ')); cut++)
		if (cut[1] == '[' || cut[1] == '-')
			break;
	if (cut)
		*cut = '\0';
	for (char *one = strtok_r(words, "|", &save); one; one = strtok_r(NULL, "|", &save))
		offer_alternative(c, one);
}

void complete_answer(struct complete *c)
{
	const struct command *command = find_command(c, c->verb);
	const char *equals = strchr(c->current, '=');
	enum option option = OPTION_COUNT;

	if (!c->only_names && c->pending == OPTION_COUNT && begins(c->current, "--") && equals)
		option = options_find(c->current);
	if (c->pending != OPTION_COUNT)
		offer_value(c, c->pending, c->current);
	else if (option != OPTION_COUNT)
		offer_value(c, option, equals + 1);
	else if (!c->only_names && *c->current == '-')
		offer_options(c);
	else if (!c->verb || (strcmp(c->verb, "help") == 0 && !c->n_names))
		offer_verbs(c);
	else if (command)
		offer_names(c, command);
	fflush(c->t->out.file);
}
