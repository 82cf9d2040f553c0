#!/usr/bin/env python3
"""Writes a C++ source that holds the files of the page: embed_page.py OUTPUT FILE... Each is served under its name, without folders."""
import os
import sys

TYPES = {'.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
         '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon'}


def array(data):
    rows = [','.join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    return ',\n'.join(rows)


def main(output, *files):
    out = ['// Made by embed_page.py.', '#include "controlplane/app/page.hpp"', '', 'namespace sluice::app {', 'namespace {']
    table = []
    names = set()
    for number, path in enumerate(files):
        with open(path, 'rb') as f:
            data = f.read()
        out.append(f'const unsigned char file_{number}[] = {{{array(data) or 0}}};')
        name = os.path.basename(path)
        # Browsers refuse a module or a style sheet of another type (nosniff), so a file of an unknown kind is a mistake.
        if (kind := TYPES.get(os.path.splitext(name)[1])) is None:
            sys.exit(f'{path}: no content type for this extension')
        if name in names:
            sys.exit(f'{path}: there are two files of this name')
        names.add(name)
        table.append(f'    {{"{name}", "{kind}", {{reinterpret_cast<const char*>(file_{number}), {len(data)}}}}},')
    out += ['const admin::PageFile table[] = {', *table, '};', '}  // namespace', '',
            'std::span<const admin::PageFile> page() noexcept { return table; }', '', '}  // namespace sluice::app', '']
    with open(output, 'w') as f:
        f.write('\n'.join(out))


main(*sys.argv[1:])
