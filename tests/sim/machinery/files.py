# SPDX-License-Identifier: GPL-2.0-or-later
"""Attributes and stored files."""

import os
import subprocess

from inside import (BDF, DEV, OVERRIDE, STORE, check, equal, error_of, read, write)


@check("an attribute shows its text and takes one write")
def _():
    equal(read(OVERRIDE), b"(null)\n")
    equal(write(OVERRIDE, b"vfio-pci\n"), 9)
    equal(read(OVERRIDE), b"vfio-pci\n")
    write(OVERRIDE, b"\n")
    equal(read(OVERRIDE), b"(null)\n")


@check("a read at a later offset goes on with the text of the first one")
def _():
    fd = os.open(OVERRIDE, os.O_RDONLY)
    equal(os.pread(fd, 3, 0), b"(nu")
    write(OVERRIDE, b"other\n")
    equal(os.pread(fd, 9, 3), b"ll)\n")
    equal(os.pread(fd, 9, 0), b"other\n")
    os.close(fd)
    write(OVERRIDE, b"\n")


@check("a write of nothing and a truncation have no effect")
def _():
    write(OVERRIDE, b"kept\n")
    equal(write(OVERRIDE, b""), 0)
    os.close(os.open(OVERRIDE, os.O_WRONLY | os.O_TRUNC))
    os.truncate(OVERRIDE, 0)
    equal(read(OVERRIDE), b"kept\n")
    subprocess.run(["sh", "-c", f"echo > {OVERRIDE}"], check=True)
    equal(read(OVERRIDE), b"(null)\n")


@check("the errno of an attribute reaches the caller")
def _():
    equal(error_of(write, f"{DEV}/sriov_numvfs", b"99"), "ERANGE")
    equal(error_of(write, "/sys/bus/pci/drivers/gpudrv/bind", b"0000:77:00.0"), "ENODEV")


@check("names cannot be made or removed in /sys")
def _():
    equal(error_of(os.open, f"{DEV}/new", os.O_CREAT | os.O_WRONLY), "EACCES")
    equal(error_of(os.mkdir, f"{DEV}/new"), "EPERM")
    equal(error_of(os.unlink, OVERRIDE), "EPERM")
    equal(error_of(os.rename, OVERRIDE, f"{DEV}/new"), "EPERM")
    equal(error_of(os.stat, f"{DEV}/absent"), "ENOENT")


@check("not even root reads what nobody may read")
def _():
    equal(error_of(os.open, f"{DEV}/remove", os.O_RDONLY), "EACCES")
    equal(error_of(os.open, f"{DEV}/vendor", os.O_WRONLY), "EACCES")


@check("mode and owner of an attribute can be changed")
def _():
    os.chmod(OVERRIDE, 0o640)
    equal(os.stat(OVERRIDE).st_mode & 0o7777, 0o640)
    os.chmod(OVERRIDE, 0o644)
    if len(read("/proc/self/uid_map").split()) > 1 and b" 65536" in read("/proc/self/uid_map"):
        os.chown(OVERRIDE, 7, 8)
        equal((os.stat(OVERRIDE).st_uid, os.stat(OVERRIDE).st_gid), (7, 8))
        os.chown(OVERRIDE, 0, 0)


@check("configuration space is cut to 64 bytes for who opens it without CAP_SYS_ADMIN")
def _():
    equal(len(read(f"{DEV}/config")), 4096)
    run = subprocess.run(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin",
                          "sh", "-c", f"wc -c < {DEV}/config"], capture_output=True, check=True)
    equal(int(run.stdout), 64)



@check("the store keeps files like any file system")
def _():
    os.mkdir(f"{STORE}/dir")
    with open(f"{STORE}/dir/a", "wb") as file:
        file.write(b"x" * 10000)
        file.flush()
        os.fsync(file.fileno())
        file.truncate(5)
    with open(f"{STORE}/dir/a", "ab") as file:
        file.write(b"yy")
    equal(read(f"{STORE}/dir/a"), b"xxxxxyy")
    equal(os.stat(f"{STORE}/dir/a").st_size, 7)
    equal(error_of(os.rmdir, f"{STORE}/dir"), "ENOTEMPTY")
    os.rename(f"{STORE}/dir/a", f"{STORE}/b")
    equal(os.listdir(STORE), ["dir", "b"])
    os.rmdir(f"{STORE}/dir")


@check("a rename in the store replaces the file, which stays readable while open")
def _():
    with open(f"{STORE}/b", "rb", buffering=0) as old:
        with open(f"{STORE}/new", "wb") as file:
            file.write(b"new")
        os.rename(f"{STORE}/new", f"{STORE}/b")
        equal(old.read(), b"xxxxxyy")
    equal(read(f"{STORE}/b"), b"new")
    os.unlink(f"{STORE}/b")
    equal(os.listdir(STORE), [])
