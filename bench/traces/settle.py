#!/usr/bin/env python3
"""One sales cycle of Northwind, from offers to settlement: writes the table in docs/TRACES.md.

  bench/traces/settle.py                 with build/release/bin: once quiet, once with kills
  bench/traces/settle.py --print         only printed

29 suppliers are 29 agents. They begin with the stock on hand and produce what is ordered beyond it
while the orders come in, twelve parts of the trace one after the other, in mode available. Then the
cycle is closed: each supplier gets its pack, makes its own from its ledger, and says whether both
agree. With kills an agent or the hub is ended by SIGKILL all the while. Ends with exit code 1 where
a pack is missing, does not agree on both sides, or the audit finds anything.
"""

import argparse
import collections
import contextlib
import csv
import datetime
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

import record

BEGIN = "<!-- results: bench/traces/settle.py -->"
PARTS = 12
PAUSE = 1.0  # seconds, between two of them
BATCHES, EVERY_MS = 24, 500
PATIENCE = 60.0  # seconds, for whatever is waited for


def wait(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"within {PATIENCE:.0f} s: {what}")
        time.sleep(0.1)


class Suppliers:
    """An agent for each manufacturer of the catalogue."""

    def __init__(self, cluster, binaries, folder):
        self.cluster, self.folder = cluster, folder
        self.program = str(binaries / "depot-manufacturer")
        self.processes, self.killed = {}, 0
        ordered = collections.Counter()
        with open(folder / "orders.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                ordered[row["offer_id"]] += int(row["quantity"])
        goods = collections.defaultdict(list)
        with open(folder / "catalogue.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                goods[row["manufacturer_id"], row["manufacturer_name"]].append(row)
        for (maker, name), rows in goods.items():
            self.write(maker, name, rows, ordered)

    def write(self, maker, name, rows, ordered):
        with open(self.folder / f"{maker}.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sku", "name", "unit_price", "offered"])
            for row in rows:
                writer.writerow([row[key] for key in ("sku", "name", "unit_price", "offered")])
        lines = [f"id: {maker}", f"name: {json.dumps(name)}", f"catalogue: {maker}.csv",
                 "accept_after: never"]
        made = []
        for row in rows:
            more = ordered[f"{maker}:{row['sku']}"] - int(row["offered"])
            if more > 0:
                made.append(f"  - {{sku: {json.dumps(row['sku'])}, batch: {-(-more // BATCHES)}, "
                            f"every: {EVERY_MS}ms}}")
        lines += ["production:", *made] if made else []
        (self.folder / f"{maker}.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.processes[maker] = None

    def start(self, maker):
        with open(self.folder / f"{maker}.log", "a", encoding="utf-8") as log:
            self.processes[maker] = subprocess.Popen(
                [self.program, "--config", str(self.cluster.config), "--name", maker,
                 str(self.folder / f"{maker}.yml")], stdout=log, stderr=log)

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=30)

    def kill_some(self, stop):
        """An agent, which is started again, and now and then the hub, which `depot up` starts."""
        chance = random.Random(1)
        while not stop.wait(0.4):
            self.killed += 1
            if chance.random() < 0.25:
                hubs = [process["pid"] for process in record.get(self.cluster.admin, "/status")
                        ["processes"] if process["name"].startswith("hub") and process["pid"]]
                with contextlib.suppress(ProcessLookupError, IndexError):
                    os.kill(hubs[0], signal.SIGKILL)
                continue
            maker = chance.choice(sorted(self.processes))
            self.processes[maker].kill()
            self.processes[maker].wait()
            self.start(maker)


def parts_of(orders, folder):
    """The trace in parts, each with whole orders, as files."""
    with open(orders, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(row["order_ref"] for row in rows))
    part_of = {name: i * PARTS // len(names) for i, name in enumerate(names)}
    for part in range(PARTS):
        path = folder / f"orders-{part}.csv"
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(row for row in rows if part_of[row["order_ref"]] == part)
        yield path


def run(binaries, data, kills):
    with tempfile.TemporaryDirectory(prefix="depot-trace-", dir="/tmp") as name:
        folder = pathlib.Path(name)
        made = [sys.executable, str(record.TRACES / "northwind.py"), "--out", name]
        subprocess.run(made + (["--data", data] if data else []), check=True,
                       stdout=subprocess.DEVNULL)
        cluster = record.Cluster(binaries, folder)
        with open(cluster.config, "a", encoding="utf-8") as file:
            file.write("cycle:\n  fee_percent: 2.5\n")
        with cluster:
            suppliers = Suppliers(cluster, binaries, folder)
            for maker in suppliers.processes:
                suppliers.start(maker)
            try:
                return sell(cluster, suppliers, folder, kills)
            finally:
                suppliers.stop()


def sell(cluster, suppliers, folder, kills):
    def listed():
        page = record.get(cluster.port, "/v1/manufacturers")
        return len(page["items"])

    wait("all suppliers offer", lambda: listed() == len(suppliers.processes))
    # They came when the first cycle was open already: theirs begins with what they offer.
    cluster.run("cycle", "close", check=True, stderr=subprocess.DEVNULL)
    cycle = record.get(cluster.port, "/v1/cycle")["cycle_id"]
    stop = threading.Event()
    killer = threading.Thread(target=suppliers.kill_some, args=(stop,))
    if kills:
        killer.start()
    placed = 0
    for part in parts_of(folder / "orders.csv", folder):
        done = cluster.run("replay", "--orders", str(part), "--mode", "available", "--json",
                           "--concurrency", "8", stderr=subprocess.DEVNULL)
        placed += json.loads(done.stdout)["placed"]
        if done.returncode != 0:
            sys.exit(f"replay of {part} ended with {done.returncode}:\n{done.stdout}")
        time.sleep(PAUSE)
    stop.set()
    if kills:
        killer.join()
    cluster.run("cycle", "close", check=True, stderr=subprocess.DEVNULL)

    def statements():
        return json.loads(
            cluster.run("settlement", "list", "--cycle", cycle, "--json").stdout)["items"]

    wait("all agree", lambda: all(one["answer"] != "none" for one in statements()))
    figures = collections.Counter(placed=placed, packs=len(statements()), kills=suppliers.killed)
    for maker in suppliers.processes:
        ours = json.loads(cluster.run("settlement", "show", maker, "--cycle", cycle,
                                      "--json").stdout)
        kept = folder / "var" / "manufacturers" / maker / f"statement-{cycle}.json"
        theirs = json.loads(kept.read_text(encoding="utf-8"))
        figures["agree"] += ours["answer"] == "agrees" and ours["sha256"] == theirs["sha256"]
        for row in ours["offers"]:
            for field in ("opening", "increases", "cuts", "sold", "cancelled", "unsold"):
                figures[field] += row[field]
        for field in ("units", "gross", "fee", "net"):
            figures[field] += ours[field]
    audit = json.loads(cluster.run("audit", "--json").stdout)
    figures["violations"] = audit["violations"]
    return figures


def cells(name, figures):
    money = {field: f"{figures[field] // 100:,}.{figures[field] % 100:02d}"
             for field in ("gross", "fee", "net")}
    return [name, f"{figures['kills']}", f"{figures['placed']:,}", f"{figures['opening']:,}",
            f"{figures['increases']:,}", f"{figures['cuts']:,}", f"{figures['sold']:,}",
            f"{figures['unsold']:,}", money["gross"], money["fee"], money["net"],
            f"{figures['agree']} of {figures['packs']}", f"{figures['violations']}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(record.ROOT / "build" / "release" / "bin"))
    parser.add_argument("--data", help="the sources' folder (else $DEPOT_DATA, ../shared/data)")
    parser.add_argument("--print", action="store_true", help="do not write docs/TRACES.md")
    options = parser.parse_args()
    head = ["run", "SIGKILLs", "orders", "opening", "increases", "cuts", "sold", "unsold",
            "sold for", "fee (2.5 %)", "payable", "packs that agree", "violations"]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    bad = 0
    for name, kills in (("quiet", False), ("agents and the hub killed", True)):
        figures = run(pathlib.Path(options.bin), options.data, kills)
        lines.append("| " + " | ".join(cells(name, figures)) + " |")
        balanced = (figures["opening"] + figures["increases"] - figures["cuts"]
                    == figures["sold"] + figures["unsold"])
        good = (balanced and figures["packs"] == figures["agree"] == 29
                and figures["sold"] == figures["units"] and figures["violations"] == 0)
        bad += not good
    text = f"{datetime.date.today()}, {record.machine()}.\n\n" + "\n".join(lines) + "\n"
    print(text)
    if not options.print and not bad:
        page = record.ROOT / "docs" / "TRACES.md"
        before, rest = page.read_text(encoding="utf-8").split(BEGIN)
        page.write_text(f"{before}{BEGIN}\n\n{text}\n{record.END}{rest.split(record.END, 1)[1]}",
                        encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
