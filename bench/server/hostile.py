#!/usr/bin/env python3
"""A hostile hour: every attack of attacks.py, in random order from several clients at once, against one server that also serves
a well-behaved client, the witness. Checks that the server does not crash or grow, and that the witness gets the same answer
each time. Prints how the server reacted to each attack.

    bench/server/hostile.py --model-path PATH [--braid build/release/braid] [--minutes 60] [--seed N]
"""

import argparse
import collections
import json
import pathlib
import random
import sys
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from attacks import ATTACKS, CHAT, HELLO  # noqa: E402
from server import Program, Server, resident_bytes  # noqa: E402

# Short timeouts, so that an hour covers what otherwise takes a day.
LIMITS = ["--header-timeout", "3", "--body-timeout", "3", "--idle-timeout", "5", "--write-timeout", "3", "--max-queued-requests", "64",
          "--max-connections", "2000", "--kv-cache-memory-bytes", "64MB"]
# Allowed beyond the maximum of the first half, in which the KV pool, bounded caches and malloc's arenas fill. More is a leak.
GROWTH_ALLOWED = 64 << 20
# Allowed on top for cached grammars if the first half, under ten minutes, was too short to fill their cache.
GRAMMARS_KEPT = 256 << 20


class Tally:
    """Collects what happened, from all threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.outcomes = collections.defaultdict(collections.Counter)
        self.findings = []
        self.witness_seconds = []

    def took(self, name, outcome):
        with self.lock:
            self.outcomes[name][str(outcome)] += 1

    def found(self, what):
        with self.lock:
            self.findings.append(what)


def attack_until(end, address, seed, tally):
    dice = random.Random(seed)
    while time.monotonic() < end:
        attack = dice.choice(ATTACKS)
        try:
            tally.took(attack.__name__, attack(address, dice))
        except (ConnectionResetError, BrokenPipeError):
            tally.took(attack.__name__, "closed")
        except (AssertionError, OSError, ValueError) as error:
            tally.found(f"{attack.__name__}: {type(error).__name__}: {error}")


def ask(server):
    """Asks the witness's question, again and again while the server says that it is full, as clients do."""
    body = {"messages": HELLO, "max_tokens": 16, "temperature": 0}
    while True:
        answer = server.post(CHAT, body)
        if answer.status not in (429, 503):
            return answer
        time.sleep(0.2)


def witness_until(end, server, tally):
    expected = None
    while time.monotonic() < end:
        start = time.monotonic()
        try:
            answer = ask(server)
            text = answer.json()["choices"][0]["message"]["content"] if answer.status == 200 else answer.body
            expected = expected or text
            if text != expected:
                tally.found(f"the witness got {text!r}, not {expected!r}")
        except (OSError, ValueError, KeyError) as error:
            tally.found(f"the witness: {type(error).__name__}: {error}")
            time.sleep(0.5)
        tally.witness_seconds.append(time.monotonic() - start)
        time.sleep(0.05)


def run(server, minutes, seed, num_attackers, tally):
    """Returns the maximum of resident bytes in the first half, and those at the end. Each attacker has its own seed."""
    url = urllib.parse.urlsplit(server.url)
    start = time.monotonic()
    end = start + minutes * 60
    before = 0
    threads = [threading.Thread(target=witness_until, args=(end, server, tally))]
    for i in range(num_attackers):
        threads.append(threading.Thread(target=attack_until, args=(end, (url.hostname, url.port), seed + i, tally)))
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) and server.process.poll() is None:
        if time.monotonic() < (start + end) / 2:
            before = max(before, resident_bytes(server.process.pid))
        time.sleep(0.2)
    if (code := server.process.poll()) is not None:
        tally.found(f"the server has ended: exit code {code}")
        return before, 0
    for gauge in ("num_running_reqs", "num_queue_reqs", "num_used_tokens"):
        try:
            server.wait_for_metric(gauge, 0, timeout=60)
        except AssertionError as error:
            tally.found(f"after the last client has left, {error}")
    after = resident_bytes(server.process.pid)
    if after - before > GROWTH_ALLOWED + (GRAMMARS_KEPT if minutes < 20 else 0):
        tally.found(f"resident memory grew from {before >> 20} to {after >> 20} MB")
    return before, after


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--model-path", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--attackers", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    print(f"seed {args.seed}", file=sys.stderr)

    tally = Tally()
    with Server(Program(args.braid), args.model_path, *LIMITS) as server:
        before, after = run(server, args.minutes, args.seed, args.attackers, tally)
        if server.process.poll() is None and (code := server.stop()) != 0:
            tally.found(f"exit code {code} after SIGTERM")
        log = server.read_log()
    waits = sorted(tally.witness_seconds) or [0]
    report = {"rounds": sum(sum(counter.values()) for counter in tally.outcomes.values()),
              "attacks": {name: dict(counter) for name, counter in sorted(tally.outcomes.items())},
              "witness": {"answers": len(waits), "median_s": waits[len(waits) // 2], "max_s": waits[-1]},
              "resident_bytes": [before, after], "findings": tally.findings}
    if args.json:
        print(json.dumps(report))
    else:
        for name, counter in report["attacks"].items():
            print(f"{name:24} {sum(counter.values()):6}  " + ", ".join(f"{k}: {v}" for k, v in sorted(counter.items())))
        print(f"witness: {len(waits)} answers, median {waits[len(waits) // 2]:.3f} s, longest {waits[-1]:.3f} s")
        print(f"resident: {before >> 20} MB at most in the first half, {after >> 20} MB at the end")
        for finding in tally.findings:
            print("FOUND:", finding)
        if tally.findings:
            print(log[-2000:])
    return 1 if tally.findings else 0


if __name__ == "__main__":
    sys.exit(main())
