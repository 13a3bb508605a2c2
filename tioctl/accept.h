/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * HTTP's Accept header, as far as tiod-exporter must know it: does the client rather have
 * OpenMetrics, or Prometheus' older text?
 */

#include <stdbool.h>

/*
 * @header: the value of Accept, NULL for none; whatever it holds, there is an answer.
 * OpenMetrics only for who names it and does not like plain text better (RFC 9110, 12.5.1).
 */
bool accept_wants_openmetrics(const char *header);
