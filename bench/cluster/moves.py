#!/usr/bin/env python3
"""Requests that move to another DP group, and what that costs the streams that stay. One stream decodes in each of two
groups; beside it six long requests in group 0 and six short ones in group 1. Then the short ones are cancelled, so that
three of the long ones move. Prints what moved, how long each of them waited, and the time between tokens of the two streams
while requests moved, beside the time between them afterwards, when the same requests decode in both groups.

    bench/cluster/moves.py --model-path PATH [--braid build/release/braid] [--tokens 2000] [--runs 5] [--hosts 1]
                           [-- more flags of serve]

With --hosts 2 each group is in a network namespace of its own.
"""

import argparse
import asyncio
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "cluster")]
from cluster import Cluster, Hosts  # noqa: E402
import streams  # noqa: E402

LAYOUT = ["--tp-size", 2, "--dp-size", 2, "--enable-dp-attention", "--ranks-per-process", 1, "--kv-rebalance"]
NUM_LONG = 6
AFTER = 100  # tokens that count as afterwards


def body(prompt, num_tokens, group, is_strict):
    return {"prompt": prompt, "max_tokens": num_tokens, "temperature": 0, "ignore_eos": True, "stream": True,
            "dp_rank": group, "dp_rank_strict": is_strict}


def metric(cluster, name):
    lines = cluster.send("GET", "/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"braid_{name}{{"))


def gaps(stream, begin_s, end_s):
    times_s = [at for at in stream.times_s if begin_s <= at <= end_s]
    return [after - before for before, after in zip(times_s, times_s[1:])]


def longest_pause(stream):
    """Its beginning and end."""
    return max(zip(stream.times_s, stream.times_s[1:]), key=lambda pause: pause[1] - pause[0])


class Run:
    def __init__(self, cluster, num_tokens):
        self.cluster = cluster
        self.staying = [streams.Stream() for _ in range(2)]
        self.long = [streams.Stream() for _ in range(NUM_LONG)]
        self.short = [streams.Stream() for _ in range(NUM_LONG)]
        self.bodies = [body(f"Stream {group}: ", 2000, group, True) for group in range(2)]
        self.bodies += [body(f"Number {i}. " + "A word and another one. " * (num_tokens // 6), 600, 0, False)
                        for i in range(NUM_LONG)]
        self.bodies += [body(f"Short {i}: ", 2000, 1, True) for i in range(NUM_LONG)]

    async def go(self):
        address = self.cluster.hosts.address(0), self.cluster.port
        all_streams = [*self.staying, *self.long, *self.short]
        tasks = [asyncio.create_task(streams.read_stream(address, "POST", "/v1/completions", one, stream))
                 for one, stream in zip(self.bodies, all_streams)]
        while not all(len(stream.times_s) > 20 or stream.error for stream in all_streams):
            await asyncio.sleep(0.05)
        for task in tasks[2 + NUM_LONG:]:
            task.cancel()
        await asyncio.gather(*tasks[2:2 + NUM_LONG])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in [*self.staying, *self.long]:
            assert stream.error is None, stream.error
        return self

    def figures(self, num_moved):
        """Waits of the requests that moved, and the streams' medians meanwhile and afterwards, seconds."""
        pauses = sorted((longest_pause(stream) for stream in self.long), key=lambda one: one[0] - one[1])[:num_moved]
        begin_s = min(begin for begin, _ in pauses)
        end_s = max(end for _, end in pauses)
        meanwhile = [gap for stream in self.staying for gap in gaps(stream, begin_s, end_s)]
        after = [gap for stream in self.staying for gap in gaps(stream, end_s, float("inf"))[1:AFTER]]
        return [end - begin for begin, end in pauses], meanwhile, after


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--tokens", type=int, default=2000, help="of each long prompt, about")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--hosts", type=int, choices=[1, 2], default=1)
    parser.add_argument("flags", nargs="*", help="of serve")
    options = parser.parse_args()
    with Hosts(options.hosts) as hosts, tempfile.TemporaryDirectory() as folder:
        key = pathlib.Path(folder) / "key"
        subprocess.run([options.braid, "keygen", key], check=True)
        cluster = Cluster(options.braid, hosts, key, options.hosts, [*LAYOUT, *options.flags], options.model_path)
        try:
            cluster.wait_until_ready(300)
            print(f"{'moved':>5} {'tokens':>7} {'waited, s':>9} {'steps':>5} {'ms a step meanwhile: median':>27} {'P90':>6} "
                  f"{'afterwards: median':>18} {'P90':>6} {'later by':>8}", flush=True)
            delays = []
            for _ in range(options.runs):
                before = [metric(cluster, f"num_moved_out_{what}_total") for what in ("requests", "tokens")]
                run = asyncio.run(Run(cluster, options.tokens).go())
                moved, tokens = (metric(cluster, f"num_moved_out_{what}_total") - count
                                 for what, count in zip(("requests", "tokens"), before))
                waits, meanwhile, after = run.figures(int(moved))
                (median, p90), (median_after, p90_after) = (
                    (statistics.median(one) * 1e3, statistics.quantiles(one, n=10)[-1] * 1e3) for one in (meanwhile, after))
                delays.append(median / median_after - 1)
                print(f"{moved:5.0f} {tokens:7.0f} {statistics.median(waits):9.2f} {len(meanwhile) // 2:5} {median:27.1f} "
                      f"{p90:6.1f} {median_after:18.1f} {p90_after:6.1f} {delays[-1]:8.1%}", flush=True)
            print(f"later by, median: {statistics.median(delays):.1%}")
        finally:
            cluster.kill()


if __name__ == "__main__":
    main()
