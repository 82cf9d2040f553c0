#!/usr/bin/env python3
"""g++-12 takes dataplane/ and signaling/ too: usage: second_compiler.py [--build DIR]

A second opinion on the language and on warnings (docs/decisions/004-clang-19.md); nothing is generated. In the units of tidy.py.
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys

import compile_commands
import tidy
from compile_commands import ROOT

COMPILER = "g++-12"
# Said of any .cpp file that another one includes.
OF_UNITS = ("-Wno-subobject-linkage",)


def compile_unit(unit):
    """The compiler's complaint, or an empty text."""
    text = "".join(f'#include "{source.path}"\n' for source in unit)
    done = subprocess.run([COMPILER, "-fsyntax-only", "-x", "c++", *unit[0].flags, *OF_UNITS, "-"], input=text, cwd=ROOT, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description="g++-12 takes dataplane/ and signaling/ too")
    parser.add_argument("--build", default="build", help="a tree that meson has set up")
    options = parser.parse_args()
    units = list(tidy.units(compile_commands.read(options.build), ["dataplane", "signaling"]))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = [complaint for complaint in pool.map(compile_unit, units) if complaint]
    print("\n".join([*complaints, f"{COMPILER}: {sum(map(len, units))} files, {len(complaints)} of {len(units)} units refused"]))
    return 1 if complaints or not units else 0


if __name__ == "__main__":
    sys.exit(main())
