"""Images on several hosts, which share a vision tower: the bits of the same layout in one process."""

import concurrent.futures
import json
import pathlib

import pytest
from picture import message
from server import Program, Server, wait_for

DEMO = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models" / "vl_demo"
QUESTIONS = DEMO / "questions"
TP4 = ["--tp-size", 4]
DP2 = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]


def bodies():
    some = json.loads((QUESTIONS / "questions.json").read_text())[:24:4]
    for question in some:
        images = [(QUESTIONS / name).read_bytes() for name in question["images"]]
        yield {"model": "vl_demo", "temperature": 0, "max_tokens": 16, "ignore_eos": True, "logprobs": True,
               "messages": message(*images, question["question"])}


def answers(send):
    """`send` takes a body and returns the status and the text of its answer."""
    def ask(body):
        status, text = send(body)
        assert status == 200, text
        return json.loads(text)["choices"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        return list(pool.map(ask, bodies()))


@pytest.mark.parametrize(("num_nodes", "flags", "said"), [
    pytest.param(2, TP4, "2 of 4 parts", id="2x2"),
    pytest.param(4, TP4, "1 of 4 parts", id="4x1"),
    pytest.param(4, DP2, "1 of 2 parts", id="4x1-dp2"),
    pytest.param(2, [*TP4, "--ranks-on-node", "3,1"], "not split: the processes have different numbers of ranks", id="3+1"),
])
def test_hosts_that_share_a_tower_have_the_bits_of_one_process(braid, start, num_nodes, flags, said):
    layout = flags[:flags.index("--ranks-on-node")] if "--ranks-on-node" in flags else flags
    with Server(Program(braid), DEMO, "--kv-cache-memory-bytes", "64MB", *layout) as server:
        def send(body):
            answer = server.post("/v1/chat/completions", body)
            return answer.status, answer.body
        expected = answers(send)
    cluster = start(num_nodes, *flags, "--kv-cache-memory-bytes", "64MB", model=DEMO).wait_until_ready()
    for _ in range(2):  # the second time from the cache
        assert answers(lambda body: cluster.send("POST", "/v1/chat/completions", body)) == expected
    assert any(said in node.read_log() for node in cluster.nodes.values())
    assert cluster.stop() == [0] * num_nodes
    wait_for(lambda: not cluster.processes("rank") and not cluster.processes("mpirun"), "processes are left")
