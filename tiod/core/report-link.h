/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What report.c says of a card's link.  @dsm is its function 0, or NULL.
 */

#include "core/report.h"

/* Insecure by its registers, or in any other trouble. */
bool report_link_has_fallen(const struct function *dsm, const struct standing *standing);

/* What mends a link that has fallen: a new reference. */
json_t *report_link_waits_for(const struct function *dsm, const struct standing *standing);

/* Adds link, linkTrouble, ideFail and linkErrors. */
void report_link(json_t *json, const struct function *dsm, const struct standing *standing);
