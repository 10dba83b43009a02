"""`braid doctor` on both of two nodes."""

import re
import subprocess

from server import free_port
from test_cluster import DP2, MIXTURE


class Doctors:
    """`braid doctor` on each node, with the same flags but for node_flags."""

    def __init__(self, braid, hosts, key, *flags, node_flags=None, nodes=(0, 1)):
        port = free_port()
        self.processes = {}
        for node in nodes:
            command = [*hosts.prefix(node), braid, "doctor", "--model-path", MIXTURE, "--nnodes", 2, "--node-rank", node,
                       "--node-0-address", hosts.address(0), "--coordinator-port", port, "--cluster-key-file", key,
                       "--port", free_port(), *flags, *(node_flags or {}).get(node, [])]
            self.processes[node] = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                                                    stderr=subprocess.PIPE, text=True)

    def results(self):
        """Of each node: its exit code and lines."""
        try:
            said = {node: process.communicate(timeout=90) for node, process in self.processes.items()}
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()
        self.errors = {node: stderr for node, (_, stderr) in said.items()}
        return {node: (self.processes[node].returncode, stdout.splitlines()) for node, (stdout, _) in said.items()}


def the_line(lines, check):
    found = [line for line in lines if line[6:].startswith(check)]
    assert found, lines
    return found[-1]


def test_two_nodes_pass(braid, hosts, key):
    doctors = Doctors(braid, hosts, key, *DP2)
    results = doctors.results()
    assert [code for code, _ in results.values()] == [0, 0], (results, doctors.errors)
    first, second = results[0][1], results[1][1]
    assert re.search(r"same braid, checkpoint and layout", the_line(first, "node 1"))
    clock = re.search(r"node 1's is ([0-9.]+) ms .*\+- ([0-9.]+) ms", the_line(first, "clocks"))
    assert clock and float(clock[1]) <= float(clock[2]) + 0.1, "both nodes are one machine, with one clock"
    assert re.search(r"to node 1: [0-9.]+ us, [0-9.]+ GB/s", the_line(first, "mpi"))
    assert "8 greedy tokens are equal in all groups, 2 in all" in the_line(first, "tokens")
    assert "has worked with this node" in the_line(second, "node 0")


def test_another_layout_fails_on_both(braid, hosts, key):
    results = Doctors(braid, hosts, key, *DP2, node_flags={1: ["--ranks-on-node", "3,1"]}).results()
    assert [code for code, _ in results.values()] == [1, 1]
    assert re.match(r'FAIL  node 1 .*has "braid .*ranks on each node 3,1, .*", node 0 has "braid', the_line(results[0][1], "node 1"))
    assert re.match(r'FAIL  node 0 .*node 0 says: node 1 on ', the_line(results[1][1], "node 0"))
    assert "not tried: all nodes must be there first" in the_line(results[0][1], "mpi")


def test_nodes_that_do_not_come_are_named(braid, hosts, key, tmp_path):
    results = Doctors(braid, hosts, key, *DP2, "--wait-for-nodes", 1, nodes=(0,)).results()
    assert results[0][0] == 1
    assert "has not come within 1 s -- start `braid doctor` there with --node-rank" in the_line(results[0][1], "node 1")
    results = Doctors(braid, hosts, key, *DP2, "--wait-for-nodes", 1, nodes=(1,)).results()
    assert results[1][0] == 1
    assert re.search(r"nothing answers at tcp://\S+ within 1 s", the_line(results[1][1], "node 0"))


def test_another_key_fails_on_both(braid, hosts, key, tmp_path):
    other = tmp_path / "other.key"
    subprocess.run([braid, "keygen", other], check=True)
    results = Doctors(braid, hosts, key, *DP2, "--wait-for-nodes", 2,
                      node_flags={1: ["--cluster-key-file", other]}).results()
    assert [code for code, _ in results.values()] == [1, 1]
    assert re.search(r"a client .*key", the_line(results[0][1], "node 1"))
    assert re.search(r"key", the_line(results[1][1], "node 0"))
