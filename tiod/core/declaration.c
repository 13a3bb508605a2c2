/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/declaration.h"

#include <errno.h>
#include <string.h>

#include "base/text.h"

void declaration_text(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; from && n + 1 < size && from[n]; n++)
		to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
	memset(to + n, 0, size - n);
}

/* Where each ended in ABI 1 as it was first published; these never change. */
#define END_OF(type, member)                                                                   \
	(uint32_t)(offsetof(struct type, member) + sizeof(((struct type *)0)->member))
#define PLUGIN_FIRST   END_OF(tio_plugin, n_checks)
#define FUNCTION_FIRST END_OF(tio_function, driver)
#define TRAITS_FIRST   END_OF(tio_traits, vfs_max)
#define MATCH_FIRST    END_OF(tio_match, traits)
#define CHECK_FIRST    END_OF(tio_check, run)

static int check_sizes(const struct tio_plugin *plugin, const char *file, struct tio_error *err)
{
	const struct {
		const char *what;
		uint32_t has, first, now;
	} sizes[] = {
		{ "tio_plugin", plugin->size, PLUGIN_FIRST, sizeof(struct tio_plugin) },
		{ "tio_function", plugin->function_size, FUNCTION_FIRST,
		  sizeof(struct tio_function) },
		{ "tio_traits", plugin->traits_size, TRAITS_FIRST, sizeof(struct tio_traits) },
		{ "tio_match", plugin->match_size, MATCH_FIRST, sizeof(struct tio_match) },
		{ "tio_check", plugin->check_size, CHECK_FIRST, sizeof(struct tio_check) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i].has < sizes[i].first)
			return error_set(err, -ENOEXEC, "%s: its %s has %u bytes, not %u", file,
					 sizes[i].what, sizes[i].has, sizes[i].first);
		if (sizes[i].has > 2 * sizes[i].now || sizes[i].has % sizeof(void *))
			return error_set(err, -ENOEXEC,
					 "%s: its %s has %u bytes, which cannot be", file,
					 sizes[i].what, sizes[i].has);
	}
	return 0;
}

/* Copies what both sides know; what only the plugin knows must be zero. */
static int take(void *to, size_t known, const void *from, size_t size)
{
	const unsigned char *bytes = from;

	memset(to, 0, known);
	memcpy(to, from, size < known ? size : known);
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	return 0;
}

static const void *row(const void *list, size_t index, size_t size)
{
	return (const char *)list + index * size;
}

static int check_counts(const struct tio_plugin *plugin, const char *file,
			struct tio_error *err)
{
	const char *name = plugin->name;

	if (!name || strnlen(name, TIO_NAME_MAX) == TIO_NAME_MAX ||
	    !text_is_name(name, TIO_NAME_MAX - 1))
		return error_set(err, -ENOEXEC, "%s: its plugin has no proper name", file);
	if (!plugin->match || plugin->n_match == 0)
		return error_set(err, -ENOEXEC, "%s: plugin %s matches no device", file, name);
	if (plugin->n_match > TIO_MATCHES_MAX)
		return error_set(err, -ENOEXEC, "%s: plugin %s has %zu matches, over %d", file,
				 name, plugin->n_match, TIO_MATCHES_MAX);
	if (plugin->n_checks > TIO_CHECKS_MAX || (plugin->n_checks && !plugin->checks))
		return error_set(err, -ENOEXEC, "%s: plugin %s has %zu checks, over %d", file,
				 name, plugin->n_checks, TIO_CHECKS_MAX);
	return 0;
}

static int read_traits(const struct tio_traits *from, uint32_t size, struct plugin_traits *ret)
{
	struct tio_traits t;

	if (take(&t, sizeof(t), from, size) < 0 || t.n_nodes > TIO_NODES_MAX ||
	    (t.n_nodes && !t.nodes))
		return -E2BIG;
	declaration_text(ret->kind, sizeof(ret->kind), t.kind);
	declaration_text(ret->host_module, sizeof(ret->host_module), t.host_module);
	declaration_text(ret->note, sizeof(ret->note), t.note);
	declaration_text(ret->vf_note, sizeof(ret->vf_note), t.vf_note);
	for (size_t i = 0; i < t.n_nodes; i++)
		declaration_text(ret->nodes[i], sizeof(ret->nodes[i]), t.nodes[i]);
	ret->n_nodes = (uint32_t)t.n_nodes;
	ret->bind_ms = t.bind_ms;
	ret->unbind_ms = t.unbind_ms;
	ret->vfs_ms = t.vfs_ms;
	ret->per_vf_ms = t.per_vf_ms;
	ret->pins = t.pins;
	ret->vfs_max = t.vfs_max;
	/* It becomes part of a command line of modprobe's kind. */
	return !ret->host_module[0] || text_is_name(ret->host_module, TIO_NAME_MAX - 1)
		       ? 0
		       : -EINVAL;
}

/* Rows share traits: each is read once. */
static int number_traits(const struct tio_plugin *plugin, const struct tio_traits *traits,
			 const struct tio_traits *seen[], struct plugin *ret)
{
	uint32_t n = 0;

	while (n < ret->n_traits && seen[n] != traits)
		n++;
	if (n == ret->n_traits) {
		if (n == TIO_TRAITS_MAX ||
		    read_traits(traits, plugin->traits_size, &ret->traits[n]) < 0)
			return -EINVAL;
		seen[ret->n_traits++] = traits;
	}
	return (int)n + 1;
}

static int read_matches(const struct tio_plugin *plugin, const char *file, struct plugin *ret,
			struct tio_error *err)
{
	const struct tio_traits *seen[TIO_TRAITS_MAX];
	struct tio_match m;

	for (size_t i = 0; i < plugin->n_match; i++) {
		int n = 0;

		if (take(&m, sizeof(m), row(plugin->match, i, plugin->match_size),
			 plugin->match_size) < 0)
			return error_set(err, -ENOEXEC,
					 "%s: plugin %s uses a newer interface than tiod's",
					 file, ret->name);
		if (m.traits)
			n = number_traits(plugin, m.traits, seen, ret);
		if (n < 0)
			return error_set(err, -ENOEXEC,
					 "%s: plugin %s: the traits of match %zu make no sense",
					 file, ret->name, i);
		ret->match[i] = (struct plugin_match){ .vendor = m.vendor,
						       .device = m.device,
						       .class = m.class,
						       .class_mask = m.class_mask,
						       .traits = (uint32_t)n };
	}
	ret->n_match = (uint32_t)plugin->n_match;
	return 0;
}

static int read_checks(const struct tio_plugin *plugin, const char *file, struct plugin *ret,
		       struct tio_error *err)
{
	struct tio_check check;

	for (size_t i = 0; i < plugin->n_checks; i++) {
		if (take(&check, sizeof(check), row(plugin->checks, i, plugin->check_size),
			 plugin->check_size) < 0 ||
		    !check.run || !check.name)
			return error_set(err, -ENOEXEC,
					 "%s: plugin %s: check %zu makes no sense", file,
					 ret->name, i);
		declaration_text(ret->checks[i], sizeof(ret->checks[i]), check.name);
	}
	ret->n_checks = (uint32_t)plugin->n_checks;
	return 0;
}

int declaration_read(const struct tio_plugin *plugin, const char *file, struct plugin *ret,
		     struct tio_error *err)
{
	struct tio_plugin known;
	int r;

	memset(ret, 0, sizeof(*ret));
	if (plugin->abi != TIO_PLUGIN_ABI)
		return error_set(err, -ENOEXEC, "%s is for plugin interface %u, tiod has %u",
				 file, plugin->abi, (unsigned int)TIO_PLUGIN_ABI);
	r = check_sizes(plugin, file, err);
	if (r < 0)
		return r;
	if (take(&known, sizeof(known), plugin, plugin->size) < 0)
		return error_set(err, -ENOEXEC, "%s uses a newer interface than tiod's", file);
	r = check_counts(&known, file, err);
	if (r < 0)
		return r;
	declaration_text(ret->name, sizeof(ret->name), known.name);
	declaration_text(ret->file, sizeof(ret->file), file);
	ret->abi = known.abi;
	ret->has_companions = known.is_companion != NULL;
	r = read_matches(&known, file, ret, err);
	return r < 0 ? r : read_checks(&known, file, ret, err);
}

/* --- What came through the socket --- */

static bool is_ended(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static bool traits_make_sense(const struct plugin_traits *t)
{
	bool good = is_ended(t->kind, sizeof(t->kind)) &&
		    is_ended(t->host_module, sizeof(t->host_module)) &&
		    is_ended(t->note, sizeof(t->note)) &&
		    is_ended(t->vf_note, sizeof(t->vf_note)) && t->n_nodes <= TIO_NODES_MAX;

	for (size_t i = 0; good && i < t->n_nodes; i++)
		good = is_ended(t->nodes[i], sizeof(t->nodes[i]));
	return good;
}

int declaration_check(const struct plugin *plugin)
{
	if (!is_ended(plugin->name, sizeof(plugin->name)) ||
	    !text_is_name(plugin->name, TIO_NAME_MAX - 1) ||
	    !is_ended(plugin->file, sizeof(plugin->file)) ||
	    plugin->n_match > TIO_MATCHES_MAX || plugin->n_traits > TIO_TRAITS_MAX ||
	    plugin->n_checks > TIO_CHECKS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < plugin->n_match; i++)
		if (plugin->match[i].traits > plugin->n_traits)
			return -EBADMSG;
	for (size_t i = 0; i < plugin->n_traits; i++)
		if (!traits_make_sense(&plugin->traits[i]))
			return -EBADMSG;
	for (size_t i = 0; i < plugin->n_checks; i++)
		if (!is_ended(plugin->checks[i], sizeof(plugin->checks[i])))
			return -EBADMSG;
	return 0;
}

int declaration_check_finding(struct tio_finding *finding)
{
	struct tio_finding raw = *finding;

	if (raw.verdict > TIO_IN_USE)
		return -EBADMSG;
	declaration_text(finding->text, sizeof(finding->text), raw.text);
	declaration_text(finding->fix, sizeof(finding->fix), raw.fix);
	return raw.verdict != TIO_FINE && !finding->text[0] ? -EBADMSG : 0;
}
