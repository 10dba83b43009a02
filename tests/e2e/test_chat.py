"""braid chat in a terminal: history, /reset, /system, and Ctrl-C, which stops the answer but not the program."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

PROMPT = "\n> "
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Terminal:
    """A program with its own terminal; tests read it until an expected text appears."""

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
        except OSError:  # the program has closed the terminal
            return False
        self.seen += ESCAPES.sub("", data.decode("utf-8", "replace"))
        return bool(data)

    def wait_for(self, text, timeout=60):
        """The output up to the end of `text`, which is then dropped."""
        deadline = time.monotonic() + timeout
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} did not appear in {self.seen!r}"
            self._read(min(left, 0.2))
        before, self.seen = self.seen.split(text, 1)
        return before + text

    def say(self, line):
        os.write(self.master, line.encode() + b"\n")
        self.wait_for(line + "\n")  # the terminal's own echo

    def ask(self, line):
        """The output up to the next prompt."""
        self.say(line)
        return self.wait_for(PROMPT).removesuffix(PROMPT).strip()

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
    try:
        terminal.wait_for(PROMPT)
        yield terminal
    finally:
        terminal.end()


def test_a_conversation(chat):
    question = "What is the capital of France?"
    assert chat.ask(question) == "The capital of France is Paris."
    chat.ask("My name is Ferdinand.")
    assert "Ferdinand" in chat.ask("What is my name?")
    chat.ask("/reset")
    assert chat.ask(question) == "The capital of France is Paris."
    chat.ask("/reset")
    assert "Ferdinand" not in chat.ask("What is my name?")
    chat.ask("/system Your name is Griselda.")
    assert "Griselda" in chat.ask("What is your name?")
    assert "/reset" in chat.ask("/nonsense")
    chat.press_ctrl_d()
    assert chat.process.wait(timeout=20) == 0


def test_ctrl_c_stops_the_answer_and_not_the_program(chat):
    chat.say("Write a very long story about a dragon, a knight, and the sea.")
    chat.wait_for(" ")
    chat.press_ctrl_c()
    assert PROMPT in chat.wait_for(PROMPT, timeout=10)
    assert chat.process.poll() is None
    chat.ask("/reset")
    assert chat.ask("What is the capital of France?") == "The capital of France is Paris."


def test_an_invalid_message_leaves_no_trace_in_the_history(braid, tiny_model):
    lines = b"\xff\xfe\n  \n" + b"word " * 2000 + b"\nself\n"
    done = subprocess.run(braid.command("chat", "--model-path", tiny_model, "--max-new-tokens", 4), input=lines,
                          capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.count(b"error: ") == 2 and b"UTF-8" in done.stdout and b"512" in done.stdout
