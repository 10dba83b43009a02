"""Weights, keys and values outlive a killed process: the world that starts again goes on where the last one was."""

import concurrent.futures
import json
import os
import pathlib
import re
import signal

import pytest
from server import wait_for

MODEL = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models" / "gguf_qwen3_moe" / "model.gguf"
LAYOUT = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention", "--ranks-per-process", 1, "--max-restarts", 20]
NUM_TOKENS = 200
PROMPT = "one two three four five six seven eight nine ten " * 8
BODIES = [{"prompt": f"{i} {PROMPT}", "max_tokens": NUM_TOKENS, "temperature": 0.8, "seed": i, "dp_rank": i % 2,
           "dp_rank_strict": True} for i in range(8)]


def num_computed(cluster):
    """Tokens of all steps, of those before a restart too."""
    states = json.loads(cluster.send("GET", "/get_server_info")[1])["internal_states"]
    return sum(state["num_step_tokens"] for state in states)


@pytest.mark.parametrize("rank", [pytest.param(0, id="publisher-beside-the-front"),
                                  pytest.param(2, id="publisher-on-another-host"), pytest.param(3, id="subscriber")])
def test_a_world_without_a_killed_rank_computes_no_prompt_again(start, rank):
    cluster = start(2, *LAYOUT, model=MODEL).wait_until_ready()
    with concurrent.futures.ThreadPoolExecutor(len(BODIES)) as pool:
        expected = list(pool.map(lambda body: cluster.ask(body, stream=True), BODIES))
        whole = num_computed(cluster)
        cluster.send("POST", "/flush_cache")
        under_way = [pool.submit(cluster.ask, body, True) for body in BODIES]
        num_prompt_tokens = whole - len(BODIES) * (NUM_TOKENS - 1)
        wait_for(lambda: num_computed(cluster) > whole + num_prompt_tokens + 5 * len(BODIES), "nothing runs")
        os.kill(next(one["pid"] for one in cluster.status()["ranks"] if one["rank"] == rank), signal.SIGKILL)
        assert [one.result(timeout=60) for one in under_way] == expected
    assert cluster.status()["num_restarts"] == 1
    # Of the step that was under way, and of the last one if nobody has heard of it, tokens are computed again.
    assert abs(num_computed(cluster) - 2 * whole) <= 2 * len(BODIES)
    assert sum(len(re.findall(r"keys and values of \d+ tokens are there from the last start", node.read_log()))
               for node in cluster.nodes.values()) == 2, "for each publisher"
    assert sum(node.read_log().count("of weights taken over") for node in cluster.nodes.values()) == 4, "by all"
    assert cluster.stop() == [0, 0]


def test_what_was_flushed_is_not_there_after_a_restart(start):
    cluster = start(2, *LAYOUT, model=MODEL).wait_until_ready()
    for body in BODIES[:2]:
        cluster.ask(body, stream=True)
    cluster.send("POST", "/flush_cache")
    os.kill(cluster.status()["ranks"][3]["pid"], signal.SIGKILL)
    wait_for(lambda: cluster.status()["num_restarts"] == 1, "no restart")
    wait_for(cluster.is_ready, "it does not come back")
    for body in BODIES[:2]:
        cluster.ask(body, stream=True)
    assert "are there from the last start" not in "".join(node.read_log() for node in cluster.nodes.values())
    assert cluster.stop() == [0, 0]
