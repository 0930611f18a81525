#!/usr/bin/env python3
"""The files of the server's page as a C file, so that they are part of the library.

usage: page.py OUT FILE...
"""
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".wasm": "application/wasm",
}


def main(out, names):
    files = sorted(pathlib.Path(name) for name in names)
    lines = ["// Made by tools/page.py.", '#include "page.h"', ""]
    for number, file in enumerate(files):
        data = file.read_bytes()
        lines.append(f"static const unsigned char file_{number}[] = {{")
        lines += [",".join(map(str, data[i : i + 24])) + "," for i in range(0, len(data), 24)]
        lines.append("0};")
    lines.append("const struct page_file page_files[] = {")
    for number, file in enumerate(files):
        kind = TYPES[file.suffix]
        lines.append(f'{{"{file.name}", "{kind}", file_{number}, sizeof file_{number} - 1}},')
    lines += ["{0}", "};", ""]
    pathlib.Path(out).write_text("\n".join(lines), encoding="ascii")


main(sys.argv[1], sys.argv[2:])
