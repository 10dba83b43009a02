"""Hosts on one machine, and braid on them."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

from server import free_port, stream_events, wait_for, written_so_far


def run(*command):
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


class Hosts:
    """Each has an address and a prefix for commands. `are_apart`: they are network namespaces, and can be cut off.
    `shared_memory`: then each has a /dev/shm of its own, of this size ("64m")."""

    def __init__(self, count, shared_memory=None):
        self.shared_memory = shared_memory
        self.names = [f"braid-{os.getpid()}-{i}" for i in range(count)]
        self.switch = f"braid-{os.getpid()}-s"
        self.outside = f"brd{os.getpid() % 100000}"
        self.net = f"10.{64 + os.getpid() % 64}.{os.getpid() // 64 % 250}"
        try:
            self.make()
            self.are_apart = True
        except (OSError, subprocess.CalledProcessError):
            self.remove()
            self.are_apart = False

    def make(self):
        run("ip", "netns", "add", self.switch)
        run("ip", "-n", self.switch, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.switch, "link", "set", "br0", "up")
        for i, name in enumerate(self.names):
            run("ip", "netns", "add", name)
            run("ip", "-n", self.switch, "link", "add", f"p{i}", "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "-n", self.switch, "link", "set", f"p{i}", "master", "br0", "up")
            run("ip", "-n", name, "addr", "add", f"{self.net}.{i + 1}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", self.switch, "link", "add", "out", "type", "veth", "peer", "name", self.outside, "netns", 1)
        run("ip", "-n", self.switch, "link", "set", "out", "master", "br0", "up")
        run("ip", "addr", "add", f"{self.net}.254/24", "dev", self.outside)
        run("ip", "link", "set", self.outside, "up")

    def remove(self):
        for name in [*self.names, self.switch]:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def address(self, host):
        return f"{self.net}.{host + 1}" if self.are_apart else "127.0.0.1"

    def prefix(self, host):
        if not self.are_apart:
            return []
        prefix = ["ip", "netns", "exec", self.names[host]]  # which has mounts of its own
        if self.shared_memory is None:
            return prefix
        return [*prefix, "sh", "-c", f"mount -t tmpfs -o size={self.shared_memory} tmpfs /dev/shm && exec \"$@\"", "sh"]

    def cut_off(self, host, is_cut=True):
        run("ip", "-n", self.switch, "link", "set", f"p{host}", "down" if is_cut else "up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()


def is_alive(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] not in "ZX"
    return False


class Node:
    def __init__(self, command):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.log)

    def read_log(self):
        return written_so_far(self.log)

    def wait_for_log(self, pattern, timeout=30):
        wait_for(lambda: re.search(pattern, self.read_log()), lambda: f"no {pattern} in\n{self.read_log()}", timeout)

    def wait(self, timeout=30):
        wait_for(lambda: self.process.poll() is not None, lambda: f"it does not end:\n{self.read_log()}", timeout)
        return self.process.returncode


class Cluster:
    """`braid serve` on each node, with the same flags. Nodes in `late` are started by start_node(). `node_prefixes`: words
    before a node's command, after those of its host."""

    def __init__(self, braid, hosts, key, num_nodes, flags, model, late=(), node_flags=None, node_prefixes=None):
        self.hosts = hosts
        self.port = free_port()
        self.coordinator_port = free_port()
        self.command = [braid, "serve", "--model-path", model, "--nnodes", num_nodes, "--node-0-address",
                        hosts.address(0), "--coordinator-port", self.coordinator_port, "--cluster-key-file", key,
                        "--host", hosts.address(0), "--port", self.port, *flags]
        self.node_flags = node_flags or {}
        self.node_prefixes = node_prefixes or {}
        self.front = 0  # the node where clients come
        self.nodes = {}
        self.late_starts = []
        for node in range(num_nodes):
            if node not in late:
                self.start_node(node)

    def start_node(self, node):
        command = [*self.hosts.prefix(node), *self.node_prefixes.get(node, []), *self.command, "--node-rank", node,
                   *self.node_flags.get(node, [])]
        self.nodes[node] = Node([str(word) for word in command])
        return self.nodes[node]

    def start_node_later(self, node, seconds):
        self.late_starts.append(threading.Timer(seconds, self.start_node, [node]))
        self.late_starts[-1].start()

    def send(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.hosts.address(self.front), self.port, timeout=60)
        with contextlib.closing(connection):
            data = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def is_ready(self):
        assert self.nodes[self.front].process.poll() is None, self.nodes[self.front].read_log()
        with contextlib.suppress(OSError):
            return self.send("GET", "/health")[0] == 200
        return False

    def wait_until_ready(self, timeout=60):
        wait_for(self.is_ready, lambda: self.nodes[self.front].read_log(), timeout)
        return self

    def status(self):
        return json.loads(self.send("GET", "/v1/status")[1])

    def num_running(self):
        return sum(group["num_running_reqs"] for group in self.status()["groups"])

    def ask(self, body, stream=False):
        status, text = self.send("POST", "/v1/completions", {"model": "model", "ignore_eos": True, "stream": stream, **body})
        assert status == 200, text
        if not stream:
            return [(choice["text"], choice["logprobs"]) for choice in json.loads(text)["choices"]]
        assert '"error"' not in text, text
        return "".join(choice["text"] for event in stream_events(text) for choice in event["choices"])

    def processes(self, word):
        """The pids of all processes of this cluster with this word in their command line, by node."""
        found = {}
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_bytes().decode().split("\0")
                if word in words[:2] and str(self.coordinator_port) in words:
                    found.setdefault(self.node_of(process), []).append(int(process.name))
        return found

    def node_of(self, process):
        """By network namespace; all are on node 0 where hosts are not apart."""
        if not self.hosts.are_apart:
            return 0
        own = os.stat(process / "ns" / "net").st_ino
        for node, name in enumerate(self.hosts.names):
            if os.stat(f"/run/netns/{name}").st_ino == own:
                return node
        return -1

    def kill_node(self, node):
        """Everything of it, at once. What its command has started ends with that, where hosts are not apart."""
        own = [self.nodes[node].process.pid]
        if self.hosts.are_apart:
            for word in ("serve", "rank", "mpirun", "node-run"):
                own += self.processes(word).get(node, [])
        for pid in own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.nodes.pop(node).process.wait()
        wait_for(lambda: not any(is_alive(pid) for pid in own), "killed processes are still there")

    def stop(self):
        self.nodes[self.front].process.send_signal(signal.SIGTERM)
        return [self.nodes[node].wait() for node in sorted(self.nodes)]

    def kill(self):
        for start in self.late_starts:
            start.cancel()
            start.join()
        for node in self.nodes.values():
            node.process.kill()
            node.process.wait()
