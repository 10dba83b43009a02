"""A node that stands by for node 0, and takes over when that is gone altogether: no stream is lost, none changes."""

import concurrent.futures
import json
import pathlib
import re
import signal
import subprocess
import time

import pytest
from cluster import Cluster
from named_streams import NamedStream
from server import Program, Server, stream_events, wait_for

MODELS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
MIXTURE = MODELS / "gguf_qwen3_moe" / "model.gguf"
DENSE = MODELS / "gguf_qwen3" / "model.gguf"
DP2 = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]

BODIES = [{"prompt": f"{i} tell me more", "max_tokens": 200 + 10 * i,
           **[{"temperature": 0}, {"temperature": 0.9, "seed": i},
              {"temperature": 1.2, "seed": i, "logprobs": 2}][i % 3]} for i in range(18)]


def undisturbed(braid, model, layout):
    with Server(Program(braid), model, *layout) as server, concurrent.futures.ThreadPoolExecutor(len(BODIES)) as pool:
        def ask(body):
            answer = server.post("/v1/completions", {"model": "model", "ignore_eos": True, "stream": True, **body})
            return "".join(choice["text"] for event in stream_events(answer.body) for choice in event["choices"])

        return list(pool.map(ask, BODIES))


@pytest.fixture
def start_with_standby(start, hosts, tmp_path):
    def start_one(num_nodes, standby, *flags, after_s=2, late=(), **options):
        more = ["--standby", standby, "--standby-after", after_s, "--max-restarts", 20, "--collective-timeout", 3]
        if num_nodes > 2:
            more += ["--standby-address", hosts.address(standby)]
        own = {node: ["--journal", tmp_path / f"journal-{node}", "--host", hosts.address(node)]
               for node in range(num_nodes)}
        return start(num_nodes, *flags, *more, node_flags=own, late=late, **options)

    return start_one


def wait_for_copy(cluster):
    wait_for(lambda: cluster.status()["standby"]["is_whole"], lambda: cluster.nodes[0].read_log())


@pytest.mark.parametrize(("num_nodes", "standby", "model", "layout", "more"), [
    pytest.param(2, 1, MIXTURE, DP2, [], id="2-nodes"),
    pytest.param(3, 2, MIXTURE, DP2, ["--ranks-on-node", "2,1,1"], id="the-third-of-3-nodes"),
    pytest.param(2, 1, DENSE, ["--dp-size", 2], [], id="replicas"),
])
def test_the_loss_of_node_0_loses_no_stream_and_changes_none(braid, start_with_standby, num_nodes, standby, model,
                                                             layout, more):
    expected = undisturbed(braid, model, layout)
    cluster = start_with_standby(num_nodes, standby, *layout, *more, model=model).wait_until_ready()
    wait_for_copy(cluster)
    streams = [NamedStream(f"stream-{i}", body) for i, body in enumerate(BODIES)]
    with concurrent.futures.ThreadPoolExecutor(len(streams)) as pool:
        under_way = [pool.submit(stream.read, lambda: cluster.hosts.address(cluster.front), cluster.port)
                     for stream in streams]
        wait_for(lambda: sum(len(stream.events) > 3 for stream in streams) >= 6, "nothing runs")
        cluster.kill_node(0)
        cluster.front = standby
        assert not all(stream.is_whole for stream in streams), "the streams were too short"
        wait_for(lambda: all(done.done() for done in under_way),
                 lambda: "\n".join(f"node {number}:\n{node.read_log()}" for number, node in cluster.nodes.items()), 100)
        for done in under_way:
            done.result()
    assert [stream.text for stream in streams] == expected
    assert any(stream.num_connections > 1 and len(stream.events) > 3 for stream in streams)
    log = cluster.nodes[standby].read_log()
    assert "this node takes over" in log and "requests of an earlier process go on" in log
    status = cluster.status()
    assert status["standby"] is None
    assert [(node["node"], node["is_there"]) for node in status["nodes"]] == \
        [(node, node != 0) for node in range(num_nodes)]
    assert sorted(rank["node"] for rank in status["ranks"]).count(standby) >= len(status["ranks"]) // 2 + num_nodes % 2
    late = NamedStream("late", BODIES[0]).read(lambda: cluster.hosts.address(standby), cluster.port)
    assert late.text == expected[0]
    assert cluster.stop() == [0] * (num_nodes - 1)
    wait_for(lambda: not cluster.processes("rank") and not cluster.processes("mpirun"), "processes are left")


def test_the_new_front_computes_with_the_instructions_of_the_old_one(start_with_standby):
    """Other instructions have other bits. Node 0 had the least."""
    cluster = start_with_standby(2, 1, *DP2, model=MIXTURE, node_prefixes={0: ["env", "BRAID_CPU_ISA=avx2"]})
    cluster.wait_until_ready()
    wait_for_copy(cluster)
    body = {**BODIES[1], "rid": "before"}
    before = NamedStream("before", body).read(lambda: cluster.hosts.address(0), cluster.port)
    assert {rank["kernels"] for rank in cluster.status()["ranks"]} == {"avx2"}
    time.sleep(1)  # the standby hears of it twice a second
    cluster.kill_node(0)
    cluster.front = 1
    cluster.wait_until_ready()
    assert {rank["kernels"] for rank in cluster.status()["ranks"]} == {"avx2"}
    after = NamedStream("after", body).read(lambda: cluster.hosts.address(1), cluster.port)
    assert after.text == before.text
    assert cluster.stop() == [0]


def test_a_node_0_that_comes_back_learns_that_it_is_the_front_no_more(start_with_standby):
    cluster = start_with_standby(2, 1, *DP2, model=MIXTURE).wait_until_ready()
    wait_for_copy(cluster)
    cluster.kill_node(0)
    cluster.front = 1
    if cluster.hosts.are_apart:
        cluster.nodes[1].wait_for_log("this node takes over")
        back = cluster.start_node(0)
        assert back.wait() != 0
        assert re.search(r"node 1 on \S+ has taken over from this node", back.read_log())
        del cluster.nodes[0]
    cluster.wait_until_ready()
    assert cluster.stop() == [0]


def test_a_front_that_starts_again_in_time_keeps_its_place(start_with_standby):
    cluster = start_with_standby(2, 1, *DP2, model=MIXTURE, after_s=60).wait_until_ready()
    wait_for_copy(cluster)
    cluster.kill_node(0)
    cluster.start_node(0)
    cluster.wait_until_ready()
    wait_for_copy(cluster)
    metrics = cluster.send("GET", "/metrics")[1]
    assert re.search(r"^braid_standby_is_whole{.*} 1$", metrics, re.MULTILINE)
    assert re.search(r"^braid_standby_bytes_behind{.*} 0$", metrics, re.MULTILINE)
    cluster.nodes[1].process.send_signal(signal.SIGTERM)
    assert cluster.nodes[1].wait() == 0
    wait_for(lambda: not cluster.status()["standby"]["is_there"], "it is still said to stand by")
    cluster.start_node(1)
    wait_for_copy(cluster)
    cluster.wait_until_ready()
    assert cluster.stop() == [0, 0], "a front that ends well is not taken over from"


def test_a_node_0_that_was_only_cut_off_ends_when_it_can_be_reached_again(braid, start_with_standby):
    expected = undisturbed(braid, MIXTURE, DP2)
    cluster = start_with_standby(2, 1, *DP2, model=MIXTURE).wait_until_ready()
    if not cluster.hosts.are_apart:
        pytest.skip("hosts are not apart here")
    wait_for_copy(cluster)
    streams = [NamedStream(f"cut-{i}", body) for i, body in enumerate(BODIES)]
    with concurrent.futures.ThreadPoolExecutor(len(streams)) as pool:
        under_way = [pool.submit(stream.read, lambda: cluster.hosts.address(cluster.front), cluster.port)
                     for stream in streams]
        wait_for(lambda: sum(len(stream.events) > 3 for stream in streams) >= 6, "nothing runs")
        cluster.hosts.cut_off(1)
        cluster.nodes[1].wait_for_log("this node takes over")
        cluster.hosts.cut_off(1, is_cut=False)
        old = cluster.nodes.pop(0)
        try:
            assert old.wait() != 0
        finally:
            old.process.kill()
            old.process.wait()
        cluster.front = 1
        for done in under_way:
            done.result()
    assert re.search(r"node 1 on \S+ has taken over from this node", old.read_log())
    assert [stream.text for stream in streams] == expected
    assert cluster.stop() == [0]


def test_a_standby_that_hangs_holds_nobody_up(start_with_standby):
    """Its process is stopped, so that it confirms nothing: answers begin without it."""
    cluster = start_with_standby(2, 1, "--dp-size", 2, model=DENSE).wait_until_ready()
    wait_for_copy(cluster)
    cluster.nodes[1].process.send_signal(signal.SIGSTOP)
    stream = NamedStream("held", {"prompt": "x", "max_tokens": 5, "dp_rank": 0})
    assert stream.read(lambda: cluster.hosts.address(0), cluster.port, timeout=30).is_whole
    assert cluster.status()["standby"]["bytes_behind"] > 0 or not cluster.status()["standby"]["is_there"]
    cluster.nodes[1].process.send_signal(signal.SIGCONT)
    wait_for_copy(cluster)
    wait_for(lambda: cluster.status()["standby"]["bytes_behind"] == 0, "it does not catch up")


def test_flags_that_do_not_fit_are_refused(braid, hosts, key, tmp_path):
    cluster = Cluster(braid, hosts, key, 2, [], model=DENSE, late=(0, 1))
    base = [*map(str, cluster.command), "--node-rank", "0", "--dp-size", "2"]
    for flags, message in [(["--standby", "0", "--journal", tmp_path], "--standby 0: node 0 has the front"),
                           (["--standby", "2", "--journal", tmp_path], "--standby 2: there are 2 nodes"),
                           (["--standby", "1"], "--standby 1 needs --journal")]:
        done = subprocess.run([*base, *map(str, flags)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and message in done.stderr, done.stderr


def test_nodes_must_agree_on_who_stands_by(start_with_standby):
    cluster = start_with_standby(2, 1, *DP2, model=MIXTURE, late=(1,))
    command = [str(word) for word in cluster.command]
    at = command.index("--standby")
    cluster.command = command[:at] + command[at + 4:]
    assert json.dumps(cluster.command).count("--standby") == 0
    other = cluster.start_node(1)
    assert other.wait() == 1
    other.wait_for_log("node 1 stands by")
