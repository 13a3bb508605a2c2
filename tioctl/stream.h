/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A change of the host as tioctl sees it: asked for, followed while it runs, and its
 * outcome for each family of functions.  For change.c.
 */

#include <jansson.h>

struct tioctl;

/* Asks for a change without waiting for it and prints the numbers of its jobs. */
int stream_start(struct tioctl *t, const char *method, json_t *parameters);

/*
 * Asks for a change and shows its progress until it ends.  @ret: the parameters of the last
 * reply, owned by the caller; it stays NULL when the call as a whole failed, which was
 * reported: then the exit code is what is returned.
 */
int stream_follow(struct tioctl *t, const char *method, json_t *parameters, json_t **ret);

/*
 * Says on stderr how each family ended ("0000:e1:00.0 attached to gpu-vm in 3.1 s") and
 * returns the exit code that follows from all of them.
 */
int stream_outcomes(struct tioctl *t, const json_t *last, const char *done, const char *whom);
