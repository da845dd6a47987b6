#!/usr/bin/env python3
"""Each layer alone, and what the hops between them cost.

  bench/layers.py                the gateway before a worker without a store, beside nginx that
                                 answers a constant; then the store function, and the balancer
  bench/layers.py --peer0        gateway and store in one process (bench/one_process.cpp) beside the
                                 whole cluster with 1, 2 and 4 workers; a worker killed meanwhile

--record FILE appends what is printed. Needs the programs of bench/CMakeLists.txt that are not part
of a build of everything; wrk and nginx (Debian packages) for the gateway beside nginx. Everything
runs on this one machine, and is started in a folder of its own that is removed.
"""

import argparse
import contextlib
import datetime
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from streams import ROOT, free_port, machine

PRODUCTS = 1_000  # as `depot bench` has them, which imports nothing into a foreign server
ORDER = '{"lines":[{"offer_id":"bench-00:P00000","quantity":1}]}'
LOAD = """
local rest = '.' .. string.rep('s', 43) .. '\\r\\nContent-Length: %d\\r\\n\\r\\n%s'
local number = 0
function request()
  number = number + 1
  local key = string.format('%%016d', number)
  return 'POST /v1/orders HTTP/1.1\\r\\nHost: bench\\r\\nContent-Type: application/json\\r\\n' ..
    'Idempotency-Key: ' .. key .. '\\r\\nAuthorization: Bearer ' .. key .. rest
end
function done(summary, latency)
  local errors = summary.errors
  print(string.format('RESULT %%d %%d %%d %%d', summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(99)))
end
""" % (len(ORDER), ORDER)
NGINX = """{user}daemon off;
worker_processes {workers};
error_log stderr crit;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  server_tokens off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} reuseport;
    location = /v1/orders {{
      default_type application/json;
      {headers}
      return 201 '{body}';
    }}
  }}
}}
"""


def cpu_us(pids):
    """User and system time of processes, in microseconds."""
    total = 0
    for pid in pids:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        total += sum(int(word) for word in stat.rpartition(")")[2].split()[11:13])
    return total * 1e6 / os.sysconf("SC_CLK_TCK")


def wait_until(what, condition):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what}: not within a minute")
        time.sleep(0.05)


def ready(port):
    with contextlib.suppress(OSError):  # an HTTPError is one too
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    return False


@contextlib.contextmanager
def started(words, log):
    """A process, ended by SIGTERM behind the block."""
    with open(log, "a", encoding="utf-8") as out:
        process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


class Cluster:
    """`depot up` in `folder`, with the goods of `depot bench` once import_goods() was called."""

    def __init__(self, options, folder, workers):
        self.bin, self.folder = pathlib.Path(options.bin), pathlib.Path(folder)
        self.port, self.admin = free_port(), free_port()
        self.config = self.folder / "config.yml"
        self.config.write_text(
            f"runtime_dir: {folder}/run\nworkers:\n  count: {workers}\nadmin:\n"
            f"  listen: 127.0.0.1:{self.admin}\ngateway:\n  listen: 127.0.0.1:{self.port}\n"
            f"  io_threads: {options.threads}\n"
            # Signing up is not what is measured.
            "accounts:\n  password_passes: 1\n  password_memory: 64KiB\n", encoding="utf-8")

    def start(self, program, *words):
        return started([self.bin / program, *words, "--config", self.config],
                       self.folder / f"{program}.log")

    def run(self, *words):
        done = subprocess.run([str(self.bin / "depot"), *words, "--config", str(self.config)],
                              text=True, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"depot {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def import_goods(self):
        rows = ["manufacturer_id,manufacturer_name,sku,name,unit_price,offered"]
        for i in range(PRODUCTS):
            maker = f"bench-{i % 30:02}"
            rows.append(f"{maker},Manufacturer {maker},P{i:05},Product {i:05},19.99,100000000")
        goods = self.folder / "goods.csv"
        goods.write_text("\n".join(rows) + "\n", encoding="utf-8")
        self.run("import", str(goods))

    def pids(self):
        """Kind of process -> ids."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/status", timeout=10) as answer:
            status = json.load(answer)
        found = {"redis": [status["redis"]["pid"]]}
        for process in status["processes"]:
            found.setdefault(process["name"].rpartition("-")[0], []).append(process["pid"])
        return found

    def bench(self, port, pids, connections, options, during=lambda: None):
        words = ["bench", "--gateway", f"127.0.0.1:{port}", "--connections", str(connections),
                 "--seconds", str(options.seconds), "--warm-up", "1", "--json"]
        for kind, all_of in pids.items():
            words += [word for pid in all_of for word in ("--process", f"{kind}={pid}")]
        words = [str(self.bin / "depot"), *words, "--config", str(self.config)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            during()
            out, progress = process.communicate()
        figures = json.loads(out or "{}")
        if process.returncode != 0 or figures["failed"] or figures["refused"]:
            sys.exit(f"depot bench failed: {figures} {progress}")
        return figures


@contextlib.contextmanager
def running(options, workers):
    with tempfile.TemporaryDirectory(prefix="depot-layers-", dir="/tmp") as folder:
        cluster = Cluster(options, folder, workers)
        with cluster.start("depot", "up"):
            wait_until("depot up", lambda: (cluster.folder / "run/admin/hub-1.sock").exists())
            cluster.import_goods()
            yield cluster


def table(columns, rows):
    lines = [columns, ["---"] + ["---:"] * (len(columns) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


# --- the gateway beside nginx ---

def placed_order(port):
    """An answer of the gateway, to answer it without one."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v1/orders", ORDER, {
        "Content-Type": "application/json", "Idempotency-Key": "one",
        "Authorization": "Bearer 0123456789abcdef." + 43 * "s"})
    answer = connection.getresponse()
    body = answer.read().decode()
    if answer.status != 201:
        sys.exit(f"the gateway with the echo worker: {answer.status} {body}")
    return answer.getheaders(), body


@contextlib.contextmanager
def nginx(cluster, workers):
    """Its port and the ids of its workers."""
    headers, body = placed_order(cluster.port)
    own = ("date", "content-type", "content-length", "connection")
    more = [f'add_header {name} "{value}" always;' for name, value in headers
            if name.lower() not in own]
    folder, port = cluster.folder / "nginx", free_port()
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(user="user root;\n" if os.getuid() == 0 else "", port=port,
                                   workers=workers, folder=folder, headers="\n      ".join(more),
                                   body=body), encoding="utf-8")
    with started(["nginx", "-p", folder, "-c", config], folder / "log") as master:
        children = pathlib.Path(f"/proc/{master.pid}/task/{master.pid}/children")
        wait_until("nginx", lambda: len(children.read_text().split()) >= workers)
        yield port, children.read_text().split()


def wrk(cluster, port, connections, options):
    """Requests, seconds, and p99 in ms."""
    script = cluster.folder / "load.lua"
    script.write_text(LOAD, encoding="utf-8")
    done = subprocess.run(["wrk", "-t", "1", "-c", str(connections), "-d", f"{options.seconds}s",
                           "-s", str(script), f"http://127.0.0.1:{port}"],
                          capture_output=True, text=True, check=True)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", done.stdout)
    requests, duration, errors, p99 = (int(number) for number in found.groups())
    if errors:
        sys.exit(f"wrk saw {errors} errors:\n{done.stdout}")
    return requests, duration / 1e6, p99 / 1e3


def measure(cluster, port, pids, connections, options):
    before = {kind: cpu_us(all_of) for kind, all_of in pids.items()}
    requests, seconds, p99 = wrk(cluster, port, connections, options)
    return {"rate": requests / seconds, "p99": p99,
            "cpu": {kind: (cpu_us(pids[kind]) - was) / requests for kind, was in before.items()}}


def beside_nginx(cluster, behind, options):
    if not (shutil.which("nginx") and shutil.which("wrk")):
        return "Gateway beside nginx: skipped, since nginx or wrk is not installed.\n"
    rows = []
    with nginx(cluster, options.threads) as (port, workers):
        systems = {"gateway": (cluster.port, behind), "nginx": (port, {"nginx": workers})}
        for connections in options.connections:
            seen = {name: [] for name in systems}
            for _ in range(options.rounds):
                for name, (where, pids) in systems.items():
                    seen[name].append(measure(cluster, where, pids, connections, options))
            for name, runs in seen.items():
                middle = {kind: statistics.median(run["cpu"][kind] for run in runs)
                          for kind in runs[0]["cpu"]}
                own = middle.pop(name)
                rows.append([name, str(connections),
                             f"{statistics.median(run['rate'] for run in runs):,.0f}",
                             f"{statistics.median(run['p99'] for run in runs):.1f}", f"{own:.1f}",
                             ", ".join(f"{kind} {us:.1f}" for kind, us in middle.items())])
            pairs = list(zip(seen["gateway"], seen["nginx"]))
            rate = statistics.median(ours["rate"] / theirs["rate"] for ours, theirs in pairs)
            cost = statistics.median(ours["cpu"]["gateway"] / theirs["cpu"]["nginx"]
                                     for ours, theirs in pairs)
            rows.append(["ratio", str(connections), f"{rate:.2f}", "", f"{cost:.2f}", ""])
    return ("The gateway before echo_worker, and nginx that answers the same bytes; "
            f"{options.threads} thread or worker each, {options.rounds} rounds of "
            f"{options.seconds} s in turn, medians (of a ratio: of the rounds' own). The rate is "
            "what all can do together on this machine, wrk included; CPU is the server's.\n\n"
            + table(["", "connections", "requests/s", "p99 ms", "CPU us a request", "behind it"],
                    rows))


def alone(options):
    with running(options, 0) as cluster, cluster.start("echo_worker") as echo:
        wait_until("the gateway with the echo worker", lambda: ready(cluster.port))
        pids = cluster.pids()
        behind = {"gateway": pids["gateway"], "balancer": pids["balancer"], "echo": [echo.pid]}
        text = beside_nginx(cluster, behind, options)
        rows = [[str(count), *cells(cluster.bench(cluster.port, behind, count, options), behind)]
                for count in options.connections]
    text += ("\nThe same by `depot bench`, which reads every answer.\n\n"
             + table(["connections", *head_of(behind)], rows))
    for fsync in ("always", "everysec", "no"):
        text += block(options, f"store_bench, fsync {fsync}", "store_bench", "32000", "2000", fsync)
    return text + block(options, "balancer_bench", "balancer_bench", "2")


def block(options, title, program, *words):
    done = subprocess.run([str(pathlib.Path(options.bin) / program), *words], text=True, check=True,
                          stdout=subprocess.PIPE)
    return f"\n{title}\n\n```\n{done.stdout}```\n"


# --- peer 0 ---

KINDS = ("one_process", "gateway", "balancer", "worker", "redis")


def head_of(kinds):
    return ["purchases/s", "p50 ms", "p99 ms", *(f"{kind} us" for kind in kinds), "all us"]


def cells(figures, kinds):
    latency, cpu = figures["latency_ms"], figures["cpu_us_per_purchase"]
    return [f"{figures['placed_per_second']:,.0f}", f"{latency['p50']:.1f}",
            f"{latency['p99']:.1f}",
            *(f"{cpu[kind]:.1f}" if kind in cpu else "" for kind in kinds),
            f"{figures['server_cpu_us_per_purchase']:.1f}"]


def killed(cluster, options):
    """The purchases around the death of a worker; every one is answered, or bench() exits."""
    def kill():
        time.sleep(1 + options.seconds / 2)  # behind the second of warming up
        workers = cluster.pids()["worker"]
        before = {pid: cpu_us([pid]) for pid in workers}
        time.sleep(0.2)
        os.kill(max(workers, key=lambda pid: cpu_us([pid]) - before[pid]), signal.SIGKILL)

    def retries():
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(cluster.folder / "run/admin/gateway-1.sock"))
            admin.sendall(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            answer = admin.makefile().read()
        return sum(float(number) for number in
                   re.findall(r"^depot_gateway_retries_total.* (\S+)$", answer, re.MULTILINE))

    before = retries()
    figures = cluster.bench(cluster.port, {}, options.connections[0], options, kill)
    return (f"One of 2 workers killed in the middle, {options.connections[0]} connections: "
            f"{figures['placed']:,} orders, all answered and placed; {retries() - before:.0f} "
            f"requests sent again by the gateway, {figures['retries']} by customers; p99 "
            f"{figures['latency_ms']['p99']:.1f} ms, max {figures['latency_ms']['max']:.1f} ms.\n")


def scale(cluster, workers):
    cluster.run("scale", "workers", str(workers))
    # The gateway asks four times a second.
    wait_until(f"{workers} workers", lambda: ready(cluster.port) == (workers > 0))


def peer0(options):
    port, text = free_port(), ""
    with running(options, 2) as cluster, \
            cluster.start("one_process", "--listen", f"127.0.0.1:{port}") as one:
        wait_until("one_process", lambda: ready(port) and ready(cluster.port))
        for connections in options.connections:
            rows, ratios, peer = [], {}, None
            for _ in range(options.rounds):
                for workers in (0, 1, 2, 4):
                    scale(cluster, workers)
                    pids = {kind: all_of for kind, all_of in cluster.pids().items()
                            if kind in (KINDS if workers else ["redis"])}
                    if workers == 0:
                        pids["one_process"] = [one.pid]
                    figures = cluster.bench(cluster.port if workers else port, pids, connections,
                                            options)
                    peer = figures if workers == 0 else peer
                    ratios.setdefault(workers, []).append(
                        [figures[name] / peer[name]
                         for name in ("placed_per_second", "server_cpu_us_per_purchase")])
                    rows.append([f"workers: {workers}" if workers else "one_process",
                                 *cells(figures, KINDS)])
            text += f"{connections} connections, rows in the order run:\n\n"
            text += table(["", *head_of(KINDS)], rows)
            text += "\nBeside one_process, median of the rounds: "
            text += "; ".join(
                f"workers {workers}: {statistics.median(r[0] for r in all_of):.2f} of purchases "
                f"at {statistics.median(r[1] for r in all_of):.2f} of the CPU for each"
                for workers, all_of in ratios.items() if workers) + ".\n\n"
        scale(cluster, 2)
        text += killed(cluster, options)
        cluster.run("audit")
    return text + "\nThe audit behind it all was clean.\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build" / "release" / "bin"))
    parser.add_argument("--peer0", action="store_true")
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of the gateway; workers of nginx")
    parser.add_argument("--record", help="a file to add the section to")
    options = parser.parse_args()
    title = "gateway and store in one process" if options.peer0 else "each layer alone"
    body = peer0(options) if options.peer0 else alone(options)
    command = " ".join(["bench/layers.py", *sys.argv[1:]])
    text = f"\n## {datetime.date.today()}: {title}\n\n`{command}` on {machine()}\n\n{body}"
    print(text)
    if options.record:
        with open(options.record, "a", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
