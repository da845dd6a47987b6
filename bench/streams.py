#!/usr/bin/env python3
"""Purchases a second with and without open streams of live stock, how late events are, and memory.

  bench/streams.py                                    2,000 streams, three rounds, 1,000 products
  bench/streams.py --products 24 --record bench/results/streams.md

Starts a Depot of its own from build/release/bin and, in turn, `depot bench` alone and with the
streams open. Fifty of the streams also wait for the sales of one product that a customer of this
script buys five times a second: an event's lag is counted from the 201. Everything, the readers of
the streams included, runs on this one machine.
"""

import argparse
import contextlib
import datetime
import http.client
import json
import multiprocessing
import os
import pathlib
import platform
import re
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
REQUEST = b"GET /v1/catalogue/stream HTTP/1.1\r\nHost: bench\r\n\r\n"
PROBE = "probe:one"
PROBED = 50
OFFERED = 1_000_000
PASSWORD = "probe-probe"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """`depot up` in a folder of its own; stopped, and the folder removed, at the end."""

    def __init__(self, binaries, folder):
        self.depot, self.folder = pathlib.Path(binaries) / "depot", pathlib.Path(folder)
        self.port, self.admin = free_port(), free_port()
        self.config = self.folder / "config.yml"
        self.config.write_text(f"gateway:\n  listen: 127.0.0.1:{self.port}\n"
                               f"admin:\n  listen: 127.0.0.1:{self.admin}\n")

    def run(self, *words, **options):
        return subprocess.run([str(self.depot), *words, "--config", str(self.config)], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)

    def __enter__(self):
        with open(self.folder / "up.log", "w", encoding="utf-8") as log:
            self.up = subprocess.Popen([str(self.depot), "up", "--config", str(self.config)],
                                       stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.run("status", "--wait", "60", check=True)
        goods = self.folder / "probe.csv"
        goods.write_text("manufacturer_id,manufacturer_name,sku,name,unit_price,offered\n"
                         f"probe,Probe,one,Probe,1.00,{OFFERED}\n")
        self.run("import", str(goods), check=True)
        return self

    def __exit__(self, *_):
        self.up.terminate()
        self.up.wait(timeout=60)

    def gateway_bytes(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/status", timeout=10) as answer:
            pid = next(p["pid"] for p in json.load(answer)["processes"]
                       if p["name"].startswith("gateway"))
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return 1024 * int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])

    def bench(self, options):
        done = self.run("bench", "--connections", str(options.connections), "--seconds",
                        str(options.seconds), "--products", str(options.products), "--json")
        figures = json.loads(done.stdout)
        if done.returncode != 0 or figures["failed"] != 0:
            sys.exit(f"depot bench failed: {figures}")
        return figures


def open_streams(port, count):
    """The sockets, each at its first bytes, and what polls them."""
    poller, sockets = select.epoll(), {}
    for _ in range(count):
        stream = socket.create_connection(("127.0.0.1", port))
        stream.sendall(REQUEST)
        sockets[stream.fileno()] = stream
        poller.register(stream, select.EPOLLIN)
    for stream in sockets.values():
        stream.recv(1, socket.MSG_PEEK)
        stream.setblocking(False)
    return sockets, poller


def read_and_forget(port, count, pipe):
    sockets, poller = open_streams(port, count)
    pipe.send("open")
    room, total = bytearray(1 << 20), 0
    while not pipe.poll():
        for number, _ in poller.poll(0.05):
            got = sockets[number].recv_into(room)
            if got == 0:
                sys.exit("a stream has ended")
            total += got
    pipe.send(total)


class Buyer:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.token, self.email = None, f"probe-{time.time_ns()}@depot.example"
        made = self.ask("POST", "/v1/accounts", {"email": self.email, "password": PASSWORD,
                                                 "first_name": "P", "last_name": "P"}, 201)
        self.token = json.loads(made)["token"]
        self.ask("PUT", "/v1/account/card", {"number": "4242424242424242", "exp_month": 12,
                                             "exp_year": 2035, "cvc": "123"}, 200)

    def ask(self, method, path, body, expected, **headers):
        headers = {"Content-Type": "application/json"} | headers
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        self.connection.request(method, path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != expected:
            sys.exit(f"{method} {path}: {answer.status} {text}")
        return text

    def buy(self):
        self.ask("POST", "/v1/orders", {"lines": [{"offer_id": PROBE, "quantity": 1}]}, 201,
                 **{"Idempotency-Key": str(time.time_ns())})


def probe(port, left, pipe):
    """Sends the lags in ms of all events that told of a purchase, and what is left at the end."""
    sockets, poller = open_streams(port, PROBED)
    buyer = Buyer(port)
    mark = re.compile(rb'\{"offer_id":"' + PROBE.encode() + rb'","available":(\d+)')
    texts = dict.fromkeys(sockets, b"")
    bought, told, lags, next_buy = {}, dict.fromkeys(sockets, left), [], time.monotonic()
    pipe.send("open")
    stop_at = None
    while stop_at is None or time.monotonic() < stop_at:
        if stop_at is None and pipe.poll():
            stop_at = time.monotonic() + 2  # What was bought last is to arrive still.
        if stop_at is None and time.monotonic() >= next_buy:
            buyer.buy()
            left -= 1
            bought[left] = time.monotonic()
            next_buy = bought[left] + 0.2
        for number, _ in poller.poll(0.005):
            text = texts[number] + sockets[number].recv(1 << 20)
            now, end = time.monotonic(), text.rfind(b"\n") + 1
            for found in mark.finditer(text, 0, end):
                value = int(found[1])
                # A later purchase's event tells of those before it too.
                for one in range(value, told[number]):
                    if one in bought:
                        lags.append(1000 * (now - bought[one]))
                told[number] = min(told[number], value)
            texts[number] = text[end:]
    late = sum(value != left for value in told.values())
    pipe.send((lags, left, late))


@contextlib.contextmanager
def helper(target, *arguments):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(*arguments, theirs))
    process.start()
    if ours.recv() != "open":
        sys.exit("the streams do not open")
    yield ours
    process.join()


def with_streams(cluster, left, options):
    before = cluster.gateway_bytes()
    with helper(read_and_forget, cluster.port, options.streams - PROBED) as reader:
        with helper(probe, cluster.port, left) as prober:
            each = (cluster.gateway_bytes() - before) / options.streams
            figures = cluster.bench(options)
            prober.send("stop")
            lags, left, late = prober.recv()
        reader.send("stop")
        figures["read_bytes"] = reader.recv()
    if late:
        sys.exit(f"{late} streams were not told the last sale")
    lags.sort()
    figures["lag_ms"] = [lags[int(len(lags) * share)] for share in (0.5, 0.99)] + [lags[-1]]
    figures["bytes_each"] = each
    return figures, left


def row(streams, figures):
    latency, lag = figures["latency_ms"], figures.get("lag_ms")
    cells = [str(streams), f"{figures['placed_per_second']:,.0f}", f"{latency['p50']:.1f}",
             f"{latency['p99']:.1f}", f"{figures['cpu_us_per_purchase']['gateway']:.1f}",
             f"{figures['server_cpu_us_per_purchase']:.1f}"]
    if lag:
        cells += [f"{lag[0]:.0f} / {lag[1]:.0f} / {lag[2]:.0f}",
                  f"{figures['read_bytes'] / 1e6:,.0f}", f"{figures['bytes_each'] / 1024:.1f}"]
    return "| " + " | ".join(cells + [""] * (9 - len(cells))) + " |"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if "model name" in line), "CPU")
    return f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build" / "release" / "bin"))
    parser.add_argument("--streams", type=int, default=2_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--products", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", help="a file to add the section to")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, options.streams + 500), most))

    rows, left = [], OFFERED
    with tempfile.TemporaryDirectory(prefix="depot-streams-", dir="/tmp") as folder:
        with Cluster(options.bin, folder) as cluster:
            cluster.bench(options)  # Brings the goods in, and warms everything up.
            for _ in range(options.rounds):
                rows.append(row(0, cluster.bench(options)))
                figures, left = with_streams(cluster, left, options)
                rows.append(row(options.streams, figures))
                print("\n".join(rows[-2:]), file=sys.stderr)
    command = " ".join(["bench/streams.py", *(word for word in sys.argv[1:])])
    text = (f"\n## {datetime.date.today()}: {options.streams:,} streams, {options.products:,} "
            f"products\n\n`{command}` on {machine()}; {options.connections} customers at once for "
            f"{options.seconds} s a row, rows in the order run.\n\n"
            "| streams | purchases/s | p50 ms | p99 ms | CPU us a purchase: gateway | all | "
            "lag p50 / p99 / max ms | MB read | KiB of gateway a stream |\n"
            "|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
            + "\n".join(rows) + "\n")
    print(text)
    if options.record:
        with open(options.record, "a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
