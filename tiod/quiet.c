/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "quiet.h"

#include <stddef.h>

/* Its entry, or the one that is given up for it. */
static struct quiet_user *find(struct quiet *quiet, uid_t uid)
{
	struct quiet_user *oldest = &quiet->users[0];

	for (size_t i = 0; i < QUIET_USERS; i++) {
		struct quiet_user *user = &quiet->users[i];

		if (user->told && user->uid == uid)
			return user;
		if (user->told < oldest->told)
			oldest = user;
	}
	*oldest = (struct quiet_user){ .uid = uid };
	return oldest;
}

bool quiet_pass(struct quiet *quiet, uid_t uid, uint64_t now, unsigned *left_out)
{
	struct quiet_user *user = find(quiet, uid);

	*left_out = user->left_out;
	if (user->told && now - user->told < QUIET_USEC) {
		user->left_out++;
		return false;
	}
	user->told = now;
	user->left_out = 0;
	return true;
}
