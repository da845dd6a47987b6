#!/usr/bin/env python3
"""Replays every trace on a fresh cluster and writes the results into docs/TRACES.md.

  bench/traces/record.py                               all rows, with build/release/bin
  bench/traces/record.py --only northwind --print      some rows, only printed

Ends with exit code 1 when a row is not what the data says it must be. Takes a few minutes.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRACES = ROOT / "bench" / "traces"
BEGIN = "<!-- results: bench/traces/record.py -->"
END = "<!-- end of results -->"

# Name, script and its options, replay's options, kill a worker every second, what must come out.
NORTHWIND = {"orders": 830, "offered": 3_119}
NORTHWIND_EXACT = {"placed": 830, "units": 51_317, "money_minor": 144_936_731, "left": 0}
RETAIL = {"placed": 18_402, "units": 5_157_354, "money_minor": 949_931_915, "left": 0}
ROWS = [
    ("Northwind, stock on hand, all or nothing", ["northwind.py"], [], False, NORTHWIND),
    ("Northwind, stock on hand, mode available", ["northwind.py"], ["--mode", "available"], False,
     NORTHWIND),
    ("Northwind, exact totals", ["northwind.py", "--stock", "exact"], [], False, NORTHWIND_EXACT),
    ("Online Retail, exact totals", ["online_retail.py"], [], False, RETAIL),
    ("Online Retail, exact, a worker killed every second", ["online_retail.py"], [], True, RETAIL),
    ("Online Retail, exact, each order sent three times at once", ["online_retail.py"],
     ["--repeat", "3"], False, RETAIL),
    ("Online Retail, 100 codes one short, mode available",
     ["online_retail.py", "--short-codes", "100"], ["--mode", "available"], False,
     {"units": 5_157_254, "left": 0, "refused_units": 100}),
    ("Online Retail, 100 codes one short, all or nothing",
     ["online_retail.py", "--short-codes", "100"], [], False,
     {"orders": 18_402, "offered": 5_157_254}),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


class Cluster:
    """`depot up` in a folder of its own; stopped, and the folder removed, at the end."""

    def __init__(self, binaries, folder):
        self.depot = binaries / "depot"
        self.folder = pathlib.Path(folder)
        self.port, self.admin = free_port(), free_port()
        self.config = self.folder / "config.yml"
        # Cheap passwords: 4,334 sign-ups are no part of what is measured.
        self.config.write_text(
            f"gateway:\n  listen: 127.0.0.1:{self.port}\nadmin:\n  listen: 127.0.0.1:{self.admin}\n"
            "accounts:\n  password_passes: 1\n  password_memory: 8KiB\n")

    def run(self, *words, **options):
        command = [str(self.depot), *words, "--config", str(self.config)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, **options)

    def __enter__(self):
        with open(self.folder / "up.log", "w", encoding="utf-8") as log:
            self.up = subprocess.Popen([str(self.depot), "up", "--config", str(self.config)],
                                       stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.run("status", "--wait", "60", check=True, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.up.terminate()
        self.up.wait(timeout=60)

    def kill_workers(self, stop):
        while not stop.wait(1.0):
            workers = [process["pid"] for process in get(self.admin, "/status")["processes"]
                       if process["name"].startswith("worker") and process["pid"]]
            with contextlib.suppress(ProcessLookupError):
                os.kill(workers[0], signal.SIGKILL)
                self.killed += 1

    killed = 0

    def available(self):
        """Units left over all offers, as customers see them."""
        left, cursor = 0, ""
        while True:
            page = get(self.port, f"/v1/catalogue?include_sold_out=true&limit=100{cursor}")
            left += sum(item["available"] for item in page["items"])
            if page["next_cursor"] is None:
                return left
            cursor = f"&cursor={page['next_cursor']}"


def settled(cluster):
    """What is left, once the gateway, which lags by half a second at most, shows the same twice."""
    left = None
    while left != (now := cluster.available()):
        left = now
        time.sleep(1.0)
    return left


def replay(binaries, data, script, options, kill):
    with tempfile.TemporaryDirectory(prefix="depot-trace-", dir="/tmp") as folder:
        made = [sys.executable, str(TRACES / script[0]), *script[1:], "--out", folder]
        subprocess.run(made + (["--data", data] if data else []), check=True,
                       stdout=subprocess.DEVNULL)
        with Cluster(binaries, folder) as cluster:
            stop = threading.Event()
            killer = threading.Thread(target=cluster.kill_workers, args=(stop,))
            if kill:
                killer.start()
            done = cluster.run("replay", "--catalogue", f"{folder}/catalogue.csv", "--orders",
                               f"{folder}/orders.csv", "--json", *options)
            stop.set()
            if kill:
                killer.join()
            figures = json.loads(done.stdout)
            figures["left"] = settled(cluster)
            figures["killed"] = cluster.killed
            figures["exit_code"] = done.returncode
            return figures


def wrong(figures, expected):
    """What differs from what the data says."""
    found = dict(figures, orders=figures["placed"] + figures["refused"],
                 offered=figures["units"] + figures["left"])
    if "refused_units" in expected:  # Every other unit was sold.
        found["refused_units"] = 5_157_354 - figures["units"]
    promises = {"oversold": 0, "doubled": 0, "lost": 0, "failed": 0, "exit_code": 0}
    return [f"{name} {found[name]:,}, not {value:,}"
            for name, value in (promises | expected).items() if found[name] != value]


def cells(name, figures):
    money = figures["money_minor"]
    killed = f" ({figures['killed']} kills)" if figures["killed"] else ""
    latency = figures["latency_ms"]
    return [name + killed, f"{figures['placed']:,}", f"{figures['refused']:,}",
            f"{figures['units']:,}", f"{money // 100:,}.{money % 100:02d}", f"{figures['left']:,}",
            f"{figures['oversold']} / {figures['doubled']} / {figures['lost']}",
            f"{figures['answers_per_second']:,.0f}",
            f"{latency['p50']:.1f}", f"{latency['p99']:.1f}"]


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), "CPU")
    return f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build" / "release" / "bin"))
    parser.add_argument("--data", help="the sources' folder (else $DEPOT_DATA, ../shared/data)")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--print", action="store_true", help="do not write docs/TRACES.md")
    options = parser.parse_args()

    head = ["trace", "placed", "refused", "units", "money", "units left",
            "oversold / doubled / lost", "answers/s", "p50 ms", "p99 ms"]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    bad = 0
    for name, script, words, kill, expected in ROWS:
        if options.only.lower() not in name.lower():
            continue
        print(name, file=sys.stderr)
        figures = replay(pathlib.Path(options.bin), options.data, script, words, kill)
        for difference in wrong(figures, expected):
            print(f"  wrong: {difference}", file=sys.stderr)
            bad += 1
        lines.append("| " + " | ".join(cells(name, figures)) + " |")
    text = (f"{datetime.date.today()}, {machine()}; 64 customers at once, 2 workers, one gateway, "
            "fsync always, the generator on the same machine.\n\n" + "\n".join(lines) + "\n")
    print(text)
    if not options.print and not options.only and not bad:
        page = ROOT / "docs" / "TRACES.md"
        before, rest = page.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END, 1)[1]
        page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
