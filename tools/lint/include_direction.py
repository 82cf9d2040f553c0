#!/usr/bin/env python3
"""Fails when a folder includes from a folder that it must not know: ARCHITECTURE.md, "Folders and direction".

Also holds: quoted includes are paths from the root of the repository that exist; only the runtime folders of the data plane
include DPDK (rte_*). Usage: include_direction.py [ROOT]
"""
import pathlib
import re
import sys

RUNTIME = ["table", "port", "worker", "control", "telemetry"]
PLAIN = ["base", "wire", "abi", "srtp", "media"]

# folder -> folders that its files may include, beside itself. The longest matching folder decides.
ALLOWED = {
    "dataplane/base": [],
    "dataplane/wire": ["dataplane/base"],
    "dataplane/abi": ["dataplane/base", "dataplane/wire"],
    "dataplane/media": ["dataplane/base", "dataplane/wire"],
    "dataplane/srtp": ["dataplane/base"],
    **{f"dataplane/{name}": [f"dataplane/{other}" for other in PLAIN + RUNTIME] + ["config"] for name in RUNTIME},
    "dataplane/app": [f"dataplane/{name}" for name in PLAIN + RUNTIME] + ["config"],
    "config": ["dataplane/base"],
    "signaling": ["dataplane/base", "dataplane/wire"],
    "controlplane": ["dataplane/base", "dataplane/wire", "dataplane/abi", "signaling", "config"],
    # Clients of the two planes: sluicectl speaks their protocols, the load generator is a WebRTC peer.
    "tools": ["dataplane/base", "dataplane/wire", "dataplane/abi", "dataplane/srtp", "dataplane/media", "signaling", "config",
              "controlplane/core", "controlplane/dpclient", "controlplane/ice", "controlplane/dtls",
              # The layout of the state segment, for tests; it links no DPDK.
              "dataplane/telemetry"],
    # Tests and benchmarks may know everything; nothing may know them.
    "tests": ["dataplane", "controlplane", "signaling", "config", "tools"],
    "perf": ["dataplane", "controlplane", "signaling", "config", "tools"],
}
MAY_INCLUDE_DPDK = [f"dataplane/{name}" for name in RUNTIME + ["app"]] + ["tests", "perf"]
NEVER_INCLUDED = ["dataplane/app", "controlplane/app", "tests", "perf"]

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')


def within(path, folder):
    return path == folder or path.startswith(folder + "/")


def folder_of(path):
    return max((folder for folder in ALLOWED if within(path, folder)), key=len, default=None)


def complaint(root, file, kind, target):
    """What is wrong with `file` including `target`, or None."""
    if target.startswith("rte_"):
        return None if any(within(file, folder) for folder in MAY_INCLUDE_DPDK) else "only the runtime folders of the data plane include DPDK"
    if kind == "<":
        return None
    if not (root / target).is_file():
        # Generated headers are the one exception; they live in the build tree under the same path.
        return None if target.endswith((".inc", "_generated.hpp")) else "not a path from the root of the repository"
    for folder in NEVER_INCLUDED:
        inside = within(file, folder) or any(within(file, test) for test in ("tests", "perf"))
        if within(target, folder) and not inside:
            return f"nothing depends on {folder}"
    here = folder_of(file)
    if here is None:
        return "a file outside the known folders"
    # The folders of the control plane and of signaling are one library family each.
    if within(target, here) or any(within(target, folder) for folder in ALLOWED[here]):
        return None
    return f"{here} may include only {', '.join(ALLOWED[here]) or 'itself'}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    wrong = 0
    for top in sorted({folder.split("/")[0] for folder in ALLOWED}):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".hpp", ".cpp", ".h", ".c") or "node_modules" in path.parts:
                continue
            file = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                why = match and complaint(root, file, match[1], match[2])
                if why:
                    wrong += 1
                    print(f"{file}:{number}: {match[2]}: {why}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
