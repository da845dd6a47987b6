#!/usr/bin/env python3
"""More than it can do: what becomes of purchases, of those refused, of memory, and of the others.

  bench/overload.py                                      all parts, ten minutes
  bench/overload.py --parts pinned --record bench/results/overload.md

  pinned      the disk takes so many bytes a second that about 1,000 purchases a second fit (a
              library preloaded into Redis; nothing else is set); measured first, then ten times
              that is offered
  unpinned    twice the peak of customers who wait for their answers is offered at once; with all
              on both cores, and with Depot on one and the load on the other; each with the default
              queue, and with one so short that some are refused
  customer    one customer on many connections, beside 20 who buy five times a second each
  maker       one manufacturer who states new offers as fast as the hub's connection takes them
  log-in      32 connections that log in, half of the times with the right password

Starts Depots of its own from build/release/bin. bench/flood.cpp makes the load, on the same two
cores: its CPU is in the tables. A request is sent once: what is refused is not tried again.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

import streams

MAKERS, PRODUCTS, OFFERED = 30, 1_000, 1_000_000_000
KEY = "@" * 16  # as bench/flood.hpp has it
DISK_BYTES = 372_000  # a second: some 1,000 purchases in full batches
OPEN_LOG_INS = ("accounts:\n  failed_logins_per_account_max: 1000000\n"
                "  failed_logins_per_address_max: 1000000\n"
                "  failed_logins_from_anywhere_max: 1000000\n")
SHORT_QUEUE = "50ms"
RECOVERED = 2, 100  # its p99 is at most so many times that of before, or so many ms


class Cluster(streams.Cluster):
    def __init__(self, options, folder, disk_bytes=0, cores=None, more=""):
        folder.mkdir(exist_ok=True)
        super().__init__(options.bin, folder)
        self.flood = pathlib.Path(options.bin) / "flood"
        self.cores, self.environment = cores, {}
        with open(self.config, "a", encoding="utf-8") as file:
            file.write("redis:\n  maxmemory: 4GiB\n" + more)
        if disk_bytes:
            library = self.folder / "disk.so"
            subprocess.run(["c++", "-std=c++20", "-O2", "-shared", "-fPIC", "-o", library,
                            streams.ROOT / "tests/support/sync_notes.cpp"], check=True)
            self.environment = {"LD_PRELOAD": str(library), "DEPOT_DISK_BYTES": str(disk_bytes)}

    def __enter__(self):
        everywhere = os.sched_getaffinity(0)
        os.environ.update(self.environment)
        os.sched_setaffinity(0, self.cores or everywhere)
        try:
            super().__enter__()
        finally:
            os.sched_setaffinity(0, everywhere)
            for name in self.environment:
                del os.environ[name]
        goods = self.folder / "goods.csv"
        with open(goods, "w", encoding="utf-8") as file:
            file.write("manufacturer_id,manufacturer_name,sku,name,unit_price,offered\n")
            for i in range(PRODUCTS):
                maker = f"maker-{i % MAKERS:02}"
                file.write(f"{maker},Maker {maker},P{i:04},Product {i},1.00,{OFFERED}\n")
        self.run("import", str(goods), check=True)
        return self

    def customers(self, count):
        return [streams.Buyer(self.port) for _ in range(count)]

    def orders(self, name, customers):
        """A file of purchases of one unit each, by these in turn."""
        texts = []
        for i in range(max(PRODUCTS, len(customers))):
            product = f"maker-{i % PRODUCTS % MAKERS:02}:P{i % PRODUCTS:04}"
            body = json.dumps({"lines": [{"offer_id": product, "quantity": 1}]})
            token = customers[i % len(customers)].token
            texts.append(post("/v1/orders", body, f"Idempotency-Key: {KEY}\r\n"
                                                  f"Authorization: Bearer {token}\r\n"))
        return self.file(name, texts)

    def file(self, name, texts):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(texts))
        return path

    def start(self, requests, connections, rate, seconds, cores=None):
        words = [self.flood, "http", self.port, requests, connections, rate, seconds]
        return launch(words, cores)

    def load(self, *arguments, **options):
        return finish(self.start(*arguments, **options))

    def processes(self):
        """Name to (pid, resident bytes), Redis among them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/status", timeout=10) as answer:
            status = json.load(answer)
        pids = {each["name"]: each["pid"] for each in status["processes"]}
        redis = subprocess.run(["pgrep", "-P", str(self.up.pid), "redis-server"], check=True,
                               stdout=subprocess.PIPE, text=True)
        pids["redis"] = int(redis.stdout)
        rows = {}
        for name, pid in pids.items():
            with contextlib.suppress(FileNotFoundError):
                pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
                kind = name.rstrip("0123456789").rstrip("-")
                rows[name] = kind, pid, pages * os.sysconf("SC_PAGESIZE")
        return rows

    def cpu_seconds(self):
        """Of all its processes, the load's not among them."""
        ticks = 0
        for _, pid, _ in self.processes().values():
            text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            ticks += sum(map(int, text.rpartition(")")[2].split()[11:13]))
        return ticks / os.sysconf("SC_CLK_TCK")

    def audit(self):
        done = self.run("audit")
        if done.returncode != 0:
            sys.exit(f"the audit is not clean:\n{done.stdout}")


def post(target, body, headers=""):
    return (f"POST {target} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n{body}")


def launch(words, cores=None):
    limit = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True,
                            preexec_fn=limit)


def finish(process):
    out, _ = process.communicate()
    if process.returncode != 0:
        sys.exit("the flood failed")
    return json.loads(out)


def memory(cluster):
    total = {}
    for kind, _, size in cluster.processes().values():
        total[kind] = total.get(kind, 0) + size / 1e6
    return {kind: total[kind] for kind in ("gateway", "balancer", "worker", "hub", "redis")}


def placed(report):
    return report["answers"].get("201", {}).get("count", 0)


def per_second(report, begin=None, end=None):
    """Of 201s that came between two times, the whole run by default."""
    begin = report["began"] if begin is None else begin
    end = report["began"] + report["seconds"] if end is None else end
    window = report["window_seconds"]
    first, last = (round((at - report["began"]) / window) for at in (begin, end))
    return sum(row[2] for row in report["windows"][max(first, 0):last]) / (end - begin)


def good(report):
    """Share of 2xx, p50 and p99 in ms since each was due."""
    share = placed(report) / report["sent"]
    times = report["answers"].get("201", {}).get("since_due_ms", {"p50": 0, "p99": 0})
    return share, times["p50"], times["p99"]


def others_of(report):
    """What was answered otherwise than 201 and 503, or not at all."""
    rest = {status: each["count"] for status, each in report["answers"].items()
            if status not in ("201", "503")}
    if report["unanswered"]:
        rest["for want of a connection not sent"] = report["unanswered"]
    return ", ".join(f"{count} x {status}" for status, count in rest.items()) or "none"


def recovery(report, fell):
    """Seconds from `fell` until p99 is as before and none is refused any more; and that p99."""
    window = report["window_seconds"]
    rows = report["windows"]
    usual = max(row[3] for row in rows[10:95])
    after = round((fell - report["began"]) / window)
    refused = [number for number, row in enumerate(rows) if number >= after and row[1] < row[0]]
    back = max(refused, default=after - 1) + 1
    while back < len(rows) and rows[back][3] > max(RECOVERED[0] * usual, RECOVERED[1]):
        back += 1
    return (back - after) * window, usual


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def pinned(options, folder):
    cluster = Cluster(options, folder, disk_bytes=DISK_BYTES, more=OPEN_LOG_INS)
    rows, memories = [], []
    with cluster:
        crowd = cluster.orders("crowd", cluster.customers(64))
        steady = cluster.orders("steady", cluster.customers(64))
        cluster.load(crowd, 256, 0, 3)
        for _ in range(options.rounds):
            pin = per_second(cluster.load(crowd, 256, 0, 8))
            before = memory(cluster)
            base = cluster.start(steady, 2_500, pin / 2, 36)
            time.sleep(10)
            flood = cluster.start(crowd, 4_000, 9.5 * pin, 12)
            during = before
            while flood.poll() is None:
                now = memory(cluster)
                during = {kind: max(now[kind], during[kind]) for kind in now}
                time.sleep(0.5)
            flood, base = finish(flood), finish(base)
            begin, end = flood["began"], flood["began"] + flood["seconds"]
            goodput = (per_second(flood, begin, end) + per_second(base, begin, end)) / pin
            refused = flood["answers"]["503"]
            took, usual = recovery(base, end)
            rows.append([f"{pin:,.0f}", f"{flood['sent'] / flood['seconds'] + pin / 2:,.0f}",
                         f"{goodput:.2f}", f"{refused['count']:,}",
                         f"{refused['since_sent_ms']['p99']:.1f}",
                         f"{refused['since_due_ms']['p99']:.1f}",
                         flood["without_retry_after"] + base["without_retry_after"],
                         others_of(flood), f"{took:.1f}", f"{usual:.0f}",
                         f"{flood['cpu_seconds'] / flood['seconds']:.2f}"])
            after = memory(cluster)
            memories.append([f"{before[kind]:,.0f} / {during[kind]:,.0f} / {after[kind]:,.0f}"
                             for kind in before])
            print(rows[-1], memories[-1], file=sys.stderr)
        cluster.audit()
    text = table(["pin, purchases/s", "offered/s", "goodput / pin", "refused",
                  "503 p99 ms, since sent", "since due", "503 without Retry-After",
                  "other answers", "recovered after s", "worst p99 ms in 0.1 s before",
                  "load's CPU, cores"], rows)
    return (text + "\nMemory before, at most meanwhile and behind it, MB:\n\n"
            + table(before, memories))


def metered(cluster, requests, connections, rate, seconds, cores):
    """What came of it, and Depot's CPU in us for each that was placed."""
    before = cluster.cpu_seconds()
    report = cluster.load(requests, connections, rate, seconds, cores=cores)
    return report, 1e6 * (cluster.cpu_seconds() - before) / placed(report)


def unpinned(options, folder):
    rows = []
    # By default the crowd waits for its answers and cannot ask again meanwhile. A short queue
    # refuses at once, so that more is sent; "sent/s" says how much of what is asked.
    short = f"load_balancer:\n  queue_wait_max: {SHORT_QUEUE}\n"
    for number, (name, depot, load, more) in enumerate((
            ("both on both cores", None, None, ""), ("a core each", {0}, {1}, ""),
            (f"both on both cores, queue_wait_max {SHORT_QUEUE}", None, None, short),
            (f"a core each, queue_wait_max {SHORT_QUEUE}", {0}, {1}, short))):
        with Cluster(options, folder / f"unpinned-{number}", cores=depot, more=more) as cluster:
            crowd = cluster.orders("crowd", cluster.customers(64))
            cluster.load(crowd, 256, 0, 3, cores=load)
            quiet, quiet_us = metered(cluster, crowd, 256, 0, 6, load)
            for _ in range(options.rounds):
                flood, flood_us = metered(cluster, crowd, 4_000, 2 * per_second(quiet), 8, load)
                before, (quiet, us) = per_second(quiet), metered(cluster, crowd, 256, 0, 6, load)
                peak = (before + per_second(quiet)) / 2  # Of those before and behind it.
                sent = flood["sent"] - flood["unanswered"]
                rows.append([name, f"{peak:,.0f}", f"{flood['sent'] / flood['seconds']:,.0f}",
                             f"{sent / flood['seconds']:,.0f}",
                             f"{per_second(flood) / peak:.2f}",
                             flood["answers"].get("503", {"count": 0})["count"],
                             flood["without_retry_after"], others_of(flood),
                             f"{(quiet_us + us) / 2:.1f} / {flood_us:.1f}",
                             f"{quiet['cpu_seconds'] / quiet['seconds']:.2f} / "
                             f"{flood['cpu_seconds'] / flood['seconds']:.2f}"])
                quiet_us = us
                print(rows[-1], file=sys.stderr)
            cluster.audit()
    return table(["Depot and load", "peak, purchases/s", "asked/s", "sent/s", "goodput / peak",
                  "503", "503 without Retry-After", "other answers",
                  "Depot's CPU us a purchase, at the peak / beyond it",
                  "load's CPU, cores, at the peak / beyond it"], rows)


def beside(options, cluster, start_flood, label):
    """20 who buy without and with it, in turn."""
    steady = cluster.orders("steady", cluster.customers(20))
    rows = []
    for _ in range(options.rounds):
        alone = good(cluster.load(steady, 60, 100, 6))
        flood = start_flood()
        time.sleep(1)
        with_flood = good(cluster.load(steady, 60, 100, 6))
        said = finish(flood)
        cells = [f"{share:.4f}, {p50:.1f} / {p99:.1f}" for share, p50, p99 in (alone, with_flood)]
        rows.append([label, *cells, describe(said)])
        print(rows[-1], file=sys.stderr)
    return rows


def describe(said):
    if "answers" not in said:
        return f"{said['said'] / 8:,.0f} records/s said, {said['written'] / 8:,.0f} written"
    rates = ", ".join(f"{each['count'] / said['seconds']:,.0f} x {status}"
                      for status, each in sorted(said["answers"].items()))
    return f"{rates} a second; CPU {said['cpu_seconds'] / said['seconds']:.2f}"


BESIDE = ["", "20 others alone: share placed, p50 / p99 ms", "beside it", "the flood"]


def customer(options, folder):
    rows = []
    for name, disk in (("unpinned", 0), ("pinned", DISK_BYTES)):
        with Cluster(options, folder / name, disk_bytes=disk) as cluster:
            flood = cluster.orders("flood", cluster.customers(1))
            rows += beside(options, cluster, lambda: cluster.start(flood, 512, 0, 8),
                           f"{name}, 512 connections")
            rows += beside(options, cluster, lambda: cluster.start(flood, 4_000, 10_000, 8),
                           f"{name}, 10,000/s")
            cluster.audit()
    return table(BESIDE, rows)


def maker(options, folder):
    rows = []
    with Cluster(options, folder) as cluster:
        status = json.loads(cluster.run("status", "--json").stdout)
        endpoint = status["redis"]["url"].rpartition("/")[0].replace("unix://", "ipc://")
        for count in (1, 200):
            words = [cluster.flood, "offers", f"{endpoint}/hub-sync.sock", f"flood-{count}"]
            rows += beside(options, cluster, lambda count=count, words=words:
                           launch([*words, count, 8]), f"records of {count} goods")
        cluster.audit()
    return table(BESIDE, rows)


def log_in(options, folder):
    with Cluster(options, folder, more=OPEN_LOG_INS) as cluster:
        bodies = [json.dumps({"email": each.email, "password": word})
                  for each in cluster.customers(50) for word in (streams.PASSWORD, "not it at all")]
        flood = cluster.file("log-ins", [post("/v1/sessions", body) for body in bodies])
        start = lambda: cluster.start(flood, 32, 0, 8)
        rows = beside(options, cluster, start, "32 connections")
        crowd = cluster.orders("crowd", cluster.customers(64))
        cluster.load(crowd, 64, 0, 3)
        peaks = []
        for _ in range(options.rounds):
            alone = cluster.load(crowd, 64, 0, 6)
            other = start()
            time.sleep(1)
            both = cluster.load(crowd, 64, 0, 6)
            said = finish(other)
            peaks.append([f"{per_second(alone):,.0f}", f"{per_second(both):,.0f}",
                          f"{per_second(both) / per_second(alone):.2f}", f"{good(alone)[2]:.1f}",
                          f"{good(both)[2]:.1f}", describe(said)])
            print(peaks[-1], file=sys.stderr)
        cluster.audit()
    head = ["purchases/s alone", "beside it", "ratio", "p99 ms alone", "beside it", "the flood"]
    return (table(BESIDE, rows) + "\n64 customers at once, as fast as the answers come:\n\n"
            + table(head, peaks))


PARTS = {"pinned": pinned, "unpinned": unpinned, "customer": customer, "maker": maker,
         "log-in": log_in}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(streams.ROOT / "build" / "release" / "bin"))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", help="a file to add the section to")
    options = parser.parse_args()
    text = (f"\n## {datetime.date.today()}\n\n`bench/overload.py {' '.join(sys.argv[1:])}` on "
            f"{streams.machine()}, load on the same machine, rows in the order run; load average "
            f"before: {os.getloadavg()[0]:.1f}\n")
    for part in options.parts:
        with tempfile.TemporaryDirectory(prefix="depot-overload-", dir="/tmp") as folder:
            text += f"\n### {part}\n\n{PARTS[part](options, pathlib.Path(folder))}"
    print(text)
    if options.record:
        with open(options.record, "a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
