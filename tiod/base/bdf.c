/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/bdf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

/* Reads 1 to @max_digits hex digits and moves @p behind them; -1 if there are none. */
static int64_t take_hex(const char **p, int max_digits)
{
	int64_t value = 0;
	int n = 0;

	while (n < max_digits && isxdigit((unsigned char)(*p)[0])) {
		int c = tolower((unsigned char)(*p)[0]);

		value = value * 16 + (isdigit(c) ? c - '0' : c - 'a' + 10);
		(*p)++;
		n++;
	}
	return n ? value : -1;
}

static bool take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

int bdf_parse(const char *text, struct bdf *ret)
{
	const char *p = text;
	int64_t domain = 0, bus, device, function;

	bus = take_hex(&p, 8);
	if (bus < 0 || !take_char(&p, ':'))
		return -EINVAL;
	device = take_hex(&p, 2);
	if (device >= 0 && take_char(&p, ':')) {
		domain = bus;
		bus = device;
		device = take_hex(&p, 2);
	}
	if (device < 0 || device > 31 || bus > 255 || !take_char(&p, '.'))
		return -EINVAL;
	function = take_hex(&p, 1);
	if (function < 0 || function > 7 || *p != '\0')
		return -EINVAL;

	*ret = (struct bdf){ .domain = (uint32_t)domain,
			     .bus = (uint8_t)bus,
			     .device = (uint8_t)device,
			     .function = (uint8_t)function,
			     .valid = true };
	return 0;
}

const char *bdf_format(struct bdf bdf, char buf[static BDF_STRLEN])
{
	if (!bdf.valid) {
		buf[0] = '\0';
		return buf;
	}
	snprintf(buf, BDF_STRLEN, "%04x:%02x:%02x.%x", bdf.domain, bdf.bus, bdf.device,
		 bdf.function);
	return buf;
}

static uint64_t as_number(struct bdf bdf)
{
	if (!bdf.valid)
		return 0;
	return 1 + (((uint64_t)bdf.domain << 16) | ((uint64_t)bdf.bus << 8) |
		    ((uint64_t)bdf.device << 3) | bdf.function);
}

int bdf_compare(struct bdf a, struct bdf b)
{
	uint64_t x = as_number(a), y = as_number(b);

	return (x > y) - (x < y);
}

bool bdf_equal(struct bdf a, struct bdf b)
{
	return bdf_compare(a, b) == 0;
}

size_t bdf_place(const struct bdf *first, size_t n, size_t stride, struct bdf bdf)
{
	size_t low = 0, high = n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (bdf_compare(*(const struct bdf *)((const char *)first + middle * stride),
				bdf) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool bdf_same_device(struct bdf a, struct bdf b)
{
	return a.valid && b.valid && a.domain == b.domain && a.bus == b.bus &&
	       a.device == b.device;
}
