"""What /proc says of a process and of those that it has started."""

import os
import pathlib
import re


def children_of(pid, command=None):
    """The pids of all processes below it, of those only whose first argument is `command` if it is given."""
    parents, commands = {}, {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parents[int(process.name)] = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            commands[int(process.name)] = (process / "cmdline").read_bytes().split(b"\0")
        except (OSError, IndexError):
            continue

    def is_below(one):
        while one in parents:
            one = parents[one]
            if one == pid:
                return True
        return False

    return sorted(one for one in parents if is_below(one) and (command is None or commands.get(one, [])[1:2] == [command]))


def memory_of(pid):
    """Bytes by kind: RssAnon, RssFile, RssShmem. Nothing of a process that is gone."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        status = ""
    found = dict(re.findall(r"^(Rss\w+):\s+(\d+) kB$", status, re.MULTILINE))
    return {kind: 1024 * int(found.get(kind, 0)) for kind in ("RssAnon", "RssFile", "RssShmem")}


def open_files_of(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0
