"""What meson's compile_commands.json says about our own sources, for tidy.py and headers.py."""
import json
import os
import pathlib
import re
import shlex
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Options that name an output or a dependency file, and the word after them; options that change nothing that a check can see.
WITH_VALUE = ("-o", "-MF", "-MQ", "-c")
WITHOUT_EFFECT = ("-MD", "-fcolor-diagnostics", "-O3", "-g1")


UNITY = re.compile(r"-unity\d+\.cpp$")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


class Source(NamedTuple):
    path: str  # from the root of the repository
    target: str
    flags: tuple[str, ...]  # with absolute paths: they hold in any working directory
    first: bool  # nothing stands before it in its translation unit


def flags_of(command, directory):
    flags, words = [], iter(shlex.split(command)[1:])
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif word in WITHOUT_EFFECT:
            continue
        elif word.startswith("-I"):
            # Quoted includes are paths from the root, of the sources or of the build tree; the others are meson's, one a target.
            folder = pathlib.Path(os.path.normpath(directory / word[2:]))
            if folder in (ROOT, directory):
                flags.append(f"-I{folder}")
        else:
            flags.append(word)
    return tuple(flags)


def read(build):
    """The sources of ours that the tree compiles, each once. Where meson puts several into one unit, those are named."""
    directory = (ROOT / build).resolve()
    sources = {}
    for entry in json.loads((directory / "compile_commands.json").read_text(encoding="utf-8")):
        unit = pathlib.Path(os.path.normpath(directory / entry["file"]))
        parts = [unit]
        if UNITY.search(unit.name):
            parts = [pathlib.Path(os.path.normpath(directory / name)) for name in INCLUDE.findall(unit.read_text(encoding="utf-8"))]
        for part in parts:
            if ROOT not in part.parents or directory in part.parents:
                continue
            name = part.relative_to(ROOT).as_posix()
            target = entry.get("output", "").split(".p/")[0]
            source = Source(name, target, flags_of(entry["command"], directory), part == parts[0])
            known = sources.get(name)
            if known is None or source.first and not known.first:
                sources[name] = source
    return list(sources.values())
