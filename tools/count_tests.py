#!/usr/bin/env python3
"""Prints "passed failed" of a JUnit file. A test that should have run and did not has failed; a skipped or disabled one
counts as neither, and is named."""

import sys
import xml.etree.ElementTree as ElementTree


def main():
    passed = failed = 0
    for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
        name = f"{case.get('classname')} {case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") in ("fail", "notrun"):
            failed += 1
            print(f"FAILED: {name}", file=sys.stderr)
        elif case.find("skipped") is not None or case.get("status") == "disabled":
            print(f"not run: {name}", file=sys.stderr)
        else:
            passed += 1
    print(passed, failed)


if __name__ == "__main__":
    main()
