#!/usr/bin/env python3
"""How evenly each dispatch policy keeps the DP groups busy, on requests of heavy-tailed lengths and on shared prefixes.

    bench/server/policies.py --model-path PATH [--braid build/release/braid] [--scale 1.0] [serve's flags, like --tp-size 2]

Each policy gets a server of its own and the same requests (`braid bench serving`); one table shows both traces. Without
--request-rate all requests come at once, and there is little to choose: the next group with a free place gets the next request.
"""

import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from server import Program, Server  # noqa: E402

POLICIES = ["round_robin", "shortest_queue", "minimum_tokens", "prefix_affinity", "measured_time"]
LAYOUT = ["--tp-size", "2", "--dp-size", "2", "--enable-dp-attention"]
COLUMNS = ["trace", "policy", "output tokens/s", "TTFT mean / p99 ms", "balance", "prefix hits"]


def traces(scale):
    """The name and flags of each; `scale` multiplies the number of requests."""
    return {
        "heavy-tail": ["--dataset-name", "heavy-tail", "--num-prompts", str(max(4, int(96 * scale))),
                       "--random-input-len", "1024", "--random-output-len", "256"],
        "shared prefixes": ["--dataset-name", "generated-shared-prefix", "--gsp-num-groups", "12",
                            "--gsp-prompts-per-group", str(max(1, int(8 * scale))), "--gsp-system-prompt-len", "768",
                            "--gsp-question-len", "64", "--gsp-output-len", "32"],
    }


def measure(options, url, flags):
    command = [options.braid, "bench", "serving", "--base-url", url, "--json",
               "--max-concurrency", str(options.concurrency), "--request-rate", options.request_rate,
               "--vocab-size", "30000", *flags]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of requests")
    parser.add_argument("--concurrency", type=int, default=24, help="requests under way at once")
    parser.add_argument("--request-rate", default="inf", help="requests a second, with Poisson arrivals")
    parser.add_argument("--traces", nargs="+", choices=list(traces(1)), default=list(traces(1)))
    options, serve_flags = parser.parse_known_args()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * len(COLUMNS))
    for trace in options.traces:
        flags = traces(options.scale)[trace]
        for policy in POLICIES:
            # One server per run, so that each starts with empty caches.
            with Server(Program(options.braid), options.model_path, *(serve_flags or LAYOUT), "--load-balance-method",
                        policy, "--kv-cache-memory-bytes", "1GB", "--max-running-requests", "16") as server:
                got = measure(options, server.url, flags)
            print(f"| {trace} | {policy} | {got['output_throughput']:.1f} | {got['mean_ttft_ms']:.0f} / "
                  f"{got['p99_ttft_ms']:.0f} | {100 * got['balance_ratio']:.1f} % | {100 * got['prefix_hit_rate']:.1f} % |",
                  flush=True)


if __name__ == "__main__":
    main()
