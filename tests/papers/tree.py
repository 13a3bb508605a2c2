# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of the source tree as it stands, for tests that build or run the whole of it."""

import os
import shutil
import subprocess


def copy_tree(root, folder):
    """What git knows of in @root, or would; False where that is no clone by git."""
    if not shutil.which("git") or not os.path.exists(os.path.join(root, ".git")):
        return False
    names = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                            "--exclude-standard"], check=True,
                           stdout=subprocess.PIPE).stdout.decode().split("\0")
    for name in filter(None, names):
        if os.path.lexists(os.path.join(root, name)):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            shutil.copy2(os.path.join(root, name), os.path.join(folder, name),
                         follow_symlinks=False)
    return True
