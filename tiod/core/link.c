/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/link.h"

#include <stdio.h>

#include "base/text.h"

const char *link_trouble_to_string(enum link_trouble trouble)
{
	static const char *const names[LINK_TROUBLE_COUNT] = {
		[LINK_SILENT] = "silent",
		[LINK_WITHOUT_TSM] = "without-tsm",
		[LINK_GONE] = "gone",
		[LINK_UNREADABLE] = "unreadable",
		[LINK_DISABLED] = "disabled",
		[LINK_INSECURE] = "insecure",
		[LINK_MISMATCHED] = "mismatched",
		[LINK_FAILED] = "failed",
		[LINK_COUNTED] = "errors",
		[LINK_FINE] = "fine",
	};

	return trouble < LINK_TROUBLE_COUNT ? names[trouble] : "unknown";
}

struct link_base link_base_of(const struct function *dsm)
{
	const struct ide_stream *stream = &dsm->stream;

	return (struct link_base){ .endpoint = stream->endpoint.errors,
				   .root_port = stream->root_port.errors,
				   .endpoint_failed = stream->endpoint.failed,
				   .root_port_failed = stream->root_port.failed };
}

/* --- One end --- */

/* One port of the link, and what it had to say when that was made. */
struct end {
	struct bdf bdf;
	const struct ide_end *now;
	const struct ide_errors *before;
	bool failed_before;
};

/* A counter that runs backwards began anew: its card was reset or is another one. */
static uint32_t rise(uint32_t now, uint32_t before)
{
	return now >= before ? now - before : now;
}

static bool has_counted(const struct end *end)
{
	const struct ide_errors *now = &end->now->errors, *before = end->before;

	return now->known &&
	       (rise(now->check, before->check) || rise(now->misrouted, before->misrouted) ||
		rise(now->pcrc, before->pcrc));
}

static enum link_trouble judge_end(const struct end *end)
{
	const struct ide_end *now = end->now;

	if (now->silent)
		return LINK_SILENT;
	if (!now->known)
		return LINK_UNREADABLE;
	if (!now->enabled)
		return LINK_DISABLED;
	if (!now->secure)
		return LINK_INSECURE;
	if (now->failed && !end->failed_before)
		return LINK_FAILED;
	return has_counted(end) ? LINK_COUNTED : LINK_FINE;
}

static void describe_counts(const struct end *end, char *buf, size_t size)
{
	const struct ide_errors *now = &end->now->errors, *before = end->before;
	const struct {
		const char *name;
		uint32_t n;
	} counts[] = {
		{ "IDECheck", rise(now->check, before->check) },
		{ "MisIDETLP", rise(now->misrouted, before->misrouted) },
		{ "PCRC_CHECK", rise(now->pcrc, before->pcrc) },
	};
	const char *lead = " counted ";

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		if (!counts[i].n)
			continue;
		text_append(buf, size, "%s%u %s", lead, counts[i].n, counts[i].name);
		lead = ", ";
	}
}

static void describe_end(enum link_trouble trouble, const struct end *end, char *buf,
			 size_t size)
{
	static const char *const words[LINK_TROUBLE_COUNT] = {
		[LINK_SILENT] = " does not answer: its config space reads as all ones",
		[LINK_UNREADABLE] = " cannot be read",
		[LINK_DISABLED] = " has IDE switched off",
		[LINK_INSECURE] = " is not in the secure state",
		[LINK_FAILED] = " was told of a failed integrity check (IDE_FAIL)",
	};
	char name[BDF_STRLEN];

	text_append(buf, size, "%s%s", buf[0] ? "; " : "", bdf_format(end->bdf, name));
	if (trouble == LINK_COUNTED)
		describe_counts(end, buf, size);
	else
		text_append(buf, size, "%s", words[trouble]);
}

/* --- Both --- */

static struct link_state judge_ends(const struct function *dsm, const struct link_base *base)
{
	const struct end ends[] = {
		{ dsm->bdf, &dsm->stream.endpoint, &base->endpoint, base->endpoint_failed },
		{ dsm->root_port, &dsm->stream.root_port, &base->root_port,
		  base->root_port_failed },
	};
	struct link_state state = { .trouble = LINK_FINE };
	enum link_trouble each[ARRAY_SIZE(ends)];

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		each[i] = judge_end(&ends[i]);
		if (each[i] < state.trouble)
			state.trouble = each[i];
		if (each[i] != LINK_FINE)
			describe_end(each[i], &ends[i], state.text, sizeof(state.text));
	}
	return state;
}

struct link_state link_judge(const struct snapshot *snap, const struct function *dsm,
			     const struct link_base *base)
{
	const struct ide_stream *stream = &dsm->stream;
	struct link_state state = { .trouble = LINK_FINE };

	if (!stream->present) {
		state.trouble = snap->n_tsms ? LINK_GONE : LINK_WITHOUT_TSM;
		text_copy(state.text, sizeof(state.text),
			  snap->n_tsms ? "there is no IDE stream any more"
				       : "its TSM is gone: /sys/class/tsm is empty");
		return state;
	}
	state = judge_ends(dsm, base);
	if (state.trouble > LINK_MISMATCHED &&
	    stream->endpoint.stream_id != stream->root_port.stream_id) {
		state.trouble = LINK_MISMATCHED;
		snprintf(state.text, sizeof(state.text),
			 "the ends differ: Stream ID %u at the card, %u at its root port",
			 stream->endpoint.stream_id, stream->root_port.stream_id);
	}
	return state;
}
