"""A Hugging Face directory, and what happens when it, or a GGUF file, is damaged."""

import json
import os
import subprocess
import sys
import time

import pytest
from conftest import MODELS, ROOT
from seeded_checkpoint import write_checkpoint

FIXTURE = MODELS / "qwen3_moe_normalized"
MOST_SECONDS = 20
MOST_BYTES = 1 << 30


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(FIXTURE, folder)
    return folder


def test_greedy_ids_are_those_of_transformers(braid, directory):
    for prompt in json.loads((FIXTURE / "fixture.json").read_text())["prompts"]:
        got = braid.json("generate", "--model-path", directory, "--dtype", "float32", "--temperature", "0",
                         "--input-ids", ",".join(map(str, prompt["ids"])), "--max-new-tokens", len(prompt["greedy"]),
                         "--ignore-eos", "--json")
        assert got["output_ids"] == prompt["greedy"]


def test_a_directory_of_links_as_the_cache_has_them_is_the_same(braid, directory, tmp_path):
    hub = tmp_path / "hub" / "models--org--name"
    snapshot, blobs = hub / "snapshots" / "0123abcd", hub / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("0123abcd")
    for number, file in enumerate(sorted(directory.iterdir())):
        (blobs / str(number)).write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(f"../../blobs/{number}")
    flags = ("--dtype", "float32", "--temperature", "0", "--prompt", "self", "--max-new-tokens", 4, "--ignore-eos",
             "--json")
    assert (braid.json("generate", "--model-path", "org/name", *flags, env={"HF_HOME": str(tmp_path)})
            == braid.json("generate", "--model-path", directory, *flags))


def run_damaged(braid, path):
    """(exit code, stderr, seconds, peak resident bytes)"""
    command = braid.command("generate", "--model-path", path, "--input-ids", "1,2,3", "--max-new-tokens", 1,
                            "--temperature", 0, "--log-level", "error")
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT) as process:
        text = process.stderr.read().decode("utf-8", "replace")
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, text, time.monotonic() - started, usage.ru_maxrss * 1024


@pytest.mark.parametrize("kind", ["directory", "gguf"])
def test_damaged_checkpoints_end_in_one_error_or_are_harmless(braid, directory, tmp_path, kind):
    good = directory if kind == "directory" else MODELS / "gguf_qwen3" / "model.gguf"
    made = subprocess.run([sys.executable, ROOT / "tools" / "corrupt_checkpoints.py", good, tmp_path, "--seed", "1"],
                          capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    cases = sorted(tmp_path.iterdir())
    cases = cases[::max(1, len(cases) // 120)]
    assert len(cases) >= 100
    num_errors, wrong = 0, []
    for case in cases:
        code, text, seconds, most_bytes = run_damaged(braid, case if kind == "directory" else case / "model.gguf")
        lines = text.splitlines()
        is_error = 0 < code < 126 and len(lines) == 1 and lines[0].startswith("error: ")
        is_harmless = code == 0
        num_errors += is_error
        if not (is_error or is_harmless) or seconds > MOST_SECONDS or most_bytes > MOST_BYTES:
            wrong.append(f"{case.name}: exit {code}, {seconds:.1f} s, {most_bytes >> 20} MB, {text[-300:]!r}")
    assert wrong == []
    assert num_errors >= len(cases) // 2
