#!/usr/bin/env python3
"""Asks Towhee itself for the answers to tests/python/golden/cases.py and writes answers.json.

usage: record_towhee.py --python PYTHON --head FOLDER

  --python PYTHON   an interpreter in whose environment towhee 1.1.3 is installed
  --head FOLDER     a checkout of Towhee's last public state, which was never released

Both are asked. Where they differ the checkout's answer is taken, and the other is noted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "python" / "golden"


def ask_here() -> None:
    """Prints the answers of the towhee that this interpreter imports."""
    sys.path.insert(0, str(GOLDEN))
    from answer import answer, names
    from cases import CASES

    seen = names("towhee")
    found = {name: answer(code, calls, seen) for name, code, calls in CASES}
    sys.stdout.write("\n" + json.dumps(found) + "\n")
    sys.stdout.flush()
    os._exit(0)  # Towhee's threads may still wait for runs that failed


def ask(python: str, folder: str | None) -> dict:
    """The answers of one Towhee."""
    environment = {**os.environ, "PYTHONPATH": folder or "", "PYTHONWARNINGS": "ignore"}
    command = [python, str(Path(__file__).resolve()), "--here"]
    done = subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().rsplit("\n", 1)[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--python", help="an interpreter with towhee 1.1.3")
    parser.add_argument("--head", help="a checkout of Towhee's last public state")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        ask_here()
    if not options.python or not options.head:
        parser.error("--python and --head are needed")
    released, head = ask(options.python, None), ask(options.python, options.head)
    recorded = []
    sys.path.insert(0, str(GOLDEN))
    from cases import CASES

    for name, code, calls in CASES:
        entry = {
            "name": name,
            "code": code,
            "calls": calls if calls is None else [repr(c) for c in calls],
        }
        entry["answers"] = head[name]
        if released[name] != head[name]:
            entry["released"] = released[name]
        recorded.append(entry)
    lines = ",\n".join(json.dumps(entry) for entry in recorded)
    (GOLDEN / "answers.json").write_text(f"[\n{lines}\n]\n")
    differ = sum("released" in entry for entry in recorded)
    print(f"{len(recorded)} cases, {differ} in which the two differ")


if __name__ == "__main__":
    main()
