#!/usr/bin/env python3
"""The files that the server gives out as a C file, so that they are part of the library.

usage: page.py OUT FILE...
"""
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
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
    entries = {
        file.name: f'{{"{file.name}", "{TYPES[file.suffix]}", file_{n}, sizeof file_{n} - 1}}'
        for n, file in enumerate(files)
    }
    openapi = entries.pop("openapi.json")
    lines += [entry + "," for entry in entries.values()]
    lines += ["{0}", "};", f"const struct page_file openapi_file = {openapi};", ""]
    pathlib.Path(out).write_text("\n".join(lines), encoding="ascii")


main(sys.argv[1], sys.argv[2:])
