"""Nothing is left behind (leaks.py). tools/python_sanitize.sh has a debug build of Python count the
references, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")
DEPS = Path(os.environ.get("PIPILO_DEPS", ".deps"))
PHOTOS = sorted((DEPS / "photos").glob("*"), key=lambda path: path.stat().st_size)[:1]
SCRIPT = Path(__file__).with_name("leaks.py")


def run(python, *arguments, **kws):
    return subprocess.run([python, *map(str, arguments)], capture_output=True, text=True, timeout=600,
                          check=False, **kws)


def test_counts():
    done = run(sys.executable, SCRIPT, *PHOTOS)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_check_sees_leaks(tmp_path):
    """One object kept each time, one reference too many."""
    script = tmp_path / "leaking.py"
    script.write_text(
        f"import sys; sys.argv[1:] = []; sys.path.insert(0, {os.fspath(SCRIPT.parent)!r})\n"
        "import leaks\nkept = []\n"
        "def keeps():\n    kept.append([])\n"
        "def keeps_values():\n    kept.append(leaks.pipe.input('x').map('x', 'y', id).output('y'))\n"
        "print(sorted(leaks.leaks(keeps)), sorted(leaks.leaks(keeps_values)))\n")
    done = run(sys.executable, script)
    assert "'objects'" in done.stdout and "'pipelines'" in done.stdout, done.stderr
