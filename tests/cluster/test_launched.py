"""`braid rank` under an mpirun over two hosts."""

import json
import signal
import socket
import subprocess
import urllib.request

import pytest
from server import free_port, wait_for
from test_cluster import BODIES, DP2, MIXTURE, in_one_process


def test_a_launchers_job_over_two_hosts(braid, hosts, key, tmp_path):
    """mpirun reaches the other host by a command of its own; the front is found by addresses alone."""
    if not hosts.are_apart:
        pytest.skip("hosts are not apart here")
    shell = tmp_path / "shell"
    shell.write_text("#!/bin/sh\nname=$1; shift\nexec ip netns exec \"$name\" unshare --uts sh -c \"hostname $name; $*\"\n")
    shell.chmod(0o755)
    expected = in_one_process(braid, MIXTURE, DP2)
    port = free_port()
    command = [*hosts.prefix(0), "mpirun", "--allow-run-as-root", "--mca", "plm_rsh_agent", shell, "--mca",
               "btl_tcp_if_include", "eth0", "-H", f"localhost:1,{hosts.names[1]}:1", "-n", "2", braid, "rank", "--model-path",
               MIXTURE, *DP2, "--cluster-key-file", key, "--host", hosts.address(0), "--port", port]
    log = open(tmp_path / "log", "w+", encoding="utf-8")  # noqa: SIM115
    job = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    try:
        url = f"http://{hosts.address(0)}:{port}"

        def ask(path, body=None):
            request = urllib.request.Request(url + path, body and json.dumps(body).encode(),
                                             {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return answer.read().decode()
            except OSError:
                return None

        wait_for(lambda: ask("/health") is not None or job.poll() is not None, lambda: (tmp_path / "log").read_text(), 60)
        for body, answer in zip(BODIES, expected):
            text = ask("/v1/completions", {"model": "model", "ignore_eos": True, **body})
            assert text, (tmp_path / "log").read_text()
            assert [(choice["text"], choice["logprobs"]) for choice in json.loads(text)["choices"]] == answer
        status = json.loads(ask("/v1/status"))
        assert [node["host"] for node in status["nodes"]] == [socket.gethostname(), hosts.names[1]]
        assert [rank["node"] for rank in status["ranks"]] == [0, 0, 1, 1]
        assert ask("/start_profile", {}) and ask("/v1/completions", {"model": "model", "prompt": "hello", "max_tokens": 4})
        processes = json.loads(ask("/stop_profile", {}))["otherData"]["processes"]
        assert [(process["node"], process["host"]) for process in processes] == [
            (node["node"], node["host"]) for node in status["nodes"]]
        job.send_signal(signal.SIGUSR1)
        assert job.wait(30) == 0
    finally:
        job.kill()
        job.wait()
        log.close()
    assert "ending: 0 requests" in (tmp_path / "log").read_text()
