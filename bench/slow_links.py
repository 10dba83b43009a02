#!/usr/bin/env python3
"""What each padding mode of the exchange costs between hosts, over links of several speeds: network namespaces with a switch
between them, slowed by tc's token buckets. Needs root, mpirun and iproute2.

    bench/slow_links.py [--braid build/release/braid] [--rates full 10gbit 1gbit] [--delay-us 200] [--hosts 2]
                        [flags of braid bench exchange]
    bench/slow_links.py --overlap --model-path MODEL … [flags of braid bench overlap]

With --overlap: steps of a model computed whole and in two halves, of which one travels while the other one is computed.

A bucket bounds the rate, not the latency; --delay-us has late_switch.py forward frames instead of the kernel's bridge.
"""

import argparse
import contextlib
import json
import os
import pathlib
import stat
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.path.insert(0, str(ROOT / "tests" / "cluster"))
from cluster import Hosts, run  # noqa: E402

SIZES = "1,8,64,512,4096"
# mpirun calls this as it would ssh: HOST COMMAND …
AGENT = '#!/bin/sh\nhost=$1\nshift\nexec ip netns exec "$host" sh -c "$*"\n'


def bytes_per_s(rate):
    for unit, factor in (("gbit", 1e9), ("mbit", 1e6)):
        if rate.endswith(unit):
            return float(rate[:-len(unit)]) * factor / 8
    raise SystemExit(f"{rate}: must be full, or a number of gbit or mbit")


def slow_down(hosts, rate):
    """Of what each host sends. The bucket holds a hundredth of a second at most: what the kernel's timer needs."""
    for name in hosts.names:
        subprocess.run(["ip", "netns", "exec", name, "tc", "qdisc", "del", "dev", "eth0", "root"], capture_output=True, check=False)
        if rate != "full":
            burst = max(int(bytes_per_s(rate) / 250), 128 << 10)
            run("ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", rate,
                "burst", burst, "limit", 32 << 20)


@contextlib.contextmanager
def late_switch(hosts, delay_us):
    """Frames between hosts take so much longer, each way."""
    if delay_us == 0:
        yield
        return
    ports = [f"p{i}" for i in range(len(hosts.names))]
    for port in ports:
        run("ip", "-n", hosts.switch, "link", "set", port, "nomaster")
    command = ["ip", "netns", "exec", hosts.switch, sys.executable, ROOT / "bench" / "late_switch.py", "--delay-us", delay_us, *ports]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE) as switch:
        try:
            if not switch.stdout.readline():
                raise SystemExit("late_switch.py does not run here")
            yield
        finally:
            switch.kill()


def between_hosts(hosts, agent, command):
    """The command in a process on each host, and what the first one prints."""
    names = ",".join(["localhost:1", *(f"{name}:1" for name in hosts.names[1:])])
    done = subprocess.run([*hosts.prefix(0), "mpirun", "--quiet", "--allow-run-as-root", "--bind-to", "none",
                           "--leave-session-attached", "--mca", "plm_rsh_agent", agent, "--mca", "plm_rsh_no_tree_spawn", "1",
                           "--mca", "btl", "tcp,self", "-H", names, "-n", str(len(hosts.names)), *command],
                          stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def rows(rate, picks):
    for pick in picks:
        seconds = pick["seconds"]
        best = min(seconds.values())
        cells = [rate, str(pick["group_tokens"][0]), pick["load"]]
        cells += [f"{seconds[mode] * 1e3:.3f}" for mode in ("max_len", "sum_len", "exact")]
        for rule in ("auto", "published"):
            cells.append(f"{pick[rule]} ({seconds[pick[rule]] / best:.2f}x)")
        yield "| " + " | ".join(cells) + " |"


def overlap_rows(rate, sizes):
    for one in sizes:
        cells = [rate, str(one["tokens"]), f"{one['exchange_seconds'] * 1e3:.1f}"]
        cells += [f"{one[key] * 1e3:.1f}" for key in ("whole_seconds", "halves_seconds")]
        yield "| " + " | ".join([*cells, f"{one['gain'] * 100:.1f} %"]) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--braid", default=str(ROOT / "build" / "release" / "braid"))
    parser.add_argument("--rates", nargs="+", default=["full", "10gbit", "1gbit"])
    parser.add_argument("--delay-us", type=float, default=0, help="of each frame between hosts, each way")
    parser.add_argument("--hosts", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="as braid bench exchange prints it, not by padding mode")
    parser.add_argument("--overlap", action="store_true", help="steps of a model, whole and in halves (--model-path)")
    options, flags = parser.parse_known_args()
    if not any(flag.startswith("--tp-size") for flag in flags):
        flags += ["--tp-size", str(options.hosts), "--dp-size", str(options.hosts)]
    command = [str(pathlib.Path(options.braid).resolve()), "bench"]
    if options.overlap:
        command += ["overlap", "--enable-dp-attention", "--log-level", "warning", *flags]
    else:
        command += ["exchange", "--transport", "mpi", *flags]
    with Hosts(options.hosts) as hosts, tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        if not hosts.are_apart:
            raise SystemExit("network namespaces cannot be made here: run this as root")
        stack.enter_context(late_switch(hosts, options.delay_us))
        agent = pathlib.Path(folder) / "agent"
        agent.write_text(AGENT, encoding="utf-8")
        agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
        os.environ["TMPDIR"] = folder
        if options.overlap and not options.table:
            print("| link | tokens | exchange, ms | whole, ms | in halves, ms | gain |")
            print("|" + " --- |" * 6)
        elif not options.table:
            print("| link | tokens | load | max_len, ms | sum_len, ms | exact, ms | auto (of the best) | published (of the best) |")
            print("|" + " --- |" * 8)
        for rate in options.rates:
            slow_down(hosts, rate)
            if options.table:
                print(f"{rate}:\n{between_hosts(hosts, agent, command)}", flush=True)
                continue
            if options.overlap:
                for row in overlap_rows(rate, json.loads(between_hosts(hosts, agent, [*command, "--json"]))):
                    print(row, flush=True)
                continue
            sizes = [] if any(flag.startswith("--token-sizes") for flag in flags) else ["--token-sizes", SIZES]
            for row in rows(rate, json.loads(between_hosts(hosts, agent, [*command, *sizes, "--json"]))):
                print(row, flush=True)


if __name__ == "__main__":
    main()
