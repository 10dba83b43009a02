"""What goes wrong while the processes of a group come by images: threads that hang, memory that cannot be shared, or not be
opened, and processes that are killed before, during and after the broadcast. The answers keep their bits, the log has one
warning, `mm_fallbacks_total` counts it, and nothing is left in memory."""

import os
import pathlib
import resource
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from frozen import Frozen, threads_of
from server import Server, wait_for
from test_image_processes import DEMO, LAYOUTS, SMALL, ask, ask_all, counted, expected, some, sum_of  # noqa: F401
from test_rank_processes import rank_processes

pytestmark = pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")

PATIENCE = 2  # seconds, with images
TO_BYTES, TO_LOCAL = 'to="bytes"', 'to="local"'


@pytest.fixture(scope="module")
def fresh(some):  # noqa: F811
    """Questions about an image that no other question has, and the rest. `some` as `expected` has it."""
    return some[:1], some[1:]


def serve(braid, strategy, *flags):
    return Server(braid, DEMO, *SMALL, *LAYOUTS["tp4"], "--ranks-per-process", 1, "--mm-broadcast", strategy, *flags)


def warnings_of(server, text):
    return [line for line in server.read_log().splitlines() if " warning " in line and text in line]


def num_segments(server):
    """Images' features in shared memory that processes of the server have mapped, or as open files."""
    total = 0
    for pid in rank_processes(server):
        total += pathlib.Path(f"/proc/{pid}/maps").read_text().count("/memfd:braid-images")
        for file in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                total += os.readlink(file).startswith("/memfd:braid-images")
            except OSError:
                continue
    return total


def idle_threads(pid):
    """Those that make images where nothing else wants a CPU."""
    return [thread for thread in threads_of(pid, "braid-images") if os.sched_getscheduler(thread) == os.SCHED_IDLE]


# `num_before`: questions with one image, then with two. Processes take turns, if they do, so the next image is the third's.
# What happens if threads with a weight of their own hang too, is in image_faults_test.cc.
@pytest.mark.parametrize(("strategy", "process", "num_before"), [("sharded", 2, 5), ("local", 3, 1)])
def test_an_image_whose_idle_threads_hang_is_made_by_others_of_its_process(
        braid, fresh, expected, strategy, process, num_before):  # noqa: F811
    hung, others = fresh
    with serve(braid, strategy, "--mm-timeout", PATIENCE, "--mm-cache-size", 0) as server:
        for question in others[:num_before]:
            ask(server, question)
        threads = idle_threads(rank_processes(server)[process])
        assert threads, "images are first made on idle CPUs"
        try:
            with Frozen(threads):
                assert ask(server, hung[0]) == expected["tp4"][0]
        except PermissionError:
            pytest.skip("ptrace is not allowed")
        assert ask_all(server, hung + others) == expected["tp4"]
        assert sum_of(server, "mm_fallbacks_total") == 0
        wait_for(lambda: num_segments(server) == 0, "segments are left")


# With `batch` the tower is split, and processes that encode together have the deadline of ranks: the world starts again.
def test_a_thread_that_hangs_in_a_split_tower_ends_the_world_though_steps_get_on(braid, fresh, expected):  # noqa: F811
    hung, others = fresh
    text = {"prompt": "one two", "max_tokens": 16, "ignore_eos": True, "temperature": 0}
    with serve(braid, "batch", "--collective-timeout", PATIENCE, "--mm-cache-size", 0) as server, \
            ThreadPoolExecutor(1) as pool:
        threads = threads_of(rank_processes(server)[2], "braid-images")
        said = server.post("/v1/completions", text).json()["choices"]
        try:
            with Frozen(threads):
                answer = pool.submit(ask, server, hung[0])
                while not answer.done():
                    assert server.post("/v1/completions", text).json()["choices"] == said
        except PermissionError:
            pytest.skip("ptrace is not allowed")
        assert answer.result() == expected["tp4"][0]
        assert sum_of(server, "num_world_restarts_total") == 1
        assert ask_all(server, hung + others) == expected["tp4"]


def limit(processes, what, soft):
    """Returns what undoes it."""
    before = {pid: resource.prlimit(pid, what) for pid in processes}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, what, (soft(pid), hard))
    return lambda: [resource.prlimit(pid, what, limits) for pid, limits in before.items()]


@pytest.mark.parametrize("strategy", ["batch", "sharded"])
def test_without_memory_to_share_images_travel_as_bytes(braid, some, expected, strategy):  # noqa: F811
    with serve(braid, strategy, "--mm-cache-size", 0) as server:
        restore = limit(rank_processes(server), resource.RLIMIT_FSIZE, lambda pid: 1)
        assert ask_all(server, some) == expected["tp4"]
        assert num_segments(server) == 0
        assert counted(server, "mm_fallbacks_total", TO_BYTES) > 0
        assert sum_of(server, "mm_fallbacks_total", TO_LOCAL) == 0
        makers = 1 if strategy == "batch" else 4
        wait_for(lambda: len(warnings_of(server, "memory cannot be shared")) == makers, server.read_log)
        num_unshared = sum_of(server, "mm_fallbacks_total")
        restore()
        assert ask_all(server, some) == expected["tp4"]
        assert sum_of(server, "mm_fallbacks_total") == num_unshared
        wait_for(lambda: num_segments(server) == 0, "segments are left")


def lowest_free_file(pid):
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


def test_processes_that_cannot_open_the_memory_get_bytes(braid, some, expected):  # noqa: F811
    with serve(braid, "batch", "--mm-cache-size", 0) as server:
        restore = limit(rank_processes(server)[2:], resource.RLIMIT_NOFILE, lowest_free_file)
        assert ask_all(server, some) == expected["tp4"]
        num_images = len({name for item in some for name in item["images"]}) + sum(q.get("pairs", 0) for q in some)
        assert 0 < counted(server, "mm_fallbacks_total", TO_BYTES) <= num_images
        assert len(warnings_of(server, "it travels as bytes")) == sum_of(server, "mm_fallbacks_total", TO_BYTES)
        restore()
        wait_for(lambda: num_segments(server) == 0, "segments are left")


# "during" is in test_image_processes.py.
@pytest.mark.parametrize(("when", "victim"), [("before", 0), ("after", 2)])
def test_a_process_that_is_killed_before_or_after_the_broadcast_changes_no_answer(
        braid, fresh, expected, when, victim):  # noqa: F811
    asked, others = fresh
    with serve(braid, "batch", "--mm-cache-size", 0) as server, ThreadPoolExecutor(1) as pool:
        threads = threads_of(rank_processes(server)[0], "braid-images") if when == "before" else []
        pid = rank_processes(server)[victim]
        sent = sum_of(server, "mm_broadcast_images_total")
        try:
            with Frozen(threads):
                answer = pool.submit(ask, server, asked[0])
                if when == "before":
                    server.wait_for_metric("mm_cache_entries_in_use", 1)
                else:
                    wait_for(lambda: answer.done() or sum_of(server, "mm_broadcast_images_total") > sent, "nothing is sent")
                os.kill(pid, signal.SIGKILL)
        except PermissionError:
            pytest.skip("ptrace is not allowed")
        assert answer.result(timeout=120) == expected["tp4"][0]
        assert ask_all(server, asked + others) == expected["tp4"]
        wait_for(lambda: num_segments(server) == 0, "segments are left")
