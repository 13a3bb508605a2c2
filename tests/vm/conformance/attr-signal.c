/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "attr.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>

static void nothing(int signal)
{
	(void)signal;
}

/* It repeats, so that no signal is lost that comes before the call has begun to wait. */
void attr_signals(void)
{
	const struct itimerval often = { { 0, 300000 }, { 0, 300000 } };
	struct sigaction action = { .sa_handler = nothing }; /* no SA_RESTART */

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}
