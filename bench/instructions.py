#!/usr/bin/env python3
"""How many instructions of user code a purchase costs in the gateway, by callgrind.

  bench/instructions.py                 one gateway under valgrind, the whole cluster behind it
  bench/instructions.py --keep gw.out   and the profile, for callgrind_annotate

A count hardly depends on what else the machine does; it says nothing of the kernel's share. Needs
valgrind (a Debian package) and build/release/bin.
"""

import argparse
import contextlib
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import streams

CHEAP = "accounts:\n  password_passes: 1\n  password_memory: 8KiB\n"
HANDLER = re.compile(r"post_order\(depot::customer_gateway::Visit const&\) \(([\d,]+)x\)")


def annotate(*words):
    return subprocess.run(["callgrind_annotate", *words], check=True, capture_output=True,
                          text=True).stdout


def wait_until_ready(log):
    """The port that it listens at, once a purchase would be taken there."""
    for _ in range(240):
        time.sleep(0.25)
        listens = re.search(r"ready .*port=(\d+)", log.read_text(encoding="utf-8"))
        if not listens:
            continue
        with contextlib.suppress(OSError):  # HTTPError too: not yet
            streams.urllib.request.urlopen(f"http://127.0.0.1:{listens[1]}/readyz", timeout=10)
            return listens[1]
    sys.exit(f"the gateway does not get ready:\n{log.read_text(encoding='utf-8')}")


def measure(cluster, profile, options):
    log = cluster.folder / "gateway.log"
    said = cluster.folder / "bench.log"
    with open(log, "w", encoding="utf-8") as output:
        gateway = subprocess.Popen(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no",
             f"--callgrind-out-file={profile}", str(cluster.depot.parent / "depot-gateway"),
             "--config", str(cluster.config), "--name", "gateway-2"], stdout=output, stderr=output)
    try:
        port = wait_until_ready(log)
        with open(said, "w", encoding="utf-8") as output:
            load = subprocess.Popen([str(cluster.depot), "bench", "--config", str(cluster.config),
                                     "--gateway", f"127.0.0.1:{port}", "--connections", "32",
                                     "--seconds", str(options.seconds + 6)],
                                    stdout=output, stderr=output)
        time.sleep(4)
        for switch, seconds in (("on", options.seconds), ("off", 0)):
            subprocess.run(["callgrind_control", "-i", switch, str(gateway.pid)], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(seconds)
        if load.wait(timeout=120) != 0:
            sys.exit(f"depot bench failed:\n{said.read_text(encoding='utf-8')}")
    finally:
        gateway.terminate()
        gateway.wait(timeout=60)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binaries", default=streams.ROOT / "build/release/bin")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="depot-instructions-") as folder:
        cluster = streams.Cluster(options.binaries, folder)
        with open(cluster.config, "a", encoding="utf-8") as file:
            file.write(CHEAP)
        profile = options.keep or pathlib.Path(folder) / "gateway.out"
        with cluster:
            # The goods, which a foreign gateway is not given.
            cluster.run("bench", "--connections", "8", "--seconds", "1", check=True)
            measure(cluster, profile, options)
        total = re.search(r"([\d,]+) \(100.0%\)  PROGRAM TOTALS", annotate(str(profile)))[1]
        calls = HANDLER.search(annotate("--tree=calling", "--inclusive=yes", str(profile)))[1]
    total, calls = (int(text.replace(",", "")) for text in (total, calls))
    print(f"{total // calls:,} instructions a purchase, of {calls:,} purchases")


if __name__ == "__main__":
    main()
