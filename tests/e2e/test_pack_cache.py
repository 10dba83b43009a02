"""--pack-cache: a second start reads packed weights unchanged, and a damaged file is never trusted."""

import ctypes
import os
import resource
import signal
import subprocess
import time

import pytest
from server import Server
from test_batch import completion, write_lines

LAYOUTS = {"one rank": (), "float32": ("--dtype", "float32"),
           "DP attention": ("--tp-size", 2, "--dp-size", 2, "--enable-dp-attention")}
PROMPT = ("--prompt", "Once upon a time", "--max-new-tokens", 4, "--temperature", 0)
READ, WRITTEN = "packed weights were read from", "packed weights for the next start were written to"


def packs(folder):
    return sorted(path for path in folder.iterdir() if path.suffix == ".pack")


def logits(braid, model, out, *flags):
    """The bytes of a prompt's logits, and what the log says about packed weights."""
    done = braid.run("logits", "--model-path", model, "--input-ids", "1,2,3,4", "--output", out,
                     "--log-level", "info", *flags)
    assert done.returncode == 0, done.stderr
    return out.read_bytes(), [line for line in done.stderr.splitlines() if "packed" in line]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_start_gives_the_same_logits(braid, tiny_model, tmp_path, layout):
    out, flags = tmp_path / "logits.npy", LAYOUTS[layout]
    expected, nothing = logits(braid, tiny_model, out, *flags)
    assert not nothing
    for line in (WRITTEN, READ, READ):
        got, log = logits(braid, tiny_model, out, *flags, "--pack-cache", tmp_path / "packs")
        assert got == expected
        assert len(log) == 1 and line in log[0]
    assert len(packs(tmp_path / "packs")) == 1


def test_every_command_that_loads_a_model_has_it(braid, tiny_model, tmp_path):
    folder = tmp_path / "packs"
    model = ("--model-path", tiny_model, "--pack-cache", folder)
    requests = tmp_path / "requests.jsonl"
    write_lines(requests, [completion("one", prompt="Once")])
    short = ("--input-len", 4, "--output-len", 2)
    runs = [braid.run("generate", *model, *PROMPT),
            braid.run("chat", *model, "--prompt", "Hello", "--max-new-tokens", 2),
            braid.run("batch", requests, tmp_path / "answers.jsonl", *model),
            braid.run("logits", *model, "--input-ids", "1,2", "--output", tmp_path / "logits.npy"),
            braid.run("bench", "latency", *model, *short, "--repeats", 1, timeout=300),
            braid.run("bench", "throughput", *model, *short, "--num-prompts", 1),
            braid.run("bench", "idle", *model, "--seconds", 0.01, "--pause", 0.01, "--repeats", 1)]
    for done in runs:
        assert done.returncode == 0, done.stderr
    assert len(packs(folder)) == 1
    with Server(braid, tiny_model, "--pack-cache", folder) as server:
        server.wait_for_log(READ)


def test_a_damaged_file_is_replaced(braid, tiny_model, tmp_path):
    folder, out = tmp_path / "packs", tmp_path / "logits.npy"
    expected, _ = logits(braid, tiny_model, out, "--pack-cache", folder)
    path, = packs(folder)
    whole = path.read_bytes()
    middle = len(whole) // 2
    for damaged in (whole[:middle], whole[:middle] + b"\0" * (len(whole) - middle), b"", b"something else" * 1000):
        path.write_bytes(damaged)
        got, log = logits(braid, tiny_model, out, "--pack-cache", folder)
        assert got == expected
        assert len(log) == 1 and str(path) in log[0] and "packed anew" in log[0]
        assert path.read_bytes() == whole


def test_an_unusable_folder_is_a_warning(braid, tiny_model, tmp_path):
    out, in_the_way = tmp_path / "logits.npy", tmp_path / "file"
    in_the_way.write_text("text")
    expected, _ = logits(braid, tiny_model, out)
    for folder in (in_the_way, in_the_way / "packs"):
        got, log = logits(braid, tiny_model, out, "--pack-cache", folder)
        assert got == expected
        assert len(log) == 1 and f"--pack-cache {folder}: cannot create" in log[0] and "warn" in log[0]
    message = braid.error("generate", "--model-path", tiny_model, "--pack-cache", "", *PROMPT)
    assert message == '--pack-cache "": must be a folder'


def start(braid, model, folder, **kwargs):
    return subprocess.Popen(braid.command("generate", "--model-path", model, "--pack-cache", folder,
                                          "--log-level", "info", *PROMPT),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


def finish(process):
    out, log = process.communicate(timeout=120)
    assert process.returncode == 0, log
    return out, log


def test_a_full_disk_is_a_warning(braid, tiny_model, tmp_path):
    """With a limit on the size of files, which fails equally late."""
    folder = tmp_path / "packs"
    expected, _ = finish(start(braid, tiny_model, tmp_path / "elsewhere"))
    out, log = finish(start(braid, tiny_model, folder,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))))
    assert out == expected
    assert len([line for line in log.splitlines() if "packed weights are not kept" in line]) == 1
    assert not packs(folder)


def test_two_processes_at_once_are_safe(braid, tiny_model, tmp_path):
    folder = tmp_path / "packs"
    expected, _ = finish(start(braid, tiny_model, tmp_path / "elsewhere"))
    processes = [start(braid, tiny_model, folder) for _ in range(4)]
    assert {finish(process)[0] for process in processes} == {expected}
    assert [path.suffix for path in folder.iterdir() if path.suffix != ".hash"] == [".pack"]
    out, log = finish(start(braid, tiny_model, folder))
    assert out == expected and READ in log


def test_a_killed_processs_incomplete_file_is_ignored(braid, default_model, tmp_path):
    folder = tmp_path / "packs"
    process = start(braid, default_model, folder)
    try:
        while not (folder.exists() and list(folder.glob("*.pack.*.being-written"))):  # not a hash's
            assert process.poll() is None, "it ended before it was caught writing"
            time.sleep(0.001)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not packs(folder)
    left, = folder.glob("*.pack.*.being-written")
    an_hour_ago = time.time() - 3600
    os.utime(left, (an_hour_ago, an_hour_ago))
    expected, log = finish(start(braid, default_model, folder))
    assert WRITTEN in log and not left.exists()
    out, log = finish(start(braid, default_model, folder))
    assert out == expected and READ in log


def test_refused_huge_pages_are_one_line(braid, default_model):
    """For weights large enough to matter."""
    prctl, set_thp_disable = ctypes.CDLL(None).prctl, 41
    command = braid.command("generate", "--model-path", default_model, *PROMPT)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120,
                          preexec_fn=lambda: prctl(set_thp_disable, 1, 0, 0, 0))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "GB of weights lie on huge pages" in line]
    assert len(lines) == 1 and "switched off for this process" in lines[0]
