# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Prometheus scrapes tiod-exporter, follows the shipped alerts, feeds the dashboard."""

import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

from checks import run_all, set_pci, until
from exporter import Exporter, answers

DRIVE, NIC = "0000:61:00.0", "0000:41:00.0"
HERE = os.path.dirname(os.path.abspath(__file__))
CONTRIB = os.path.join(HERE, "..", "..", "contrib")
FOLDER = "/run/prometheus-test"
WEB = "127.0.0.1:9090"

CONFIG = """
global:
  scrape_interval: 250ms
  scrape_timeout: 250ms
  evaluation_interval: 250ms
rule_files: [{folder}/rules.yml]
scrape_configs:
  - job_name: tiod
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Prometheus:
    """Of the test's own; the shipped rules, with their patience cut to a second."""

    def __init__(self, port):
        os.makedirs(FOLDER, exist_ok=True)
        with open(CONTRIB + "/prometheus/tiod.rules.yml", encoding="utf-8") as file:
            rules, self.patient = re.subn(r"(?m)^(\s+for:) \d+m$", r"\1 1s", file.read())
        self.write("rules.yml", rules)
        self.write("prometheus.yml", CONFIG.format(folder=FOLDER, port=port))
        self.log = open(FOLDER + "/log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={FOLDER}/prometheus.yml",
             f"--storage.tsdb.path={FOLDER}/data", f"--web.listen-address={WEB}"],
            stdout=self.log, stderr=self.log)

    @staticmethod
    def write(name, text):
        with open(f"{FOLDER}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def said(self):
        self.log.flush()
        with open(FOLDER + "/log", encoding="utf-8") as log:
            return log.read()[-3000:]

    def ask(self, what, **parameters):
        url = f"http://{WEB}/api/v1/{what}?" + urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(url, timeout=30) as reply:
            return json.load(reply)["data"]

    def query(self, query):
        """Labels and value of what @query gives now."""
        found = self.ask("query", query=query)["result"]
        return [(row["metric"], row["value"][1]) for row in found]

    def value(self, query):
        found = self.query(query)
        return float(found[0][1]) if len(found) == 1 else None

    def firing(self):
        """Labels and annotations of the alerts that fire, by name."""
        return {alert["labels"]["alertname"]: {**alert["labels"], **alert["annotations"]}
                for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


def fires(checks, name, wanted=True):
    """Waits until the alert fires, or no longer does."""
    until(lambda: (name in checks.prometheus.firing()) == wanted, 60)
    return checks.prometheus.firing().get(name)


def becomes(checks, query, value, sentence):
    until(lambda: checks.prometheus.value(query) == value, 60)
    got = checks.prometheus.query(query)
    checks.tap.ok(checks.prometheus.value(query) == value, sentence, query, got)


def scraped(checks):
    prometheus = checks.prometheus
    checks.tap.ok(prometheus.patient >= 3, "the shipped rules have alerts that wait")
    becomes(checks, "up", 1, "Prometheus scrapes tiod-exporter")
    target = prometheus.ask("targets")["activeTargets"][0]
    checks.tap.ok(not target["lastError"], "without an error", target)
    types = prometheus.ask("metadata")
    checks.tap.ok(types["tiod_step_duration_seconds"][0]["type"] == "histogram" and
                  types["tiod_link_falls"][0]["type"] == "counter",
                  "it was given OpenMetrics", sorted(types))
    wrong = [rule["lastError"] for group in prometheus.ask("rules")["groups"]
             for rule in group["rules"] if rule["health"] == "err"]
    checks.tap.ok(not wrong, "each rule can be evaluated", *wrong)


def link(checks):
    becomes(checks, 'sum(tiod_function_state{state="attached"})', 0, "nothing is attached")
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    state = 'tiod_function_state{{bus="61",device="00",function="0",state="{}"}}'
    becomes(checks, state.format("attached"), 1, "an attach arrives in Prometheus")
    checks.tap.ok(not checks.prometheus.firing(), "no alert fires", checks.prometheus.firing())
    checks.sim("ide-fail", function=DRIVE, end="endpoint")
    becomes(checks, state.format("degraded"), 1, "a link that falls arrives in Prometheus")
    alert = fires(checks, "TiodLinkFallen")
    checks.tap.ok(alert and alert["severity"] == "critical" and DRIVE in alert["summary"] and
                  "tioctl reconnect" in alert["description"], "and the alert fires", alert,
                  checks.prometheus.firing())
    alert = fires(checks, "TiodLinkErrors")
    checks.tap.ok(alert and alert["error"] == "IDECheck" and alert["end"] == "endpoint",
                  "so does that of IDE's errors", alert)


def mended(checks):
    checks.run(f"reconnect {DRIVE}", 0)
    checks.tap.ok(fires(checks, "TiodLinkFallen", False) is None,
                  "reconnect mends the link, and its alert ends", checks.prometheus.firing())
    becomes(checks, "tiod_link_falls_total", 1, "the fall stays counted")


def dashboard(checks):
    """Every query of the dashboard gives something, of a host that had a bit of everything."""
    checks.sim.fault(path="*/tsm/connect", op="write", act="errno", errno="EIO")
    checks.run(f"attach {NIC} --vm vm1", 1)
    checks.sim("clear")
    becomes(checks, "sum(tiod_step_failures_total)", 1, "a step failed")
    with open(CONTRIB + "/grafana/tiod.json", encoding="utf-8") as file:
        board = json.load(file)
    variables = {v["name"]: v for v in board["templating"]["list"]}
    instances = checks.prometheus.ask("label/instance/values",
                                      **{"match[]": "tiod_build_info"})
    checks.tap.ok(len(instances) == 1 and "tiod_build_info, instance" in
                  variables["instance"]["query"]["query"], "it finds the hosts", instances)
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    for panel in panels:
        for target in panel["targets"]:
            shows(checks, panel, target["expr"], instances[0])
    ids = [panel["id"] for panel in board["panels"]]
    used = {name for panel in panels for target in panel["targets"]
            for name in re.findall(r"\btiod_\w+", target["expr"])}
    told = {name for name in checks.prometheus.ask("label/__name__/values")
            if name.startswith("tiod_")}
    checks.tap.ok(len(ids) == len(set(ids)) and used <= told, "it asks for what is told",
                  ids, used - told)


def shows(checks, panel, expression, instance):
    query = expression.replace("$__rate_interval", "1m").replace("$__range", "1h")
    query = query.replace("$instance", instance)
    until(lambda: checks.prometheus.query(query), 20)
    got = checks.prometheus.query(query)
    checks.tap.ok(got and "$" not in query and all(value != "NaN" for _, value in got),
                  f"the panel \"{panel['title']}\" shows something", query, got)


def others(checks):
    set_pci(DRIVE, "remove", "1")
    checks.tap.ok(fires(checks, "TiodAssignedCardAbsent"), "a card that went is told",
                  checks.prometheus.firing())
    checks.world.stop()
    becomes(checks, "up", 0, "without tiod the scrape fails")
    alert = fires(checks, "TiodUnreachable")
    checks.tap.ok(alert, "and an alert says so", checks.prometheus.firing())
    checks.world.start()
    checks.tap.ok(fires(checks, "TiodUnreachable", False) is None, "until tiod is back",
                  checks.prometheus.firing())


def all_of_it(checks):
    if not shutil.which("prometheus"):
        checks.tap.skip("a Prometheus scrapes", "there is none (Debian: prometheus)")
        return
    exporter = Exporter()
    checks.prometheus = Prometheus(exporter.port)
    try:
        host, port = WEB.split(":")
        checks.tap.ok(answers(host, int(port), "/-/ready", 60), "Prometheus runs",
                      checks.prometheus.said())
        for test in (scraped, link, mended, dashboard, others):
            test(checks)
    finally:
        checks.prometheus.stop()
        exporter.stop()


run_all({"plain": [all_of_it]}, config="WatchInterval=0.1\n")
