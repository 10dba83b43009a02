#!/usr/bin/env python3
"""A cluster of two hosts under load, with a random fault every 20 s. No stream may be lost or change, the front's memory must
not grow, and nothing may stay behind at the end: no process, file or segment of shared memory. Prints a line a minute.

    bench/cluster/soak.py --model-path PATH [--braid build/release/braid] [--minutes 30] [--streams 32] [--every 20] [--seed N]
"""

import asyncio
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "cluster")]
from cluster import Cluster, Hosts  # noqa: E402
from server import resident_bytes, wait_for  # noqa: E402
import faults  # noqa: E402
from kills import ELASTIC, LAYOUT, LIMITS, expected_texts, parser_of  # noqa: E402
import streams  # noqa: E402

# Allowed beyond the maximum of the first half, in which caches and malloc's arenas fill. More is a leak.
GROWTH_ALLOWED = 32 << 20


class Load:
    """Clients that ask again and again; each compares what it gets."""

    def __init__(self, address, bodies, texts):
        self.address = address
        self.pairs = list(zip(bodies, texts))
        self.num_done = 0
        self.lost = []
        self.num_changed = 0
        self.is_over = False

    async def client(self, dice):
        while not self.is_over:
            body, text = dice.choice(self.pairs)
            stream = streams.Stream()
            await streams.read_stream(self.address, "POST", "/v1/completions", body, stream)
            self.num_done += 1
            if stream.error is not None:
                self.lost.append(stream.error)
            elif stream.text != text:
                self.num_changed += 1

    async def run(self, num_clients, seed):
        await asyncio.gather(*[self.client(random.Random(seed + i)) for i in range(num_clients)])


def is_whole(cluster):
    return all(node["is_there"] for node in cluster.status()["nodes"])


def left_behind(before):
    """What lies in the folders for such things and did not before."""
    found = [str(path) for folder in ("/dev/shm", "/tmp") for path in pathlib.Path(folder).glob("*")
             if path.name.startswith(("braid-", "vader", "ompi", "openmpi", "sess", "pmix"))]
    return sorted(set(found) - set(before))


def main():
    parser = parser_of(__doc__, 32)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=20, help="seconds between faults")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    options.flags = []
    dice = random.Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    bodies = streams.bodies(options.streams, 60)
    texts = expected_texts(options, bodies)
    before = left_behind([])
    with Hosts(2) as hosts, tempfile.TemporaryDirectory() as folder:
        possible = [fault for fault in faults.FAULTS if fault.__name__ in options.only and
                    fault not in {faults.fill_shared_memory, *faults.NEED_STANDBY} and
                    (hosts.are_apart or fault not in faults.NEED_NAMESPACES)]
        key = pathlib.Path(folder) / "key"
        subprocess.run([options.braid, "keygen", key], check=True)
        limits = [*LIMITS, "--max-restarts", 1000]
        flags = [*LAYOUT, *limits, *ELASTIC]
        cluster = Cluster(options.braid, hosts, key, 2, flags, options.model_path).wait_until_ready(300)
        load = Load((hosts.address(0), cluster.port), bodies, texts)
        client = threading.Thread(target=lambda: asyncio.run(load.run(options.streams, options.seed)))
        client.start()
        start = time.monotonic()
        end = start + options.minutes * 60
        told = {}
        memory = []
        next_line = start + 60
        try:
            while time.monotonic() < end:
                time.sleep(options.every)
                fault = dice.choice(possible)
                wait_for(lambda: cluster.status()["state"] == "running", lambda: cluster.nodes[0].read_log(), timeout=60)
                told[fault.__name__] = told.get(fault.__name__, 0) + 1
                fault(cluster)
                memory.append(resident_bytes(cluster.nodes[0].process.pid))
                if time.monotonic() > next_line:
                    next_line += 60
                    print(f"{time.monotonic() - start:6.0f} s: {sum(told.values())} faults, {load.num_done} streams, "
                          f"{len(load.lost)} lost, {load.num_changed} changed, front {memory[-1] >> 20} MB", flush=True)
        except (OSError, AssertionError):
            load.is_over = True
            print(cluster.nodes[0].read_log()[-20000:])
            raise
        load.is_over = True
        client.join()
        wait_for(lambda: cluster.status()["state"] == "running" and is_whole(cluster), "it does not come back", timeout=60)
        codes = cluster.stop()
        wait_for(lambda: not any(cluster.processes(word) for word in ("rank", "node-run", "serve")), "processes are left")
    half = len(memory) // 2
    growth = max(memory[half:]) - max(memory[:half] or memory)
    behind = left_behind(before)
    print(f"{', '.join(f'{count} x {name}' for name, count in told.items())}".replace("_", " "))
    print(f"{load.num_done} streams, {len(load.lost)} lost, {load.num_changed} changed; the front grew by "
          f"{growth / 2**20:.0f} MB in the second half; exit codes {codes}; left behind: {behind or 'nothing'}")
    for error in load.lost[:5]:
        print(f"lost: {error}")
    is_good = not load.lost and not load.num_changed and growth <= GROWTH_ALLOWED and not behind and codes == [0, 0]
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
