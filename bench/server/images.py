#!/usr/bin/env python3
"""Requests with images: the table of docs/performance.md, section Images. Images are distinct, so each is made once.

    bench/server/images.py --model-path PATH [--braid build/release/braid] [--num-prompts 1000] [--image-size 1120x700]
                           [--concurrency 96] [--share 0.9] [--check 100] [serve's flags]

First all requests at once: the highest rate that the cores can materialize. Then Poisson arrivals at --share of that rate, with
times to the first token and between tokens, the processor time of the server's threads, and the answers of some requests
compared with those that they get alone. Last text requests at a tenth of that rate, once alone and once beside images at half of it:
the time between the tokens of text.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from server import Program, Server  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_by_thread(pid):
    """Processor seconds of each thread's name."""
    seconds = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            text = (task / "stat").read_text()
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        fields = text.rsplit(")", 1)[1].split()
        seconds[name] = seconds.get(name, 0) + (int(fields[11]) + int(fields[12])) / TICKS
    return seconds


def bench(options, server, *flags):
    command = [options.braid, "bench", "serving", "--base-url", server.url, "--dataset-name", "random-image", "--image-size",
               options.image_size, "--random-input-len", options.input_len, "--random-output-len", options.output_len,
               "--random-range-ratio", 1, "--max-concurrency", options.concurrency, "--json", *flags]
    return json.loads(subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                     text=True).stdout)


def made(server):
    return [server.metric(name) for name in ("mm_prepare_seconds_total", "mm_encode_seconds_total", "mm_cache_misses_total")]


def measured(options, server, *flags):
    """The report, with processor seconds by thread and what was made meanwhile."""
    threads, images = cpu_by_thread(server.process.pid), made(server)
    got = bench(options, server, *flags)
    got["cpu"] = {name: seconds - threads.get(name, 0) for name, seconds in cpu_by_thread(server.process.pid).items()}
    got["made"] = [after - before for after, before in zip(made(server), images)]
    return got


def row(what, got, kind=None):
    shown = got[kind] if kind else got
    cpu = sum(got["cpu"].values()) / got["duration"]
    print(f"| {what} | {got['request_throughput']:.1f} | " +
          " | ".join(f"{shown[f'{part}_{key}_ms']:.1f}" for key in ("ttft", "tpot") for part in ("median", "p99")) +
          f" | {shown['p99_itl_ms']:.1f} | {100 * cpu:.0f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--num-prompts", type=int, default=1000)
    parser.add_argument("--image-size", default="1120x700")
    parser.add_argument("--concurrency", type=int, default=96)
    parser.add_argument("--input-len", type=int, default=16)
    parser.add_argument("--output-len", type=int, default=32)
    parser.add_argument("--share", type=float, default=0.9)
    parser.add_argument("--check", type=int, default=100, help="answers that are compared")
    options, flags = parser.parse_known_args()
    print("| load | requests/s | TTFT P50, ms | P99 | TPOT P50, ms | P99 | ITL P99, ms | server's CPU, of a core |")
    print("|" + " --- |" * 8)
    with Server(Program(options.braid), options.model_path, "--max-running-requests", options.concurrency, *flags) as server:
        bench(options, server, "--num-prompts", options.concurrency, "--seed", 1)  # warms everything up
        most = measured(options, server, "--num-prompts", options.num_prompts, "--seed", 2)
        row("all at once", most)
        rate = options.share * most["request_throughput"]
        got = measured(options, server, "--num-prompts", options.num_prompts, "--seed", 3, "--request-rate", rate,
                       "--check-answers", options.check)
        row(f"Poisson, {rate:.1f} a second", got)
        num_text = max(20, options.num_prompts // 10)
        text_rate = most["request_throughput"] / 10
        alone = measured(options, server, "--num-prompts", num_text, "--seed", 4, "--image-share", 0, "--request-rate", text_rate)
        row(f"text alone, {text_rate:.1f} a second", alone)
        share = 5 / 6  # text at the same rate as alone
        mixed = measured(options, server, "--num-prompts", 6 * num_text, "--seed", 5, "--image-share", share, "--request-rate",
                         text_rate / (1 - share))
        row(f"text beside images, {text_rate:.1f} and {5 * text_rate:.1f} a second", mixed, "text_only")
        row("those images", mixed, "with_images")
    prepare_s, encode_s, images = got["made"]
    print(f"\n{got['equal_answers']} of {got['checked_answers']} answers equal those alone. An image: {1e3 * prepare_s / images:.1f} ms "
          f"to decode, resize and cut, {1e3 * encode_s / images:.1f} ms in the tower.")
    for name, seconds in sorted(got["cpu"].items(), key=lambda item: -item[1])[:8]:
        print(f"  {name:16} {100 * seconds / got['duration']:.0f} % of a core")


if __name__ == "__main__":
    main()
