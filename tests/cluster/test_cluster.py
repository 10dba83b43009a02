"""A model on several hosts: the bits of the same layout in one process, and nothing lost when something dies."""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest
from cluster import Cluster
from server import Program, Server, wait_for

MODELS = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
MIXTURE = MODELS / "gguf_qwen3_moe" / "model.gguf"
DENSE = MODELS / "gguf_qwen3" / "model.gguf"
WINDOWS = MODELS / "gguf_gemma2" / "model.gguf"

BODIES = [
    {"prompt": "hello world", "max_tokens": 40, "temperature": 0},
    {"prompt": "a longer prompt, which is cut into chunks " * 8, "max_tokens": 30, "temperature": 0.9, "seed": 5,
     "logprobs": 3},
    {"prompt": "twice", "max_tokens": 20, "temperature": 1.2, "seed": 9, "n": 2, "presence_penalty": 0.5},
    {"prompt": "something else", "max_tokens": 40, "temperature": 0},
]
DP2 = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]
DP4 = ["--tp-size", 4, "--dp-size", 4, "--enable-dp-attention"]


def in_one_process(braid, model, flags):
    with Server(Program(braid), model, *flags) as server:
        answers = []
        for body in BODIES:
            answer = server.post("/v1/completions", {"model": "model", "ignore_eos": True, **body})
            assert answer.status == 200, answer.body
            answers.append([(choice["text"], choice["logprobs"]) for choice in answer.json()["choices"]])
        return answers


@pytest.mark.parametrize(("model", "num_nodes", "flags", "more"), [
    pytest.param(MIXTURE, 2, DP2, [], id="2x2-dp2"),
    pytest.param(MIXTURE, 2, DP4, ["--moe-parallel", "ep"], id="2x2-dp4-ep"),
    pytest.param(MIXTURE, 4, DP2, [], id="4x1-dp2-groups-over-two-hosts"),
    pytest.param(DENSE, 4, DP4, ["--dp-dispatch", "direct"], id="4x1-dp4-dense-direct"),
    pytest.param(MIXTURE, 2, DP2, ["--ranks-on-node", "3,1"], id="3+1"),
    pytest.param(WINDOWS, 2, ["--tp-size", 2], [], id="2x1-tp2-windows"),
    pytest.param(MIXTURE, 2, DP2, ["--dp-padding", "max_len"], id="max_len"),
    pytest.param(MIXTURE, 2, DP2, ["--dp-padding", "sum_len"], id="sum_len"),
    pytest.param(MIXTURE, 2, DP2, ["--dp-padding", "published"], id="published"),
    pytest.param(MIXTURE, 2, DP2, ["--dp-padding", "exact", "--ranks-per-process", 1], id="exact-a-process-a-rank"),
    pytest.param(MIXTURE, 2, DP4, ["--moe-parallel", "ep", "--overlap-halves", "on"], id="2x2-dp4-ep-halves"),
    pytest.param(WINDOWS, 2, ["--tp-size", 2, "--dp-size", 2, "--enable-dp-attention"],
                 ["--enable-two-batch-overlap", "--dp-padding", "max_len"], id="2x1-dp2-windows-halves"),
    pytest.param(DENSE, 2, ["--dp-size", 2], [], id="a-replica-on-each"),
])
def test_answers_are_those_of_one_process(braid, start, model, num_nodes, flags, more):
    split = [flag for flag in more if flag in ("--moe-parallel", "ep")]
    expected = in_one_process(braid, model, [*flags, *split])
    cluster = start(num_nodes, *flags, *more, model=model).wait_until_ready()
    with concurrent.futures.ThreadPoolExecutor(len(BODIES)) as pool:
        assert list(pool.map(cluster.ask, BODIES)) == expected
    assert cluster.stop() == [0] * num_nodes
    wait_for(lambda: not cluster.processes("rank") and not cluster.processes("mpirun"), "processes are left")


def metric(cluster, name, label=""):
    """The sum of its samples, of those with the label."""
    text = cluster.send("GET", "/metrics")[1]
    samples = re.findall(rf"^braid_{name}{{(.*)}} (\S+)$", text, re.MULTILINE)
    return sum(float(value) for labels, value in samples if label in labels)


def test_exchanges_are_measured_at_the_start_and_counted(start):
    cluster = start(2, *DP2, model=MIXTURE).wait_until_ready()
    points = cluster.status()["worlds"][0]["exchange_costs"]
    assert len(points) >= 4 and points[0]["tokens"] == 1
    for point in points:
        for load in ("balanced_s", "one_busy_s"):
            assert sorted(point[load]) == ["exact", "max_len", "sum_len"] and min(point[load].values()) > 0
    cluster.ask(BODIES[0])
    wait_for(lambda: cluster.num_running() == 0, "the request runs on")
    wait_for(lambda: metric(cluster, "padding_steps_total") >= 40, "a step for each token")
    assert metric(cluster, "gathered_bytes_total") > 0 and metric(cluster, "scattered_bytes_total") > 0
    assert cluster.stop() == [0, 0]


def test_steps_in_halves_are_counted(start):
    cluster = start(2, "--tp-size", 2, "--dp-size", 2, "--enable-dp-attention", "--overlap-halves", "on",
                    model=WINDOWS).wait_until_ready()
    cluster.ask(BODIES[1])
    wait_for(lambda: cluster.num_running() == 0, "the request runs on")
    wait_for(lambda: metric(cluster, "padding_steps_total") >= 30, "a step for the prompt and for each later token")
    halves, whole = (metric(cluster, "overlap_steps_total", f'overlap="{kind}"') for kind in ("halves", "whole"))
    assert halves >= 1  # the prompt
    assert whole >= 29  # its tokens, one by one
    assert metric(cluster, "padding_steps_total") == halves + whole
    assert cluster.status()["worlds"][0]["steps_by_overlap"] == {"halves": halves, "whole": whole}
    assert cluster.stop() == [0, 0]


def test_rounded_sums_are_the_same_wherever_the_ranks_are(start):
    """And those of every request, whichever group it is in. Both nodes must round, or none."""
    rounded = [*DP2, "--exchange-dtype", "bfloat16"]
    answers = []
    for more in ([], ["--ranks-on-node", "3,1"]):
        cluster = start(2, *rounded, *more, model=MIXTURE).wait_until_ready()
        for group in (0, 1):
            answers.append([cluster.ask({**body, "dp_rank": group, "dp_rank_strict": True}) for body in BODIES[:2]])
        assert cluster.stop() == [0, 0]
    assert all(answer == answers[0] for answer in answers)
    cluster = start(2, *rounded, model=MIXTURE, late=(1,))
    cluster.node_flags = {1: ["--exchange-dtype", "float32"]}
    late = cluster.start_node(1)
    assert late.wait() == 1
    late.wait_for_log("sums as bfloat16.*sums as float32|sums as float32.*sums as bfloat16")


def test_two_commands_that_just_work(braid, hosts, key):
    """--node-rank without --nnodes means as many nodes as groups, and DP attention with --dp-size alone ranks of one."""
    cluster = Cluster(braid, hosts, key, 2, ["--dp-size", 2, "--enable-dp-attention"], model=MIXTURE, late=(0, 1))
    at = cluster.command.index("--nnodes")
    del cluster.command[at:at + 2]
    try:
        cluster.start_node(0)
        cluster.start_node(1)
        cluster.wait_until_ready()
        status = cluster.status()
        assert (status["layout"]["tp_size"], status["layout"]["dp_size"]) == (2, 2)
        assert cluster.ask(BODIES[0]) == in_one_process(braid, MIXTURE, ["--dp-size", 2, "--enable-dp-attention"])[0]
    finally:
        cluster.kill()


def test_a_late_node_is_waited_for_and_named(start):
    cluster = start(2, "--tp-size", 2, model=MIXTURE, late=(1,))
    cluster.nodes[0].wait_for_log("waits for node 1, which has not come yet")
    assert cluster.send("GET", "/health")[0] == 503
    cluster.start_node(1)
    cluster.wait_until_ready()
    assert cluster.stop() == [0, 0]


def test_nodes_that_do_not_fit_are_told_why_on_both_sides(start, tmp_path):
    cluster = start(2, "--tp-size", 2, model=MIXTURE, late=(1,))
    for wrong, reason in [(["--model-path", DENSE], r'node 1 on \S+ has "braid .*, checkpoint'),
                          (["--nnodes", 3, "--ranks-on-node", "1,1,1", "--tp-size", 3], "is for 3 nodes")]:
        cluster.node_flags = {1: wrong}
        late = cluster.start_node(1)
        assert late.wait() == 1
        late.wait_for_log("error: node 0 says: .*" + reason)
        cluster.nodes[0].wait_for_log(reason)
    cluster.node_flags = {}
    first = cluster.start_node(1)
    cluster.wait_until_ready()
    second = cluster.start_node(1)
    assert second.wait() == 1
    second.wait_for_log("node 1 is on .* already: .* has the same --node-rank")
    cluster.nodes[1] = first
    assert cluster.stop() == [0, 0]


def test_a_stranger_gets_nothing(braid, start, tmp_path):
    key = tmp_path / "other.key"
    subprocess.run([braid, "keygen", key], check=True)
    cluster = start(2, "--tp-size", 2, model=MIXTURE, late=(1,))
    cluster.node_flags = {1: ["--cluster-key-file", key]}
    stranger = cluster.start_node(1)
    cluster.nodes[0].wait_for_log("a client .*key")
    stranger.process.kill()
    stranger.process.wait()
    cluster.node_flags = {}
    cluster.start_node(1)
    cluster.wait_until_ready()
    assert cluster.stop() == [0, 0]


def test_a_signal_ends_all_nodes_also_while_a_world_starts_again(start):
    cluster = start(2, "--tp-size", 2, model=MIXTURE).wait_until_ready()
    cluster.nodes[1].process.kill()
    cluster.nodes[1].process.wait()
    wait_for(lambda: cluster.status()["state"] != "running", "nobody noticed")
    cluster.start_node(1)
    cluster.nodes[0].process.terminate()
    assert cluster.nodes[0].wait() == 0  # node 1 may have come too late to hear of it: then it waits for the next
    wait_for(lambda: not cluster.processes("rank") and not cluster.processes("mpirun"), "processes are left")


def kill_ranks_of_node_1(cluster):
    for pid in cluster.processes("rank").get(1) or cluster.processes("rank")[0][-1:]:
        os.kill(pid, signal.SIGKILL)


def kill_ranks_of_node_0(cluster):
    os.kill(cluster.processes("rank")[0][0], signal.SIGKILL)


def kill_mpirun(cluster):
    os.kill(cluster.processes("mpirun")[0][0], signal.SIGKILL)


def kill_agent_and_start_it_again(cluster):
    cluster.nodes[1].process.kill()
    cluster.nodes[1].process.wait()
    cluster.start_node(1)


def end_agent_and_start_it_again(cluster):
    cluster.nodes[1].process.terminate()
    assert cluster.nodes[1].wait() == 0
    cluster.start_node(1)


def stop_a_rank(cluster):
    pid = (cluster.processes("rank").get(1) or cluster.processes("rank")[0][-1:])[0]
    os.kill(pid, signal.SIGSTOP)


def cut_the_network(cluster):
    if not cluster.hosts.are_apart:
        pytest.skip("hosts are not apart here")
    cluster.hosts.cut_off(1)
    wait_for(lambda: cluster.status()["state"] != "running", "nobody noticed", timeout=15)
    cluster.hosts.cut_off(1, is_cut=False)


def num_moved(cluster):
    states = json.loads(cluster.send("GET", "/get_server_info")[1])["internal_states"]
    return sum(state["num_moved_in_reqs"] for state in states)


# All prefer group 0, so that they move from there.
CROWD = [{"prompt": f"{i} {body['prompt']}", "max_tokens": 300, "temperature": body["temperature"], "seed": i,
          "dp_rank": 0} for i in range(5) for body in BODIES[:3]]


@pytest.mark.parametrize(("model", "num_nodes", "flags"), [
    pytest.param(MIXTURE, 2, DP2, id="2x2-dp2"),
    pytest.param(MIXTURE, 4, DP2, id="4x1-dp2-groups-over-two-hosts"),
    pytest.param(MIXTURE, 2, [*DP2, "--ranks-on-node", "3,1"], id="3+1"),
    pytest.param(WINDOWS, 2, ["--tp-size", 2, "--dp-size", 2, "--enable-dp-attention"], id="2x1-dp2-windows"),
])
def test_requests_move_between_hosts_without_changing_a_bit(start, model, num_nodes, flags):
    expected = None
    for nodes, more in [(1, ["--ranks-per-process", flags[1]]), (num_nodes, ["--kv-rebalance", "--share-prefixes"])]:
        own = flags if nodes > 1 else flags[:5]
        cluster = start(nodes, *own, *more, model=model).wait_until_ready()
        with concurrent.futures.ThreadPoolExecutor(len(CROWD)) as pool:
            answers = list(pool.map(lambda body: cluster.ask(body, stream=True), CROWD))
        assert expected in (None, answers)
        expected = answers
        assert (num_moved(cluster) >= 2) == (nodes > 1)
        assert cluster.stop() == [0] * nodes


@pytest.mark.parametrize(("model", "num_nodes", "flags"), [
    pytest.param(MIXTURE, 2, DP2, id="2x2-dp2"),
    pytest.param(MIXTURE, 4, DP2, id="4x1-dp2-groups-over-two-hosts"),
])
def test_a_prefix_is_copied_between_hosts_without_changing_a_bit(start, model, num_nodes, flags):
    beginning = "one two three four five six seven eight nine ten " * 9
    bodies = [{"prompt": beginning + end, "max_tokens": 20, "temperature": 0, "dp_rank": group, "dp_rank_strict": True}
              for group, end in enumerate(("eleven", "twelve"))]
    expected = None
    for more in ([], ["--share-prefixes"]):
        cluster = start(num_nodes, *flags, *more, model=model).wait_until_ready()
        answers = [cluster.ask(body, stream=True) for body in bodies]
        assert expected in (None, answers)
        expected = answers
        state = json.loads(cluster.send("GET", "/get_server_info")[1])["internal_states"][1]
        assert state["num_prefixes_copied_in"] == (1 if more else 0)
        assert state["num_cached_tokens"] == state["num_prefix_tokens_copied_in"]
        assert (state["num_cached_tokens"] >= 256) == bool(more)
        assert cluster.stop() == [0] * num_nodes


@pytest.mark.parametrize("fault", [kill_ranks_of_node_1, kill_ranks_of_node_0])
def test_a_process_that_dies_while_requests_move_loses_none(start, fault):
    cluster = start(2, *DP2, "--kv-rebalance", "--max-restarts", 20, model=MIXTURE).wait_until_ready()
    with concurrent.futures.ThreadPoolExecutor(len(CROWD)) as pool:
        expected = list(pool.map(lambda body: cluster.ask(body, stream=True), CROWD))
        for restarts in (1, 2):
            before = num_moved(cluster)
            under_way = [pool.submit(cluster.ask, body, True) for body in CROWD]
            wait_for(lambda before=before: num_moved(cluster) > before, "nothing moves")
            fault(cluster)
            assert [one.result(timeout=60) for one in under_way] == expected
            wait_for(lambda restarts=restarts: cluster.status()["num_restarts"] >= restarts, "no restart")
            wait_for(cluster.is_ready, "it does not come back")
    assert cluster.stop() == [0, 0]
    wait_for(lambda: not cluster.processes("rank") and not cluster.processes("mpirun"), "processes are left")


@pytest.mark.parametrize("fault", [kill_ranks_of_node_1, kill_ranks_of_node_0, kill_mpirun, kill_agent_and_start_it_again,
                                   end_agent_and_start_it_again, stop_a_rank, cut_the_network])
def test_a_fault_loses_no_request_and_changes_no_token(start, fault):
    bodies = [{"prompt": f"{i} {body['prompt']}", "max_tokens": 300, "temperature": body["temperature"], "seed": i}
              for i in range(8) for body in BODIES[:3]]
    cluster = start(2, *DP2, "--max-restarts", 20, "--collective-timeout", 3, model=MIXTURE).wait_until_ready()
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        expected = list(pool.map(lambda body: cluster.ask(body, stream=True), bodies))
        under_way = [pool.submit(cluster.ask, body, True) for body in bodies]
        wait_for(lambda: cluster.num_running() >= len(bodies) // 3, "nothing runs")
        fault(cluster)
        assert [one.result(timeout=60) for one in under_way] == expected
    wait_for(lambda: cluster.status()["num_restarts"] >= 1, "no restart")
    wait_for(cluster.is_ready, "it does not come back")
    assert cluster.stop() == [0, 0]
    wait_for(lambda: not cluster.processes("rank") and not cluster.processes("mpirun"), "processes are left")
