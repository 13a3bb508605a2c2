/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A source of users and groups for nsswitch.conf ("tiodtest"), such as a directory server is:
 * it knows one user and one group, and it does not answer while a file says so.
 */

#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME "faraway"
#define ID   4242

#define EXPORT __attribute__((visibility("default")))

enum nss_status _nss_tiodtest_getpwnam_r(const char *name, struct passwd *ret, char *buf,
					 size_t size, int *error);
enum nss_status _nss_tiodtest_getgrnam_r(const char *name, struct group *ret, char *buf,
					 size_t size, int *error);

/* As long as there is a file of its name. */
static void answer_in_time(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/run/nss-hangs/%s", name);
	while (access(path, F_OK) == 0)
		usleep(20000);
}

static bool knows(const char *name)
{
	answer_in_time(name);
	return strcmp(name, NAME) == 0;
}

EXPORT enum nss_status _nss_tiodtest_getpwnam_r(const char *name, struct passwd *ret, char *buf,
						size_t size, int *error)
{
	static char empty[] = "", known[] = NAME;

	if (!knows(name))
		return NSS_STATUS_NOTFOUND;
	*ret = (struct passwd){ .pw_name = known,
				.pw_passwd = empty,
				.pw_uid = ID,
				.pw_gid = ID,
				.pw_gecos = empty,
				.pw_dir = empty,
				.pw_shell = empty };
	return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_tiodtest_getgrnam_r(const char *name, struct group *ret, char *buf,
						size_t size, int *error)
{
	static char empty[] = "", known[] = NAME, *nobody[] = { NULL };

	if (!knows(name))
		return NSS_STATUS_NOTFOUND;
	*ret = (struct group){
		.gr_name = known, .gr_passwd = empty, .gr_gid = ID, .gr_mem = nobody
	};
	return NSS_STATUS_SUCCESS;
}
