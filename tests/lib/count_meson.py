#!/usr/bin/env python3
"""Prints "PASSED FAILED SKIPPED" of one `meson test --logbase NAME` run, then the name of each failed test, a line each.

Every case of a GoogleTest program counts, and any other program as one.

Usage: count_meson.py TREE/meson-logs/NAME
"""
import json
import sys
import xml.etree.ElementTree as xml

BAD = ("FAIL", "TIMEOUT", "INTERRUPT", "ERROR", "UNEXPECTEDPASS")


def cases(path):
    """Yields (program, name of the case, "passed" | "failed" | "skipped") from the JUnit file."""
    try:
        suites = xml.parse(path).getroot().iter("testsuite")
    except (OSError, xml.ParseError):
        return
    for suite in suites:
        # meson calls a GoogleTest suite "PROJECT.PROJECT:GROUP / PROGRAM.SUITE", and puts all other programs into "PROJECT".
        _, _, program_and_suite = suite.get("name", "").partition(" / ")
        for case in suite.iter("testcase"):
            name = case.get("name", "")
            program, _, suite_name = program_and_suite.partition(".")
            if not program:
                program = name = name.split(" / ")[-1]
            elif suite_name:
                name = f"{suite_name}.{name}"
            if case.find("failure") is not None or case.find("error") is not None:
                yield program, name, "failed"
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                yield program, name, "skipped"
            else:
                yield program, name, "passed"


def main():
    base = sys.argv[1]
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failed = []
    failed_programs = set()
    for program, name, outcome in cases(f"{base}.junit.xml"):
        counts[outcome] += 1
        if outcome == "failed":
            failed.append(name)
            failed_programs.add(program)
    try:
        with open(f"{base}.json", encoding="utf-8") as file:
            results = [json.loads(line) for line in file if line.strip()]
    except OSError:
        results = []
    for result in results:
        # A program that crashed or was not built has no failed case in the JUnit file.
        program = result["name"].split(" / ")[-1].strip()
        if result["result"] in BAD and program not in failed_programs:
            counts["failed"] += 1
            failed.append(f"{program} ({result['result'].lower()})")
    print(*counts.values())
    print(*failed, sep="\n", end="\n" if failed else "")


if __name__ == "__main__":
    main()
