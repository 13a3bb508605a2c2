# SPDX-License-Identifier: GPL-2.0-or-later
"""Answers while a connect hangs, and what tiod does while nobody asks.

    bench_latency.py FUNCTION
"""

import json
import sys
import time

from measure import ReadyWorld, floor, percentile, say, world

CALLS = 1000
IDLE_SECONDS = 10


def ask(name, method, **parameters):
    call = json.dumps({"method": "io.tiod." + method, "parameters": parameters})
    reply = floor("ask", world.SOCKET, call, str(CALLS))
    took = reply["usec"]
    say(f"  {name:<34} p50 {percentile(took, 0.5):8.0f}  p99 {percentile(took, 0.99):8.0f}"
        f"  max {max(took):8.0f} us  ({len(took)} calls, {reply['bytes']} bytes)")


def ask_all(function):
    ask("GetStatus", "GetStatus", function=function)
    ask("ListFunctions", "ListFunctions")
    ask("ListFunctions all", "ListFunctions", all=True)


def switches(w):
    return w.field("voluntary_ctxt_switches") + w.field("nonvoluntary_ctxt_switches")


def main(function):
    w = ReadyWorld(step_timeout=600)
    w.start()
    say("calls while nothing runs")
    ask_all(function)

    rule = w.sim.fault(path=f"*/{function}/tsm/connect", act="hang")
    job = w.background("attach", function, "--vm", "vm1")
    while not w.sim.hits(rule):
        time.sleep(0.01)
    say(f"calls while the connect of {function} hangs")
    ask_all(function)
    w.sim("release", id="all")
    job.communicate(timeout=60)
    w.must("detach", function)
    w.settled(function)

    time.sleep(2)  # the last events' scans
    before = switches(w)
    time.sleep(IDLE_SECONDS)
    say(f"idle for {IDLE_SECONDS} s: {switches(w) - before} context switches of tiod")
    w.stop()


main(sys.argv[1])
