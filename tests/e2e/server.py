"""A running `braid serve`, for tests that are its clients."""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse


def wait_for(holds, what="it does not come", timeout=30):
    """Until holds() is true. `what`: the failure's message, or what makes it."""
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.02)


def written_so_far(file):
    """The text that a program has written to an open file. A file's place, which seek() moves, is the program's too: it
    would write over what it has written."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode("utf-8", "replace")


def free_port():
    """None that the kernel gives to others meanwhile, on any host: those begin at 32768."""
    while True:
        port = random.randrange(20000, 32768)
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


def resident_bytes(pid):
    """The RAM that a process has for itself, without the files that it maps."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^RssAnon:\s+(\d+) kB$", status.read(), re.MULTILINE)[1]) * 1024


def stream_data(body):
    """The data of each event of a whole stream, without the [DONE] that must be the last one."""
    events = [event for event in body.split("\n\n") if event and not event.startswith(":")]
    assert all(event.startswith("data: ") for event in events), events
    assert events[-1] == "data: [DONE]", events[-1]
    return [event.removeprefix("data: ") for event in events[:-1]]


def stream_events(body):
    return [json.loads(data) for data in stream_data(body)]


class Program:
    """The program under test, as a command."""

    def __init__(self, path):
        self.path = path

    def command(self, *args):
        return [self.path, *map(str, args)]


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def error(self):
        return self.json()["error"]

    def events(self):
        return stream_events(self.body)


class Server:
    """Starts the program on a free port and waits until it is ready (or only until it listens)."""

    def __init__(self, braid, model, *flags, wait_until_ready=True):
        command = braid.command("serve", "--model-path", model, "--port", "0", *flags)
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = self.wait_for_log(r"listening at (\S+);")
        self.said = ""
        if wait_until_ready:
            self.wait_until_ready()

    def read_log(self):
        return written_so_far(self.log)

    def wait_for_log(self, pattern, timeout=60):
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.read_log()):
                return found[1] if found.groups() else found[0]
            assert self.process.poll() is None, f"it ended: {self.read_log()}"
            time.sleep(0.01)
        raise AssertionError(f"no {pattern} in the log:\n{self.read_log()}")

    def wait_until_ready(self, timeout=120):
        timer = threading.Timer(timeout, self.process.kill)
        timer.start()
        while "API:" not in self.said:
            line = self.process.stdout.readline()
            assert line, f"it ended before it was ready:\n{self.read_log()}"
            self.said += line
        timer.cancel()

    def client(self, key="none", **options):
        import openai  # here: bench/server does without it
        return openai.OpenAI(base_url=self.url + "/v1", api_key=key, **{"max_retries": 0, "timeout": 120, **options})

    def async_client(self, key="none"):
        import openai
        return openai.AsyncOpenAI(base_url=self.url + "/v1", api_key=key, max_retries=0, timeout=300)

    def connect(self):
        return http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=120)

    def send(self, method, path, body=None, headers=None):
        """Sends one request on a new connection. `body`: JSON, or raw bytes."""
        with contextlib.closing(self.connect()) as connection:
            data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode())

    def get(self, path, **options):
        return self.send("GET", path, **options)

    def post(self, path, body, **options):
        return self.send("POST", path, body, **options)

    def metric(self, name, group=None):
        """Of one group, for the metrics that a server with several groups has one of for each."""
        labels = "[^}]*" if group is None else f'[^}}]*dp_rank="{group}"'
        text = self.get("/metrics").body
        return float(re.search(rf"^braid_{name}{{{labels}}} (\S+)$", text, re.MULTILINE)[1])

    def wait_for_metric(self, name, wanted, timeout=60, group=None):
        deadline = time.monotonic() + timeout
        while (value := self.metric(name, group)) != wanted:
            assert time.monotonic() < deadline, f"{name} is {value}, not {wanted}"
            time.sleep(0.01)

    def stop(self, timeout=60):
        """Stops it like a service manager; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.log.close()
