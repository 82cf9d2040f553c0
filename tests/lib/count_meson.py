#!/usr/bin/env python3
"""Prints "PASSED FAILED SKIPPED" of one `meson test --logbase NAME` run: the cases of each GoogleTest program, and one for any other.

Usage: count_meson.py TREE/meson-logs/NAME
"""
import json
import sys
import xml.etree.ElementTree as xml


def cases_by_program(path):
    """Program name -> (passed, failed, skipped), from the JUnit file."""
    counts = {}
    try:
        suites = xml.parse(path).getroot().iter("testsuite")
    except (OSError, xml.ParseError):
        return counts
    for suite in suites:
        for case in suite.iter("testcase"):
            failed = case.find("failure") is not None or case.find("error") is not None
            skipped = case.find("skipped") is not None or case.get("status") == "notrun"
            # meson calls a GoogleTest suite "PROGRAM.SUITE".
            program = suite.get("name", "").split(".")[0]
            p, f, s = counts.get(program, (0, 0, 0))
            counts[program] = (p + (not failed and not skipped), f + failed, s + (skipped and not failed))
    return counts


def main():
    base = sys.argv[1]
    junit = cases_by_program(f"{base}.junit.xml")
    passed, failed, skipped = (sum(column) for column in zip(*junit.values())) if junit else (0, 0, 0)
    failed_programs = {name for name, (_, f, _) in junit.items() if f}
    try:
        with open(f"{base}.json", encoding="utf-8") as file:
            results = [json.loads(line) for line in file if line.strip()]
    except OSError:
        results = []
    for result in results:
        # A program that crashed, timed out or was not built has no failed case in the JUnit file.
        name = result["name"].split(":")[-1].split(" / ")[-1].strip()
        if result["result"] in ("FAIL", "TIMEOUT", "INTERRUPT", "ERROR", "UNEXPECTEDPASS") and name not in failed_programs:
            failed += 1
    print(passed, failed, skipped)


if __name__ == "__main__":
    main()
