"""`braid rank` under a launcher: the answers of the same layout in one process, and a job that ends as its front or its
first lost rank does."""

import concurrent.futures
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
from conftest import MODELS
from server import Server, wait_for

MODEL = MODELS / "gguf_qwen3_moe" / "model.gguf"
pytestmark = pytest.mark.skipif(shutil.which("mpirun") is None, reason="mpirun is not installed")

BODIES = [
    {"prompt": "hello world", "max_tokens": 60, "temperature": 0},
    {"prompt": "a longer prompt, which is cut into chunks " * 8, "max_tokens": 40, "temperature": 0.9, "seed": 5,
     "logprobs": 3},
    {"prompt": "twice", "max_tokens": 30, "temperature": 1.2, "seed": 9, "n": 2, "presence_penalty": 0.5},
    {"prompt": "by a grammar", "max_tokens": 50, "temperature": 0.7, "seed": 3, "regex": "(yes|no){3,8}[0-9]{5}"},
]
DP2 = ["--tp-size", 4, "--dp-size", 2, "--enable-dp-attention"]


def ask(server, body):
    answer = server.post("/v1/completions", {"model": "model", "ignore_eos": "regex" not in body, **body})
    assert answer.status == 200, answer.body
    return [(choice["text"], choice["logprobs"], choice["finish_reason"]) for choice in answer.json()["choices"]]


def ask_until_it_ends(server, body):
    """Asks again and again, until nothing is taken any more. The number of answers."""
    for count in itertools.count():
        try:
            answer = server.post("/v1/completions", {"model": "model", "ignore_eos": True, **body})
        except OSError:
            return count
        if answer.status == 503:
            return count
        assert answer.status == 200, answer.body


def ask_all(server):
    with concurrent.futures.ThreadPoolExecutor(len(BODIES)) as pool:
        return list(pool.map(lambda body: ask(server, body), BODIES))


def mpirun(num_processes):
    as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return ["mpirun", *as_root, "--oversubscribe", "--bind-to", "none", "-n", str(num_processes)]


def rank_command(braid, *flags):
    return [*map(str, braid.command("rank", "--model-path", MODEL, "--port", 0, *flags))]


class Job(Server):
    """The server of a job, as a client sees it."""

    def __init__(self, braid, num_processes, *flags, **options):
        self.command = [*mpirun(num_processes), *rank_command(braid, *flags)]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = self.wait_for_log(r"listening at (\S+);")
        self.said = ""
        self.wait_until_ready()

    def processes(self):
        """The pids of the job's processes with ranks, in order, and that of its front."""
        ranks = {}
        front = None
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                variables = dict(entry.split(b"=", 1) for entry in (process / "environ").read_bytes().split(b"\0") if entry)
                parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            if b"OMPI_COMM_WORLD_RANK" not in variables or not self.is_above(parent):
                continue
            if parent == self.process.pid:
                ranks[int(variables[b"OMPI_COMM_WORLD_RANK"])] = int(process.name)
            else:
                front = int(process.name)
        return [ranks[number] for number in sorted(ranks)], front

    def is_above(self, pid):
        while pid > 1 and pid != self.process.pid:
            try:
                pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                return False
        return pid > 1


def runtime_folders(pids):
    return [path for base in ("/dev/shm", "/tmp") for pid in pids for path in pathlib.Path(base).glob(f"braid-{pid}-*")]


def wait_until_gone(pids):
    wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), f"{pids} are left", timeout=20)


@pytest.mark.parametrize(("layout", "num_processes", "flags"), [
    pytest.param(["--tp-size", 2], 2, [], id="tp2"),
    pytest.param(DP2, 2, ["--process-ranks", "3,1", "--kv-rebalance", "--share-prefixes"], id="tp4-dp2-as-3-and-1"),
    pytest.param(["--tp-size", 4, "--dp-size", 4, "--enable-dp-attention", "--moe-parallel", "ep"], 4,
                 ["--dp-dispatch", "direct", "--dp-padding", "sum_len"], id="ep4-dp4-a-process-a-rank"),
    pytest.param(["--tp-size", 2], 1, [], id="all-in-the-first"),
])
def test_answers_are_those_of_one_process(braid, layout, num_processes, flags):
    with Server(braid, MODEL, *layout) as server:
        expected = [ask(server, body) for body in BODIES]
    with Job(braid, num_processes, *layout, *flags) as job:
        ranks, front = job.processes()
        assert len(ranks) == num_processes and front is not None
        assert ask_all(job) == expected
        os.kill(front, signal.SIGTERM)  # drains; then all processes of the job end well
        assert job.process.wait(30) == 0, job.read_log()
        wait_until_gone([*ranks, front])


def test_a_signal_to_the_launcher_drains(braid):
    with Job(braid, 2, *DP2) as job, concurrent.futures.ThreadPoolExecutor(2) as pool:
        ranks, front = job.processes()
        # Two clients without a pause: mpirun may take seconds to pass the signal on.
        body = {"prompt": "hello", "max_tokens": 400, "temperature": 0, "n": 32}
        clients = [pool.submit(ask_until_it_ends, job, body) for _ in range(2)]
        wait_for(lambda: job.metric("num_running_reqs", group=0) + job.metric("num_running_reqs", group=1) > 0)
        job.process.send_signal(signal.SIGUSR1)
        assert all(client.result() > 0 for client in clients)
        assert job.process.wait(30) == 0, job.read_log()
        assert re.search("ending: [12] requests are being answered", job.read_log()), job.read_log()
        wait_until_gone([*ranks, front])


@pytest.mark.parametrize("killed", ["the first rank", "the front", "mpirun"])
def test_a_death_ends_the_job(braid, killed):
    with Job(braid, 2, *DP2) as job:
        ranks, front = job.processes()
        shared = runtime_folders(ranks)
        assert len(shared) == 2 and all(list(folder.iterdir()) for folder in shared)
        pid = {"the first rank": ranks[0], "the front": front, "mpirun": job.process.pid}[killed]
        os.kill(pid, signal.SIGKILL)
        assert job.process.wait(30) != 0
        wait_until_gone([*ranks, front])
        if killed == "the front":
            assert "the front has ended with exit code 137: so does the job" in job.read_log()
    if killed == "mpirun":  # nobody was left to tidy up
        with Job(braid, 2, *DP2):
            assert not any(folder.exists() for folder in shared), "the next one does"


def test_a_rank_that_stops_ends_the_job_with_its_name(braid):
    with Job(braid, 2, *DP2, "--collective-timeout", 1) as job:
        ranks, front = job.processes()
        os.kill(ranks[1], signal.SIGSTOP)
        answer = job.post("/v1/completions", {"model": "model", "prompt": "hello", "max_tokens": 400})
        assert answer.status == 500
        assert job.process.wait(30) == 70, job.read_log()
        assert "its process 1 does not answer" in job.read_log()
        wait_until_gone([*ranks, front])


def test_every_process_says_what_is_wrong(braid):
    flags = ["--tp-size", 2, "--kv-cache-memory-bytes", "1KiB"]
    done = subprocess.run([*mpirun(2), *rank_command(braid, *flags)], capture_output=True, text=True, encoding="utf-8",
                          timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert len(re.findall(r"^(?:error: |\S+ \S+ error ).*KV", done.stderr, re.MULTILINE)) >= 2, done.stderr


def test_what_does_not_fit_is_refused_before_anything_starts(braid, tmp_path):
    def error(num_processes, *flags):
        variables = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": str(num_processes),
                     "OMPI_COMM_WORLD_LOCAL_SIZE": str(num_processes)}
        return braid.error("rank", "--model-path", MODEL, "--port", 0, *flags, env=variables)

    assert error(3, "--tp-size", 4).startswith("4 ranks (--tp-size) are not divisible over 3 processes: start another")
    assert error(2, "--tp-size", 4, "--process-ranks", "3,2") == "--process-ranks 3,2 has 5 ranks in all: --tp-size is 4"
    assert error(2, "--dp-size", 2).startswith(
        "--dp-size 2 without --enable-dp-attention is 2 replicas, and the processes of a launcher are one: start a job")
    for flag in (["--nnodes", 2], ["--max-restarts", 3], ["--ranks-per-process", 1], ["--world", 0]):
        assert error(2, "--tp-size", 2, *flag).startswith(f"{flag[0]} is not for `braid rank` under a launcher")
    assert "cluster.key: No such file" in error(2, "--tp-size", 2, "--cluster-key-file", tmp_path / "cluster.key")


def test_other_launchers_variables(braid):
    """Without MPI's own start, as srun without --mpi=pmix would do it."""
    slurm = {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2"}
    flags = ["rank", "--model-path", MODEL, "--port", 0, "--tp-size", 2]
    assert "a job on several hosts needs --cluster-key-file" in braid.error(*flags, env=slurm)
    done = braid.run(*flags, env={**slurm, "SLURM_STEP_NUM_NODES": "1"}, timeout=60)
    assert done.returncode == 1
    assert "the launcher has started 2 processes, and MPI sees 1: with Slurm, start them with srun --mpi=pmix" in done.stderr
    assert "the launcher has set SLURM_PROCID to \"x\"" in braid.error(*flags, env={**slurm, "SLURM_PROCID": "x"})
    assert "--front is missing, and no launcher has started this process" in braid.error(*flags)
