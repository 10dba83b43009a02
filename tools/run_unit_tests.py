#!/usr/bin/env python3
"""Runs a preset's unit tests with CTest and writes build/PRESET/tests.xml, with one <testcase> for each test.

    tools/run_unit_tests.py ci [flags of ctest]

CTest runs each test program in a few shards and knows only those; the tests' own results are in the files that
GoogleTest writes (cmake/braid_gtest.cmake). A shard that crashes, hangs or is reported by a sanitizer counts as one
failure, which names the test that was running."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARD = re.compile(r"\w+_test\.\d+")
REPORT = re.compile(r"WARNING: \w+Sanitizer|ERROR: \w+Sanitizer|runtime error:|CHECK failed|terminate called")


def unit_test_case(case):
    """One test of a GoogleTest file, in the form that CTest has for its own tests."""
    name = f"{case.get('classname')}.{case.get('name')}"
    result = ElementTree.Element("testcase", name=name, classname=name, time=case.get("time", "0"), status="run")
    failures = [found.get("message") or found.text or "" for found in case.findall("failure")]
    if failures:
        ElementTree.SubElement(result, "failure", message="\n".join(failures))
        result.set("status", "fail")
    elif case.get("result") == "skipped":
        ElementTree.SubElement(result, "skipped")
    elif case.get("status") == "notrun":
        result.set("status", "disabled")
    return result


def crash_message(output):
    """What broke a shard none of whose tests failed: the test that was running, and its output from the report on."""
    lines = output.splitlines()
    runs = [i for i, line in enumerate(lines) if line.startswith("[ RUN ")]
    report = next((i for i, line in enumerate(lines) if REPORT.search(line)), None)
    running = max((i for i in runs if report is None or i < report), default=None)
    test = lines[running].split("]", 1)[1].strip() if running is not None else "no test"
    start = report if report is not None else running + 1 if running is not None else 0
    return "\n".join([f"while {test} was running:", *lines[start:]])


def shard_cases(entry, file):
    """The cases of one CTest entry. `file`: what GoogleTest wrote; it is missing after a crash."""
    is_bad = entry.get("status") in ("fail", "notrun")
    if not SHARD.fullmatch(entry.get("name")):
        return [entry]
    cases = [unit_test_case(case) for case in ElementTree.parse(file).iter("testcase")] if file.exists() else []
    if file.exists() and (not is_bad or any(case.get("status") == "fail" for case in cases)):
        return cases
    entry.set("status", "fail")
    for failure in entry.findall("failure"):
        entry.remove(failure)
    ElementTree.SubElement(entry, "failure", message=crash_message(entry.findtext("system-out") or ""))
    return [*cases, entry]


def main():
    preset, flags = sys.argv[1], sys.argv[2:]
    build = ROOT / "build" / preset
    results = build / "test-results"
    shards = build / "ctest.xml"
    shutil.rmtree(results, ignore_errors=True)
    for file in (shards, build / "tests.xml"):
        file.unlink(missing_ok=True)
    # One more than CPUs: some tests wait for a time limit to pass.
    command = ["ctest", "--preset", preset, "-j", str(os.cpu_count() + 1), "--quiet", "--no-tests=error",
               "--output-junit", shards.name, "--test-output-truncation", "head", *flags]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    suite = ElementTree.Element("testsuite", name=preset)
    for entry in ElementTree.parse(shards).iter("testcase"):
        suite.extend(shard_cases(entry, results / f"{entry.get('name')}.xml"))
    ElementTree.ElementTree(suite).write(build / "tests.xml", encoding="utf-8", xml_declaration=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
