# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a script within a simulated host: run.py TIO-SIM HOST SCRIPT [ARG…].

HOST is the description's file, or a number: so many functions, made by make-host.
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MAKE_HOST = os.path.join(HERE, "..", "sim", "make-host")


def run(tio_sim, host, *command, **options):
    """Exit status and output of @command inside; the output is None unless it is captured."""
    with tempfile.TemporaryDirectory(prefix="tiod-bench-") as folder:
        if host.isdigit():
            path = os.path.join(folder, "host.json")
            with open(path, "w", encoding="utf-8") as file:
                subprocess.run([sys.executable, MAKE_HOST, "--functions", host], stdout=file,
                               check=True)
        else:
            path = host
        done = subprocess.run([tio_sim, "run", path, "--keep-env", "--", sys.executable,
                               *command], text=True, check=False, **options)
        return done.returncode, done.stdout


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:])[0])
