"""braid chat in a terminal: history, /reset, /system, and Ctrl-C that stops the answer and not the program."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """A program with a terminal of its own, read until something appears in it."""

    def __init__(self, command):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: _own_terminal(slave))
        os.close(slave)
        self.seen = ""

    def _read(self, timeout):
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other end is gone
            return False
        self.seen += ESCAPES.sub("", data.decode("utf-8", "replace"))
        return bool(data)

    def wait_for(self, text, timeout=60):
        """What was printed up to and with `text`; forgets it."""
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} did not appear in {self.seen!r}"
            self._read(min(left, 0.2))
        before, self.seen = self.seen.split(text, 1)
        return before + text

    def wait_until_quiet(self, quiet=1.5, timeout=60):
        """What is printed until nothing more comes for a while; forgets it."""
        deadline = time.monotonic() + timeout
        while self._read(quiet):
            assert time.monotonic() < deadline, "it does not stop printing"
        text, self.seen = self.seen, ""
        return text

    def say(self, line):
        os.write(self.master, line.encode() + b"\n")
        self.wait_for(line)  # the terminal's own echo

    def press_ctrl_c(self):
        os.write(self.master, b"\x03")

    def press_ctrl_d(self):
        os.write(self.master, b"\x04")

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


def _own_terminal(slave):
    import fcntl
    import termios
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


@pytest.fixture
def chat(braid, default_model):
    terminal = Terminal(braid.command("chat", "--model-path", default_model, "--dtype", "float32",
                                      "--temperature", "0"))
    terminal.wait_until_quiet(quiet=3)
    yield terminal
    terminal.end()


def test_a_conversation(chat):
    chat.say("What is the capital of France?")
    assert "The capital of France is Paris." in chat.wait_until_quiet()
    chat.say("/system You answer in one word.")
    chat.wait_until_quiet()
    chat.say("/reset")
    chat.wait_until_quiet()
    chat.say("What is the capital of France?")
    assert "Paris" in chat.wait_until_quiet()
    chat.press_ctrl_d()
    assert chat.process.wait(timeout=20) == 0


def test_ctrl_c_stops_the_answer_and_not_the_program(chat):
    chat.say("Write a very long story about a dragon, a knight, and the sea.")
    chat.wait_for(" ", timeout=60)
    time.sleep(0.5)
    chat.press_ctrl_c()
    chat.wait_until_quiet()
    assert chat.process.poll() is None
    chat.say("/reset")
    chat.wait_until_quiet()
    chat.say("What is the capital of France?")
    assert "The capital of France is Paris." in chat.wait_until_quiet()
