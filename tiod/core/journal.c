/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/journal.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"
#include "core/json.h"

#define FILE_VERSION 1

static const char *const states[] = {
	[RECORD_BEGUN] = "begun",
	[RECORD_LEAVING] = "leaving",
	[RECORD_UNDOING] = "undoing",
};

void journal_finish(struct journal *journal)
{
	free(journal->records);
	*journal = (struct journal){ 0 };
}

int journal_add(struct journal *journal, const struct record *record)
{
	return array_add(&journal->records, &journal->n_records, record, sizeof(*record));
}

void journal_drop(struct journal *journal, size_t index)
{
	memmove(&journal->records[index], &journal->records[index + 1],
		(journal->n_records - index - 1) * sizeof(*journal->records));
	journal->n_records--;
}

bool journal_is_empty(const struct journal *journal)
{
	return !journal->in_flight && journal->n_records == 0;
}

/* Absent where nothing is pinned, as in files of before there was pinning. */
static json_t *power_to_json(const struct record *record)
{
	const struct power *power = &record->before.power;

	if (!record->wanted_pins)
		return NULL;
	return json_pack("{si si si ss}", "pins", (int)record->wanted_pins, "d3cold",
			 power->d3cold_allowed, "on", power->always_on, "reset", power->reset);
}

static int power_from_json(const json_t *json, struct record *ret, struct tio_error *err)
{
	struct power *power = &ret->before.power;
	long long pins, d3cold, on;
	int r;

	if (!json)
		return 0;
	if ((r = json_get_int(json, "pins", 0, INT_MAX, &pins, err)) < 0 ||
	    (r = json_get_int(json, "d3cold", 0, SETTING_YES, &d3cold, err)) < 0 ||
	    (r = json_get_int(json, "on", 0, SETTING_YES, &on, err)) < 0 ||
	    (r = json_get_text(json, "reset", power->reset, sizeof(power->reset), err)) < 0)
		return r;
	ret->wanted_pins = (unsigned)pins;
	power->d3cold_allowed = (uint8_t)d3cold;
	power->always_on = (uint8_t)on;
	return 0;
}

/* Absent where nothing was given away. */
static json_t *nodes_to_json(const struct record *record)
{
	const struct node_access *before = &record->before.node;
	const struct node_access *wanted = &record->wanted_node;

	if (!wanted->known)
		return NULL;
	return json_pack("{sI sI si sI sI si}", "uid", (json_int_t)before->uid, "gid",
			 (json_int_t)before->gid, "mode", before->mode, "wantedUid",
			 (json_int_t)wanted->uid, "wantedGid", (json_int_t)wanted->gid,
			 "wantedMode", wanted->mode);
}

static int nodes_from_json(const json_t *json, struct record *ret, struct tio_error *err)
{
	struct node_access *before = &ret->before.node, *wanted = &ret->wanted_node;
	long long ids[4], modes[2];
	int r;

	if (!json)
		return 0;
	if ((r = json_get_int(json, "uid", 0, UINT32_MAX, &ids[0], err)) < 0 ||
	    (r = json_get_int(json, "gid", 0, UINT32_MAX, &ids[1], err)) < 0 ||
	    (r = json_get_int(json, "mode", 0, 07777, &modes[0], err)) < 0 ||
	    (r = json_get_int(json, "wantedUid", 0, UINT32_MAX, &ids[2], err)) < 0 ||
	    (r = json_get_int(json, "wantedGid", 0, UINT32_MAX, &ids[3], err)) < 0 ||
	    (r = json_get_int(json, "wantedMode", 0, 07777, &modes[1], err)) < 0)
		return r;
	*before = (struct node_access){ true, (uint16_t)modes[0], (uint32_t)ids[0],
					(uint32_t)ids[1] };
	*wanted = (struct node_access){ true, (uint16_t)modes[1], (uint32_t)ids[2],
					(uint32_t)ids[3] };
	return 0;
}

static json_t *record_to_json(const struct record *record)
{
	const struct before *b = &record->before;

	return json_pack("{ss so ss so sb ss s{ss ss si sb ss sb so} s{si ss so} so* so*}",
			 "step", record->step, "function", json_bdf(record->function), "state",
			 states[record->state], "card", json_identity(&record->identity),
			 "synthetic", record->synthetic, "leftDriver", record->left_driver,
			 "before", "driver", b->driver, "override", b->override, "vfs",
			 (int)b->vfs, "autoprobe", b->autoprobe, "tsm", b->tsm, "assigned",
			 b->assigned, "vf", vf_to_json(&b->vf), "wanted", "vfs",
			 (int)record->wanted_vfs, "tsm", record->wanted_tsm, "vf",
			 vf_to_json(&record->wanted_vf), "power", power_to_json(record), "node",
			 nodes_to_json(record));
}

static json_t *flight_to_json(const struct journal *journal)
{
	if (!journal->in_flight)
		return json_null();
	return json_pack("{ss sI ss}", "verb", verb_to_string(journal->verb), "mark",
			 (json_int_t)journal->mark, "vm", journal->vm);
}

int journal_to_json(const struct journal *journal, char **ret, struct tio_error *err)
{
	json_t *list = json_array();

	for (size_t i = 0; i < journal->n_records; i++) {
		if (json_array_append_new(list, record_to_json(&journal->records[i])) < 0) {
			json_decref(list);
			return error_set(err, -ENOMEM, "out of memory");
		}
	}
	return json_to_file_text(json_pack("{si so ss so so}", "version", FILE_VERSION,
					   "family", json_bdf(journal->family), "boot",
					   journal->boot, "change", flight_to_json(journal),
					   "records", list),
				 ret, err);
}

static int before_from_json(const json_t *json, struct before *ret, struct tio_error *err)
{
	long long vfs;
	int r;

	if ((r = json_get_text(json, "driver", ret->driver, sizeof(ret->driver), err)) < 0 ||
	    (r = json_get_text(json, "override", ret->override, sizeof(ret->override), err)) <
		    0 ||
	    (r = json_get_int(json, "vfs", 0, 65535, &vfs, err)) < 0 ||
	    (r = json_get_bool(json, "autoprobe", &ret->autoprobe, err)) < 0 ||
	    (r = json_get_text(json, "tsm", ret->tsm, sizeof(ret->tsm), err)) < 0 ||
	    (r = json_get_bool(json, "assigned", &ret->assigned, err)) < 0 ||
	    (r = vf_from_json(json_object_get(json, "vf"), &ret->vf, err)) < 0)
		return r;
	ret->vfs = (unsigned)vfs;
	return 0;
}

static int wanted_from_json(const json_t *json, struct record *ret, struct tio_error *err)
{
	long long vfs;
	int r;

	if ((r = json_get_int(json, "vfs", 0, 65535, &vfs, err)) < 0 ||
	    (r = json_get_text(json, "tsm", ret->wanted_tsm, sizeof(ret->wanted_tsm), err)) <
		    0 ||
	    (r = vf_from_json(json_object_get(json, "vf"), &ret->wanted_vf, err)) < 0)
		return r;
	ret->wanted_vfs = (unsigned)vfs;
	return 0;
}

static int record_from_json(const json_t *json, struct record *ret, struct tio_error *err)
{
	char state[16];
	int r;

	if ((r = json_get_text(json, "step", ret->step, sizeof(ret->step), err)) < 0 ||
	    (r = json_get_bdf(json, "function", false, &ret->function, err)) < 0 ||
	    (r = json_get_text(json, "state", state, sizeof(state), err)) < 0 ||
	    (r = json_get_identity(json, &ret->identity, err)) < 0 ||
	    (r = json_get_bool(json, "synthetic", &ret->synthetic, err)) < 0 ||
	    (r = json_get_text(json, "leftDriver", ret->left_driver, sizeof(ret->left_driver),
			       err)) < 0 ||
	    (r = before_from_json(json_object_get(json, "before"), &ret->before, err)) < 0 ||
	    (r = wanted_from_json(json_object_get(json, "wanted"), ret, err)) < 0 ||
	    (r = power_from_json(json_object_get(json, "power"), ret, err)) < 0 ||
	    (r = nodes_from_json(json_object_get(json, "node"), ret, err)) < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (strcmp(states[i], state) == 0) {
			ret->state = (enum record_state)i;
			return 0;
		}
	}
	return error_set(err, -EBADMSG, "unknown state \"%s\"", state);
}

static int flight_from_json(const json_t *json, struct journal *ret, struct tio_error *err)
{
	char verb[16];
	long long mark;
	int r;

	if (json_is_null(json))
		return 0;
	if ((r = json_get_text(json, "verb", verb, sizeof(verb), err)) < 0 ||
	    (r = json_get_int(json, "mark", 0, (long long)ret->n_records, &mark, err)) < 0 ||
	    (r = json_get_text(json, "vm", ret->vm, sizeof(ret->vm), err)) < 0)
		return r;
	for (int i = 0; i < VERB_COUNT; i++) {
		if (strcmp(verb_to_string((enum verb)i), verb) == 0) {
			ret->verb = (enum verb)i;
			ret->mark = (size_t)mark;
			ret->in_flight = true;
			return 0;
		}
	}
	return error_set(err, -EBADMSG, "unknown verb \"%s\"", verb);
}

static int fill_from_json(const json_t *root, struct journal *journal, struct tio_error *err)
{
	json_t *list, *entry;
	size_t i;
	int r;

	/* Files of before it was written have none. */
	if (json_object_get(root, "boot") &&
	    (r = json_get_text(root, "boot", journal->boot, sizeof(journal->boot), err)) < 0)
		return r;
	if ((r = json_get_bdf(root, "family", false, &journal->family, err)) < 0 ||
	    (r = json_get_array(root, "records", &list, err)) < 0)
		return r;
	json_array_foreach(list, i, entry)
	{
		struct record record = { 0 };

		r = record_from_json(entry, &record, err);
		if (r < 0)
			return error_wrap(err, r, "record %zu", i);
		if (journal_add(journal, &record) < 0)
			return error_set(err, -ENOMEM, "out of memory");
	}
	return flight_from_json(json_object_get(root, "change"), journal, err);
}

int journal_from_json(const char *text, size_t size, struct journal *ret, struct tio_error *err)
{
	struct journal journal = { 0 };
	auto_json json_t *root = NULL;
	int r;

	r = json_load_versioned(text, size, "journal", FILE_VERSION, &root, err);
	if (r < 0)
		return r;
	r = fill_from_json(root, &journal, err);
	if (r < 0) {
		journal_finish(&journal);
		return error_wrap(err, r, "journal");
	}
	*ret = journal;
	return 0;
}
