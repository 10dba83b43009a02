"""A model that goes on without a node that is gone (--elastic): the same layout on fewer nodes, so the same bits."""

import concurrent.futures
import contextlib
import json
import pathlib
import re
import signal
import subprocess
import time

import pytest
from cluster import Cluster
from server import Program, Server, stream_events, wait_for

MODELS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
MIXTURE = MODELS / "gguf_qwen3_moe" / "model.gguf"
DP2 = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]
DP4 = ["--tp-size", 4, "--dp-size", 4, "--enable-dp-attention"]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "list", "schema": {
    "type": "array", "items": {"type": "integer"}, "minItems": 60, "maxItems": 90}}}

# Greedy, sampled, with logprobs, and with a grammar.
BODIES = [{"prompt": f"{i} tell me more", "max_tokens": 200 + 10 * i,
           **[{"temperature": 0}, {"temperature": 0.9, "seed": i},
              {"temperature": 1.2, "seed": i, "logprobs": 2},
              {"temperature": 0.8, "seed": i, "response_format": SCHEMA}][i % 4]} for i in range(16)]


def ask(post, body):
    text = post({"model": "model", "ignore_eos": True, "stream": True, **body})
    assert '"error"' not in text, text
    return "".join(choice["text"] for event in stream_events(text) for choice in event["choices"])


@pytest.fixture(scope="module")
def undisturbed(braid):
    """The texts of one process with this layout."""
    known = {}

    def texts(layout, model=MIXTURE):
        key = tuple(map(str, [*layout, model]))
        if key not in known:
            with Server(Program(braid), model, *layout) as server, \
                    concurrent.futures.ThreadPoolExecutor(len(BODIES)) as pool:
                known[key] = list(pool.map(
                    lambda body: ask(lambda data: server.post("/v1/completions", data).body, body), BODIES))
        return known[key]

    return texts


class Streams:
    """All of BODIES, under way."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.pool = concurrent.futures.ThreadPoolExecutor(len(BODIES))
        self.under_way = [self.pool.submit(ask, self.post, body) for body in BODIES]
        wait_for(lambda: cluster.num_running() >= len(BODIES) // 2, lambda: cluster.nodes[cluster.front].read_log())

    def post(self, body):
        status, text = self.cluster.send("POST", "/v1/completions", body)
        assert status == 200, text
        return text

    def num_done(self):
        return sum(one.done() for one in self.under_way)

    def texts(self):
        front = self.cluster.nodes[self.cluster.front]
        wait_for(lambda: self.num_done() == len(BODIES), front.read_log, 100)
        self.pool.shutdown()
        return [one.result() for one in self.under_way]


@pytest.fixture
def start_elastic(start):
    def start_one(num_nodes, *flags, after_s=1, **options):
        return start(num_nodes, *flags, "--elastic", "--elastic-after", after_s, "--max-restarts", 20,
                     "--collective-timeout", 3, **options)

    return start_one


def left_out(cluster):
    with contextlib.suppress(OSError, KeyError, json.JSONDecodeError):
        return cluster.status()["elastic"]["left_out_nodes"]
    return None


def wait_until_on(cluster, without):
    """Until it runs on all nodes but these."""
    wait_for(lambda: left_out(cluster) == without and cluster.status()["state"] == "running" and cluster.is_ready(),
             lambda: cluster.nodes[0].read_log(), 60)
    status = cluster.status()
    homes = {rank["node"] for rank in status["ranks"]}
    assert not homes & set(without)
    assert [rank["rank"] for rank in status["ranks"]] == list(range(status["layout"]["tp_size"]))
    assert (status["elastic"]["since"] is None) == (not without)
    for node in status["nodes"]:
        assert bool(node["ranks"]) == (node["node"] not in without)
    metric = re.search(r"^braid_left_out_nodes{.*} (\d+)$", cluster.send("GET", "/metrics")[1], re.MULTILINE)
    assert int(metric[1]) == len(without)
    return status


@pytest.mark.parametrize(("num_nodes", "lost", "layout", "more"), [
    pytest.param(2, 1, DP2, [], id="2-nodes"),
    pytest.param(3, 1, DP4, ["--ranks-on-node", "2,1,1", "--moe-parallel", "ep"], id="the-second-of-3-nodes"),
    pytest.param(3, 2, DP2, ["--ranks-on-node", "1,1,2", "--dp-padding", "max_len"], id="the-third-of-3-nodes"),
])
def test_a_node_that_does_not_come_back_loses_no_stream_and_changes_none(undisturbed, start_elastic, num_nodes, lost,
                                                                         layout, more):
    expected = undisturbed([*layout, *(more[2:] if "--moe-parallel" in more else [])])
    cluster = start_elastic(num_nodes, *layout, *more, model=MIXTURE).wait_until_ready()
    wait_until_on(cluster, [])
    streams = Streams(cluster)
    cluster.kill_node(lost)
    assert streams.texts() == expected
    status = wait_until_on(cluster, [lost])
    assert status["nodes"][lost]["is_there"] is False
    log = cluster.nodes[0].read_log()
    assert f"the model goes on without node {lost}: ranks on each node" in log
    assert time.time() - 120 < status["elastic"]["since"] <= time.time()

    streams = Streams(cluster)
    cluster.start_node(lost)
    assert streams.texts() == expected
    wait_until_on(cluster, [])
    log = cluster.nodes[0].read_log()
    assert f"node {lost} is back: the model starts again with it in 2 s" in log
    assert "the model starts on all nodes again" in log
    assert cluster.status()["num_set_aside_reqs"] == 0
    assert Streams(cluster).texts() == expected
    assert cluster.stop() == [0] * num_nodes
    wait_for(lambda: not cluster.processes("rank") and not cluster.processes("mpirun"), "processes are left")


def test_a_node_that_is_told_to_end_is_not_waited_for(undisturbed, start_elastic):
    """Nor does it count as a failure, and nor does its return."""
    expected = undisturbed(DP2)
    cluster = start_elastic(2, *DP2, after_s=600, model=MIXTURE).wait_until_ready()
    for _ in range(2):
        streams = Streams(cluster)
        node = cluster.nodes.pop(1)
        node.process.send_signal(signal.SIGTERM)
        assert node.wait() == 0
        assert streams.texts() == expected
        wait_until_on(cluster, [1])
        streams = Streams(cluster)
        cluster.start_node(1)
        wait_until_on(cluster, [])
        assert streams.texts() == expected
    status = cluster.status()
    assert status["last_error"] is None and status["num_restarts"] == 4
    assert cluster.stop() == [0, 0]


def test_a_node_that_is_back_in_time_is_taken_at_once(undisturbed, start_elastic):
    expected = undisturbed(DP2)
    cluster = start_elastic(2, *DP2, after_s=600, model=MIXTURE).wait_until_ready()
    streams = Streams(cluster)
    cluster.kill_node(1)
    cluster.nodes[0].wait_for_log(r"waits for node 1, (and goes on without it in \d+ s|which may be gone)")
    assert cluster.send("GET", "/health_generate")[0] == 503
    cluster.start_node(1)
    assert streams.texts() == expected
    wait_until_on(cluster, [])
    assert "the model goes on without" not in cluster.nodes[0].read_log()
    assert cluster.stop() == [0, 0]


def test_nodes_lost_one_after_the_other_and_all_taken_back(undisturbed, start_elastic):
    expected = undisturbed(DP4)
    cluster = start_elastic(4, *DP4, model=MIXTURE).wait_until_ready()
    streams = Streams(cluster)
    cluster.kill_node(2)
    wait_until_on(cluster, [2])
    assert streams.texts() == expected
    streams = Streams(cluster)
    cluster.kill_node(1)
    wait_for(lambda: cluster.status()["state"] != "running", "nobody noticed")
    cluster.nodes[0].wait_for_log("the model goes on without node 1 and 2")
    cluster.kill_node(3)  # while the smaller world starts
    assert streams.texts() == expected
    status = wait_until_on(cluster, [1, 2, 3])
    assert {rank["node"] for rank in status["ranks"]} == {0}
    streams = Streams(cluster)
    for node in (1, 2, 3):
        cluster.start_node(node)
    wait_until_on(cluster, [])
    assert streams.texts() == expected
    assert cluster.stop() == [0, 0, 0, 0]


def test_a_node_that_returns_while_the_smaller_world_starts(undisturbed, start_elastic):
    expected = undisturbed(DP2)
    cluster = start_elastic(2, *DP2, model=MIXTURE).wait_until_ready()
    streams = Streams(cluster)
    cluster.kill_node(1)
    cluster.nodes[0].wait_for_log("the model goes on without node 1", 60)
    cluster.start_node(1)
    wait_until_on(cluster, [])
    assert streams.texts() == expected
    assert cluster.stop() == [0, 0]


def test_a_node_that_was_only_cut_off_is_taken_back(undisturbed, start_elastic):
    expected = undisturbed(DP2)
    cluster = start_elastic(2, *DP2, model=MIXTURE).wait_until_ready()
    if not cluster.hosts.are_apart:
        pytest.skip("hosts are not apart here")
    streams = Streams(cluster)
    cluster.hosts.cut_off(1)
    try:
        wait_until_on(cluster, [1])
        assert streams.texts() == expected
        streams = Streams(cluster)
    finally:
        cluster.hosts.cut_off(1, is_cut=False)
    wait_until_on(cluster, [])
    assert streams.texts() == expected
    assert cluster.stop() == [0, 0]


def test_a_node_that_comes_and_goes_is_taken_back_later(undisturbed, start_elastic):
    expected = undisturbed(DP2)
    cluster = start_elastic(2, *DP2, model=MIXTURE).wait_until_ready()
    streams = Streams(cluster)
    for seconds in (2, 5):
        cluster.nodes[1].process.send_signal(signal.SIGTERM)
        cluster.nodes.pop(1).wait()
        wait_until_on(cluster, [1])
        cluster.start_node(1)
        cluster.nodes[0].wait_for_log(f"node 1 is back: the model starts again with it in {seconds} s")
        wait_until_on(cluster, [])
    assert streams.texts() == expected
    assert cluster.stop() == [0, 0]


def test_the_smaller_world_computes_with_the_instructions_of_the_whole_one(start_elastic):
    """Other instructions have other bits. The node that is gone had the least."""
    cluster = start_elastic(2, *DP2, model=MIXTURE, node_prefixes={1: ["env", "BRAID_CPU_ISA=avx2"]})
    cluster.wait_until_ready()
    before = [cluster.ask(body, stream=True) for body in BODIES[:4]]
    assert {rank["kernels"] for rank in cluster.status()["ranks"]} == {"avx2"}
    cluster.kill_node(1)
    assert {rank["kernels"] for rank in wait_until_on(cluster, [1])["ranks"]} == {"avx2"}
    assert [cluster.ask(body, stream=True) for body in BODIES[:4]] == before
    cluster.node_prefixes = {1: ["env", "BRAID_CPU_ISA=portable"]}
    cluster.start_node(1)
    cluster.nodes[0].wait_for_log("a node has no instructions of avx2, with which the model began", 60)
    assert {rank["kernels"] for rank in wait_until_on(cluster, [1])["ranks"]} == {"avx2"}
    assert [cluster.ask(body, stream=True) for body in BODIES[:4]] == before
    assert cluster.stop() == [0, 0]


def test_rounded_sums_stay_rounded_on_one_node(start_elastic):
    cluster = start_elastic(2, *DP2, "--exchange-dtype", "bfloat16", model=MIXTURE).wait_until_ready()
    before = [cluster.ask(body, stream=True) for body in BODIES]
    cluster.kill_node(1)
    wait_until_on(cluster, [1])
    assert [cluster.ask(body, stream=True) for body in BODIES] == before
    assert cluster.stop() == [0]


def test_a_model_that_cannot_start_on_the_other_nodes_waits_and_says_why(undisturbed, start_elastic, tmp_path):
    """Its file is away for a while."""
    expected = undisturbed(DP2)
    model = tmp_path / "model.gguf"
    model.write_bytes(MIXTURE.read_bytes())
    cluster = start_elastic(2, *DP2, "--served-model-name", "model", after_s=5, model=model).wait_until_ready()
    streams = Streams(cluster)
    cluster.kill_node(1)
    wait_for(lambda: cluster.status()["state"] != "running", "nobody noticed")
    model.rename(tmp_path / "away")
    for _ in range(2):
        wait_for(lambda: cluster.status()["elastic"]["problem"], lambda: cluster.nodes[0].read_log())
    cluster.nodes[0].wait_for_log(r"the model cannot go on without node 1: on \S+: .*model.gguf.*; it is tried again")
    assert cluster.status()["elastic"]["left_out_nodes"] == [1]
    assert cluster.send("GET", "/health_generate")[0] == 503
    (tmp_path / "away").rename(model)
    assert streams.texts() == expected
    assert wait_until_on(cluster, [1])["elastic"]["problem"] is None
    streams = Streams(cluster)
    cluster.start_node(1)
    wait_until_on(cluster, [])
    assert streams.texts() == expected
    assert cluster.stop() == [0, 0]


def test_nodes_that_are_moving_requests_lose_none(undisturbed, start_elastic):
    bodies = [{**body, "dp_rank": 0} for body in BODIES]
    cluster = start_elastic(2, *DP2, "--kv-rebalance", "--share-prefixes", model=MIXTURE).wait_until_ready()
    expected = undisturbed(DP2)
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        under_way = [pool.submit(cluster.ask, body, True) for body in bodies]
        wait_for(lambda: cluster.num_running() >= len(bodies) // 2, "nothing runs")
        cluster.kill_node(1)
        assert [one.result() for one in under_way] == expected
        wait_until_on(cluster, [1])
        under_way = [pool.submit(cluster.ask, body, True) for body in bodies]
        cluster.start_node(1)
        assert [one.result() for one in under_way] == expected
    wait_until_on(cluster, [])
    assert cluster.stop() == [0, 0]


def test_a_standby_and_elastic_nodes_go_together(undisturbed, start_elastic, hosts, tmp_path):
    """Node 1 takes over from node 0, and goes on without node 2."""
    expected = undisturbed(DP4)
    own = {node: ["--journal", tmp_path / f"journal-{node}", "--host", hosts.address(node)] for node in range(3)}
    cluster = start_elastic(3, *DP4, "--ranks-on-node", "1,1,2", "--standby", 1, "--standby-after", 2,
                            "--standby-address", hosts.address(1), model=MIXTURE, node_flags=own).wait_until_ready()
    wait_for(lambda: cluster.status()["standby"]["is_whole"], lambda: cluster.nodes[0].read_log())
    cluster.kill_node(0)
    cluster.front = 1
    cluster.wait_until_ready()
    assert Streams(cluster).texts() == expected
    cluster.kill_node(2)
    wait_for(lambda: left_out(cluster) == [2] and cluster.status()["state"] == "running",
             lambda: cluster.nodes[1].read_log(), 60)
    assert {rank["node"] for rank in cluster.status()["ranks"]} == {1}
    assert Streams(cluster).texts() == expected
    assert cluster.stop() == [0]


def test_flags_that_do_not_fit_are_refused(braid, hosts, key):
    cluster = Cluster(braid, hosts, key, 2, [], model=MIXTURE, late=(0, 1))
    base = [*map(str, cluster.command), "--node-rank", "0"]
    for flags, message in [(["--dp-size", "2", "--elastic"], "--elastic is for one model on several nodes"),
                           (["--elastic-after", "3", "--tp-size", "2"], "--elastic-after 3 needs --elastic"),
                           (["--elastic", "--tp-size", "2", "--max-restarts", "0"], "--max-restarts 0 says that none")]:
        done = subprocess.run([*base, *map(str, flags)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and message in done.stderr, done.stderr
