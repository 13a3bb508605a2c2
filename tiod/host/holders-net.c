/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/holders.h"
#include "host/sysfs.h"

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

static int add_addresses(const struct holder_search *search, const char *interface)
{
	struct ifaddrs *all = NULL, *one;
	char where[INET6_ADDRSTRLEN];
	int r = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (one = all; r == 0 && one; one = one->ifa_next)
		if (one->ifa_addr && (one->ifa_flags & IFF_UP) &&
		    strcmp(one->ifa_name, interface) == 0 && !is_own_address(one->ifa_addr) &&
		    format_address(one->ifa_addr, where, sizeof(where)))
			r = holders_add(search, HOLDER_NETDEV, interface, where);
	freeifaddrs(all);
	return r;
}

/* Links named "upper_br0": bridges, bonds, VLANs and the like that are built on it. */
static int add_uppers(const struct holder_search *search, const struct child *child)
{
	auto_closedir DIR *folder = attr_open_folder(search->host->sys_fd, child->path);
	const char *name;
	int r = 0;

	while (r == 0 && folder && (name = attr_next_entry(folder)))
		if (strncmp(name, "upper_", 6) == 0)
			r = holders_add(search, HOLDER_NETDEV, child->interface, name + 6);
	return r;
}

int holders_find_net(const struct holder_search *search)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < search->children->n; i++) {
		const struct child *child = &search->children->list[i];

		if (!child->interface[0])
			continue;
		r = add_uppers(search, child);
		if (r == 0)
			r = add_addresses(search, child->interface);
	}
	return r;
}
