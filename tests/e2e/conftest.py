"""Shared by the end-to-end tests: the program under test, and models to run it with.

    python3 -m pytest tests/e2e [--braid build/release/braid] [-n 2 --dist loadgroup --no-loadscope-reorder]

requirements.txt names the packages they need. The default model is fetched once into the user's cache directory. With -n 2
two workers share the tests; each test file stays in one worker.
"""

import fcntl
import json
import os
import pathlib
import subprocess
import sys

import chromium
import pytest
from server import Program, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "fixtures" / "models"
# Session fixtures that are costly to make: all tests that use one run in the same worker.
COSTLY_FIXTURES = ("browser", "moe_model")
# The longest groups, longest first. Starting with them lets all workers end at about the same time.
LONG_GROUPS = ("moe_model", "test_data_parallel", "test_server_forced_tools", "browser", "test_server_structured_output",
               "test_batch", "test_hostile", "test_launched", "test_bench", "test_mpi")


def pytest_addoption(parser):
    parser.addoption("--braid", default=str(ROOT / "build" / "release" / "braid"), help="the program under test")


def group_of(item):
    """The tests that run in the same worker as this one."""
    return next((name for name in COSTLY_FIXTURES if name in item.fixturenames), item.path.stem)


def pytest_configure(config):
    config.addinivalue_line("markers", "xdist_group(name): tests of one group run in the same worker")


def pytest_collection_modifyitems(items):
    rank = {name: i for i, name in enumerate(LONG_GROUPS)}
    items.sort(key=lambda item: rank.get(group_of(item), len(rank)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))


class Braid(Program):
    """Runs the program; every call has a time limit, so that a hang is a failure."""

    def run(self, *args, stdin="", timeout=120, env=None):
        return subprocess.run(self.command(*args), input=stdin, capture_output=True, text=True, encoding="utf-8",
                              timeout=timeout, env={**os.environ, "HF_HUB_OFFLINE": "1", **(env or {})}, cwd=ROOT)

    def ok(self, *args, **kwargs):
        """stdout of a run that must succeed."""
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, f"{args}: exit {done.returncode}\n{done.stderr}"
        return done.stdout

    def json(self, *args, **kwargs):
        """The JSON object that a run prints."""
        return json.loads(self.ok(*args, **kwargs))

    def lines(self, *args, inputs, **kwargs):
        """The outputs of a filter: one JSON value a line in, one a line out."""
        text = "".join(json.dumps(i) + "\n" for i in inputs)
        out = self.ok(*args, stdin=text, **kwargs)
        return [json.loads(line) for line in out.splitlines()]

    def error(self, *args, timeout=20, **kwargs):
        """The message of a run that must fail as for bad input: with one line on stderr, and without a crash."""
        done = self.run(*args, timeout=timeout, **kwargs)
        assert 0 < done.returncode < 126, f"{args}: exit {done.returncode}\n{done.stderr}"
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("error: ")]
        assert lines == errors and len(errors) == 1, f"{args}: stderr is\n{done.stderr}"
        return errors[0].removeprefix("error: ")


@pytest.fixture(scope="session")
def braid(request):
    program = pathlib.Path(request.config.getoption("--braid")).resolve()
    assert program.exists(), f"{program} is not there: build it first, or name it with --braid"
    return Braid(str(program))


@pytest.fixture(scope="session")
def tiny_model():
    """A complete model of 170 KB: weights, a vocabulary of 280 tokens and a template."""
    return MODELS / "gguf_qwen3" / "model.gguf"


@pytest.fixture(scope="session")
def default_model(tmp_path_factory):
    # The folder that all workers share; the lock keeps them from fetching the model twice.
    with open(tmp_path_factory.getbasetemp().parent / "default_model.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run([ROOT / "tools" / "fetch_default_model.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return pathlib.Path(done.stdout.strip())


@pytest.fixture(scope="session")
def moe_model(default_model, tmp_path_factory):
    """The default model as a mixture of experts."""
    path = tmp_path_factory.mktemp("moe") / "moe.gguf"
    subprocess.run([sys.executable, ROOT / "tools" / "upcycle_moe.py", default_model, path], check=True)
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def browser():
    program = chromium.find_chromium()
    if program is None:
        pytest.skip("there is no Chromium on this machine: the page is not tested")
    with chromium.Chromium(program) as running:
        yield running


@pytest.fixture(scope="session")
def page_server(browser, braid, default_model):
    """The server whose page is tested."""
    with Server(braid, default_model, "--kv-cache-memory-bytes", "300MB") as running:
        yield running


@pytest.fixture(scope="session")
def expected():
    """The output of transformers for the default model (tools/compare_with_transformers.py --write-expected)."""
    return json.loads((pathlib.Path(__file__).parent / "default_model_expected.json").read_text())
