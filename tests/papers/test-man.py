#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The man pages tell of every verb, option, key and exit code that there is, and of no other."""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
MAN = os.path.join(ROOT, "contrib/man")
TIOCTL, TIOD = os.environ["TIOCTL"], os.environ["TIOD"]
PAGES = sorted(os.listdir(MAN))
TAP = {"n": 0, "failed": 0}


def ok(good, sentence, *details):
    TAP["n"] += 1
    TAP["failed"] += not good
    print(f"{'ok' if good else 'not ok'} {TAP['n']} - {sentence}")
    for line in details if not good else ():
        print(f"# {line}")


def skip(sentence, why):
    TAP["n"] += 1
    print(f"ok {TAP['n']} - {sentence} # SKIP {why}")


def same(sentence, page, code):
    page, code = set(page), set(code)
    ok(page == code and code, sentence, f"only in the page: {sorted(page - code)}",
       f"only in the program: {sorted(code - page)}")


def page(name):
    with open(os.path.join(MAN, name), encoding="utf-8") as file:
        return file.read()


def source(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def section(text, title):
    """The lines of one .Sh, without its heading."""
    return re.search(rf"^\.Sh {re.escape(title)}\n(.*?)(?=^\.Sh |\Z)", text, re.M | re.S)[1]


@functools.cache
def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def flags(text):
    """-a, --all: as mdoc writes them."""
    return {"-" + flag for flag in re.findall(r"\bFl (-?[\w-]+)", text)} | {
        "-" + flag for line in re.findall(r"^\.(?:It )?Fl .*", text, re.M)
        for flag in re.findall(r", (?:Fl )?(-[\w-]+)", line)}


def helped(text):
    """The options in a program's help."""
    return {word for line in text.splitlines() if line.startswith("  -")
            for word in re.findall(r"(?:^|, )(-[\w-]+)", line.strip())}


def check_tioctl():
    text = page("tioctl.1")
    overview = output(TIOCTL, "--help")
    verbs = [line.split()[0] for line in overview.split("\n\n")[1].splitlines()]
    # Each verb's entry, from its .It to the next one or the end of the list.
    entries = {m[1]: m[0] for m in re.finditer(
        r"^\.It Ic (\w+).*?(?=^\.It |^\.El)", section(text, "VERBS"), re.M | re.S)}
    same("tioctl(1) has every verb and no other", entries, verbs)

    common = helped(overview.split("\n\n")[2])
    all_options = set(common)
    for verb in verbs:
        own = helped(output(TIOCTL, verb, "--help")) - common
        all_options |= own
        if verb in entries:
            long = {flag for flag in own if flag.startswith("--")}
            there = flags(entries[verb]) & all_known()
            ok(there == long, f"tioctl(1) says which options {verb} takes",
               f"only in the page: {there - long}", f"only in the program: {long - there}")
    same("tioctl(1) has every option and no other",
         {flag for line in re.findall(r"^\.It Fl .*", section(text, "OPTIONS"), re.M)
          for flag in flags(line)}, all_options)

    exits = dict(re.findall(r"^\.It (\d)\n(.*)", section(text, "EXIT STATUS"), re.M))
    program = dict(re.findall(r"^  (\d)  (.*)", overview, re.M))
    ok(exits == program and program, "tioctl(1) has every exit status, in the same words",
       exits, program)


def all_known():
    known = set()
    for verb in output(TIOCTL, "--help").split("\n\n")[1].splitlines():
        known |= helped(output(TIOCTL, verb.split()[0], "--help"))
    return {flag for flag in known if flag.startswith("--")}


def check_tiod():
    same("tiod(8) has every option and no other",
         {flag for line in re.findall(r"^\.It Fl .*", section(page("tiod.8"), "OPTIONS"), re.M)
          for flag in flags(line)},
         set(re.findall(r"(--[\w-]+)", output(TIOD, "--help"))))


def check_journal():
    """The fields that tiod(8) tells of, and the catalog, are what tiod gives the journal."""
    text = page("tiod.8")
    code = "".join(source("tiod/" + name) for name in ("audit.c", "links.c", "job-run.c"))
    fields = set(re.findall(r'"(TIOD_[A-Z_]+)"', code))
    same("tiod(8) has every field of the journal and no other",
         re.findall(r"^\.It Va (TIOD_\w+)", text, re.M), fields)
    ids = set(re.findall(r'= "([0-9a-f]{32})"', source("tiod/base/journal.c")))
    catalog = source("contrib/systemd/tiod.catalog")
    same("the catalog has every kind of message and no other",
         re.findall(r"^-- ([0-9a-f]{32})$", catalog, re.M), ids)
    wrong = (set(re.findall(r"\b(TIOD_[A-Z_]+)", text + catalog)) - fields) | (
        set(re.findall(r"MESSAGE_ID=(\w+)", text)) - ids)
    ok(not wrong, "neither speaks of anything else", *wrong)


def number(name, file):
    """What a file defines as @name."""
    return re.search(rf"^#define {name} +\(?([\d* ]+)", source(file), re.M)[1].strip()


def check_limits():
    text = " ".join(section(page("tiod.conf.5"), "LIMITS").split())
    for sentence, name, file in (
            ("One user has up to {} connections.", "SERVER_CLIENTS_PER_UID", "tiod/server.h"),
            ("have up to {} each", "SERVER_PER_STRANGER", "tiod/server.h"),
            ("together {} or half", "SERVER_STRANGERS", "tiod/server.h"),
            ("Up to {} changes wait", "JOBS_QUEUE_MAX", "tiod/jobs.h"),
            ("has up to {} of them", "JOBS_PER_UID", "tiod/jobs.h"),
            ("up to {} MiB of answers", "SERVER_QUEUE_MAX", "tiod/server.h"),
            ("message may have {} MiB", "WIRE_MESSAGE_MAX", "tiod/wire.h"),
            ("nothing for {} s", "STALL_USEC", "tiod/connection.c")):
        value = number(name, file)
        value = {"1024 * 1024": "1"}.get(value, value.split(" * ")[0])
        ok(sentence.format(value) in text,
           f"tiod.conf(5) has {name} as it is", sentence, value)


def check_exporter():
    if not os.path.exists(os.environ.get("TIOD_EXPORTER", "")):
        skip("tiod-exporter(8) has every option and no other", "it is not built")
        return
    same("tiod-exporter(8) has every option and no other",
         {flag for line in re.findall(r"^\.It Fl .*", section(page("tiod-exporter.8"),
                                                              "OPTIONS"), re.M)
          for flag in flags(line)},
         set(re.findall(r"(--[\w-]+)", output(os.environ["TIOD_EXPORTER"], "--help"))))


def tables(*files):
    """{section: keys} as the sources have it, from the tables of keys and of sections."""
    text = "".join(source(name) for name in files)
    keys = {name: set(re.findall(r'\{ "(\w+)"', body)) for name, body in
            re.findall(r"const struct config_key (\w+)\[\] = \{(.*?)\n\};", text, re.S)}
    sections = [dict(re.findall(r'\{ "(\w+)", (\w+)[ ,]', body)) for body in
                re.findall(r"const struct config_section \w+\[\] = \{(.*?)\n\};", text, re.S)]
    return {name: keys[table] for one in sections for name, table in one.items()}


def check_keys():
    pages = {"Daemon": "tiod.conf.5", "VM": "tiod.vm.5", "Network": "tiod.vm.5",
             "Match": "tiod.rules.5", "Attach": "tiod.rules.5", "Connect": "tiod.rules.5",
             "Report": "tiod.rules.5"}
    known = tables("tiod/config.c", "tiod/config-keys.c", "tiod/config-rules.c")
    same("a page is known for every section", pages, known)
    for name, keys in known.items():
        if name in pages:
            text = section(page(pages[name]), f"THE SECTION [{name}]")
            same(f"{pages[name]} has every key of [{name}] and no other",
                 re.findall(r"^\.It Va (\w+) Ns =", text, re.M), keys)
    for name in sorted(set(pages.values())):
        same(f"{name} has no other section",
             re.findall(r"^\.Sh THE SECTION \[(\w+)\]", page(name), re.M),
             [s for s, file in pages.items() if file == name])


def default_of(text, key):
    """What a page says after "Default:"; None where it says nothing."""
    entry = re.search(rf"^\.It Va {key} Ns =\n(.*?)(?=^\.It |\Z)", text, re.M | re.S)[1]
    found = re.search(r"Default:\s+(?:\.Cm )?(\w+)", entry)
    return found and found[1]


def check_defaults():
    """The values that tiod.conf(5) gives as defaults are those of an empty configuration."""
    text = section(page("tiod.conf.5"), "THE SECTION [Daemon]")
    with tempfile.TemporaryDirectory() as folder:
        said = dict(pair.split("=") for pair in
                    output(TIOD, "--check-config", "--config-dir", folder).split())
    for key in ("Workers", "TurnTimeout", "MaxClients", "WatchInterval", "Reconnect"):
        default = default_of(text, key)
        ok(default == said[key], f"tiod.conf(5) has the default of {key}", default, said[key])


def check_template():
    """contrib/tiod.conf, which packages install, has every key, commented out."""
    text = source("contrib/tiod.conf")
    keys = dict(re.findall(r"^#(\w+)=(.*)", text, re.M))
    same("contrib/tiod.conf has every key of [Daemon] and no other", keys,
         tables("tiod/config.c", "tiod/config-keys.c", "tiod/config-rules.c")["Daemon"])
    given = {key: value for key, value in keys.items() if value}
    manual = section(page("tiod.conf.5"), "THE SECTION [Daemon]")
    wrong = [key for key in given if default_of(manual, key) not in (None, given[key])]
    ok(not wrong, "and the defaults of tiod.conf(5)", *wrong)
    set_on = "[Daemon]\n" + "".join(f"{key}={value}\n" for key, value in given.items())
    said = []
    for content in ("", set_on, text):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/tiod.conf", "w", encoding="utf-8") as file:
                file.write(content)
            said.append(output(TIOD, "--check-config", f"--config-dir={folder}"))
    ok(len(given) > 6 and said[0] and len(set(said)) == 1, "which are those of tiod", *said)


def check_plugin():
    text, header = page("tio-plugin.7"), source("plugins/tio-plugin.h")
    names = set(re.findall(r"\bTIO_\w+|struct tio_\w+", text))
    missing = [name for name in names if not re.search(rf"\b{name}\b", header)]
    ok(names and not missing, "tio-plugin(7) names nothing that is not in the header", missing)
    example = re.search(r"^#include.*?(?=^\.Ed)", section(text, "EXAMPLES"), re.M | re.S)[0]
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/example.c", "w", encoding="utf-8") as file:
            file.write(example)
        done = subprocess.run(
            [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-fvisibility=hidden", "-Wall",
             "-Wextra", "-Werror", "-Wno-missing-field-initializers",
             "-I" + os.path.join(ROOT, "plugins"), "-o", folder + "/example.so",
             folder + "/example.c"], stderr=subprocess.PIPE, encoding="utf-8", check=False)
    ok(done.returncode == 0, "the example of tio-plugin(7) can be built", done.stderr)


def check_references():
    for name in PAGES:
        others = {f"{a}.{b}" for a, b in re.findall(r"^\.Xr ([\w.-]+) (\d)", page(name), re.M)}
        ok(others and others <= set(PAGES), f"{name} refers to pages that there are",
           others - set(PAGES))
    listed = set(re.findall(r"'man/([\w.-]+)'", source("contrib/meson.build")))
    same("every page is installed", listed, PAGES)


def check_mandoc():
    if not shutil.which("mandoc"):
        skip("the pages have no mistakes", "mandoc is not installed")
        return
    for name in PAGES:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                               os.path.join(MAN, name)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding="utf-8", check=False)
        ok(done.returncode == 0, f"{name} has no mistakes", done.stdout, done.stderr)


for check in (check_tioctl, check_tiod, check_journal, check_exporter, check_keys,
              check_defaults, check_limits, check_template, check_plugin, check_references,
              check_mandoc):
    check()
print(f"1..{TAP['n']}")
sys.exit(1 if TAP["failed"] else 0)
