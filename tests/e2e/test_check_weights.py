"""POST /check_weights: a rank whose weights change in memory is named, with their tensors, in the answer, the log, the
status and the metrics. The tests change the memory of running processes, where they find the bytes of a tensor as braid
lays them out: in /proc/PID/mem, or in the files in which processes leave their weights to the next ones."""

import json
import os
import pathlib
import re
import shutil
import signal
import struct

import pytest
from conftest import MODELS
from seeded_checkpoint import stored_values, write_checkpoint
from server import Server, wait_for

FIXTURE = MODELS / "qwen3_moe_normalized"
EXPERT = "model.layers.1.mlp.experts.%d.down_proj.weight"  # with experts dealt to two ranks, the last is rank 1's alone
ATTENTION = "model.layers.1.self_attn.o_proj.weight"
LAYOUT = ["--tp-size", 2, "--dp-size", 2, "--enable-dp-attention", "--moe-parallel", "ep", "--max-total-tokens", 4096]
needs_mpi = pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    write_checkpoint(FIXTURE, folder)
    return folder


def first_tile(name):
    """The first tile of a matrix in bfloat16: 16 pairs of inputs, each of 16 outputs (kernels/packed_matrix.h)."""
    fixture = json.loads((FIXTURE / "fixture.json").read_text())
    tensor = next(tensor for tensor in fixture["tensors"] if tensor["name"] == name)
    num_rows, num_cols = tensor["shape"]
    assert num_rows >= 16 and num_cols >= 32
    values = struct.unpack(f"<{num_rows * num_cols}H", stored_values(fixture["seed"], tensor))
    return b"".join(struct.pack("<2H", *values[row * num_cols + 2 * pair:][:2])
                    for pair in range(16) for row in range(16))


def find_in_memory(pid, pattern):
    """(file, offset) of the bytes, in the process's own memory that is there and in files of kept memory."""
    found = find_in_kept_files(pid, pattern)
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as smaps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        mappings = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0 +\n(?:.*\n)*?Rss: +(\d+) kB$", smaps.read(),
                              re.MULTILINE)
        for begin, end, resident in mappings:
            if int(resident) == 0 or int(end, 16) - int(begin, 16) > 1 << 30:
                continue
            memory.seek(int(begin, 16))
            content = memory.read(int(end, 16) - int(begin, 16))
            found += [(f"/proc/{pid}/mem", int(begin, 16) + at) for at in places(content, pattern)]
    return found


def find_in_kept_files(pid, pattern):
    found = []
    for file in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        if not os.readlink(file).startswith("/memfd:braid-kept"):
            continue
        with open(file, "rb", buffering=0) as kept:
            begin = os.lseek(kept.fileno(), 0, os.SEEK_DATA) if file.stat().st_blocks > 0 else None
            while begin is not None:
                end = os.lseek(kept.fileno(), begin, os.SEEK_HOLE)
                content = os.pread(kept.fileno(), end - begin, begin)
                found += [(file, begin + at) for at in places(content, pattern)]
                try:
                    begin = os.lseek(kept.fileno(), end, os.SEEK_DATA)
                except OSError:  # there is no more
                    begin = None
    return found


def places(content, pattern):
    at = content.find(pattern)
    while at >= 0:
        yield at
        at = content.find(pattern, at + 1)


def last_expert():
    fixture = json.loads((FIXTURE / "fixture.json").read_text())
    names = {tensor["name"] for tensor in fixture["tensors"]}
    return EXPERT % max(expert for expert in range(1000) if EXPERT % expert in names)


def write_to_memory(place, content, offset=0):
    file, begin = place
    with open(file, "r+b", buffering=0) as memory:
        memory.seek(begin + offset)
        memory.write(content)


def check(server):
    answer = server.post("/check_weights", {})
    assert answer.status == 200, answer.body
    return answer.json()


@pytest.mark.parametrize("flags", [[], pytest.param(["--ranks-per-process", 1], marks=needs_mpi)],
                         ids=["threads", "processes"])
def test_a_rank_whose_weights_change_is_named(braid, model, flags):
    with Server(braid, model, *LAYOUT, *flags) as server:
        ranks = server.get("/v1/status").json()["ranks"]
        assert [rank["weights"] for rank in ranks] == [None, None]
        assert "rank_bad_weight_pages" not in server.get("/metrics").body
        answer = check(server)
        assert answer["success"] and answer["unchecked"] == [] and answer["num_bad_pages"] == 0
        assert [rank["rank"] for rank in answer["ranks"]] == [0, 1]
        assert all(0 < rank["num_pages"] <= answer["num_pages"] for rank in answer["ranks"])

        tile = first_tile(last_expert())
        found = find_in_memory(ranks[1]["pid"], tile)
        assert len(found) == 1, "the tile is there once"
        write_to_memory(found[0], bytes([tile[77] ^ 8]), 77)
        answer = check(server)
        assert not answer["success"] and answer["num_bad_pages"] == 1 and answer["unchecked"] == []
        good, bad = answer["ranks"]
        assert good["num_bad_pages"] == 0 and good["damaged"] == []
        assert (bad["dp_rank"], bad["node"], bad["pid"], bad["num_bad_pages"]) == (1, 0, ranks[1]["pid"], 1)
        assert bad["damaged"] == [{"tensors": last_expert(), "num_bad_pages": 1}]
        shown = server.get("/v1/status").json()["ranks"]
        assert shown[1]["weights"]["damaged"] == bad["damaged"] and shown[0]["weights"]["num_bad_pages"] == 0
        metrics = server.get("/metrics").body
        assert re.search(r'rank_bad_weight_pages\{[^}]*rank="0"\} 0\n', metrics), metrics
        assert re.search(r'rank_bad_weight_pages\{[^}]*rank="1"\} 1\n', metrics)
        server.wait_for_log(rf"rank 1 \(group 1, node 0 on \S+, pid {ranks[1]['pid']}\): 1 of \d+ pages of its weights "
                            rf"are not what was loaded.*{re.escape(last_expert())} \(1 page\)")

        # The same byte again: the answer follows the memory.
        write_to_memory(found[0], tile[77:78], 77)
        assert check(server)["success"]
        assert server.stop() == 0


def test_logits_that_are_no_numbers_point_to_the_check(braid, model):
    with Server(braid, model, "--max-total-tokens", 4096) as server:
        pid = server.process.pid
        tile = first_tile(ATTENTION)
        found = find_in_memory(pid, tile)
        assert len(found) == 1
        write_to_memory(found[0], b"\xff" * len(tile))  # NaN
        answer = server.post("/v1/completions", {"prompt": "hello", "max_tokens": 4})
        assert answer.status == 500 and "is NaN" in answer.error()["message"], answer.body
        server.wait_for_log(r"rank 0 \(group 0\): the model's logit for token \d+ is NaN; POST /check_weights says")
        assert check(server)["ranks"][0]["damaged"] == [{"tensors": ATTENTION, "num_bad_pages": 1}]
        assert server.stop() == 0


@needs_mpi
def test_damaged_weights_are_loaded_anew_by_a_process_that_starts_again(braid, model):
    with Server(braid, model, *LAYOUT, "--ranks-per-process", 1) as server:
        pid = server.get("/v1/status").json()["ranks"][1]["pid"]
        server.post("/v1/completions", {"prompt": "hello " * 20, "max_tokens": 4})
        tile = first_tile(last_expert())
        (place,) = find_in_memory(pid, tile)
        write_to_memory(place, b"\0" * 16)
        assert not check(server)["success"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: server.get("/v1/status").json()["num_restarts"] == 1)
        wait_for(lambda: server.get("/v1/status").json()["state"] == "running")
        wait_for(lambda: len(server.get("/v1/status").json()["ranks"]) == 2)
        assert server.get("/v1/status").json()["ranks"][1]["weights"] is None, "it has not been checked since"
        for taken_over in ("are there from the last start", "taken over from the last start"):
            assert taken_over not in server.read_log(), "it is damaged, or came of damaged weights"
        wait_for(lambda: check(server)["success"])
        assert server.stop() == 0
