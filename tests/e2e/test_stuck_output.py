"""Nobody reads what the program writes: a paused pager, the full log of a container, a full disk. It works on."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

import pytest
from server import Server, written_so_far

TWO_GROUPS = ("--tp-size", "2", "--dp-size", "2", "--enable-dp-attention")
ANSWER = ("--temperature", "0", "--dtype", "float32", "--max-new-tokens", "200", "--ignore-eos")


class FullPipe:
    """A pipe whose next write blocks, until somebody reads it."""

    def __init__(self):
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, 4096)
        self.num_before = 0
        os.set_blocking(self.writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.num_before += os.write(self.writing, b"x")
        os.set_blocking(self.writing, True)
        self.text = b""

    def close_writing(self):
        """Once a program has it: the pipe then ends with the program."""
        os.close(self.writing)

    def read_to_its_end(self):
        while data := os.read(self.reading, 65536):
            self.text += data
        return self.text[self.num_before:].decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.reading)


class UnreadServer(Server):
    """A server whose stderr is the given file; its address is read from stdout."""

    def __init__(self, braid, model, stderr, *flags):
        command = braid.command("serve", "--model-path", model, "--port", "0", *flags)
        self.log = tempfile.TemporaryFile()  # stays empty
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.said = ""
        self.wait_until_ready()
        self.url = self.said.split("page: ")[1].split("/\n")[0]


def wait_until(is_true, timeout=60):
    deadline = time.monotonic() + timeout
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_server_whose_log_nobody_reads_serves_and_says_what_it_dropped(braid, tiny_model):
    body = {"prompt": "x", "max_tokens": 3}
    with FullPipe() as pipe, UnreadServer(braid, tiny_model, pipe.writing, *TWO_GROUPS, "--collective-timeout", "2",
                                          "--log-requests") as server:
        pipe.close_writing()
        for _ in range(30):
            assert server.post("/v1/completions", body).status == 200
        assert server.get("/health_generate").status == 200
        assert server.get("/health").status == 200
        assert server.metric("num_dropped_log_lines_total") == 0, "a megabyte may wait"

        long_line = {"prompt": "x", "model": "m" * 60_000}
        for _ in range(30):
            assert server.post("/v1/completions", long_line).status == 404
        num_dropped = server.metric("num_dropped_log_lines_total")
        assert num_dropped > 5
        assert server.post("/v1/completions", body).status == 200
        assert server.get("/health_generate").status == 200

        reader = threading.Thread(target=pipe.read_to_its_end)
        reader.start()
        wait_until(lambda: b" lines of the log were dropped here" in pipe.text)
        assert server.post("/v1/completions", {**body, "rid": "read-again"}).status == 200
        wait_until(lambda: b"request read-again" in pipe.text)
        assert server.stop() == 0
        reader.join()
        lines = pipe.text[pipe.num_before:].decode().splitlines()
        assert sum(" ended: " in line for line in lines) >= 31
        assert any(" ending: " in line for line in lines[-3:]), "the log is complete at the end"
        said = sum(int(line.split(" lines of the log were dropped")[0].split()[-1]) for line in lines
                   if "were dropped here" in line)
        assert said >= num_dropped


def test_a_server_whose_log_nobody_reads_ends_at_a_signal(braid, tiny_model):
    with FullPipe() as pipe, UnreadServer(braid, tiny_model, pipe.writing, "--log-requests") as server:
        pipe.close_writing()
        assert server.post("/v1/completions", {"prompt": "x", "max_tokens": 3}).status == 200
        assert server.stop(timeout=20) == 0


def serve_until_signal(braid, tiny_model, stdout):
    """Starts a server with this stdout, ends it by SIGTERM once it is loaded, and returns its exit code."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(braid.command("serve", "--model-path", tiny_model, "--port", "0"), stdout=stdout,
                                   stderr=log)
        try:
            wait_until(lambda: "KV pool" in written_so_far(log))
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            return process.wait(20)
        finally:
            process.kill()
            process.wait()


def test_a_server_is_ready_even_if_nobody_reads_so(braid, tiny_model):
    with FullPipe() as pipe:
        assert serve_until_signal(braid, tiny_model, pipe.writing) == 0
        pipe.close_writing()


def test_a_full_disk_is_no_failure_of_a_server(braid, tiny_model):
    with open("/dev/full", "w", encoding="ascii") as full:
        assert serve_until_signal(braid, tiny_model, full) == 0


def test_lines_on_stdout_have_the_logs_format(braid, tiny_model):
    with Server(braid, tiny_model, "--log-format", "json") as server:
        lines = [json.loads(line) for line in server.said.splitlines()]
        assert all(set(line) == {"time", "level", "message"} for line in lines)
        assert [line["message"].split()[:2] for line in lines] == [["page:", f"{server.url}/"],
                                                                   ["API:", f"{server.url}/v1"]]


@pytest.mark.parametrize("command", ["generate", "chat"])
def test_an_answer_that_nobody_reads_does_not_stop_the_engine(braid, tiny_model, command):
    flags = (command, "--model-path", tiny_model, "--prompt", "self", *ANSWER, *TWO_GROUPS, "--collective-timeout", "1")
    wanted = braid.ok(*flags)
    with FullPipe() as pipe:
        process = subprocess.Popen(braid.command(*flags), stdout=pipe.writing, stderr=subprocess.PIPE, text=True)
        pipe.close_writing()
        try:
            time.sleep(4)  # a rank that waits for the terminal is late for the others long before
            assert process.poll() is None, process.stderr.read()
            assert pipe.read_to_its_end() == wanted
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
