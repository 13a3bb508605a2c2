/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/registers.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"

/* How lspci writes a field: "En+", "TC0", "Sel=2", "NPR=4" or "NPR-", "Alg='…'", " Default". */
enum shape { SHAPE_FLAG, SHAPE_BARE, SHAPE_EQUALS, SHAPE_LEVEL, SHAPE_QUOTED, SHAPE_ONLY_SET };

struct word {
	const char *label, *key;
	enum shape shape;
};

/* clang-format off */
static const struct word capability_words[] = {
	{ "FlowThru",	"flowThrough",	   SHAPE_FLAG },
	{ "PartHdr",	"partialHeader",   SHAPE_FLAG },
	{ "Aggr",	"aggregation",	   SHAPE_FLAG },
	{ "PCRC",	"pcrc",		   SHAPE_FLAG },
	{ "IDE_KM",	"ideKm",	   SHAPE_FLAG },
	{ "SelCfg",	"selectiveConfig", SHAPE_FLAG },
	{ "Alg",	"algorithm",	   SHAPE_QUOTED },
	{ "TCs",	"linkTcs",	   SHAPE_EQUALS },
	{ "TeeLim",	"teeLimited",	   SHAPE_FLAG },
	{ "XT",		"xt",		   SHAPE_FLAG },
	{ NULL }
};

static const struct word control_words[] = {
	{ "FTEn",	"flowThrough",	   SHAPE_FLAG },
	{ NULL }
};

/* What a block has not is not written, so that link and selective blocks share these. */
static const struct word stream_words[] = {
	{ "En",		"enabled",	   SHAPE_FLAG },
	{ "XT",		"xt",		   SHAPE_FLAG },
	{ "NPR",	"npr",		   SHAPE_LEVEL },
	{ "PR",		"pr",		   SHAPE_LEVEL },
	{ "CPL",	"cpl",		   SHAPE_LEVEL },
	{ "PCRC",	"pcrc",		   SHAPE_FLAG },
	{ "CFG",	"config",	   SHAPE_FLAG },
	{ "HdrEnc",	"partialHeader",   SHAPE_EQUALS },
	{ "Alg",	"algorithm",	   SHAPE_QUOTED },
	{ "TC",		"tc",		   SHAPE_BARE },
	{ "TeeLim",	"teeLimited",	   SHAPE_FLAG },
	{ "ID",		"streamId",	   SHAPE_BARE },
	{ "Default",	"default",	   SHAPE_ONLY_SET },
	{ NULL }
};

static const struct word status_words[] = {
	{ "",		"state",	   SHAPE_BARE },
	{ "RecvChkFail", "failReceived",   SHAPE_FLAG },
	{ NULL }
};
/* clang-format on */

static void put(struct text *line, const char *before, const char *value)
{
	if (text_add(line, "%s%s", before, value) < 0)
		abort();
}

static void put_value(struct text *line, const json_t *value)
{
	char number[32];

	if (json_is_string(value)) {
		put(line, "", json_string_value(value));
		return;
	}
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
	put(line, "", number);
}

static void put_word(struct text *line, const struct word *word, const json_t *value)
{
	if (word->shape == SHAPE_ONLY_SET) {
		if (json_is_true(value))
			put(line, " ", word->label);
		return;
	}
	put(line, " ", word->label);
	switch (word->shape) {
	case SHAPE_FLAG:
		put(line, "", json_is_true(value) ? "+" : "-");
		break;
	case SHAPE_EQUALS:
		put(line, "", "=");
		put_value(line, value);
		break;
	case SHAPE_LEVEL:
		put(line, "", json_integer_value(value) ? "=" : "-");
		if (json_integer_value(value))
			put_value(line, value);
		break;
	case SHAPE_QUOTED:
		put(line, "='", json_string_value(value) ? json_string_value(value) : "");
		put(line, "", "'");
		break;
	case SHAPE_BARE:
	case SHAPE_ONLY_SET:
		put_value(line, value);
		break;
	}
}

static void put_words(struct text *line, const struct word *words, const json_t *object)
{
	const json_t *value;

	for (; words->label; words++) {
		value = json_object_get(object, words->key);
		if (value && !json_is_null(value))
			put_word(line, words, value);
	}
}

static void print_register(const struct screen *screen, enum style style, const char *title,
			   const struct word *words, const json_t *object)
{
	auto_text struct text line = { 0 };

	put(&line, "  ", title);
	put_words(&line, words, object);
	screen_text(screen, style, "%s", line.data);
	screen_line(screen, "%s", "");
}

static enum style status_style(const json_t *block)
{
	const json_t *status = json_object_get(block, "status");

	if (!field_is(json_object_get(block, "control"), "enabled"))
		return STYLE_PLAIN;
	if (strcmp(field_text(status, "state"), "secure") != 0)
		return STYLE_BAD;
	return field_is(status, "failReceived") ? STYLE_WARN : STYLE_GOOD;
}

/* Control and status, which link and selective blocks have both. */
static void print_stream(const struct screen *screen, const char *kind, const json_t *block)
{
	char title[48];

	snprintf(title, sizeof(title), "%s#%lld Ctl:", kind,
		 (long long)field_int(block, "index", 0));
	print_register(screen, STYLE_PLAIN, title, stream_words,
		       json_object_get(block, "control"));
	snprintf(title, sizeof(title), "%s#%lld Sta:", kind,
		 (long long)field_int(block, "index", 0));
	print_register(screen, status_style(block), title, status_words,
		       json_object_get(block, "status"));
}

static void print_rid(const struct screen *screen, long long index, const json_t *rid)
{
	unsigned long long first = (unsigned long long)field_int(rid, "base", 0) & 0xffff;
	unsigned long long last = (unsigned long long)field_int(rid, "limit", 0) & 0xffff;

	if (!field_is(rid, "valid"))
		screen_line(screen, "  SelectiveIDE#%lld RID: Valid-", index);
	else
		screen_line(screen,
			    "  SelectiveIDE#%lld RID: Valid+ %02llx:%02llx.%llu to "
			    "%02llx:%02llx.%llu SegBase=%llx",
			    index, first >> 8, first >> 3 & 0x1f, first & 7, last >> 8,
			    last >> 3 & 0x1f, last & 7,
			    (unsigned long long)field_int(rid, "segment", 0));
}

/* lspci calls these RID#, too. */
static void print_addresses(const struct screen *screen, long long index,
			    const json_t *addresses)
{
	const json_t *one;
	size_t i;

	json_array_foreach(addresses, i, one)
	{
		if (field_is(one, "valid"))
			screen_line(screen, "  SelectiveIDE#%lld Addr#%zu: Valid+ %s to %s",
				    index, i, field_text(one, "base"),
				    field_text(one, "limit"));
		else
			screen_line(screen, "  SelectiveIDE#%lld Addr#%zu: Valid-", index, i);
	}
}

static void print_selective(const struct screen *screen, const json_t *block,
			    const char *stream)
{
	const json_t *addresses = json_object_get(block, "addresses");
	long long index = field_int(block, "index", 0);

	screen_line(screen, "  SelectiveIDE#%lld Cap: Addr#=%zu%s%s", index,
		    json_array_size(addresses), *stream ? ", in use by " : "", stream);
	print_stream(screen, "SelectiveIDE", block);
	print_rid(screen, index, json_object_get(block, "rid"));
	print_addresses(screen, index, addresses);
}

static void print_head(const struct screen *screen, const json_t *registers)
{
	const json_t *capability = json_object_get(registers, "capability");
	char counts[64];

	snprintf(counts, sizeof(counts), "IDECap: Lnk=%lld Sel=%lld",
		 field_is(capability, "link") ? (long long)field_int(capability, "linkTcs", 0)
					      : 0,
		 field_is(capability, "selective")
			 ? (long long)field_int(capability, "selectiveStreams", 0)
			 : 0);
	screen_text(screen, STYLE_HEAD, "%s Integrity & Data Encryption at %#llx, version %lld",
		    field_text(registers, "address"),
		    (long long)field_int(registers, "offset", 0),
		    (long long)field_int(registers, "version", 0));
	screen_line(screen, "%s", "");
	print_register(screen, STYLE_PLAIN, counts, capability_words, capability);
	print_register(screen, STYLE_PLAIN, "IDECtl:", control_words,
		       json_object_get(registers, "control"));
}

void registers_print(const struct screen *screen, const json_t *registers, long long used,
		     const char *stream)
{
	const char *problem = field_text(registers, "problem");
	const json_t *block;
	size_t i;

	screen_line(screen, "%s", "");
	if (field_int(registers, "offset", 0))
		print_head(screen, registers);
	json_array_foreach(json_object_get(registers, "links"), i, block)
		print_stream(screen, "LinkIDE", block);
	json_array_foreach(json_object_get(registers, "selective"), i, block)
		print_selective(screen, block, (long long)i == used ? stream : "");
	if (*problem) {
		screen_text(screen, STYLE_BAD, "%s: %s", field_text(registers, "address"),
			    problem);
		screen_line(screen, "%s", "");
	}
}
