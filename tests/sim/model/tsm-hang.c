/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connects that take until they are let go of, inside the lock that everybody meets. */
#include <string.h>

#include "model/host.h"
#include "model/tsm.h"

enum hang { HANG_OFF, HANG_KILLABLE, HANG_FOREVER, HANG_COUNT };

static const char *const names[HANG_COUNT] = { "off", "killable", "forever" };
static enum hang hang;

int tsm_hang_wait(void)
{
	int r = 0;

	while (r == 0 && hang != HANG_OFF)
		r = sim_wait(-1, hang == HANG_KILLABLE ? SIM_KILLABLE : SIM_UNINTERRUPTIBLE);
	return r;
}

json_t *tsm_hang(const json_t *command)
{
	const char *how = desc_text(command, "how", "");

	for (int i = 0; i < HANG_COUNT; i++) {
		if (strcmp(names[i], how) != 0)
			continue;
		hang = (enum hang)i;
		sim_wake();
		return json_pack("{s:b}", "ok", 1);
	}
	return json_pack("{s:b,s:s}", "ok", 0, "error",
			 "\"how\" must be \"off\", \"killable\" or \"forever\"");
}
