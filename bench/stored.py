#!/usr/bin/env python3
"""Does what is stored slow it down: purchases a second with a million orders of 100,000 customers
for 100,000 products stored, beside an empty Depot; and how long such a one takes to start.

  bench/stored.py                                        1,000,000 orders, three rounds of 8 s
  bench/stored.py --record bench/results/stored.md

Starts two Depots of its own from build/release/bin, fills one through its API, and runs `depot
bench` on each in turn; the other is idle meanwhile. Takes some minutes and 2 GB of memory.
"""

import argparse
import contextlib
import datetime
import json
import pathlib
import statistics
import sys
import tempfile
import time

import streams

# Passwords that cost next to nothing: a hundred thousand of them are hashed here.
CHEAP = "accounts:\n  password_passes: 1\n  password_memory: 8KiB\nredis:\n  maxmemory: 4GiB\n"


def bench(cluster, connections, seconds, *words):
    done = cluster.run("bench", "--connections", str(connections), "--seconds", str(seconds),
                       "--json", *words)
    figures = json.loads(done.stdout)
    if done.returncode != 0 or figures["failed"] != 0:
        sys.exit(f"depot bench failed: {figures}")
    return figures


def fill(cluster, options):
    """By customers and products of as many as asked for, at random."""
    placed = 0
    while placed < options.orders:
        words = ["--products", str(options.products), "--customers", str(options.customers)]
        placed += bench(cluster, 256, 20, *words)["placed"]
        print(f"{placed:,} orders are stored", file=sys.stderr)
    return placed


def rest(cluster):
    """Its append-only file is written anew, as Redis does of itself now and then: not meanwhile."""
    url = json.loads(cluster.run("status", "--json").stdout)["redis"]["url"]
    secret = (cluster.folder / "var/redis/users/operator").read_text(encoding="utf-8").strip()
    call = ["redis-cli", "-s", url.removeprefix("unix://"), "--user", "operator", "--pass", secret,
            "--no-auth-warning"]
    streams.subprocess.run([*call, "BGREWRITEAOF"], check=True, stdout=streams.subprocess.DEVNULL)
    for _ in range(600):
        time.sleep(0.5)
        state = streams.subprocess.run([*call, "INFO", "persistence"], check=True,
                                       capture_output=True, text=True).stdout
        if "aof_rewrite_in_progress:0" in state and "aof_rewrite_scheduled:0" in state:
            return
    sys.exit("Redis rewrites its append-only file for five minutes")


def restart(cluster):
    """Seconds from the start until everything is ready, and what `depot up` said meanwhile."""
    cluster.__exit__()
    begin = time.monotonic()
    with open(cluster.folder / "again.log", "w", encoding="utf-8") as log:
        cluster.up = streams.subprocess.Popen(
            [str(cluster.depot), "up", "--config", str(cluster.config)], stdout=log, stderr=log,
            stdin=streams.subprocess.DEVNULL)
    cluster.run("status", "--wait", "300", check=True)
    took = time.monotonic() - begin
    return took, (cluster.folder / "again.log").read_text(encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binaries", default=streams.ROOT / "build/release/bin")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--record", type=pathlib.Path)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        clusters = []
        for _ in range(2):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="depot-stored-"))
            cluster = streams.Cluster(options.binaries, folder)
            with open(cluster.config, "a", encoding="utf-8") as file:
                file.write(CHEAP)
            clusters.append(stack.enter_context(cluster))
        empty, full = clusters
        orders = fill(full, options)
        took, log = restart(full)
        for cluster in clusters:
            rest(cluster)
        rows = []
        for turn in range(options.rounds):
            pair = [bench(each, 256, options.seconds) for each in (empty, full)]
            rates = [each["placed_per_second"] for each in pair]
            rows.append([turn + 1, *(f"{rate:,.0f}" for rate in rates), rates[1] / rates[0],
                         *(f"{each['server_cpu_us_per_purchase']:.1f} "
                           f"({each['cpu_us_per_purchase']['redis']:.1f})" for each in pair)])
            print(f"empty {rates[0]:,.0f}/s, full {rates[1]:,.0f}/s", file=sys.stderr)
        status = json.loads(full.run("status", "--json").stdout)
    ratio = statistics.median(row[3] for row in rows)
    text = (f"\n## {datetime.date.today()}: {orders:,} orders, {options.products:,} products, "
            f"{options.customers:,} customers\n\n`bench/stored.py` on {streams.machine()}, 256 "
            "connections, generator on the same machine, one Depot after the other\n\n"
            "| round | empty, purchases/s | full | ratio | CPU us a purchase (Redis) | full |\n"
            "|---|---|---|---|---|---|\n")
    for row in rows:
        text += "| " + " | ".join(f"{cell:.2f}" if isinstance(cell, float) else str(cell)
                                  for cell in row) + " |\n"
    text += (f"\nMedian of the ratios: {ratio:.2f}. Redis holds "
             f"{status['redis']['used_memory'] / 1e9:.2f} GB. From `depot up` until all is ready, "
             f"the audit of the books included, before the rounds: {took:.1f} s.\n")
    print(text)
    print(log[-2000:], file=sys.stderr)
    if options.record:
        with open(options.record, "a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
