# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of test_kernel.py, one file a part of the kernel."""
