"""The name towhee: every alias leads somewhere, programs run unedited."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from pipilo import alias

CAPTURED = {"capture_output": True, "text": True, "timeout": 240}

PROGRAM = """
import sys
import towhee
from towhee.runtime.data_queue import DataQueue, ColumnType, Empty
from towhee.operator import PyOperator, SharedType
from towhee.datacollection import DataCollection
import towhee.datacollection.data_collection as dc
from towhee.types import arg, to_image_color
from towhee import ops, register, AutoConfig, DataLoader
from towhee.runtime import ops as ops2

import pipilo.data_queue, pipilo.datacollection.data_collection
assert DataQueue is pipilo.data_queue.DataQueue
assert dc is pipilo.datacollection.data_collection
assert dc.__name__ == dc.__spec__.name == "pipilo.datacollection.data_collection"
assert towhee.ops is ops is ops2
assert towhee.types.arg is arg and towhee._types.arg is arg
assert towhee.runtime.ops is ops
try:
    import towhee.models
except ModuleNotFoundError as e:
    assert "pipilo" in str(e)
else:
    raise SystemExit("towhee.models")
try:
    towhee.no_such_name
except AttributeError:
    pass
print(__name__, sys.argv[1:])
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def run(*arguments, **options):
    command = [sys.executable, "-m", "pipilo.towhee", *map(str, arguments)]
    return subprocess.run(command, check=False, **CAPTURED, **options)


def test_a_program_runs_unedited(program):
    done = run(program, "one", "--two")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "__main__ ['one', '--two']\n"


def test_a_module_runs_unedited(program):
    done = run("-m", "program", "x", cwd=program.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "__main__ ['x']\n"


def test_wrong_calls(tmp_path):
    for arguments in ([], ["-m"], ["--help"]):
        done = run(*arguments)
        assert done.returncode == 2 and "usage:" in done.stderr
    assert "no such file" in run(tmp_path / "none.py").stderr


def test_the_real_one_is_not_overlaid():
    code = "import sys, types; sys.modules['towhee'] = types.ModuleType('towhee')\n"
    code += "sys.modules['towhee'].__file__ = 'x'\n"
    code += "from pipilo.alias import as_towhee\n"
    code += "try:\n    as_towhee()\nexcept RuntimeError as e:\n    print(e)\n"
    done = subprocess.run([sys.executable, "-c", code], check=False, **CAPTURED)
    assert "already imported" in done.stdout, done.stderr


def test_nothing_heavy_is_imported():
    code = (
        "import sys, pipilo, pipilo.types, pipilo.datacollection, pipilo.serve.api_service\n"
        "import pipilo.visualizer, pipilo.auto_config, pipilo.auto_pipes, pipilo.operator.loader\n"
        "pipilo.pipe.input('a').map('a', 'b', lambda a: a + 1).output('b')(1)\n"
        "print([m for m in ('numpy', 'pydantic', 'towhee', 'logging') if m in sys.modules])\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, **CAPTURED)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("name, target", sorted(alias.MODULES.items()))
def test_modules_exist(name, target):
    if find_spec("numpy") is None and "types." in target:
        pytest.skip("needs numpy")
    assert import_module(target).__doc__


OUTSIDE = {"cv2", "PIL", "fastapi", "uvicorn"}


@pytest.mark.parametrize(
    "module, name, target",
    [(m, n, t) for m, names in sorted(alias.VIEWS.items()) for n, t in sorted(names.items())],
)
def test_views_exist(module, name, target):
    outside = target.split(":")[0].split(".")[0]
    if outside in OUTSIDE and find_spec(outside) is None:
        pytest.skip(f"needs {outside}")
    assert alias._resolve(target) is not None


def test_the_migration_page_names_every_module():
    page = Path(__file__).parents[2] / "docs" / "migration.md"
    text = page.read_text()
    missing = [n for n in {*alias.MODULES, *alias.VIEWS} if f"`{n}`" not in text]
    assert not missing
