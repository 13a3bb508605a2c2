/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/report-link.h"

#include "core/json.h"

bool report_link_has_fallen(const struct function *dsm, const struct standing *standing)
{
	return !function_link_is_secure(dsm) ||
	       (standing->link && standing->link->trouble != LINK_FINE);
}

json_t *report_link_waits_for(const struct function *dsm, const struct standing *standing)
{
	const struct link_state *link = standing->link;
	char name[BDF_STRLEN];

	bdf_format(dsm->bdf, name);
	if (!link || link->trouble == LINK_FINE)
		return json_sprintf("a secure link: `tioctl reconnect %s`", name);
	if (link->trouble == LINK_SILENT)
		return json_sprintf("the card to answer: %s; reset or reseat it, then `tioctl "
				    "reconnect %s`",
				    link->text, name);
	if (link->trouble != LINK_WITHOUT_TSM)
		return json_sprintf("a secure link: %s; `tioctl reconnect %s`", link->text,
				    name);
	if (standing->reconnects)
		return json_sprintf("%s; when it is back the link is made anew", link->text);
	return json_sprintf("%s; when it is back, `tioctl reconnect %s`", link->text, name);
}

static const char *link_word(const struct function *dsm)
{
	if (!dsm || (!dsm->tsm[0] && !dsm->stream.present))
		return "none";
	return function_link_is_secure(dsm) ? "secure" : "insecure";
}

static void add_errors(json_t *list, struct bdf bdf, const struct ide_errors *errors)
{
	if (!errors->known)
		return;
	json_array_append_new(list, json_pack("{so sI sI sI}", "address", json_bdf(bdf),
					      "ideCheck", (json_int_t)errors->check,
					      "misIdeTlp", (json_int_t)errors->misrouted,
					      "pcrcCheck", (json_int_t)errors->pcrc));
}

void report_link(json_t *json, const struct function *dsm, const struct standing *standing)
{
	const struct ide_stream *stream = dsm ? &dsm->stream : NULL;
	bool present = stream && stream->present;
	json_t *errors = json_array();

	if (present) {
		add_errors(errors, dsm->bdf, &stream->endpoint.errors);
		add_errors(errors, dsm->root_port, &stream->root_port.errors);
	}
	json_object_set_new(json, "link", json_string(link_word(dsm)));
	json_object_set_new(json, "linkTrouble",
			    json_string(standing->link ? standing->link->text : ""));
	json_object_set_new(
		json, "ideFail",
		json_boolean(present && (stream->endpoint.failed || stream->root_port.failed)));
	json_object_set_new(json, "linkErrors", errors);
}
