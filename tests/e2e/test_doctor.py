"""`braid doctor` on one node: a line for each check, and what to do about what fails."""

import contextlib
import re
import shutil
import socket

import pytest
from conftest import MODELS
from server import free_port

MODEL = MODELS / "gguf_qwen3_moe" / "model.gguf"
needs_mpi = pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")


def doctor(braid, *flags, **options):
    """What it says of each check, and its exit code."""
    done = braid.run("doctor", "--model-path", MODEL, *flags, timeout=90, **options)
    lines = done.stdout.splitlines()
    findings = [re.fullmatch(r"(pass|FAIL)  (\w+(?: \w+)?) +(\S.*)", line) for line in lines]
    assert lines and all(findings), (done.stdout, done.stderr)
    assert done.returncode == (1 if any(line.startswith("FAIL") for line in lines) else 0), done.stderr
    return {finding[2]: (finding[1] == "pass", finding[3]) for finding in findings}


def test_one_process_passes(braid):
    said = doctor(braid, "--dp-size", 2, "--enable-dp-attention", "--port", free_port())
    assert list(said) == ["model", "instructions", "open files", "ports", "key", "mpi", "tokens"]
    assert all(passed for passed, _ in said.values()), said
    assert re.search(r"checkpoint [0-9a-f]{16}, braid \d", said["model"][1])
    assert re.match(r"8 greedy tokens are equal in all groups, 2 in all: (\d+ ){7}\d+;", said["tokens"][1])


@needs_mpi
def test_processes_ping_each_other(braid):
    said = doctor(braid, "--tp-size", 2, "--ranks-per-process", 1, "--port", free_port())
    assert all(passed for passed, _ in said.values()), said
    assert re.fullmatch(r"to another process here: [0-9.]+ us, [0-9.]+ GB/s", said["mpi"][1])
    assert "1 in all" in said["tokens"][1]


def test_what_fails_is_named_with_what_to_do(braid, tmp_path):
    with contextlib.closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = doctor(braid, "--port", port)
        passed, text = said["ports"]
        assert not passed and f"127.0.0.1:{port}: Address already in use -- end what listens there" in text
        assert said["tokens"][0], "the rest is tried"
    said = doctor(braid, "--max-connections", 900000, "--port", free_port())
    if not said["open files"][0]:
        assert "ulimit -Hn" in said["open files"][1]
    said = doctor(braid, "--kv-cache-memory-bytes", "1KiB", "--port", free_port())
    assert not said["tokens"][0] and "KV" in said["tokens"][1]
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(MODEL.read_bytes()[:5000])
    done = braid.run("doctor", "--model-path", broken, "--port", free_port())
    assert done.returncode == 1
    assert re.search(r"^FAIL  model +.*broken.gguf.* -- braid inspect", done.stdout, re.MULTILINE)
    assert re.search(r"^FAIL  tokens +not tried: the model must be there first$", done.stdout, re.MULTILINE)


@needs_mpi
def test_mpi_that_does_not_start_is_a_failure(braid, tmp_path):
    mpirun = tmp_path / "mpirun"
    mpirun.write_text("#!/bin/sh\nexit 3\n")
    mpirun.chmod(0o755)
    said = doctor(braid, "--tp-size", 2, "--ranks-per-process", 1, "--port", free_port(),
                  env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert said["mpi"] == (False, "mpirun has ended: exit status 3 -- install openmpi-bin under the same path on all "
                                  "nodes; the lines above")
    assert said["tokens"] == (False, "not tried: all of the above must pass first")


def test_ping_needs_a_job(braid):
    assert "a job of one process: start several" in braid.error("ping")
