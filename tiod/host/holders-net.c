/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/holders.h"
#include "host/sysfs.h"

static int add(const struct holder_search *search, enum holder_kind kind, const char *interface,
	       const char *sort, const char *where)
{
	struct holder holder = { .kind = kind };

	text_copy(holder.what, sizeof(holder.what), interface);
	text_copy(holder.sort, sizeof(holder.sort), sort);
	text_copy(holder.where, sizeof(holder.where), where);
	return holders_add(search, holder, NULL);
}

/* --- Addresses --- */

/* An interface that is up gives itself a link-local address: that is no use of it yet. */
static bool is_own_address(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;

	return address->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr);
}

static bool format_address(const struct sockaddr *address, char *buf, socklen_t size)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;

	if (address->sa_family == AF_INET)
		return inet_ntop(AF_INET, &four->sin_addr, buf, size);
	if (address->sa_family == AF_INET6)
		return inet_ntop(AF_INET6, &six->sin6_addr, buf, size);
	return false;
}

static int fail_addresses(const struct holder_search *search, int r)
{
	error_set(search->err, r, "cannot see which addresses the host has: %s", strerror(-r));
	error_fix(search->err, "let tiod open netlink sockets (RestrictAddressFamilies= of its "
			       "unit), and try again");
	return r;
}

static int add_addresses(const struct holder_search *search, const char *interface)
{
	struct ifaddrs *all = NULL, *one;
	char where[INET6_ADDRSTRLEN];
	int r = 0;

	if (getifaddrs(&all) < 0)
		return fail_addresses(search, -errno);
	for (one = all; r == 0 && one; one = one->ifa_next)
		if (one->ifa_addr && (one->ifa_flags & IFF_UP) &&
		    strcmp(one->ifa_name, interface) == 0 && !is_own_address(one->ifa_addr) &&
		    format_address(one->ifa_addr, where, sizeof(where)))
			r = add(search, HOLDER_ADDRESS, interface, "", where);
	freeifaddrs(all);
	return r;
}

/* --- What is built on it --- */

static bool read_devtype(int dir, const char *upper, char *buf, size_t size)
{
	char path[64], text[ATTR_SIZE_MAX], *rest = text, *line;

	snprintf(path, sizeof(path), "%.32s/uevent", upper);
	if (attr_read(dir, path, text, sizeof(text)) < 0)
		return false;
	while ((line = strsep(&rest, "\n")))
		if (strncmp(line, "DEVTYPE=", 8) == 0)
			return text_copy(buf, size, line + 8);
	return false;
}

/* Not every kind of interface says in sysfs what it is, a team for one: its driver does. */
static void ask_driver(const char *interface, char *buf, size_t size)
{
	/* Any family will do, and this one is open to a daemon in a sandbox. */
	auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };

	text_copy(buf, size, "network device");
	text_copy(request.ifr_name, sizeof(request.ifr_name), interface);
	if (fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0 && info.driver[0])
		text_copy(buf, size, info.driver);
}

/* Links named "upper_br0"; the one that "master" points at, too, rules the interface. */
static int add_uppers(const struct holder_search *search, const struct child *child)
{
	auto_closedir DIR *folder = attr_open_folder(search->host->sys_fd, child->path);
	char sort[24], master[32];
	const char *name;
	int r = folder ? 0 : -errno;

	if (r < 0 && r != -ENODEV && r != -ENOENT)
		return holders_fail(search, r, "/sys", child->path);
	r = 0;
	if (!folder || attr_read_link_name(dirfd(folder), "master", master, sizeof(master)) < 0)
		master[0] = '\0';
	while (r == 0 && folder && (name = attr_next_entry(folder))) {
		if (strncmp(name, "upper_", 6) != 0)
			continue;
		if (!read_devtype(dirfd(folder), name, sort, sizeof(sort)))
			ask_driver(name + 6, sort, sizeof(sort));
		r = add(search, strcmp(master, name + 6) == 0 ? HOLDER_MASTER : HOLDER_UPPER,
			child->interface, sort, name + 6);
	}
	return r;
}

/* --- Routes --- */

struct route {
	char interface[IFNAMSIZ];
	char to[INET6_ADDRSTRLEN], via[INET6_ADDRSTRLEN]; /* via: "" for none */
	unsigned int length;                              /* of the prefix */
	bool self_made; /* link-local and multicast: comes with the interface */
};

/* "Iface Destination Gateway Flags RefCnt Use Metric Mask …", in hexadecimal as stored. */
static bool parse_route(const char *line, struct route *ret)
{
	struct in_addr to, via;
	unsigned int flags, mask;

	if (sscanf(line, "%15s %8x %8x %4x %*s %*s %*s %8x", ret->interface, &to.s_addr,
		   &via.s_addr, &flags, &mask) != 5 ||
	    !(flags & RTF_UP) || (flags & RTF_REJECT))
		return false;
	inet_ntop(AF_INET, &to, ret->to, sizeof(ret->to));
	inet_ntop(AF_INET, &via, ret->via, sizeof(ret->via));
	if (!(flags & RTF_GATEWAY))
		ret->via[0] = '\0';
	ret->length = (unsigned int)__builtin_popcount(mask);
	ret->self_made = false;
	return true;
}

static bool parse_address6(const char *hex, struct in6_addr *ret)
{
	for (int i = 0; i < 16; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &ret->s6_addr[i]) != 1)
			return false;
	return true;
}

/* "destination length source length gateway metric references uses flags interface" */
static bool parse_route6(const char *line, struct route *ret)
{
	char to_hex[33], via_hex[33];
	struct in6_addr to, via;
	unsigned int flags;

	if (sscanf(line, "%32s %x %*s %*s %32s %*s %*s %*s %x %15s", to_hex, &ret->length,
		   via_hex, &flags, ret->interface) != 5 ||
	    !(flags & RTF_UP) || (flags & RTF_REJECT) || strlen(to_hex) != 32 ||
	    strlen(via_hex) != 32 || !parse_address6(to_hex, &to) ||
	    !parse_address6(via_hex, &via))
		return false;
	inet_ntop(AF_INET6, &to, ret->to, sizeof(ret->to));
	inet_ntop(AF_INET6, &via, ret->via, sizeof(ret->via));
	if (!(flags & RTF_GATEWAY))
		ret->via[0] = '\0';
	ret->self_made = IN6_IS_ADDR_LINKLOCAL(&to) || IN6_IS_ADDR_MULTICAST(&to);
	return true;
}

static int add_route(const struct holder_search *search, const struct route *route)
{
	char where[160];

	if (route->length == 0)
		where[0] = '\0';
	else
		snprintf(where, sizeof(where), "%s/%u", route->to, route->length);
	if (route->via[0])
		text_append(where, sizeof(where), "%svia %s", where[0] ? " " : "", route->via);
	else if (!where[0])
		text_copy(where, sizeof(where), "of this host");
	return add(search, HOLDER_ROUTE, route->interface,
		   route->length == 0 ? "default route" : "route to", where);
}

/* The routes that come with an address say nothing that the address does not. */
static bool is_worth_telling(const struct route *route, const char *interface, bool addressed)
{
	if (strcmp(route->interface, interface) != 0 || route->self_made)
		return false;
	return route->via[0] || route->length == 0 || !addressed;
}

static int read_routes(const struct holder_search *search, const char *interface,
		       bool addressed, const char *path,
		       bool (*parse)(const char *line, struct route *ret))
{
	auto_fclose FILE *file = NULL;
	struct route route;
	char line[256];
	int r = holders_open_proc(search, path, &file);

	while (r == 0 && file && fgets(line, sizeof(line), file))
		if (parse(line, &route) && is_worth_telling(&route, interface, addressed))
			r = add_route(search, &route);
	return r < 0 ? r : holders_end_proc(search, path, file);
}

static int add_routes(const struct holder_search *search, const char *interface, bool addressed)
{
	int r = read_routes(search, interface, addressed, "net/route", parse_route);

	return r < 0 ? r
		     : read_routes(search, interface, addressed, "net/ipv6_route",
				   parse_route6);
}

/* --- All --- */

static int look_at(const struct holder_search *search, const struct child *child)
{
	size_t before;
	int r;

	r = add_uppers(search, child);
	before = search->snap->n_holders;
	if (r == 0)
		r = add_addresses(search, child->interface);
	if (r == 0)
		r = add_routes(search, child->interface, search->snap->n_holders > before);
	return r;
}

int holders_find_net(const struct holder_search *search)
{
	struct holder hidden = { .kind = HOLDER_HIDDEN };
	int r = 0;

	if (search->children->hidden_interface)
		return holders_add(search, hidden, NULL);
	for (size_t i = 0; r == 0 && i < search->children->n; i++)
		if (search->children->list[i].interface[0])
			r = look_at(search, &search->children->list[i]);
	return r;
}
