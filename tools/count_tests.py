#!/usr/bin/env python3
"""Prints "passed failed" of a JUnit file, and each failed test's output on stderr, so that a log alone shows what broke.
A test that should have run and did not has failed. A skipped or disabled test counts as neither, and is named."""

import re
import sys
import xml.etree.ElementTree as ElementTree

MAX_LINES = 15
MAX_COLUMNS = 300
# What GoogleTest prints around every test.
FRAME = re.compile(r"\[[-=]+\]|\[ RUN |\[  (PASSED|FAILED) |Note: Google Test filter|Running main\(\)| *\d+ FAILED TESTS?$")


def message(case):
    """The lines of the failure: pytest and GoogleTest have them in the element's message, CTest in the output."""
    for tag in ("failure", "error"):
        found = case.find(tag)
        if found is None:
            continue
        if found.get("message"):
            place = (found.text or "").strip().splitlines()[-1:]  # pytest ends with "file.py:12: AssertionError"
            return found.get("message").splitlines()[:MAX_LINES] + place
    output = case.findtext("system-out") or ""
    return [line for line in output.splitlines() if line.strip() and not FRAME.match(line)][:MAX_LINES]


def is_skipped(case):
    """CTest reports a test that skipped itself and one whose program is missing with the same status."""
    found = case.find("skipped")
    return found is not None and (case.get("status") != "notrun" or found.get("message", "").startswith("SKIP_"))


def has_failed(case):
    return (case.find("failure") is not None or case.find("error") is not None or
            case.get("status") in ("fail", "notrun") and not is_skipped(case))


def main():
    passed = failed = 0
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        classname, name = case.get("classname"), case.get("name")
        if classname != name:  # CTest says the name twice
            name = f"{classname} {name}"
        if has_failed(case):
            failed += 1
            print(f"FAILED: {name} ({float(case.get('time', 0)):.1f} s)", *(line[:MAX_COLUMNS] for line in message(case)),
                  sep="\n    ", file=sys.stderr)
        elif is_skipped(case) or case.get("status") == "disabled":
            print(f"not run: {name}", file=sys.stderr)
        else:
            passed += 1
    print(passed, failed)


if __name__ == "__main__":
    main()
