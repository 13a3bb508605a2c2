/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/link-facts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/ide.h"
#include "host/sysfs.h"
#include "host/topology.h"

/* Selective IDE Stream Control (PCIe 6.0, 7.9.26.5.2): enable, and the Stream ID. */
#define CONTROL_ENABLE 1u
#define CONTROL_ID(c)  ((c) >> 24)

/* Does a link in the host bridge's folder speak of that block of a root port? */
static bool is_accounted_for(int root, const char *bridge_path, unsigned block)
{
	auto_closedir DIR *folder = attr_open_folder(root, bridge_path);
	struct ide_stream stream;
	const char *name;

	while (folder && (name = attr_next_entry(folder)))
		if (ide_parse_stream(name, &stream) == 0 && stream.root_port_block == block)
			return true;
	return false;
}

/* @bridge_path: of a root port, whose blocks may be other cards'; NULL of a card. */
static void read_blocks(int root, struct bdf bdf, const char *bridge_path, unsigned *blocks,
			unsigned *n_free, struct link_facts *facts)
{
	auto_free struct ide_registers *registers = calloc(1, sizeof(*registers));

	if (!registers)
		return;
	ide_read_registers(root, bdf, registers);
	*blocks = registers->n_selective;
	for (unsigned i = 0; i < registers->n_selective; i++) {
		uint32_t control = registers->selective[i].control;

		if (!(control & CONTROL_ENABLE)) {
			(*n_free)++;
			continue;
		}
		if (facts->stray >= 0 ||
		    (bridge_path && is_accounted_for(root, bridge_path, i)))
			continue;
		facts->stray = (int)CONTROL_ID(control);
		facts->stray_at = bdf;
	}
}

static void read_bridge(int root, const struct topology *place, struct link_facts *facts)
{
	char path[sizeof(place->bridge_path) + 32];
	int64_t left;

	snprintf(path, sizeof(path), "%s/available_secure_streams", place->bridge_path);
	if (attr_read_number(root, path, &left) == 0 && left >= 0 && left <= INT32_MAX)
		facts->streams_left = (int)left;
	if (bdf_equal(place->top, place->last))
		return;
	facts->root_port = place->top;
	read_blocks(root, facts->root_port, place->bridge_path, &facts->port_blocks,
		    &facts->port_free, facts);
}

static bool has_feature(int root, struct bdf card, const char *feature)
{
	return attr_exists(root, attr_of_function(card, feature).path);
}

void link_facts_read(int root, struct bdf card, const char *tsm, struct link_facts *ret)
{
	struct attr connect = attr_of_function(card, "tsm/connect");
	char link[ATTR_SIZE_MAX], path[64], name[BDF_STRLEN];
	struct topology place;

	*ret = (struct link_facts){ .card = card, .streams_left = -1, .stray = -1 };
	if (attr_read(root, connect.path, link, sizeof(link)) == 0)
		text_copy(ret->connected, sizeof(ret->connected), link);
	(void)snprintf(path, sizeof(path), "class/tsm/%s", tsm);
	ret->tsm_there = attr_exists(root, path);
	ret->doe_cma = has_feature(root, card, "doe_features/0001:01");
	ret->doe_session = has_feature(root, card, "doe_features/0001:02");
	read_blocks(root, card, NULL, &ret->card_blocks, &ret->card_free, ret);
	snprintf(path, sizeof(path), "bus/pci/devices/%s", bdf_format(card, name));
	if (attr_read_link(root, path, link, sizeof(link)) == 0 &&
	    topology_parse(link, &place) == 0)
		read_bridge(root, &place, ret);
}
