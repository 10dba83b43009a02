"""Builds programs, runs them and reads their line of JSON, and makes the checkpoints that they measure."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Failure(Exception):
    """Why a figure could not be measured, in one line."""


def reason_of(returncode, stderr):
    """One line on why a program failed: its error, or how it ended."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    if errors:
        return errors[-1].removeprefix("error: ")
    if returncode < 0:
        name = signal.Signals(-returncode).name
        return f"ended by {name}" + (" (not enough memory?)" if name == "SIGKILL" else "")
    return f"exit code {returncode}" + (f": {lines[-1]}" if lines else "")


def run(command, **options):
    """Runs a program that must succeed. Returns its stdout."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", **options)
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise Failure(f"{pathlib.Path(command[0]).name}: {reason_of(done.returncode, done.stderr)}")
    return done.stdout


def run_json(command, **options):
    """Runs a program. Returns the last line of its stdout, parsed as JSON."""
    out = run(command, **options).strip()
    try:
        return json.loads(out.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise Failure(f"{pathlib.Path(str(command[0])).name}: its last line is no JSON") from error


def has_onednn():
    """Whether libdnnl-dev is installed."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        return False
    return subprocess.run([compiler, "-fsyntax-only", "-include", "dnnl.hpp", "-x", "c++", os.devnull],
                          capture_output=True, check=False).returncode == 0


def build(wants_onednn, say):
    """Builds the release preset. Returns its braid, and onednn_bench or None."""
    folder = ROOT / "build" / "release"
    targets = ["braid"] + (["onednn_bench"] if wants_onednn else [])
    say(f"building {' and '.join(targets)} in {folder}")
    run(["cmake", "--preset", "release", f"-DBRAID_BENCH_ONEDNN={'ON' if wants_onednn else 'OFF'}"], cwd=ROOT)
    run(["cmake", "--build", "--preset", "release", "--target", *targets], cwd=ROOT)
    return folder / "braid", folder / "bench" / "onednn" / "onednn_bench" if wants_onednn else None


def python_with_numpy(say):
    """A Python that has numpy: this one, or one in build/bench-venv."""
    if subprocess.run([sys.executable, "-c", "import numpy"], capture_output=True, check=False).returncode == 0:
        return sys.executable
    folder = ROOT / "build" / "bench-venv"
    python = folder / "bin" / "python"
    if not python.exists() or subprocess.run([python, "-c", "import numpy"], capture_output=True, check=False).returncode != 0:
        say(f"installing numpy into {folder}")
        run([sys.executable, "-m", "venv", folder])
        run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "numpy"])
    return python


def make_checkpoint(name, folder, say):
    """The path of a checkpoint with random weights; makes it if it is missing."""
    path = folder / name
    if not path.exists():
        say(f"making {path}")
        folder.mkdir(parents=True, exist_ok=True)
        run([python_with_numpy(say), ROOT / "tools" / "make_bench_checkpoints.py", folder, name])
    return path


def read_once(path):
    """Reads a model's files, so that they are in the page cache."""
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.is_file())
    for file in files:
        with open(file, "rb") as opened:
            while opened.read(1 << 24):
                pass


def processor_name():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as info:
        found = re.search(r"^model name\s*:\s*(.*)$", info.read(), re.MULTILINE)
    return found[1].strip() if found else "unknown processor"


def commit_name():
    """The checked-out commit, marked if files differ from it."""
    try:
        return run(["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"], cwd=ROOT).strip()
    except Failure:
        return "unknown"
