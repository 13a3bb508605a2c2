/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a VM is to be given: qemu, and the end of attach.
 */

#include <string.h>

#include "base/cleanup.h"
#include "tioctl/field.h"
#include "tioctl/handoff.h"
#include "tioctl/tioctl.h"

/* "-device vfio-pci,…" belongs on one line; the next option begins the next. */
static void print_arguments(FILE *file, const json_t *arguments)
{
	const json_t *argument;
	size_t i;

	json_array_foreach(arguments, i, argument)
	{
		const char *text = json_string_value(argument);
		auto_free char *quoted = render_quote(text ? text : "");

		if (i)
			fputs(text && text[0] == '-' ? " \\\n" : " ", file);
		fputs(quoted, file);
	}
	if (json_array_size(arguments))
		fputc('\n', file);
}

void handoff_print(struct tioctl *t, const json_t *handoff, const char *format)
{
	if (format && strcmp(format, "libvirt") == 0) {
		fputs(field_text(handoff, "libvirt"), t->out.file);
	} else if (format && strcmp(format, "json") == 0) {
		json_dumpf(handoff, t->out.file, JSON_INDENT(2) | JSON_ENSURE_ASCII);
		fputc('\n', t->out.file);
	} else {
		print_arguments(t->out.file, json_object_get(handoff, "arguments"));
	}
	fflush(t->out.file);
}

void handoff_print_notes(const struct screen *screen, const json_t *handoff)
{
	const json_t *note;
	size_t i;

	json_array_foreach(json_object_get(handoff, "notes"), i, note)
	{
		const char *text = json_string_value(note);

		screen_line(screen, "note: %s", text ? text : "");
	}
}

static int run_qemu(struct tioctl *t)
{
	auto_json json_t *reply = NULL;
	const json_t *handoff;
	int r;

	r = tioctl_call(t,
			&(struct call){ "io.tiod.GetQemuArgs",
					json_pack("{s:s}", "vm", t->options->names[0]),
					.object = "handoff" },
			&reply);
	if (r != EXIT_DONE)
		return r;
	handoff = json_object_get(reply, "handoff");
	/* Arguments for a device that is not as it should be are no success. */
	r = json_is_false(json_object_get(handoff, "ready")) ? EXIT_NOT_READY : EXIT_DONE;
	if (t->json) {
		(void)tioctl_document(t, take_json(&reply));
		return r;
	}
	handoff_print(t, handoff, t->options->value[OPTION_FORMAT]);
	handoff_print_notes(&t->err, handoff);
	return r;
}

const struct command command_qemu = {
	.name = "qemu",
	.arguments = "VM [--format qemu|json|libvirt]",
	.summary = "what QEMU or libvirt is to be given for the devices of a VM",
	.options = OPTION_BIT(OPTION_FORMAT),
	.names_min = 1,
	.names_max = 1,
	.run = run_qemu,
};
