/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-plugins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/declaration.h"

static int no_answer(struct tio_error *err)
{
	return error_kind_set(err, ERROR_NOT_READY, -EIO, "plugin fake, asked about it, died");
}

static int is_companion(void *arg, size_t plugin, const struct tio_function *lead,
			const struct tio_function *sibling, struct tio_error *err)
{
	const struct fake_plugins *fake = arg;

	if (fake->broken)
		return no_answer(err);
	return fake->constants[plugin]->is_companion(lead, sibling);
}

static int read_attribute(const struct tio_reader *reader, const char *attribute, char *buf,
			  size_t size)
{
	const struct fake_plugins *fake = reader->host;

	for (const char *const *at = fake->attributes; at && *at; at += 2)
		if (strcmp(*at, attribute) == 0)
			return text_copy(buf, size, at[1]) ? (int)strlen(buf) : -EFBIG;
	return -ENOENT;
}

static int check(void *arg, size_t plugin, size_t index, const struct tio_function *f,
		 struct tio_finding *ret, struct tio_error *err)
{
	struct fake_plugins *fake = arg;
	struct tio_reader reader = { fake, read_attribute };

	if (fake->broken)
		return no_answer(err);
	memset(ret, 0, sizeof(*ret));
	fake->constants[plugin]->checks[index].run(f, &reader, ret);
	return declaration_check_finding(ret);
}

static const struct plugins_ops ops = { is_companion, check };

void fake_plugins_init(struct fake_plugins *fake)
{
	memset(fake, 0, sizeof(*fake));
	fake->plugins.list = fake->list;
	fake->plugins.refused = fake->refused;
	fake->plugins.ops = &ops;
	fake->plugins.arg = fake;
}

void fake_plugins_add(struct fake_plugins *fake, const struct tio_plugin *constant)
{
	struct tio_error err = TIO_ERROR_NONE;
	size_t n = fake->plugins.n;

	if (n == FAKE_PLUGINS_MAX ||
	    declaration_read(constant, "fake.so", &fake->list[n], &err) < 0 ||
	    declaration_check(&fake->list[n]) < 0)
		abort();
	fake->constants[n] = constant;
	fake->plugins.n++;
}
