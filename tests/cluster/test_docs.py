"""docs/cluster.md names messages that the program prints."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_every_message_of_the_page_is_in_the_program(braid):
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `(.+?)` \|", page[page.index("## When something is wrong"):], re.MULTILINE)
    assert len(messages) > 8
    program = pathlib.Path(braid).read_bytes()
    assert [message for message in messages if message.encode() not in program] == []


OTHERS_FLAGS = {"--bind-to", "--mpi", "--shm-size", "--nodes", "--ntasks-per-node"}  # mpirun's, srun's, docker's


def test_every_flag_of_the_page_is_one_of_the_program(braid):
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", page)) - OTHERS_FLAGS
    commands = (["rank"], ["doctor"], ["bench", "serving"])  # the first two have all of serve's
    known = "".join(subprocess.run([braid, *command, "--help"], capture_output=True, text=True, check=True).stdout
                    for command in commands)
    assert {flag for flag in flags if flag not in known} == set()


def test_every_file_of_the_page_is_there():
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    files = re.findall(r"\]\((?!http|#)([^)#]+)\)", page)
    assert len(files) > 5
    assert [path for path in files if not (ROOT / "docs" / path).exists()] == []
