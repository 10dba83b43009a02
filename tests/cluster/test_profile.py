"""A profile of ranks on several hosts: one timeline, on the clock of node 0."""

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from profile_trace import exchanges_overlap, rank_names, rank_spans
from server import wait_for

MODELS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
MIXTURE = MODELS / "gguf_qwen3_moe" / "model.gguf"
DP2 = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]
AHEAD_S = 86400
OTHER_CLOCK = ["unshare", "--time", "--monotonic", str(AHEAD_S)]


def clocks_can_differ():
    try:
        return subprocess.run([*OTHER_CLOCK, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


class Load:
    """Requests to all groups, until its end."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.is_over = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(4)

    def talk(self, number):
        while not self.is_over.is_set():
            self.cluster.ask({"prompt": f"{number} hello", "max_tokens": 100, "temperature": 0})

    def __enter__(self):
        self.talks = [self.pool.submit(self.talk, number) for number in range(4)]

    def __exit__(self, *_):
        self.is_over.set()
        self.pool.shutdown()
        for talk in self.talks:
            talk.result()


def start_profile(cluster):
    status, text = cluster.send("POST", "/start_profile")
    assert (status, json.loads(text)) == (200, {"success": True}), text


def stop_profile(cluster):
    status, text = cluster.send("POST", "/stop_profile")
    assert status == 200, text
    return json.loads(text)


@pytest.mark.parametrize("clocks_differ", [False, pytest.param(True, marks=pytest.mark.skipif(
    not clocks_can_differ(), reason="time namespaces may not be made"))])
def test_one_timeline_has_the_ranks_of_all_nodes_on_one_clock(start, clocks_differ):
    prefixes = {1: OTHER_CLOCK} if clocks_differ else {}
    cluster = start(2, *DP2, model=MIXTURE, node_prefixes=prefixes).wait_until_ready()
    cluster.ask({"prompt": "warm", "max_tokens": 5})
    start_profile(cluster)
    with Load(cluster):
        time.sleep(1)
    trace = stop_profile(cluster)
    other = trace["otherData"]
    assert [(process["node"], process["ranks"]) for process in other["processes"]] == [(0, [0, 1]), (1, [2, 3])]
    assert all(process["missing"] == "" for process in other["processes"])
    assert rank_names(trace) == {rank: f"rank {rank} (group {rank // 2})" for rank in range(4)}
    numbers = {rank: {span["pid"] for span in rank_spans(trace, rank)} for rank in range(4)}
    assert numbers == {0: {0}, 1: {0}, 2: {1}, 3: {1}}
    clock = other["processes"][1]
    if clocks_differ:
        assert abs(clock["clock_ahead_ms"] - 1e3 * AHEAD_S) < 1e3
        assert 0 < clock["clock_error_ms"] < 100
        assert f"+- {clock['clock_error_ms']:.3f} ms" in other["summary"]
        cluster.nodes[0].wait_for_log(rf"profile: pid \d+ on node 1 .*: its clock is {clock['clock_ahead_ms']:.3f} ms ahead")
    else:
        assert clock["clock_ahead_ms"] == clock["clock_error_ms"] == 0
    assert exchanges_overlap(trace, range(4), slack=1e3 * clock["clock_error_ms"]) > 0.9
    waited = other["waited_for"]
    assert waited["node"] == waited["group"] == waited["rank"] // 2
    assert f"rank {waited['rank']} (group {waited['group']}, node {waited['node']} on " in other["suggestion"]
    assert cluster.stop() == [0, 0]


def test_a_process_that_dies_is_said_and_the_others_part_is_there(start):
    cluster = start(2, *DP2, "--max-restarts", 5, model=MIXTURE).wait_until_ready()
    ranks = cluster.status()["ranks"]
    killed = ranks[2]["pid"]
    start_profile(cluster)
    with Load(cluster):
        time.sleep(2)  # node 0 has collected some of it by then
        os.kill(killed, signal.SIGKILL)
        wait_for(lambda: cluster.status()["num_restarts"] == 1)
        wait_for(lambda: all(rank["num_steps"] > 20 for rank in cluster.status()["ranks"]))
    trace = stop_profile(cluster)
    by_pid = {process["system_pid"]: process for process in trace["otherData"]["processes"]}
    assert by_pid[killed]["missing"]
    assert f"node 1 on {by_pid[killed]['host']}, pid {killed} (ranks 2, 3): " in trace["otherData"]["summary"]
    assert "its last spans are missing: " in trace["otherData"]["summary"]
    for rank in ranks:
        number = by_pid[rank["pid"]]["pid"]
        assert any(span["pid"] == number for span in rank_spans(trace, rank["rank"])), rank
    assert len(by_pid) == 4, "the world started again"
    assert cluster.stop() == [0, 0]
