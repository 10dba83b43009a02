"""Images where a group's ranks are in several processes (`--mm-broadcast`): the same answers and log-probabilities as in
one process, with every strategy, cold and from the cache, and after a process is killed while images are in flight."""

import json
import os
import re
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import MODELS
from picture import message, png, video_part
from server import Server, wait_for
from test_rank_processes import rank_processes

pytestmark = pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")

DEMO = MODELS / "vl_demo"
QUESTIONS = DEMO / "questions"
SMALL = ["--kv-cache-memory-bytes", "64MB"]
LAYOUTS = {"tp1": [], "tp4": ["--tp-size", 4], "tp4-dp2": ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]}
STRATEGIES = ["local", "per_request", "batch", "sharded", "auto"]


@pytest.fixture(scope="module")
def some():
    questions = json.loads((QUESTIONS / "questions.json").read_text())
    pairs = [q for q in questions if len(q["images"]) == 2]
    frames = [png(96, 96, (60 * i, 30, 200 - 50 * i)) for i in range(5)]
    video = {"images": [], "pairs": 3, "parts": [video_part(frames, fps=1.5)], "question": "What is in the image?"}
    return [q for q in questions if len(q["images"]) == 1][:10:2] + pairs[:3] + [video]


def ask(server, item):
    images = [(QUESTIONS / name).read_bytes() for name in item["images"]]
    answer = server.post("/v1/chat/completions", {
        "model": "vl_demo", "temperature": 0, "max_tokens": 24, "ignore_eos": True, "logprobs": True, "top_logprobs": 2,
        "messages": message(*images, *item.get("parts", []), item["question"])})
    assert answer.status == 200, answer.body
    return answer.json()["choices"][0]


def ask_all(server, questions):
    with ThreadPoolExecutor(len(questions)) as pool:
        return list(pool.map(lambda item: ask(server, item), questions))


@pytest.fixture(scope="module")
def expected(braid, some):
    """By layout, of one process."""
    answers = {}
    for name, layout in LAYOUTS.items():
        with Server(braid, DEMO, *SMALL, *layout, "--mm-broadcast", "batch") as server:
            answers[name] = ask_all(server, some)
            assert ask_all(server, some) == answers[name]
            assert sum_of(server, "mm_broadcasts_total") == 0, "nothing is sent within a process"
            assert "--mm-broadcast batch: all ranks are in one process" in server.read_log()
    return answers


def sum_of(server, metric, label=""):
    """Of all samples, or of those with this label."""
    text = server.get("/metrics").body
    return sum(float(value) for labels, value in re.findall(rf"^braid_{metric}{{(.*)}} (\S+)$", text, re.MULTILINE)
               if label in labels)


def counted(server, metric, label=""):
    """Once it is above 0: processes report their counts once in a while."""
    wait_for(lambda: sum_of(server, metric, label) > 0, f"{metric} with {label}")
    server.wait_for_metric("mm_cache_entries_in_use", 0)
    return sum_of(server, metric, label)


@pytest.mark.parametrize(("layout", "strategy"), [("tp4", strategy) for strategy in STRATEGIES] + [
    ("tp4-dp2", "local"), ("tp4-dp2", "sharded"), ("tp4-dp2", "auto")])
def test_every_strategy_has_the_bits_of_one_process(braid, some, expected, layout, strategy):
    with Server(braid, DEMO, *SMALL, *LAYOUTS[layout], "--ranks-per-process", 1, "--mm-broadcast",
                strategy) as server:
        assert ask_all(server, some) == expected[layout]  # cold
        assert ask_all(server, some) == expected[layout]  # cached: pages and features
        server.post("/flush_cache", {})
        assert ask_all(server, some) == expected[layout]  # features alone
        num_parts = 2 if layout == "tp4-dp2" else 4
        is_split = strategy not in ("local", "sharded")
        said = f"1 of {num_parts} parts" if is_split else f"not split: --mm-broadcast {strategy}"
        assert said in server.read_log()
        used = "" if strategy == "auto" else f'strategy="{strategy}"'
        num_sent = counted(server, "mm_broadcast_images_total", used)
        if used:
            assert sum_of(server, "mm_broadcast_images_total") == num_sent, "no other strategy was used"
        assert sum_of(server, "mm_fallbacks_total") == 0
        assert sum_of(server, "mm_broadcast_batch_size_count") == sum_of(server, "mm_broadcasts_total") > 0


# Two ranks in each process, and groups that are processes of their own.
@pytest.mark.parametrize(("layout", "said"), [("tp4", "2 of 4 parts"), ("tp4-dp2", "2 of 2 parts")])
def test_processes_of_two_ranks_have_the_bits_of_one_process(braid, some, expected, layout, said):
    with Server(braid, DEMO, *SMALL, *LAYOUTS[layout], "--ranks-per-process", 2) as server:
        assert ask_all(server, some) == expected[layout]
        assert said in server.read_log()


def test_a_tower_that_cannot_be_split_is_whole_in_every_process(braid, some, expected):
    with Server(braid, DEMO, *SMALL, *LAYOUTS["tp4"], "--ranks-per-process", 3) as server:
        assert ask_all(server, some) == expected["tp4"]
        assert "not split: the processes have different numbers of ranks" in server.read_log()


def test_one_rank_is_sent_nothing(braid, some, expected):
    with Server(braid, DEMO, *SMALL, "--ranks-per-process", 1, "--mm-broadcast", "sharded") as server:
        assert ask_all(server, some) == expected["tp1"]
        server.wait_for_metric("mm_cache_entries_in_use", 0)
        assert sum_of(server, "mm_broadcasts_total") == 0


# The publisher's process, and another, which has a part of the vision tower or makes images of its own.
@pytest.mark.parametrize(("strategy", "victim"), [("batch", 0), ("batch", 2), ("sharded", 3)])
def test_a_process_that_is_killed_while_images_are_in_flight_changes_no_answer(braid, some, expected, strategy, victim):
    with Server(braid, DEMO, *SMALL, *LAYOUTS["tp4"], "--ranks-per-process", 1, "--mm-broadcast", strategy) as server, \
            ThreadPoolExecutor(len(some)) as pool:
        processes = rank_processes(server)
        assert len(processes) == 4
        answers = [pool.submit(ask, server, item) for item in some]
        while server.metric("mm_cache_entries") == 0 and not any(answer.done() for answer in answers):
            pass
        os.kill(processes[victim], signal.SIGKILL)
        assert [answer.result(timeout=120) for answer in answers] == expected["tp4"]
        assert ask_all(server, some) == expected["tp4"]


def test_a_batch_needs_auto(braid):
    said = braid.error("serve", "--model-path", DEMO, "--mm-broadcast", "batch", "--mm-batch-min", "4")
    assert "--mm-batch-min 4 is for --mm-broadcast auto" in said
    assert "must be auto or a whole number" in braid.error("serve", "--model-path", DEMO, "--mm-batch-min", "many")
