"""Ranks in processes of their own (`serve --ranks-per-process`): the answers of the same layout in one process, also when
processes are killed in the middle of them, and nothing left running or lying about."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import threading

import pytest
from conftest import MODELS
from server import Server, wait_for

MODEL = MODELS / "gguf_qwen3_moe" / "model.gguf"
needs_mpi = pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")

BODIES = [
    {"prompt": "hello world", "max_tokens": 60, "temperature": 0},
    {"prompt": "a longer prompt, which is cut into chunks " * 8, "max_tokens": 40, "temperature": 0.9, "seed": 5,
     "logprobs": 3},
    {"prompt": "twice", "max_tokens": 30, "temperature": 1.2, "seed": 9, "n": 2, "top_p": 0.8, "presence_penalty": 0.5},
    {"prompt": "by a grammar", "max_tokens": 50, "temperature": 0.7, "seed": 3, "regex": "(yes|no){3,8}[0-9]{5}"},
    {"prompt": "hello world", "max_tokens": 60, "temperature": 0, "stop": ["e"]},
]


def ask(server, body, stream=False):
    # The fixture's end token would make texts short.
    sent = {"model": "model", "ignore_eos": "regex" not in body, "stream": stream, **body}
    answer = server.post("/v1/completions", sent)
    assert answer.status == 200, answer.body
    if not stream:
        return [(choice["text"], choice["logprobs"], choice["finish_reason"]) for choice in answer.json()["choices"]]
    assert "error" not in answer.body, answer.body
    texts = {}
    for event in answer.events():
        for choice in event["choices"]:
            texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
    return [texts[index] for index in sorted(texts)]


def rank_processes(server):
    """The pids of the server's processes with ranks, by world and rank's process."""
    pids = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        if len(command) > 1 and command[1] == b"rank" and str(server.process.pid) in ancestors(parent):
            pids.append(int(process.name))
    return sorted(pids)


def ancestors(pid):
    found = []
    while pid > 1:
        found.append(str(pid))
        try:
            pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
    return found


def wait_until_gone(pids):
    wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), timeout=20)


def num_running(server):
    return sum(group["num_running_reqs"] for group in server.get("/v1/status").json()["groups"])


def runtime_folders(server):
    return [path for base in ("/dev/shm", "/tmp") for path in pathlib.Path(base).glob(f"braid-{server.process.pid}-*")]


LAYOUTS = [
    pytest.param(["--tp-size", 2], 2, 1, id="tp2-in-one"),
    pytest.param(["--tp-size", 1, "--dp-size", 2], 1, 2, id="two-replicas"),
    pytest.param(["--tp-size", 2], 1, 2, id="tp2", marks=needs_mpi),
    pytest.param(["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"], 3, 2, id="tp4-dp2-as-3-and-1",
                 marks=needs_mpi),
    pytest.param(["--tp-size", 2, "--dp-size", 2, "--enable-dp-attention", "--moe-parallel", "ep", "--dp-dispatch",
                  "direct"], 1, 2, id="ep2-dp2-direct", marks=needs_mpi),
]


@pytest.mark.parametrize(("layout", "ranks_per_process", "num_processes"), LAYOUTS)
def test_answers_are_those_of_one_process(braid, layout, ranks_per_process, num_processes):
    with Server(braid, MODEL, *layout) as server:
        expected = [ask(server, body) for body in BODIES]
    with Server(braid, MODEL, *layout, "--ranks-per-process", ranks_per_process) as server:
        processes = rank_processes(server)
        assert len(processes) == num_processes
        with concurrent.futures.ThreadPoolExecutor(len(BODIES)) as pool:
            assert list(pool.map(lambda body: ask(server, body), BODIES)) == expected
        assert runtime_folders(server)
        status = server.get("/v1/status").json()
        assert [(node["node"], node["is_there"]) for node in status["nodes"]] == [(0, True)]
        assert [rank["rank"] for rank in status["ranks"]] == status["nodes"][0]["ranks"] == list(range(len(status["ranks"])))
        assert sorted({rank["pid"] for rank in status["ranks"]}) == processes
        assert all(rank["memory_bytes"] > 0 and rank["kernels"] for rank in status["ranks"])
        wait_for(lambda: all(rank["num_steps"] > 0 for rank in server.get("/v1/status").json()["ranks"]))
        assert server.stop() == 0
        wait_until_gone(processes)
        assert not runtime_folders(server)


@needs_mpi
@pytest.mark.parametrize("ranks_per_process", [1, 2, 4])
def test_requests_move_between_processes_without_changing_a_bit(braid, ranks_per_process):
    layout = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]
    bodies = [{**body, "prompt": f"{i} {body['prompt']}", "max_tokens": 100, "stop": []}
              for i in range(4) for body in BODIES if "regex" not in body]
    with Server(braid, MODEL, *layout) as server:
        expected = [ask(server, body) for body in bodies]
    with Server(braid, MODEL, *layout, "--ranks-per-process", ranks_per_process, "--kv-rebalance") as server:
        with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
            assert list(pool.map(lambda body: ask(server, {**body, "dp_rank": 0}), bodies)) == expected
        states = server.get("/get_server_info").json()["internal_states"]
        assert states[0]["num_moved_out_reqs"] >= 2 and states[1]["num_moved_in_reqs"] >= 2
        assert server.stop() == 0


@needs_mpi
@pytest.mark.parametrize("ranks_per_process", [1, 2, 4])
def test_a_prefix_is_copied_between_processes_without_changing_a_bit(braid, ranks_per_process):
    layout = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]
    bodies = [{**BODIES[0], "prompt": "one two three four five six seven eight nine ten " * 9 + end, "max_tokens": 20}
              for end in ("eleven", "twelve")]
    with Server(braid, MODEL, *layout) as server:
        expected = [ask(server, body) for body in bodies]
    with Server(braid, MODEL, *layout, "--ranks-per-process", ranks_per_process, "--share-prefixes") as server:
        for group, body in enumerate(bodies):
            assert ask(server, {**body, "dp_rank": group, "dp_rank_strict": True}) == expected[group]
        state = server.get("/get_server_info").json()["internal_states"][1]
        assert state["num_prefixes_copied_in"] == 1
        assert state["num_cached_tokens"] == state["num_prefix_tokens_copied_in"] >= 256
        assert server.stop() == 0


KILLED = [
    pytest.param(["--tp-size", 2, "--ranks-per-process", 2], id="one-process"),
    pytest.param(["--tp-size", 1, "--dp-size", 2, "--ranks-per-process", 1], id="two-replicas"),
    pytest.param(["--tp-size", 2, "--dp-size", 2, "--enable-dp-attention", "--ranks-per-process", 1], id="dp2",
                 marks=needs_mpi),
]


@pytest.mark.parametrize("flags", KILLED)
def test_a_killed_process_costs_no_request_and_changes_no_token(braid, flags):
    bodies = [{**body, "max_tokens": 300, "stop": []} for body in BODIES if "regex" not in body] + [BODIES[3]]
    bodies = [{**body, "logprobs": None, "prompt": f"{i} {body['prompt']}"} for i in range(4) for body in bodies]
    with Server(braid, MODEL, *flags, "--max-restarts", 10) as server, \
            concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        expected = list(pool.map(lambda body: ask(server, body, stream=True), bodies))
        for kill in range(2):
            processes = rank_processes(server)  # before: it takes about as long as the requests
            under_way = [pool.submit(ask, server, body, True) for body in bodies]
            wait_for(lambda: num_running(server) >= len(bodies) // 3, timeout=20)
            os.kill(processes[-1 - kill % len(processes)], signal.SIGKILL)
            assert [one.result() for one in under_way] == expected
            wait_for(lambda restarts=kill + 1: server.get("/v1/status").json()["num_restarts"] == restarts, timeout=20)
        found = re.findall(r"keys and values of (\d+) tokens are there from the last start", server.read_log())
        assert len(found) >= 2 and all(int(num_tokens) > 200 for num_tokens in found), found
        assert len(re.findall("GB of weights taken over from the last start", server.read_log())) >= 2
        status = server.get("/v1/status").json()
        assert status["state"] == "running"
        assert status["num_resumed_reqs"] > 0
        assert "ended" in status["last_error"]["message"] or "reached" in status["last_error"]["message"]
        processes = rank_processes(server)
        assert server.stop() == 0
        wait_until_gone(processes)


class QuarterSpeed:
    """Stops a process for three quarters of the time."""

    def __init__(self, pid):
        self.pid = pid
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.is_over.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.is_over.wait(0.06)
            os.kill(self.pid, signal.SIGCONT)
            self.is_over.wait(0.02)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


@needs_mpi
def test_a_rank_of_quarter_speed_is_named_and_not_killed(braid):
    flags = ["--tp-size", 2, "--dp-size", 2, "--enable-dp-attention", "--ranks-per-process", 1]
    with Server(braid, MODEL, *flags) as server, concurrent.futures.ThreadPoolExecutor(4) as pool:
        expected = ask(server, BODIES[0])
        pid = next(rank["pid"] for rank in server.get("/v1/status").json()["ranks"] if rank["rank"] == 1)
        is_named = threading.Event()

        def talk():
            while not is_named.is_set():
                assert ask(server, BODIES[0]) == expected

        with QuarterSpeed(pid):
            talks = [pool.submit(talk) for _ in range(4)]
            try:
                server.wait_for_log(r"rank 1 \(group 1, node 0, pid \d+\) is \d+\.\d times as slow as the other ranks")
            finally:
                is_named.set()
            for one in talks:
                one.result()
        status = server.get("/v1/status").json()
        assert status["ranks"][1]["times_slower"] >= 1.5 > status["ranks"][0]["times_slower"]
        assert status["num_restarts"] == 0


def test_processes_do_not_outlive_a_killed_front(braid):
    with Server(braid, MODEL, "--tp-size", 2, "--ranks-per-process", 2) as server:
        processes = rank_processes(server)
        assert len(processes) == 1
        server.process.kill()
        wait_until_gone(processes)
        left = runtime_folders(server)
    with Server(braid, MODEL, "--tp-size", 2, "--ranks-per-process", 2) as server:
        assert not any(path.exists() for path in left), "the next one tidies up"


def test_what_cannot_start_says_why(braid, tmp_path):
    model = tmp_path / "model.gguf"
    shutil.copy(MODEL, model)
    flags = ["serve", "--model-path", model, "--port", 0, "--ranks-per-process"]
    assert "--ranks-per-process 2: a model has 1 ranks (--tp-size)" in braid.error(*flags, 2)
    assert "--dp-size 2 without --enable-dp-attention makes 2 of them in processes of their own" in \
        braid.error(*flags, 1, "--tp-size", 1, "--dp-size", 2, "--kv-rebalance")
    assert "--share-prefixes moves keys and values within a model" in \
        braid.error(*flags, 1, "--tp-size", 1, "--dp-size", 2, "--share-prefixes")
    done = braid.run(*flags, 1, "--kv-cache-memory-bytes", "1KiB", timeout=30)
    assert done.returncode == 1
    assert "KV" in done.stderr.splitlines()[-1], done.stderr


def test_a_rank_needs_a_front_and_its_key(braid, tmp_path):
    flags = ["rank", "--model-path", MODEL, "--process-ranks", 1]
    assert "--front" in braid.error(*flags)
    key = tmp_path / "key"
    key.write_text("secret")
    assert "others may read this key" in braid.error(*flags, "--front", "ipc:///nowhere", "--cluster-key-file", key)
    key.chmod(0o600)
    assert "is no cluster key" in braid.error(*flags, "--front", "ipc:///nowhere", "--cluster-key-file", key)
