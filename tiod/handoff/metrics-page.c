/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handoff/metrics-page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void page_put(struct page *page, const char *fmt, ...)
{
	char line[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (page->r == 0)
		page->r = text_add(&page->text, "%s", line);
}

/* OpenMetrics calls a family by its name without the suffix of its samples. */
void page_head(struct page *page, const char *name, const char *type, const char *help)
{
	size_t length = strlen(name);
	bool open = page->in->openmetrics, info = strcmp(type, "info") == 0;

	if (open && strcmp(type, "counter") == 0)
		length -= strlen("_total");
	else if (open && info)
		length -= strlen("_info");
	page_put(page, "# HELP %.*s %s\n", (int)length, name, help);
	page_put(page, "# TYPE %.*s %s\n", (int)length, name, info && !open ? "gauge" : type);
}

const char *page_quoted(const char *value, char *buf, size_t size)
{
	size_t n = 0;

	for (; *value && n + 3 < size; value++) {
		if (*value == '\\' || *value == '"')
			buf[n++] = '\\';
		buf[n++] = (unsigned char)*value < 0x20 || (unsigned char)*value >= 0x7f
				   ? '?'
				   : *value;
	}
	buf[n] = '\0';
	return buf;
}

const char *page_place(struct bdf bdf, char buf[static PAGE_PLACE])
{
	snprintf(buf, PAGE_PLACE,
		 "segment=\"%04x\",bus=\"%02x\",device=\"%02x\",function=\"%x\"", bdf.domain,
		 bdf.bus, bdf.device, bdf.function);
	return buf;
}
