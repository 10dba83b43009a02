"""A profile of a server whose ranks are threads, or processes of their own: one timeline with all of them on one clock,
who is waited for, and what is missing of a process that died."""

import concurrent.futures
import json
import os
import shutil
import signal
import threading
import time

import pytest
from conftest import MODELS
from profile_trace import exchanges_overlap, rank_names, rank_operations, rank_spans
from server import Server, wait_for

MODEL = MODELS / "gguf_qwen3_moe" / "model.gguf"
needs_mpi = pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")
DP2 = ["--tp-size", 2, "--dp-size", 2, "--enable-dp-attention"]
# Two halves of a step take turns, and one's exchange ends while the other is computed.
WHOLE_STEPS = ["--overlap-halves", "off"]


def generate(server, prompt="hello world", max_tokens=40):
    answer = server.post("/v1/completions", {"model": "model", "ignore_eos": True, "prompt": prompt, "temperature": 0,
                                             "max_tokens": max_tokens})
    assert answer.status == 200, answer.body


def profile_of(server, work):
    assert server.post("/start_profile", None).json() == {"success": True}
    work()
    answer = server.post("/stop_profile", None)
    assert answer.status == 200, answer.body
    return answer.json()


def both_groups(server, max_tokens=40):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: generate(server, f"{i} hello", max_tokens), range(4)))


@pytest.mark.parametrize(("flags", "num_processes"), [
    pytest.param([], 1, id="threads"),
    pytest.param(["--ranks-per-process", 2], 1, id="one-process"),
    pytest.param(["--ranks-per-process", 1], 2, id="two-processes", marks=needs_mpi),
])
def test_a_timeline_has_all_ranks_on_one_clock(braid, flags, num_processes):
    with Server(braid, MODEL, *DP2, *flags, *WHOLE_STEPS) as server:
        assert server.post("/stop_profile", None).json()["otherData"]["num_steps"] == 0, "there was none"
        trace = profile_of(server, lambda: both_groups(server))
        other = trace["otherData"]
        pids = {rank["pid"] for rank in server.get("/v1/status").json()["ranks"]}
        assert {process["system_pid"] for process in other["processes"]} == pids
        assert len(pids) == num_processes
        assert sorted(rank for process in other["processes"] for rank in process["ranks"]) == [0, 1]
        assert all(process["missing"] == "" for process in other["processes"])
        # One host has one clock.
        assert all(process["clock_ahead_ms"] == process["clock_error_ms"] == 0 for process in other["processes"])
        assert rank_names(trace) == {0: "rank 0 (group 0)", 1: "rank 1 (group 1)"}
        assert other["num_steps"] >= 40
        assert exchanges_overlap(trace, [0, 1]) > 0.9
        # Operations of all ranks are there on each of them, with the same header.
        headers = [{(op["name"], op["args"]["step"], op["args"]["op"], op["args"]["bytes"]): op
                    for op in rank_operations(trace, rank) if op["args"]["among"] == "world"} for rank in (0, 1)]
        both = headers[0].keys() & headers[1].keys()
        assert len(both) > 100 and len(both) > 0.9 * max(len(found) for found in headers)
        waits = [op["args"]["wait_ms"] for found in headers for op in found.values()]
        assert all(0 <= wait for wait in waits) and max(waits) > 0
        for found in headers:
            assert all(op["args"]["wait_ms"] * 1e3 <= op["dur"] + 1 for op in found.values())  # it is rounded to 1 us
        waited = other["waited_for"]
        assert waited["rank"] in (0, 1) and waited["group"] == waited["rank"] and waited["node"] == 0
        assert 0 <= waited["ms_a_step"] <= waited["step_ms"] and waited["ms"] >= waited["ms_a_step"]
        assert f"rank {waited['rank']} (group {waited['group']}, node 0" in other["suggestion"]
        assert waited["flag"].startswith("--") and waited["flag"] in other["suggestion"]
        assert other["suggestion"] in other["summary"]
        again = profile_of(server, lambda: generate(server, max_tokens=5))
        assert 5 <= again["otherData"]["num_steps"] < 40, "nothing of the first"
        if num_processes > 1:
            server.wait_for_log(r"profile: pid \d+ on node 0 .*: its clock is 0.000 ms ahead")


def test_a_long_profile_comes_in_many_parts(braid):
    """More spans than fit into one message."""
    with Server(braid, MODEL, "--tp-size", 2, "--ranks-per-process", 2) as server:
        trace = profile_of(server, lambda: both_groups(server, 600))
        for rank in (0, 1):
            assert len(rank_spans(trace, rank)) > 1 << 14
            ends = [span["ts"] + span["dur"] for span in rank_spans(trace, rank)]
            assert all(later >= earlier - 0.002 for earlier, later in zip(ends, ends[1:])), "in order, and none twice"


KILLED = [
    pytest.param(["--tp-size", 1, "--dp-size", 2, "--ranks-per-process", 1], id="a-replica"),
    pytest.param([*DP2, "--ranks-per-process", 1], id="one-of-a-world", marks=needs_mpi),
]


@pytest.mark.parametrize("flags", KILLED)
def test_a_killed_process_is_said_and_what_there_was_is_written(braid, flags):
    with Server(braid, MODEL, *flags, "--max-restarts", 10) as server:
        ranks = server.get("/v1/status").json()["ranks"]
        killed = ranks[1]["pid"]

        def work():
            is_over = threading.Event()

            def talk(number):
                while not is_over.is_set():
                    generate(server, f"{number}", 200)

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                talks = [pool.submit(talk, number) for number in range(4)]
                time.sleep(2)  # the front has collected some of it by then, and more of it comes
                os.kill(killed, signal.SIGKILL)
                wait_for(lambda: server.get("/v1/status").json()["num_restarts"] == 1)
                wait_for(lambda: all(rank["num_steps"] > 50 and rank["pid"] != killed
                                     for rank in server.get("/v1/status").json()["ranks"][1:]))
                is_over.set()
                for one in talks:
                    one.result()

        trace = profile_of(server, work)
        other = trace["otherData"]
        by_pid = {process["system_pid"]: process for process in other["processes"]}
        assert by_pid[killed]["missing"], other["processes"]
        assert f"pid {killed} (rank 1): it has the front's clock; its last spans are missing: " in other["summary"]
        numbers = {process["system_pid"]: process["pid"] for process in other["processes"]}
        for rank in ranks:
            assert any(event["pid"] == numbers[rank["pid"]] for event in trace["traceEvents"] if event["ph"] == "X")
        # The processes that came after it are there, too, and whole.
        after = [process for process in other["processes"] if process["system_pid"] not in {r["pid"] for r in ranks}]
        assert after and all(process["missing"] == "" for process in after)
        assert 1 in {rank for process in after for rank in process["ranks"]}
        server.wait_for_log(rf"profile: of pid {killed} on node 0 .* the last spans are missing")


def test_bench_serving_writes_the_servers_profile(braid, tmp_path):
    path = tmp_path / "trace.json"
    with Server(braid, MODEL, "--tp-size", 2, "--ranks-per-process", 2) as server:
        command = ("bench", "serving", "--base-url", server.url, "--vocab-size", 280, "--num-prompts", 4,
                   "--random-input-len", 8, "--random-output-len", 20, "--random-range-ratio", 1, "--profile", path)
        said = braid.ok(*command)
        other = json.loads(path.read_text())["otherData"]
        assert other["num_steps"] >= 20 and other["summary"] in said and str(path) in said
        done = braid.run(*command, "--json")
        assert json.loads(done.stdout)["completed"] == 4 and "seconds summed over the ranks" in done.stderr
    assert "--profile" in braid.error("bench", "serving", "--base-url", server.url, "--num-prompts", 1, "--warmup-requests",
                                      0, "--profile", tmp_path / "none" / "trace.json")


def test_bench_profile_writes_its_own(braid, tmp_path):
    path = tmp_path / "trace.json"
    said = braid.ok("bench", "profile", "--model-path", MODEL, *DP2, "--num-prompts", 8, "--input-len", 8, "--output-len", 20,
                    "--output", path)
    trace = json.loads(path.read_text())
    assert exchanges_overlap(trace, [0, 1]) > 0.9
    assert trace["otherData"]["summary"] in said
    assert "Most waited for is rank" in said


@pytest.mark.parametrize(("flags", "num_processes"), [
    pytest.param([], 1, id="threads"),
    pytest.param(["--ranks-per-process=2"], 1, id="one-process"),
    pytest.param(["--ranks-per-process", 1], 2, id="two-processes", marks=needs_mpi),
])
def test_bench_profile_writes_one_file_wherever_the_ranks_are(braid, tmp_path, flags, num_processes):
    path = tmp_path / "trace.json"
    done = braid.run("bench", "profile", "--model-path", MODEL, *DP2, "--num-prompts", 4, "--input-len", 16, "--seed=3",
                     "--output-len", 20, "--output", path, *flags)
    assert done.returncode == 0, done.stderr
    trace = json.loads(path.read_text(encoding="utf-8"))
    processes = trace["otherData"]["processes"]
    assert len(processes) == num_processes and all(process["missing"] == "" for process in processes)
    assert sorted(rank for process in processes for rank in process["ranks"]) == [0, 1]
    assert trace["otherData"]["num_steps"] >= 20
    assert all(rank_spans(trace, rank) and rank_operations(trace, rank) for rank in (0, 1))
    assert trace["otherData"]["summary"] in done.stdout
