"""Stops single threads of another process, as a call that never returns would: ptrace(2), which the kernel may not allow."""

import ctypes
import os
import pathlib

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WAIT_FOR_THREADS = 0x40000000  # __WALL


def threads_of(pid, name):
    """By the name of their role."""
    found = set()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() == name:
                found.add(int(task.name))
        except OSError:
            continue
    return found


class Frozen:
    """While it lives, the threads stand still. To be made and left by one thread."""

    def __init__(self, threads):
        self.threads = sorted(threads)
        self.libc = ctypes.CDLL(None, use_errno=True)

    def ptrace(self, request, thread):
        if self.libc.ptrace(ctypes.c_long(request), ctypes.c_long(thread), None, None) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self):
        for thread in self.threads:
            self.ptrace(SEIZE, thread)
            self.ptrace(INTERRUPT, thread)
            os.waitpid(thread, WAIT_FOR_THREADS)
        return self

    def __exit__(self, *_):
        for thread in self.threads:
            try:
                self.ptrace(DETACH, thread)
            except OSError:
                os.waitpid(thread, WAIT_FOR_THREADS)  # it has been killed, and its process ends when that has been seen
