"""The package as it is installed: one extension for the stable ABI, imported quickly; and what a
pipeline says of itself."""

import subprocess
import sys
from pathlib import Path

import pytest

import pipilo
from pipilo import ops, pipe

# Each of them takes milliseconds, numpy a hundred.
LATE = ("numpy", "openvino", "PIL", "asyncio", "traceback", "typing", "re", "threading", "contextlib",
        "json", "pathlib", "logging", "importlib.metadata", "pipilo.batch", "pipilo.types")
FRESH = f"""
import sys
for name in {LATE}:
    sys.modules.pop(name, None)
import pipilo
from pipilo import DataQueue, ops, pipe
assert pipe.input('x').map('x', 'y', lambda x: x + 1).output('y')(1).get() == [2]
print([name for name in {LATE} if name in sys.modules])
"""


def test_import_brings_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_one_extension_for_the_stable_abi():
    import pipilo._core as core

    assert core.__file__.endswith(".abi3.so")
    assert core.version == pipilo.__version__
    with pytest.raises(TypeError):
        core.Pipe()


def test_stubs_cover_the_extension():
    import pipilo._core as core

    stub = Path(pipilo.__file__).with_name("_core.pyi").read_text()
    for name in dir(core):
        if not name.startswith("__"):
            assert f"def {name}(" in stub or f"class {name}:" in stub or f"{name}: " in stub, name


def test_everything_public_is_there_and_explained():
    for name in pipilo.__all__:
        assert getattr(pipilo, name) is not None
    for name in ("input", "map", "flat_map", "filter", "window", "time_window", "window_all",
                 "reduce", "concat", "output"):
        assert getattr(pipe, name).__doc__
    with pytest.raises(AttributeError):
        pipilo.no_such_thing  # noqa: B018


def test_building_changes_nothing():
    start = pipe.input("x")
    one = start.map("x", "y", lambda x: x + 1)
    two = one.map("y", "z", lambda y: y * 2)
    other = one.map("y", "z", lambda y: y * 3)
    assert [len(p.dag) for p in (start, one, two, other)] == [1, 2, 3, 3]
    assert two.output("z")(1).get() == [4]
    assert other.output("z")(1).get() == [6]
    assert one.output("y")(1).get() == [2]


def test_a_pipeline_says_what_it_is():
    def function(x):
        return x

    p = pipe.input("x").map("x", "y", function).map("y", "z", lambda y: y).map(
        "z", "w", ops.towhee.np_normalize()).output("w")
    names = [node.name for node in p.preload()._nodes.values()]
    assert names[0] == "_input"
    assert names[-1] == "_output"
    assert names[1:3] == ["function-0", "lambda-1"]
    assert len(p.dag) == 5


def test_a_long_chain():
    p = pipe.input("x")
    for _ in range(1500):
        p = p.map("x", "x", lambda x: x + 1)
    assert p.output("x")(0).get() == [1500]
