"""Worlds whose ranks are in several processes: the tests of all worlds in an MPI job, and jobs that lose a process. What a
failed world says is the same in every process; nothing hangs, and nothing is left running."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import uuid

import pytest

# In one process each. The world that fails ends the job.
FAILURES = ["ASkippedOperationIsAnErrorOnAllRanksThatNamesBoth", "AWrongSizeIsAnErrorOnAllRanksThatNamesBoth",
            "UnequalCountsAreAnErrorOnAllRanks", "SizesThatDoNotFitTheCallEndTheWorld",
            "DifferentStepsAreAnErrorOnAllRanks", "AnExceptionBeforeTheRendezvousEndsAllWaits",
            "ARankThatDoesNotComeIsNamedAfterTheTimeout", "AnAbortEndsEveryWaitNowAndLater"]
TCP = ("--mca", "btl", "tcp,self")  # as between hosts; otherwise processes of one host use shared memory
WAYS = [((), ()), (TCP, ()), ((), ("host",))]  # "host": also through memory that the processes share, round MPI
SURVIVE = ("--enable-recovery",)  # mpirun would end the others itself


def run_job(num_processes, command, options=(), env=None):
    if shutil.which("mpirun") is None or not pathlib.Path(command[0]).exists():
        pytest.skip(f"mpirun is not installed, or {command[0]} is not built")
    as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return subprocess.run(["mpirun", *as_root, "--oversubscribe", *options, "-n", str(num_processes), *command],
                          capture_output=True, text=True, encoding="utf-8", timeout=60, env={**os.environ, **(env or {})})


class Job:
    def __init__(self, braid, num_processes, test, options=(), arguments=()):
        build = pathlib.Path(braid.path).parent
        self.token = uuid.uuid4().hex
        done = run_job(num_processes, [build / "tests" / "mpi_ranks", build / "braid_mpi.so", *arguments, "--gtest_color=no",
                                       f"--gtest_filter={test}"], options, {"BRAID_TEST_JOB": self.token})
        self.returncode = done.returncode
        self.output = done.stdout + done.stderr
        self.num_passed = len(re.findall(r"\[  PASSED  \] [1-9]\d* test", done.stdout))
        self.reports = dict(re.findall(r"process (\d+) reports: (.*)", done.stdout))
        assert "[  FAILED  ]" not in done.stdout, self.output

    def leftovers(self):
        """Processes that it started and that still run."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if self.token.encode() in (process / "environ").read_bytes():
                    found.append((process.name, (process / "cmdline").read_bytes()))
            except OSError:
                continue
        return found

    def assert_nothing_left(self):
        for _ in range(50):
            if not self.leftovers():
                return
            time.sleep(0.1)
        assert not self.leftovers(), self.output


@pytest.mark.parametrize("options, arguments", WAYS, ids=["memory", "tcp", "host"])
@pytest.mark.parametrize("num_processes", [1, 2, 3, 4])
def test_all_operations_between_processes(braid, num_processes, options, arguments):
    job = Job(braid, num_processes, "Mpi/*:Idle.*:-" + ":".join(f"*{name}" for name in FAILURES), options, arguments)
    assert job.returncode == 0 and job.num_passed == num_processes, job.output
    job.assert_nothing_left()


@pytest.mark.parametrize("arguments", [(), ("host",)], ids=["memory", "host"])
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_has_one_report(braid, failure, arguments):
    job = Job(braid, 2, f"Mpi/*{failure}", arguments=arguments)
    assert job.num_passed == 2, job.output
    assert sorted(job.reports) == ["0", "1"] and len(set(job.reports.values())) == 1, job.output
    job.assert_nothing_left()


@pytest.mark.parametrize("options, arguments", WAYS, ids=["memory", "tcp", "host"])
@pytest.mark.parametrize("fault", ["AKilledProcessIsNamed", "AProcessThatExitsIsNamed", "AProcessKilledWithinAnOverlapIsNamed"])
def test_the_others_outlive_a_dead_process_and_name_it(braid, fault, options, arguments):
    job = Job(braid, 3, f"Fault.{fault}", (*SURVIVE, *options), arguments)
    # Over TCP, Open MPI itself ends a process that cannot connect again to the dead one.
    fewest = 1 if options == TCP else 2
    assert job.num_passed == len(job.reports) >= fewest, job.output
    assert set(job.reports) <= {"0", "2"} and len(set(job.reports.values())) == 1, job.output
    job.assert_nothing_left()


@pytest.mark.parametrize("fault", ["AKilledProcessIsNamed", "AProcessThatExitsIsNamed", "AStoppedProcessIsNamed",
                                   "AProcessStoppedWithinAnOverlapIsNamed"])
def test_nothing_is_left_of_a_job_that_mpirun_ends(braid, fault):
    job = Job(braid, 3, f"Fault.{fault}")
    assert job.returncode != 0, job.output
    if "Stopped" in fault:  # mpirun sees nothing wrong before the others have ended
        assert sorted(job.reports) == ["0", "2"] and len(set(job.reports.values())) == 1, job.output
    job.assert_nothing_left()


def test_bench_exchange_between_processes(braid):
    if not (pathlib.Path(braid.path).parent / "braid_mpi.so").exists():
        pytest.skip("braid is built without MPI")
    command = [braid.path, "bench", "exchange", "--transport", "mpi", "--tp-size", "3", "--dp-size", "3", "--hidden", "64",
               "--tokens", "9", "--repeats", "3"]
    done = run_job(2, [*command, "--json"])
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["processes"] == 2 and len(figures["cases"]) == 9
    for case in figures["cases"]:
        assert case["received_bytes"] == case["predicted_bytes"] and len(case["received_bytes"]) == 3
        assert case["message_seconds"] > 0 and "local_seconds" not in case
    for send in figures["sends"]:
        assert min(send["world_seconds"], send["port_seconds"], send["copy_seconds"]) > 0
    for one in figures["hand_overs"]:
        assert min(one["seconds"], one["port_seconds"]) > 0
    picks = run_job(2, [*command, "--token-sizes", "1,8", "--exchange-dtype", "bfloat16", "--json"])
    assert picks.returncode == 0, picks.stderr
    picks = json.loads(picks.stdout)
    assert [(pick["load"], pick["group_tokens"]) for pick in picks] == [
        ("balanced", [1, 1, 1]), ("one busy", [1, 0, 0]), ("balanced", [8, 8, 8]), ("8:1", [8, 1, 1]), ("one busy", [8, 0, 0])]
    for pick in picks:
        assert pick["auto"] in pick["seconds"] and pick["auto_of_best"] >= 1
        assert pick["published"] == ("max_len" if pick["load"] == "balanced" else "sum_len")
    table = run_job(2, command)
    assert table.returncode == 0 and "2 processes of one rank" in table.stdout, table.stderr
    assert "each hands over to the next in parts" in table.stdout
    assert "in 1 process: start 2 to 3 of them" in braid.error(*command[1:])


def test_bench_overlap_between_processes(braid):
    if not (pathlib.Path(braid.path).parent / "braid_mpi.so").exists():
        pytest.skip("braid is built without MPI")
    model = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models" / "gguf_qwen3_moe" / "model.gguf"
    command = [braid.path, "bench", "overlap", "--model-path", model, "--tp-size", "2", "--dp-size", "2",
               "--enable-dp-attention", "--token-sizes", "2,64", "--repeats", "1"]
    done = run_job(2, [*command, "--json"])
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert [one["tokens"] for one in figures] == [2, 64]
    for one in figures:
        assert min(one["whole_seconds"], one["halves_seconds"], one["exchange_seconds"]) > 0
    assert "in 1 process: start 2 to 2 of them" in braid.error(*command[1:])
