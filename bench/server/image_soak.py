#!/usr/bin/env python3
"""Images for half an hour: known ones, whose answers must stay the same, new ones, bad ones, clients that leave, and every
so often a rank's process killed with SIGKILL. First a crowd: distinct images that all wait at once, far more than the cache
holds, and all must be answered. At the end memory, shared memory, open files and the cache's entries must be back.

    bench/server/image_soak.py --model-path PATH [--braid build/release/braid] [--minutes 30] [--clients 16] [--crowd 1500]
                               [--kill-every 30] [--seed N] [serve's flags]
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from picture import message, png  # noqa: E402
from processes import children_of, memory_of, open_files_of  # noqa: E402
from server import Program, Server, wait_for  # noqa: E402

CACHE = 16  # images; the crowd has a hundred times as many
# On a busy machine this program may connect long before it comes to write: that is no finding.
LIMITS = ["--kv-cache-memory-bytes", "64MB", "--mm-cache-size", CACHE, "--max-queued-requests", 10_000, "--max-unread-requests",
          10_000, "--max-connections", 10_000, "--max-restarts", 1000, "--header-timeout", 600, "--body-timeout", 600]
QUESTION = "What is in the image?"
# Allowed beyond the maximum of the first half, in which caches and malloc's arenas fill. More is a leak.
GROWTH_ALLOWED = 32 << 20
BAD = {"cut off": lambda image: image[:-40], "no image": lambda image: b"not an image at all", "empty": lambda image: b"",
       "a damaged middle": lambda image: image[:60] + bytes(40) + image[100:],
       "a bomb": lambda image: png(30_000, 30_000, (1, 2, 3), b"")}


def new_image(dice):
    """One that nobody has sent before."""
    def colour():
        return [dice.randrange(256) for _ in range(3)]
    width, height = dice.randrange(100, 400), dice.randrange(100, 400)
    return png(width, height, colour()) + dice.randbytes(8)  # bytes behind the end are part of the content, not of the image


def body_of(*images, max_tokens=16, stream=True):
    return {"messages": message(*images, QUESTION), "max_tokens": max_tokens, "ignore_eos": True, "temperature": 0,
            "stream": stream}


async def post(address, body, leave_after=None):
    """Returns (status, text). `leave_after`: events after which the client is gone; then the text is None."""
    reader, writer = await asyncio.open_connection(*address, limit=1 << 20)
    try:
        data = json.dumps(body).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
                     b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        await writer.drain()
        if leave_after == 0:
            return 0, None
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 200:
            return status, (await reader.read()).decode(errors="replace")
        texts, num_events, is_whole = [], 0, False
        async for line in reader:
            if not line.startswith(b"data: "):
                continue
            if line.strip() == b"data: [DONE]":
                is_whole = True
                break
            event = json.loads(line.removeprefix(b"data: "))
            if "error" in event:
                return 400 if event["error"]["type"] == "invalid_request_error" else 500, event["error"]["message"]
            texts += [choice["delta"].get("content") or "" for choice in event["choices"]]
            num_events += 1
            if num_events == leave_after:
                return 0, None
        return (200, "".join(texts)) if is_whole else (0, "the stream ended without [DONE]")
    finally:
        writer.close()


class Clients:
    """Ask again and again; what must not be is a finding."""

    def __init__(self, address, known):
        self.address = address
        self.known = known  # [(images, answer)]
        self.counts = collections.Counter()
        self.findings = []
        self.is_over = False

    def expect(self, what, is_good, got):
        self.counts[what] += 1
        if not is_good:
            self.findings.append(f"{what}: {got}")

    async def client(self, dice):
        while not self.is_over:
            try:
                await self.one(dice)
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                self.findings.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.2)

    async def one(self, dice):
        images, answer = dice.choice(self.known)
        kind = dice.choice(["known", "known", "new", "bad", "bad beside good", "leaves", "leaves at once"])
        if kind == "known":
            got = await post(self.address, body_of(*images))
            return self.expect(kind, got == (200, answer), got)
        if kind == "new":
            status, text = await post(self.address, body_of(*(new_image(dice) for _ in range(dice.randrange(1, 4)))))
            return self.expect(kind, status == 200 and text, (status, text))
        if kind.startswith("bad"):
            bad = BAD[dice.choice(list(BAD))](new_image(dice))
            sent = [images[0], bad] if kind == "bad beside good" else [bad]
            status, text = await post(self.address, body_of(*sent))
            return self.expect(kind, status == 400, (status, text))
        await post(self.address, body_of(new_image(dice), max_tokens=64), 0 if kind == "leaves at once" else dice.randrange(1, 5))
        return self.expect(kind, True, None)

    async def run(self, num_clients, seed):
        await asyncio.gather(*[self.client(random.Random(seed + i)) for i in range(num_clients)])


async def crowd(address, count, seed):
    """Distinct images that wait at once. Returns the answers that are none."""
    dice = random.Random(seed)
    bodies = [body_of(new_image(dice), max_tokens=2) for _ in range(count)]
    got = await asyncio.gather(*[post(address, body) for body in bodies], return_exceptions=True)
    return [one for one in got if not isinstance(one, tuple) or one[0] != 200]


def num_processes(server):
    """That have a cache of images."""
    return max(1, len(children_of(server.process.pid, b"rank")))


def wait_until_idle(server):
    for gauge in ("num_running_reqs", "num_queue_reqs", "mm_cache_entries_in_use"):
        server.wait_for_metric(gauge, 0, timeout=60)
    end = time.monotonic() + 10
    while server.metric("mm_cache_entries") > CACHE * num_processes(server) and time.monotonic() < end:
        time.sleep(0.1)


class State:
    """What must be back at the end, when nothing runs."""

    def __init__(self, server):
        pids = [server.process.pid, *children_of(server.process.pid)]
        memory = [memory_of(pid) for pid in pids]
        self.own = sum(one["RssAnon"] for one in memory)
        self.shared = sum(one["RssShmem"] for one in memory)
        self.files = sum(open_files_of(pid) for pid in pids)
        self.segments = len(os.listdir("/dev/shm"))
        self.entries = server.metric("mm_cache_entries")

    def __str__(self):
        return (f"{self.own >> 20} MB resident, {self.shared >> 20} MB shared, {self.files} open files, {self.segments} segments in "
                f"/dev/shm, {self.entries:.0f} images cached")


def kill_a_rank(server, dice):
    """False if no process has ranks alone."""
    ranks = children_of(server.process.pid, b"rank")
    if not ranks:
        return False
    os.kill(dice.choice(ranks), signal.SIGKILL)
    return True


def known_answers(address, count, seed):
    dice = random.Random(seed)
    known = []
    for _ in range(count):
        images = [new_image(dice) for _ in range(dice.randrange(1, 3))]
        status, text = asyncio.run(post(address, body_of(*images)))
        assert status == 200 and text, (status, text)
        known.append((images, text))
    return known


def run(server, options, out):
    url = urllib.parse.urlsplit(server.url)
    address = (url.hostname, url.port)
    clients = Clients(address, known_answers(address, 8, options.seed))
    began = time.monotonic()
    failed = asyncio.run(crowd(address, options.crowd, options.seed + 1))
    wait_until_idle(server)
    clients.findings += [f"the crowd: {one}" for one in failed[:5]]
    clients.counts["in the crowd"] = options.crowd
    states = [State(server)]
    print(f"crowd of {options.crowd} images: {len(failed)} failed, {time.monotonic() - began:.0f} s; {states[0]}", file=out, flush=True)
    for what, count in collections.Counter(repr(one) for one in failed).most_common(5):
        print(f"  {count} times {what}", file=out, flush=True)
    thread = threading.Thread(target=lambda: asyncio.run(clients.run(options.clients, options.seed + 2)))
    start = time.monotonic()
    end = start + 60 * options.minutes
    peaks = []
    next_kill, next_line, dice = start + options.kill_every, start + 60, random.Random(options.seed)
    thread.start()
    try:
        while time.monotonic() < end and server.process.poll() is None:
            time.sleep(0.5)
            if time.monotonic() > next_kill:
                next_kill += options.kill_every
                clients.counts["ranks killed"] += kill_a_rank(server, dice)
            peaks.append(memory_of(server.process.pid)["RssAnon"])
            if time.monotonic() > next_line:
                next_line += 60
                print(f"{time.monotonic() - start:5.0f} s: {dict(clients.counts)}, {len(clients.findings)} findings", file=out, flush=True)
    finally:
        clients.is_over = True
        thread.join()
    if (code := server.process.poll()) is not None:
        clients.findings.append(f"the server has ended: exit code {code}")
        return clients, states
    wait_for(lambda: server.get("/health").status == 200, "it does not come back", timeout=60)
    wait_until_idle(server)
    states.append(State(server))
    before, after = states
    half = len(peaks) // 2
    growth = max(peaks[half:]) - max([before.own, *peaks[:half]])
    if growth > GROWTH_ALLOWED:
        clients.findings.append(f"the front grew by {growth >> 20} MB in the second half")
    if after.shared > before.shared + (1 << 20) or after.segments > before.segments:
        clients.findings.append(f"shared memory: {before}; then: {after}")
    if after.files > before.files + 4:
        clients.findings.append(f"open files: {before.files}; then: {after.files}")
    if after.entries > CACHE * num_processes(server):
        clients.findings.append(f"{after.entries:.0f} images are cached, {CACHE} may be")
    return clients, states


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--crowd", type=int, default=1500)
    parser.add_argument("--kill-every", type=float, default=30, help="seconds, where processes have ranks alone")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--json", action="store_true")
    options, flags = parser.parse_known_args()
    out = sys.stderr if options.json else sys.stdout
    print(f"seed {options.seed}", file=out)
    with Server(Program(options.braid), options.model_path, *LIMITS, *flags) as server:
        clients, states = run(server, options, out)
        if server.process.poll() is None and (code := server.stop()) != 0:
            clients.findings.append(f"exit code {code} after SIGTERM")
        warnings = [line for line in server.read_log().splitlines() if " info " not in line]
    report = {"requests": dict(clients.counts), "before": str(states[0]), "after": str(states[-1]), "findings": clients.findings}
    if options.json:
        print(json.dumps(report))
    else:
        print(", ".join(f"{count} {name}" for name, count in sorted(clients.counts.items())))
        print(f"before: {states[0]}\nafter:  {states[-1]}")
        for finding in clients.findings[:20]:
            print("FOUND:", finding)
    if clients.findings:
        print("\n".join(warnings[-40:]), file=sys.stderr)
    return 1 if clients.findings else 0


if __name__ == "__main__":
    sys.exit(main())
