# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside tio-sim: python3 machinery TIO-SIM.

test_machinery.py starts this and collects its lines: "ok <sentence>" or
"not ok <sentence>: <why>".
"""

import inside

import files  # noqa: F401  each registers its checks, in this order
import faults  # noqa: F401
import events  # noqa: F401

inside.run_checks()
