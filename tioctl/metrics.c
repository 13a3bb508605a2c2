/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a monitoring system is told.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tioctl/field.h"
#include "tioctl/tioctl.h"

static int write_all(FILE *file, const char *text)
{
	int r = file && fputs(text, file) >= 0 && fflush(file) == 0 ? 0 : -EIO;

	if (file && fclose(file) != 0)
		r = -EIO;
	return r < 0 && errno ? -errno : r;
}

/* Whoever reads the folder meanwhile finds the old file or the new one, and no third. */
static int replace(const char *path, const char *text)
{
	const char *name = strrchr(path, '/');
	int length = name ? (int)(name + 1 - path) : 0, fd, r;
	char draft[PATH_MAX];

	if (snprintf(draft, sizeof(draft), "%.*s.tiod-XXXXXX", length, path) >=
	    (int)sizeof(draft))
		return -ENAMETOOLONG;
	fd = mkstemp(draft);
	if (fd < 0)
		return -errno;
	errno = 0;
	r = fchmod(fd, 0644) < 0 ? -errno : 0;
	if (r < 0)
		close(fd);
	else
		r = write_all(fdopen(fd, "w"), text);
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(draft);
	return r;
}

static int run_metrics(struct tioctl *t)
{
	const char *path = t->options->value[OPTION_TEXTFILE];
	json_t *parameters = must(json_pack("{s:b}", "openMetrics", !path));
	auto_json json_t *reply = NULL;
	const char *text;
	int r;

	r = tioctl_call(t, &(struct call){ "io.tiod.GetMetrics", parameters }, &reply);
	if (r != EXIT_DONE)
		return r;
	text = field_text(reply, "text");
	if (path) {
		r = replace(path, text);
		if (r == 0)
			return EXIT_DONE;
		screen_line(&t->err, "tioctl: cannot write %s: %s", path, strerror(-r));
		return EXIT_FAILED;
	}
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	fputs(text, t->out.file);
	return EXIT_DONE;
}

const struct command command_metrics = {
	.name = "metrics",
	.arguments = "[--textfile PATH]",
	.summary = "figures for a monitoring system: OpenMetrics, or a file for node_exporter",
	.options = OPTION_BIT(OPTION_TEXTFILE),
	.run = run_metrics,
};
