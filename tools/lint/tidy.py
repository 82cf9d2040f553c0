#!/usr/bin/env python3
"""Runs clang-tidy over our sources that are not tests: usage: tidy.py [--build DIR] [--profile] [PATH...]

clang-tidy 19 spends its time in the headers of libraries, once more for every translation unit. So files that are compiled with
the same options are included into one unit. What such a unit cannot show, .clang-tidy leaves out. What cannot stand beside
others (two meanings of one name) is in APART; a unit that newly does not compile is done file by file and named, so nothing
goes unseen.

Needs only a tree that meson has set up. With PATH only files below those. Any finding: exit code 1.
"""
import argparse
import collections
import concurrent.futures
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import compile_commands
from compile_commands import ROOT

TIDY = "clang-tidy-19"
# What runs on a user's machine; tests and benchmarks are left to the compiler's warnings and the sanitizers.
TOPS = ("config", "controlplane", "dataplane", "signaling", "tools")
TEST = re.compile(r"(_test|_fuzz|/test_\w+)\.cpp$")

# A file: a unit of its own. A folder: not put together with other folders.
APART = {
    "dataplane/control/reassembly.cpp": "ALLOW_EXPERIMENTAL_API before the headers of DPDK",
    "dataplane/port/kernel_interface.cpp": "net/if.h against linux/if.h",
    "dataplane/srtp": "intel-ipsec-mb.h against openssl/sha.h",
    "dataplane/srtp/hmac.cpp": "openssl/sha.h against intel-ipsec-mb.h",
    "dataplane/srtp/libsrtp_engine.cpp": "usable_suite of both engines",
    "signaling/http/request_reader.cpp": "switches the assertions of Boost off",
    "signaling/sdp/parse_media.cpp": "its quoted against that of iomanip",
}
# Options in which units need not agree.
NO_MATTER = ("-fPIC", "-pthread")
LARGEST = 40  # files; more make no unit cheaper, and one core would wait for the other

FINDING = re.compile(r"^(?P<path>[^:\s]+):(?P<line>\d+):(?P<column>\d+): (?:warning|error): .* \[(?P<checks>[\w.,-]+)\]$")


def units(sources, paths):
    """Lists of sources that can be one translation unit."""
    grouped = collections.defaultdict(list)
    for source in sources:
        top, folder = source.path.split("/")[0], os.path.dirname(source.path)
        if top not in TOPS or TEST.search(source.path) or source.target.endswith("_test") or not source.path.endswith(".cpp"):
            continue
        if paths and not any(source.path == path or source.path.startswith(path + "/") for path in paths):
            continue
        apart = next((key for key in (source.path, folder) if key in APART), None)
        grouped[(apart, frozenset(source.flags) - set(NO_MATTER))].append(source)
    for group in grouped.values():
        group.sort()
        pieces = math.ceil(len(group) / LARGEST)
        yield from (group[len(group) * i // pieces : len(group) * (i + 1) // pieces] for i in range(pieces))


def run_tidy(unit, scratch, profile):
    file = pathlib.Path(tempfile.mkstemp(suffix=".cpp", dir=scratch)[1])
    file.write_text("".join(f'#include "{ROOT / source.path}"\n' for source in unit), encoding="utf-8")
    command = [TIDY, "--quiet", f"--config-file={ROOT / '.clang-tidy'}", f"--header-filter=^{re.escape(str(ROOT))}/({'|'.join(TOPS)})/"]
    if profile:
        command += ["--enable-check-profile", f"--store-check-profile={scratch}"]
    done = subprocess.run([*command, str(file), "--", "-x", "c++", *unit[0].flags], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def check_unit(unit, scratch, profile):
    """The outputs of one unit, or of its files where they cannot be one."""
    done = run_tidy(unit, scratch, profile)
    if len(unit) > 1 and "[clang-diagnostic-error]" in done[1]:
        names = " ".join(source.path for source in unit)
        return [run_tidy([source], scratch, profile) for source in unit], f"not one unit, so file by file: {names}"
    return [done], None


def findings_in(output):
    """(key, text) of each finding with its notes; the same header is seen by many units."""
    key, lines = None, []
    for line in output.splitlines():
        match = FINDING.match(line)
        if match:
            if lines:
                yield key, "\n".join(lines)
            key, lines = (match["path"], match["line"], match["column"], match["checks"]), []
        if key:
            lines.append(line.replace(f"{ROOT}/", ""))
    if lines:
        yield key, "\n".join(lines)


def print_profile(scratch):
    seconds = collections.Counter()
    for file in pathlib.Path(scratch).glob("*.json"):
        for name, value in json.loads(file.read_text(encoding="utf-8"))["profile"].items():
            check, kind = name.removeprefix("time.clang-tidy.").rsplit(".", 1)
            seconds[check] += value if kind in ("user", "sys") else 0
    for check, value in seconds.most_common(40):
        print(f"{value:8.1f} s  {check}")


def main():
    parser = argparse.ArgumentParser(description="clang-tidy over our sources that are not tests")
    parser.add_argument("--build", default="build", help="a tree that meson has set up")
    parser.add_argument("--profile", action="store_true", help="print the CPU seconds of each check")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="only files below these")
    options = parser.parse_args()
    paths = [pathlib.Path(path).resolve().relative_to(ROOT).as_posix() for path in options.paths]
    work = list(units(compile_commands.read(options.build), [path for path in paths if path != "."]))
    if not work:
        print("tidy: no source of ours below these paths", file=sys.stderr)
        return 2

    seen, failed, count = set(), False, 0
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # The large ones first: no core waits for a last long one.
        started = {pool.submit(check_unit, unit, scratch, options.profile): unit for unit in sorted(work, key=len, reverse=True)}
        for future in concurrent.futures.as_completed(started):
            unit = started[future]
            results, remark = future.result()
            count += 1
            folders = " ".join(sorted({os.path.dirname(source.path) for source in unit}))
            print(f"tidy {count}/{len(work)} {folders if len(unit) > 1 else unit[0].path} ({len(unit)} files)", flush=True)
            if remark:
                print(f"tidy: {remark}")
            for code, output, errors in results:
                for key, text in findings_in(output):
                    if key not in seen:
                        print(text, flush=True)
                        seen.add(key)
                # A crash, or a configuration that it does not read, must not look like a clean file.
                if code != 0 and not any(findings_in(output)):
                    print(errors)
                    failed = True
        if options.profile:
            print_profile(scratch)
    for path, line, _, checks in sorted(seen):
        print(f"{path.removeprefix(f'{ROOT}/')}:{line}: {checks.replace(',-warnings-as-errors', '')}")
    print(f"tidy: {len(seen)} findings in {sum(map(len, work))} files, {len(work)} units")
    return 1 if seen or failed else 0


if __name__ == "__main__":
    sys.exit(main())
