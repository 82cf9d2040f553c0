#!/usr/bin/env python3
"""Every header of ours compiles on its own: usage: headers.py [--build DIR]

A header that is the first thing in a translation unit, or the first thing in such a header, is shown to by the ordinary build.
So x.cpp must include x.hpp first, and only the headers that nothing includes first are compiled here, with the options of a
source that includes them. Needs only a tree that meson has set up.
"""
import argparse
import concurrent.futures
import os
import re
import subprocess
import sys

import compile_commands
from compile_commands import ROOT

COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
FIRST = re.compile(r'\s*(?:#\s*pragma once\s*|#\s*ifndef (\w+)\s*#\s*define \1\s*)?#\s*include\s*["<]([^">]+)[">]')
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
ANY_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def text_of(path):
    return COMMENT.sub("", (ROOT / path).read_text(encoding="utf-8"))


def first_include(path):
    """What stands at the very top of a file; None when anything but comments stands before it."""
    match = FIRST.match(text_of(path))
    return match and match[2]


def our_headers():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.hpp", "*.h"],
                            cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return sorted(path for path in listed if (ROOT / path).is_file())


def shown_by_the_build(headers, sources):
    """The headers at the top of a translation unit, and those at the top of these."""
    shown, pending = set(), [first_include(source.path) for source in sources if source.first]
    while pending:
        header = pending.pop()
        if header in headers and header not in shown:
            shown.add(header)
            pending.append(first_include(header))
    return shown


def not_first(headers, sources):
    """Complaints about x.cpp that includes x.hpp, but another header before it. (A macro may stand before: then x.hpp is compiled here.)"""
    for source in sources:
        own = source.path.removesuffix(".cpp") + ".hpp"
        includes = ANY_INCLUDE.findall(text_of(source.path))
        if own in headers and own in includes and includes[0] != own:
            yield f"{source.path}: does not include {own} first"


def users(headers, sources):
    """header -> a source that includes it, by itself or by another header."""
    found = {}
    pending = [(source.path, source) for source in sources]
    while pending:
        path, source = pending.pop(0)
        for header in INCLUDE.findall(text_of(path)):
            if header in headers and header not in found:
                found[header] = source
                pending.append((header, source))
    return found


def compile_alone(header, source):
    """The compiler's complaint, or an empty text. The header is included, for it may be asked whether it is the main file."""
    done = subprocess.run(["clang++-19", "-fsyntax-only", "-x", "c++", *source.flags, "-"], input=f'#include "{header}"\n',
                          cwd=ROOT, capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description="every header of ours compiles on its own")
    parser.add_argument("--build", default="build", help="a tree that meson has set up")
    options = parser.parse_args()
    headers, sources = our_headers(), compile_commands.read(options.build)
    complaints = list(not_first(headers, sources))
    shown, used = shown_by_the_build(headers, sources), users(headers, sources)
    rest = [header for header in headers if header not in shown]
    complaints += [f"{header}: no source of build.ninja includes it" for header in rest if header not in used]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled = [header for header in rest if header in used]
        for header, complaint in zip(compiled, pool.map(lambda header: compile_alone(header, used[header]), compiled)):
            if complaint:
                complaints.append(f"{header}: does not compile on its own:\n{complaint}")
    print("\n".join(complaints + [f"headers: {len(headers)}, {len(shown)} shown by the build, {len(compiled)} compiled alone, "
                                  f"{len(complaints)} complaints"]))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
