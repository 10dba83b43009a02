#!/usr/bin/env python3
"""A crowd: a thousand streams at once, each complete and equal to the same request alone; then ten thousand short requests.
The server's memory must not grow over either.

    bench/server/crowd.py --model-path PATH [--braid build/release/braid] [--streams 1000] [--requests 10000]
"""

import argparse
import asyncio
import json
import pathlib
import resource
import sys
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from server import Program, Server, resident_bytes, stream_events  # noqa: E402

TOPICS = ["rivers", "glass", "bridges", "bread", "comets", "chess", "moss", "trains", "salt", "clocks"]


async def post(address, path, body):
    """Returns the whole body of the answer; its status must be 200."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        data = json.dumps(body).encode()
        writer.write(f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nConnection: close\r\n"
                     f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
        head, answer = (await reader.read()).split(b"\r\n\r\n", 1)
    finally:
        writer.close()
    assert head.startswith(b"HTTP/1.1 200 "), head + answer
    return unchunked(answer) if b"chunked" in head.lower() else answer


def unchunked(data):
    whole = b""
    while True:
        size, data = data.split(b"\r\n", 1)
        if int(size, 16) == 0:
            return whole
        whole += data[:int(size, 16)]
        data = data[int(size, 16) + 2:]


def stream_request(i, num_tokens):
    """All different: greedy and sampled, of several lengths."""
    return {"messages": [{"role": "user", "content": f"Number {i}: tell me about {TOPICS[i % len(TOPICS)]}."}], "stream": True,
            "max_tokens": num_tokens // 2 + i % num_tokens, "temperature": (i % 3) / 2, "seed": i, "ignore_eos": True,
            "stream_options": {"include_usage": True}}


async def stream(address, i, num_tokens):
    """Returns the text of one stream, which must be complete and have the requested number of tokens."""
    request = stream_request(i, num_tokens)
    chunks = stream_events((await post(address, "/v1/chat/completions", request)).decode())
    assert chunks[-1]["usage"]["completion_tokens"] == request["max_tokens"], chunks[-1]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])


async def run_limited(coroutines, at_once):
    """Runs up to `at_once` of them at a time. Returns their results in order."""
    gate = asyncio.Semaphore(at_once)

    async def one(coroutine):
        async with gate:
            return await coroutine
    return await asyncio.gather(*(one(coroutine) for coroutine in coroutines))


async def measure(server, args):
    url = urllib.parse.urlsplit(server.url)
    address = (url.hostname, url.port)
    megabytes = lambda: resident_bytes(server.process.pid) / 2**20  # noqa: E731
    report = {}

    alone = await run_limited((stream(address, i, args.tokens) for i in range(args.streams)), 1)
    report["resident_mb_alone"] = megabytes()
    for round_name in ("first", "second"):
        start = time.monotonic()
        together = await run_limited((stream(address, i, args.tokens) for i in range(args.streams)), args.streams)
        report[f"streams_{round_name}_s"] = time.monotonic() - start
        report[f"resident_mb_{round_name}"] = megabytes()
        report[f"streams_differ_{round_name}"] = sum(a != b for a, b in zip(alone, together, strict=True))

    short = lambda i: {"prompt": f"{i}", "max_tokens": 2, "temperature": 0}  # noqa: E731
    for part in ("first", "second"):
        start = time.monotonic()
        await run_limited((post(address, "/v1/completions", short(i)) for i in range(args.requests // 2)), 128)
        report[f"short_{part}_half_s"] = time.monotonic() - start
        report[f"resident_mb_short_{part}"] = megabytes()
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=16)
    args = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # one socket per stream
    flags = ["--max-queued-requests", str(args.streams), "--kv-cache-memory-bytes", "400MB"]
    with Server(Program(args.braid), args.model_path, *flags) as server:
        report = asyncio.run(measure(server, args))
        report["exit_code"] = server.stop()
    growth = {"streams": report["resident_mb_second"] - report["resident_mb_first"],
              "short": report["resident_mb_short_second"] - report["resident_mb_short_first"]}
    report["growth_mb"] = growth
    print(json.dumps(report, indent=1))
    good = (not report["streams_differ_first"] and not report["streams_differ_second"] and max(growth.values()) < 16
            and report["exit_code"] == 0)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
