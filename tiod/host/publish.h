/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Files that tiod writes for others to read, at a path that an admin chose.
 *
 * Replaced as a whole, so that a reader finds the old text or the new one, and readable for
 * everybody; not synced, since they are made anew whenever tiod starts.  Both block for as long
 * as the file system pleases.
 */

struct tio_error;

/* Makes the folder, too, when only that is missing. */
int publish_file(const char *path, const char *text, struct tio_error *err);

/* No such file is a success. */
int publish_remove(const char *path, struct tio_error *err);
