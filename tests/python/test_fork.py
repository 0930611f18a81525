"""Children of fork() begin anew; what they inherited is left alone."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import pipilo
from pipilo import ops, pipe

DEPS = Path(os.environ.get("PIPILO_DEPS", ".deps"))
PHOTOS = sorted((DEPS / "photos").glob("*"), key=lambda path: path.stat().st_size)[:4]
REAL = DEPS / "models" / "efficientnet-lite0"
MODELS = ["null:16", pytest.param(str(REAL), marks=pytest.mark.skipif(
    not REAL.is_dir(), reason="there is no model in .deps"))]

pytestmark = [
    pytest.mark.skipif(not PHOTOS, reason="there are no photographs in .deps"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def in_child(function, seconds=240):
    """Runs `function` in a child; its exit status. One that hangs is killed: None."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def embedder(model):
    return pipe.input("p").map("p", "v", ops.image_embedding.timm(model)).output("v")


@pytest.mark.parametrize("model", MODELS)
def test_the_parent_is_idle(model):
    p = embedder(model)
    expected = p(PHOTOS[0]).get()[0].tobytes()

    def child():
        for _ in range(3):
            assert p(PHOTOS[0]).get()[0].tobytes() == expected
        assert len(p.batch(PHOTOS)) == len(PHOTOS)
        assert embedder(model)(PHOTOS[0]).get()[0].tobytes() == expected
        assert pipilo.stats()["budget_used"] < 1 << 30

    assert in_child(child) == 0
    assert p(PHOTOS[0]).get()[0].tobytes() == expected


@pytest.mark.parametrize("model", MODELS)
def test_the_parent_has_dropped_the_model(model):
    """What the engine keeps of a dropped model is no use to a child: threads, above all."""
    p = embedder(model)
    expected = p(PHOTOS[0]).get()[0].tobytes()
    del p
    pipilo.trim()
    assert in_child(lambda: embedder(model)(PHOTOS[0]), 60) == 0
    assert embedder(model)(PHOTOS[0]).get()[0].tobytes() == expected


@pytest.mark.parametrize("model", MODELS)
def test_the_parent_is_inferring(model):
    p = embedder(model)
    expected = p(PHOTOS[0]).get()[0].tobytes()
    ends = threading.Event()

    def work():
        while not ends.is_set():
            p.batch(PHOTOS)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            time.sleep(0.03)
            assert in_child(lambda: [p.batch(PHOTOS), p(PHOTOS[0])] and None) == 0
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    assert p(PHOTOS[0]).get()[0].tobytes() == expected


def test_a_child_may_drop_and_exit_in_its_own_way():
    p = embedder("null:16")
    kept = [p(PHOTOS[0]).get()[0]]

    def child():
        nonlocal p
        p = None
        kept.clear()
        pipilo._core.close()

    assert in_child(child) == 0


def test_a_grandchild():
    p = embedder("null:16")
    p(PHOTOS[0])

    def child():
        p(PHOTOS[0])
        assert in_child(lambda: p(PHOTOS[0])) == 0

    assert in_child(child) == 0


def test_a_run_begun_before_the_fork_is_an_error():
    p = pipe.input("p").map("p", "v", ops.image_embedding.timm("null:16")).map(
        "v", "n", len).output("n")
    results = p.stream(PHOTOS * 50)
    next(results)

    def child():
        with pytest.raises(ValueError, match="began before the process forked"):
            next(results)
        assert p(PHOTOS[0]).get() == [16]

    assert in_child(child) == 0
    assert len(list(results)) == len(PHOTOS) * 50 - 1


def test_a_fork_inside_a_node():
    status = []

    def forks(v):
        child = os.fork()
        if child == 0:
            return v
        _, code = os.waitpid(child, 0)
        status.append(os.waitstatus_to_exitcode(code))
        return v

    p = pipe.input("p").map("p", "v", ops.image_embedding.timm("null:16")).map(
        "v", "w", forks).output("w")
    parent = os.getpid()
    try:
        p(PHOTOS[0])
    except ValueError as error:
        if os.getpid() != parent:
            os._exit(7 if "forked" in str(error) else 8)
        raise
    finally:
        if os.getpid() != parent:
            os._exit(9)
    assert status == [7]


def embed_by(model, path):
    return embedder(model)(path).get()[0].tolist()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("model", MODELS)
def test_multiprocessing(method, model):
    expected = [embed_by(model, path) for path in PHOTOS]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.starmap_async(embed_by, [(model, p) for p in PHOTOS]).get(240) == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.parametrize("model", MODELS)
def test_multiprocessing_while_the_parent_is_inferring(method, model):
    p = embedder(model)
    expected = [p(path).get()[0].tolist() for path in PHOTOS]
    ends, failed = threading.Event(), []

    def work():
        while not ends.is_set():
            if [r.get()[0].tolist() for r in p.batch(PHOTOS)] != expected:
                failed.append("another vector in the parent")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        with multiprocessing.get_context(method).Pool(2) as pool:
            jobs = [(model, path) for path in PHOTOS]
            assert pool.starmap_async(embed_by, jobs).get(240) == expected
    finally:
        ends.set()
        thread.join()
    assert not failed


SLOW_NUMPY = """
import array, os, sys, threading, time
import pipilo
from pipilo import ops, pipe

begun = threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            begun.set()
            time.sleep(0.5)
        return None

sys.meta_path.insert(0, Slow())
given = array.array("d", [3.0, 4.0])
p = pipe.input("x").map("x", "v", ops.towhee.np_normalize()).output("v")
threading.Thread(target=lambda: p(given)).start()
assert begun.wait(30) and "numpy" not in sys.modules
child = os.fork()
if child == 0:
    os._exit(0 if abs(p(given).get()[0][1] - 0.8) < 1e-6 else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_numpy_is_being_imported():
    pytest.importorskip("numpy")
    done = subprocess.run([sys.executable, "-c", SLOW_NUMPY], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
