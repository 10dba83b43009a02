#!/usr/bin/env python3
"""What a server's clients get, compared with what the engine can do: the tables of docs/performance.md, section Serving.

    bench/server/serving.py streams      --model-path PATH [--braid build/release/braid] [serve's flags]
    bench/server/serving.py poisson      --model-path PATH …
    bench/server/serving.py long-prompts --model-path PATH …
    bench/server/serving.py chunks       --model-path PATH …

streams       for each number of streams: `bench throughput` before and after `bench serving`, the time between two tokens while all
              decode, and the processor time per token of the server's threads other than the ranks'
poisson       times to the first token with Poisson arrivals at a share of what the server can do
long-prompts  the time between two tokens of decoding streams while prompts of 4 096 tokens arrive, beside a chunk and a step
chunks        the same for each --chunked-prefill-size, and the throughput of prefill and decode together

Each row has a server of its own. With --turns it has several, in turns with the other rows', and medians are shown. Measure on a
quiet machine.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from server import Program, Server  # noqa: E402


def run_bench(options, *flags):
    command = [options.braid, "bench", *map(str, flags), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def run_serving(options, server, *flags):
    return run_bench(options, "serving", "--base-url", server.url, "--random-range-ratio", 1, "--vocab-size", options.vocab_size,
                     "--return-token-ids", *flags)


def start(options, *flags):
    return Server(Program(options.braid), options.model_path, *map(str, flags), *options.serve_flags)


def lengths(options):
    return ["--random-input-len", options.input_len, "--random-output-len", options.output_len]


def streams(options, count):
    num_prompts = count * options.rounds

    def throughput():
        return run_bench(options, "throughput", "--model-path", options.model_path, "--max-running-requests", count,
                         "--num-prompts", num_prompts, "--input-len", options.input_len, "--output-len", options.output_len,
                         *options.serve_flags)["output_tokens_per_s"]

    before = throughput()
    with start(options, "--max-running-requests", count) as server:
        got = run_serving(options, server, "--num-prompts", num_prompts, "--max-concurrency", count, *lengths(options))
    engine = (before + throughput()) / 2
    return {"streams": count, "bench throughput, tok/s": engine, "bench serving, tok/s": got["output_throughput"],
            "of it, %": 100 * got["output_throughput"] / engine, "steady ITL median, ms": got["median_steady_itl_ms"],
            "P99, ms": got["p99_steady_itl_ms"], "P99 / median": got["p99_steady_itl_ms"] / got["median_steady_itl_ms"],
            "TTFT median, ms": got["median_ttft_ms"], "beside the ranks, us a token": got["front_cpu_us_per_output_token"]}


def poisson(options, share):
    with start(options, "--max-running-requests", max(options.streams)) as server:
        got = run_serving(options, server, "--num-prompts", options.num_prompts, "--capacity-share", share, *lengths(options))
    return {"share": share, "capacity, req/s": got["capacity_request_throughput"], "arrivals, req/s": float(got["request_rate"]),
            "TTFT P50, ms": got["median_ttft_ms"], "P99, ms": got["p99_ttft_ms"], "ITL P50, ms": got["median_itl_ms"],
            "ITL P99, ms": got["p99_itl_ms"], "output tok/s": got["output_throughput"]}


def beside_long_prompts(options, server, count):
    got = run_serving(options, server, "--num-prompts", count, "--random-input-len", options.input_len, "--random-output-len",
                      options.long_output_len, "--long-prompts", options.long_prompts, "--long-prompt-len", options.long_len,
                      "--long-prompt-rate", options.long_rate)
    long = got["long_prompts"]
    return {"streams": count, "step, ms": long["step_ms"], "chunk alone, ms": long["chunk_ms"],
            "chunk + step, ms": long["chunk_and_step_ms"], "ITL beside, P50, ms": long["median_itl_ms"],
            "P99, ms": long["p99_itl_ms"], "P99 of chunk + step, %": 100 * long["p99_itl_ms"] / long["chunk_and_step_ms"],
            "TTFT of long prompts P50, ms": long["median_ttft_ms"]}


def long_prompts(options, count):
    with start(options, "--max-running-requests", count + options.long_prompts) as server:
        return beside_long_prompts(options, server, count)


def chunks(options, size):
    count = max(options.streams)
    with start(options, "--max-running-requests", count + options.long_prompts, "--chunked-prefill-size", size) as server:
        got = run_serving(options, server, "--num-prompts", count * options.rounds, "--max-concurrency", count, *lengths(options))
        beside = beside_long_prompts(options, server, count)
    return {"chunk": size, "all tok/s": got["total_throughput"], "TTFT P50, ms": got["median_ttft_ms"],
            "ITL P99, ms": got["p99_itl_ms"], **{key: beside[key] for key in list(beside)[1:]}}


def table(options, measure, cases):
    turns = [[measure(options, case) for case in cases] for _ in range(options.turns)]
    rows = [{key: statistics.median(turn[i][key] for turn in turns) for key in turns[0][i]} for i in range(len(cases))]
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + " --- |" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(f"{value:.4g}" for value in row.values()) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["streams", "poisson", "long-prompts", "chunks"])
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32, 64], help="at once; of several some tables take the most")
    parser.add_argument("--rounds", type=int, default=2, help="requests of each stream, one after another")
    parser.add_argument("--input-len", type=int, default=64)
    parser.add_argument("--output-len", type=int, default=64)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.7], help="poisson: of the capacity")
    parser.add_argument("--num-prompts", type=int, default=128, help="poisson: requests")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024, 2048], help="chunks: --chunked-prefill-size")
    parser.add_argument("--long-prompts", type=int, default=4, help="that arrive among the streams")
    parser.add_argument("--long-len", type=int, default=4096)
    parser.add_argument("--long-rate", default="1", help="a second")
    parser.add_argument("--long-output-len", type=int, default=256, help="of the streams among which they arrive")
    parser.add_argument("--vocab-size", type=int, default=30000, help="random ids are below it")
    parser.add_argument("--turns", type=int, default=1)
    options, options.serve_flags = parser.parse_known_args()
    measure, cases = {"streams": (streams, options.streams), "poisson": (poisson, options.shares),
                      "long-prompts": (long_prompts, options.streams), "chunks": (chunks, options.sizes)}[options.what]
    table(options, measure, cases)


if __name__ == "__main__":
    main()
