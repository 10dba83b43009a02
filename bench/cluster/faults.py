"""What may happen to a cluster in the middle of its work. Each is a function of the cluster; it returns when it is done."""

import os
import pathlib
import signal
import threading
import time

from server import wait_for

# A supervisor's delay before it starts a node's command again.
RESTART_DELAY_S = 0.2


def pid_of_rank(cluster, publishes):
    """A rank's process: the last of the ranks that publish their group's plans, or that follow them."""
    ranks = cluster.status()["ranks"]
    first = {}
    for rank in ranks:
        first.setdefault(rank["dp_rank"], rank["rank"])
    return [rank["pid"] for rank in ranks if (rank["rank"] == first[rank["dp_rank"]]) == publishes][-1]


def kill_a_subscriber(cluster):
    os.kill(pid_of_rank(cluster, publishes=False), signal.SIGKILL)


def kill_a_publisher(cluster):
    os.kill(pid_of_rank(cluster, publishes=True), signal.SIGKILL)


def kill_all_ranks_of_a_node(cluster):
    node = cluster.status()["nodes"][-1]["node"]
    for pid in {rank["pid"] for rank in cluster.status()["ranks"] if rank["node"] == node}:
        os.kill(pid, signal.SIGKILL)


def kill_mpirun(cluster):
    for pids in cluster.processes("mpirun").values():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def kill_a_node_agent(cluster):
    node = max(cluster.nodes)
    cluster.nodes[node].process.kill()
    cluster.nodes[node].process.wait()
    time.sleep(RESTART_DELAY_S)
    cluster.start_node(node)


def kill_again_during_the_recovery(cluster):
    kill_a_publisher(cluster)
    wait_for(lambda: cluster.status()["state"] == "restarting", "nobody noticed")
    wait_for(lambda: cluster.processes("rank"), "it does not start again")
    for pids in cluster.processes("rank").values():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            return


def stop_a_rank(cluster):
    os.kill(pid_of_rank(cluster, publishes=True), signal.SIGSTOP)


def cut_the_network_for_10_s(cluster):
    cluster.hosts.cut_off(max(cluster.nodes))
    threading.Timer(10, cluster.hosts.cut_off, [max(cluster.nodes), False]).start()


def lose_a_node_for_10_s(cluster):
    """All of it, and it comes back later than the model waits for it (--elastic-after)."""
    node = max(cluster.nodes)
    cluster.kill_node(node)
    cluster.start_node_later(node, 10)


def end_a_node_for_10_s(cluster):
    """By a signal, as for maintenance."""
    node = max(cluster.nodes)
    ending = cluster.nodes.pop(node)
    ending.process.send_signal(signal.SIGTERM)
    ending.wait()
    cluster.start_node_later(node, 10)


def kill_all_of_node_0(cluster):
    """The front with it: clients go on at the node that stands by."""
    cluster.kill_node(0)
    cluster.front = max(cluster.nodes)


def fill_shared_memory(cluster):
    """All that node 0's /dev/shm has left, for 5 s, while a rank dies: what starts again finds none."""
    folder = f"/proc/{cluster.nodes[0].process.pid}/root/dev/shm"
    room = os.statvfs(folder)
    path = f"{folder}/full"
    with open(path, "wb") as full:
        os.posix_fallocate(full.fileno(), 0, room.f_bavail * room.f_frsize)
    threading.Timer(5, lambda: pathlib.Path(path).unlink(missing_ok=True)).start()
    kill_a_subscriber(cluster)


FAULTS = [kill_a_subscriber, kill_a_publisher, kill_all_ranks_of_a_node, kill_a_node_agent, kill_mpirun,
          kill_again_during_the_recovery, stop_a_rank, cut_the_network_for_10_s, fill_shared_memory,
          lose_a_node_for_10_s, end_a_node_for_10_s, kill_all_of_node_0]
NEED_ELASTIC = {lose_a_node_for_10_s, end_a_node_for_10_s}
NEED_STANDBY = {kill_all_of_node_0}
NEED_NAMESPACES = {cut_the_network_for_10_s, fill_shared_memory}
