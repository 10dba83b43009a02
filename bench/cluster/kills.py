#!/usr/bin/env python3
"""Streams in flight on a cluster of two hosts, and something dies: what that costs. Each fault in a fresh cluster, several
times. Prints a row for each: requests lost, texts that changed against a run without a fault, and medians of the seconds
until the front noticed, and from the fault to the next token of the slowest stream.

    bench/cluster/kills.py --model-path PATH [--braid build/release/braid] [--streams 100] [--tokens 60] [--runs 5]
                           [--only kill_mpirun …] [-- more flags of serve]

Hosts are network namespaces; where these may not be made, loopback addresses, and what needs hosts of their own is left
out.
"""

import argparse
import asyncio
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "cluster")]
from cluster import Cluster, Hosts  # noqa: E402
from server import Program, Server, wait_for  # noqa: E402
import faults  # noqa: E402
import streams  # noqa: E402

LAYOUT = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention", "--ranks-per-process", 1]
LIMITS = ["--max-restarts", 50, "--collective-timeout", 3]
ELASTIC = ["--elastic", "--elastic-after", 1]


class Run:
    """One cluster, its streams, and a fault once each stream has had a token."""

    def __init__(self, cluster, bodies):
        self.cluster = cluster
        self.bodies = bodies
        self.streams = [streams.Stream() for _ in bodies]
        self.noticed_s = None
        self.is_over = False

    def address(self):
        return self.cluster.hosts.address(self.cluster.front), self.cluster.port

    def ask(self, fault):
        if fault in faults.NEED_STANDBY:
            return streams.run_all_named(self.address, self.bodies, self.streams)
        return streams.run_all(self.address(), self.bodies, self.streams)

    def go(self, fault):
        client = threading.Thread(target=lambda: asyncio.run(self.ask(fault)))
        client.start()
        wait_for(lambda: all(stream.times_s or stream.error for stream in self.streams), "no tokens", timeout=300)
        watch = threading.Thread(target=self.notice)
        self.fault_s = time.monotonic()
        watch.start()
        fault(self.cluster)
        client.join()
        self.is_over = True
        watch.join()
        return self

    def notice(self):
        while not self.is_over and self.noticed_s is None:
            try:
                status = self.cluster.status()
                if status["num_restarts"] > 0 or status["state"] != "running" or not status["nodes"][0]["is_there"]:
                    self.noticed_s = time.monotonic() - self.fault_s
            except (OSError, KeyError):  # a front that loads its model has no status yet
                pass
            time.sleep(0.005)

    def pause_s(self):
        """Of the slowest stream. Tokens that came at once after the fault were computed before it."""
        noticed_s = self.noticed_s or 0
        return max((stream.next_s(self.fault_s + noticed_s) or 0) + noticed_s for stream in self.streams)

    def num_lost(self):
        return sum(stream.error is not None for stream in self.streams)

    def num_changed(self, texts):
        return sum(stream.error is None and stream.text != text for stream, text in zip(self.streams, texts))


def start_cluster(options, hosts, key, fault, folder):
    flags = [*LAYOUT, *LIMITS, *options.flags]
    if fault in faults.NEED_ELASTIC:
        flags += ELASTIC
    if fault not in faults.NEED_STANDBY:
        return Cluster(options.braid, hosts, key, 2, flags, options.model_path)
    own = {}
    for node in (0, 1):
        journal = tempfile.mkdtemp(prefix="journal-", dir=folder)
        own[node] = ["--journal", journal, "--host", hosts.address(node)]
    return Cluster(options.braid, hosts, key, 2, [*flags, "--standby", 1, "--standby-after", 2], options.model_path,
                   node_flags=own)


def expected_texts(options, bodies):
    layout = LAYOUT[:LAYOUT.index("--ranks-per-process")]
    with Server(Program(options.braid), options.model_path, *layout, *options.flags) as server:
        run = [streams.Stream() for _ in bodies]
        host, port = server.url.removeprefix("http://").split(":")
        asyncio.run(streams.run_all((host, int(port)), bodies, run))
    assert all(stream.error is None for stream in run), next(stream.error for stream in run if stream.error)
    return [stream.text for stream in run]


def parser_of(description, num_streams):
    """With the flags that soak.py has too."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--streams", type=int, default=num_streams)
    parser.add_argument("--only", nargs="*", default=[fault.__name__ for fault in faults.FAULTS])
    return parser


def main():
    parser = parser_of(__doc__, 100)
    parser.add_argument("--tokens", type=int, default=60)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--log", action="store_true", help="print the front's log of runs that lost something")
    parser.add_argument("flags", nargs="*", help="of serve")
    options = parser.parse_args()
    bodies = streams.bodies(options.streams, options.tokens)
    texts = expected_texts(options, bodies)
    failed = False
    with Hosts(2, shared_memory="64m") as hosts, tempfile.TemporaryDirectory() as folder:
        key = pathlib.Path(folder) / "key"
        subprocess.run([options.braid, "keygen", key], check=True)
        print(f"{'fault':34} {'runs':>4} {'lost':>4} {'changed':>7} {'noticed, s':>10} {'next token, s':>13}", flush=True)
        for fault in [fault for fault in faults.FAULTS if fault.__name__ in options.only]:
            if fault in faults.NEED_NAMESPACES and not hosts.are_apart:
                print(f"{fault.__name__:34} needs namespaces")
                continue
            runs = []
            for _ in range(options.runs):
                cluster = start_cluster(options, hosts, key, fault, folder)
                try:
                    cluster.wait_until_ready(300)
                    if fault in faults.NEED_STANDBY:
                        wait_for(lambda: cluster.status()["standby"]["is_whole"], "the journal is not copied")
                    runs.append(Run(cluster, bodies).go(fault))
                    if options.log and (runs[-1].num_lost() or runs[-1].num_changed(texts)):
                        print(cluster.nodes[cluster.front].read_log(), [stream.error for stream in runs[-1].streams if stream.error][:3])
                finally:
                    cluster.kill()
                    wait_for(lambda: not cluster.processes("rank"), "processes are left")
            lost = sum(run.num_lost() for run in runs)
            changed = sum(run.num_changed(texts) for run in runs)
            failed |= lost + changed > 0
            noticed = statistics.median(run.noticed_s if run.noticed_s is not None else float("nan") for run in runs)
            print(f"{fault.__name__.replace('_', ' '):34} {len(runs):4} {lost:4} {changed:7} {noticed:10.2f} "
                  f"{statistics.median(run.pause_s() for run in runs):13.2f}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
