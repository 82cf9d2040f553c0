#!/usr/bin/env python3
"""Writes the next version of the ABI as a later change would make it: next_abi.py IN OUT.

IN is dataplane/abi/types.hpp or messages.hpp. Fields are appended and the version is raised, as the append-only rule allows; nothing in
the product knows of it. Fails when the header no longer looks as expected, so that the fake cannot quietly become the present version.
"""
import re
import sys

source, target = sys.argv[1:]
text = open(source, encoding="utf-8").read()


def replace(pattern, replacement):
    global text
    text, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
    if count != 1:
        sys.exit(f"{source}: found {count} times instead of once: {pattern}")


def append(struct):
    replace(rf"(struct {struct} \{{.*?\n)(\}};)", r"\1    std::uint64_t fake_next = 0;\n\2")


if source.endswith("types.hpp"):
    current = int(re.search(r"abi_current = (\d+);", text).group(1))
    replace(r"abi_current = \d+;", f"abi_current = {current + 1};")
    replace(r"abi_oldest = \d+;", f"abi_oldest = {current};")  # N and N-1
else:
    for name in ("TransportSpec", "SourceSpec", "LegSpec", "BlobSpec", "Hello"):
        append(name)

open(target, "w", encoding="utf-8").write(text)
