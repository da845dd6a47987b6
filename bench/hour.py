#!/usr/bin/env python3
"""Watches a Depot that ./run has started, with its shoppers, for an hour: bench/hour.py --help.

Each minute: goods on sale, sell-outs and restocks, memory of every process, Redis, disk. Prints a
Markdown table, the machine, and a verdict; exit 1 where a bound is broken:

  goods      15 to 24 of the demo manufacturers' are on sale, at every minute; some sell out and
             come back
  processes  memory within 10 % of that at minute 5; Redis and the agents may grow by 2 KB for each
             order placed since; none is started again
  disk       var/ below 200 MB
"""
import argparse
import datetime
import json
import os
import platform
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEMO = ("alder-mill", "northlight", "tidewater")
GOODS_MIN, GOODS_MAX = 15, 24
SETTLED = 5  # the minute that memory is compared with
GROWTH = 0.10
BYTES_PER_ORDER = 2048
DISK_MAX = 200 * 1000 * 1000
PAGE = os.sysconf("SC_PAGE_SIZE")


def get(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as reply:
        return json.load(reply)


def on_sale(gateway):
    """The demo manufacturers' offers that have something left."""
    items = get(gateway, "/v1/catalogue?limit=100")["items"]
    return {item["offer_id"] for item in items if item["manufacturer_id"] in DEMO}


def resident(pid):
    """The least of five looks: a worker has 19 MiB more for the moment it hashes a password."""
    def look():
        time.sleep(0.1)
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * PAGE
        except OSError:
            return 0
    return min(look() for _ in range(5))


def disk_used(folder):
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.stat(os.path.join(path, name)).st_blocks * 512
            except OSError:
                pass  # Removed meanwhile.
    return total


class Watch:
    def __init__(self, gateway, admin):
        self.gateway, self.admin = gateway, admin
        self.seen = on_sale(gateway)
        self.sell_outs = self.restocks = 0
        self.samples = []

    def look(self):
        """Counts what went and came since the last look."""
        now = on_sale(self.gateway)
        self.sell_outs += len(self.seen - now)
        self.restocks += len(now - self.seen)
        self.seen = now

    def sample(self):
        self.look()
        status = get(self.admin, "/status")
        redis = status["redis"]
        memory = {"up": resident(self.up_pid()), "redis": resident(redis["pid"])}
        orders = 0
        for process in status["processes"]:
            memory[process["name"]] = resident(process["pid"])
            if process["name"] == "shoppers" and process.get("status"):
                orders = process["status"]["placed"]
        self.samples.append({
            "goods": len(self.seen), "sell_outs": self.sell_outs, "restocks": self.restocks,
            "orders": orders, "memory": memory, "redis": redis["used_memory"],
            "restarts": sum(process["restarts"] for process in status["processes"]),
            "disk": disk_used(os.path.join(ROOT, "var"))})
        self.sell_outs = self.restocks = 0
        return self.samples[-1]

    @staticmethod
    def up_pid():
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                if words[0] == b"build/release/bin/depot" and words[1] == b"up" and \
                        os.readlink(f"/proc/{entry}/cwd") == ROOT:
                    return int(entry)
            except (OSError, IndexError):
                pass
        return 0


def broken_bounds(samples):
    broken = []
    for minute, sample in enumerate(samples):
        if not GOODS_MIN <= sample["goods"] <= GOODS_MAX:
            broken.append(f"minute {minute}: {sample['goods']} goods on sale")
        if sample["restarts"] != samples[0]["restarts"]:
            broken.append(f"minute {minute}: a process was started again")
        if sample["disk"] > DISK_MAX:
            broken.append(f"minute {minute}: {sample['disk'] / 1e6:.0f} MB on disk")
    for what in ("sell_outs", "restocks", "orders"):
        if not any(sample[what] for sample in samples):
            broken.append(f"no {what} at all")
    if len(samples) <= SETTLED:
        return broken
    base = samples[SETTLED]
    for minute, sample in enumerate(samples[SETTLED:], SETTLED):
        for name, size in sample["memory"].items():
            then = base["memory"].get(name, 0)
            allowed = then * (1 + GROWTH)
            if name == "redis" or name in DEMO:
                allowed += (sample["orders"] - base["orders"]) * BYTES_PER_ORDER
            if size and then and not then * (1 - GROWTH) <= size <= allowed:
                broken.append(f"minute {minute}: {name} has {size / 1e6:.1f} MB, "
                              f"{then / 1e6:.1f} at minute {SETTLED}")
    return broken


def row(cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def header(sample):
    cells = ["minute", "on sale", "sold out", "back", "orders", "Redis data"]
    cells += list(sample["memory"]) + ["var/"]
    return row(cells) + "\n" + row(["---:"] * len(cells))


def line(minute, sample):
    cells = [minute, sample["goods"], sample["sell_outs"], sample["restocks"], sample["orders"],
             f"{sample['redis'] / 1e6:.1f}"]
    cells += [f"{size / 1e6:.1f}" for size in sample["memory"].values()]
    return row(cells + [f"{sample['disk'] / 1e6:.1f}"])


def machine():
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for text in file:
            if text.startswith("model name"):
                model = text.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * PAGE / 2**30
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--port", type=int, default=8080, help="as of ./run --port")
    options = parser.parse_args()
    watch = Watch(f"127.0.0.1:{options.port}", f"127.0.0.1:{options.port + 1000}")
    print(f"## {datetime.date.today()}: {options.minutes} minutes alone\n\n"
          f"`bench/hour.py --minutes {options.minutes}` beside `./run`, on {machine()}; sizes in "
          "MB, of processes what is resident\n")
    begin = time.monotonic()
    print(header(watch.sample()))
    print(line(0, watch.samples[0]), flush=True)
    for minute in range(1, options.minutes + 1):
        while time.monotonic() < begin + minute * 60:
            time.sleep(min(1, max(0, begin + minute * 60 - time.monotonic())))
            watch.look()
        print(line(minute, watch.sample()), flush=True)
    broken = broken_bounds(watch.samples)
    print("\n" + ("\n".join(f"- {text}" for text in broken) if broken else "Every bound was kept."))
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"hour: is Depot running there? {error}")
