"""Runs a program written for Towhee, unedited: `import towhee` finds pipilo.

usage: python -m pipilo.towhee SCRIPT [ARGUMENT...]
       python -m pipilo.towhee -m MODULE [ARGUMENT...]
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from .alias import as_towhee


def main(arguments: list[str]) -> int:
    """Runs the program as `__main__`; 2 for a wrong call, else what the program exits with."""
    if not arguments or arguments[0] in ("-h", "--help") or arguments == ["-m"]:
        print(__doc__.split("\n\n", 1)[1].strip(), file=sys.stderr)
        return 2
    as_towhee()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path.insert(0, "")
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    script = Path(arguments[0])
    if not script.exists():
        print(f"python -m pipilo.towhee: {script}: no such file", file=sys.stderr)
        return 2
    sys.argv = arguments
    sys.path.insert(0, str(script.parent.resolve()))
    runpy.run_path(str(script), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
