/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handoff/cdi.h"

#include <jansson.h>
#include <stdio.h>

#include "base/text.h"

#define CDI_VERSION "0.6.0"

/* In names of devices ':' is not allowed everywhere. */
static json_t *name_of(struct bdf bdf)
{
	char name[BDF_STRLEN];

	bdf_format(bdf, name);
	for (char *c = name; *c; c++)
		*c = *c == ':' ? '-' : *c;
	return json_string(name);
}

static json_t *edits(const char *path)
{
	return json_pack("{s:[{ss ss}]}", "deviceNodes", "path", path, "permissions", "rw");
}

/* Annotations are text, numbers too. */
static json_t *annotations(const struct function *f, const struct assignment *one)
{
	char address[BDF_STRLEN], node[16];
	json_t *all;

	all = json_pack("{ss ss}", "tiod.io/pci", bdf_format(f->bdf, address), "tiod.io/vm",
			one->vm);
	if (all && f->numa_node >= 0) {
		snprintf(node, sizeof(node), "%d", f->numa_node);
		json_object_set_new(all, "tiod.io/numa-node", json_string(node));
	}
	return all;
}

static json_t *device(const struct function *f, const struct assignment *one)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", f->cdev);
	return json_pack("{so so so}", "name", name_of(f->bdf), "annotations",
			 annotations(f, one), "containerEdits", edits(path));
}

char *cdi_text(const struct offer *offer, bool *empty)
{
	json_t *devices = json_array(), *document;
	const struct function *f;
	char *text = NULL;

	for (size_t i = 0; i < offer->all->n; i++) {
		f = offer_ready(offer, &offer->all->list[i]);
		if (f && json_array_append_new(devices, device(f, &offer->all->list[i])) < 0) {
			json_decref(devices);
			devices = NULL;
		}
	}
	/* A file without devices is a mistake to those who read it. */
	*empty = devices && json_array_size(devices) == 0;
	document = json_pack("{ss ss so so}", "cdiVersion", CDI_VERSION, "kind", CDI_KIND,
			     "devices", devices, "containerEdits", edits("/dev/iommu"));
	if (document && !*empty)
		text = json_dumps(document, JSON_INDENT(2));
	json_decref(document);
	return text;
}
