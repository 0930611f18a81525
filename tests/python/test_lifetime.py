"""What is freed, and when: by count, at the end of a `with`, at exit; Ctrl-C."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

import pipilo
from pipilo import DataQueue, ops, pipe

DEPS = Path(os.environ.get("PIPILO_DEPS", ".deps"))
REAL = DEPS / "models" / "efficientnet-lite0"
PHOTOS = sorted((DEPS / "photos").glob("*"), key=lambda path: path.stat().st_size)[:1]
MODEL_ENV = {**os.environ, "MODEL": str(REAL), "PHOTO": str(PHOTOS[0]) if PHOTOS else ""}


def alive(until=None):
    """What is alive, idle models apart; with `until` once it is that, for threads of the pool let go of
    a run a moment after it has ended."""
    deadline = time.monotonic() + 60
    while True:
        gc.collect()
        pipilo.trim()
        stats = pipilo.stats()
        found = {kind: stats[kind] for kind in ("values", "images", "pipelines", "runs", "allocations")}
        if until in (None, found) or time.monotonic() > deadline:
            return found
        time.sleep(0.01)


class Thing:
    pass


def test_objects_go_by_count():
    before = alive()
    thing = Thing()
    gone = weakref.ref(thing)
    count = sys.getrefcount(thing)
    p = pipe.input("x").map("x", "y", lambda x: [x]).flat_map("y", "z", lambda y: y).output("x", "z")
    result = p(thing)
    assert sys.getrefcount(thing) > count
    assert result.get() == [thing, thing]
    del result
    assert sys.getrefcount(thing) == count
    del thing
    assert gone() is None
    del p
    assert alive(before) == before


def test_what_a_failure_held_goes():
    before = alive()

    def fail(x):
        raise ValueError(x)

    p = pipe.input("x").map("x", "y", lambda x: [x] * 3).flat_map("y", "z", lambda y: y).map(
        "z", "w", fail).output("w")
    thing = Thing()
    gone = weakref.ref(thing)
    for _ in range(10):
        with pytest.raises(RuntimeError):
            p(thing)
    del thing
    gc.collect()
    assert gone() is None
    del p
    assert alive(before) == before


def test_a_pipeline_that_holds_itself():
    before = alive()

    class Holder:
        def __init__(self):
            self.p = pipe.input("x").map("x", "y", self.method).output("y")

        def method(self, x):
            return x

    holder = Holder()
    assert holder.p(1).get() == [1]
    gone = weakref.ref(holder)
    del holder
    gc.collect()
    assert gone() is None
    assert alive(before) == before


def test_streams_that_are_left():
    before = alive()
    p = pipe.input("x").map("x", "y", lambda x: x).output("y")
    results = p.stream(Thing() for _ in range(1000))
    next(results)
    del results, p
    assert alive(before) == before


@pytest.mark.parametrize("way", ["embed_stream", "stream", "stream of a native pipeline"])
def test_a_stream_that_its_inputs_hold(way):
    pytest.importorskip("numpy")
    pipilo.embed([b""], "null:8")  # the first use of a model keeps some
    before = alive()

    class Loader:
        def __init__(self):
            if way == "embed_stream":
                self.parts = pipilo.embed_stream(self.paths(), "null:8", rows=1)
            else:
                step = len if way == "stream" else ops.image_embedding.timm("null:8")
                p = pipe.input("x").map("x", "y", step).output("y")
                self.parts = p.stream(self.paths(), on_error="row")

        def paths(self):
            for _ in range(10_000):
                yield b"no picture"

    loader = Loader()
    next(loader.parts)
    assert alive()["runs"] == before["runs"] + 1
    gone = weakref.ref(loader)
    del loader
    gc.collect()
    assert gone() is None
    assert alive(before) == before


def test_inputs_end_with_the_stream_whoever_keeps_its_error():
    ended = []

    def inputs():
        try:
            for i in range(10_000):
                yield i
        finally:
            ended.append(True)

    p = pipe.input("x").map("x", "y", lambda x: 1 / (x - 5)).output("y")
    with pytest.raises(RuntimeError) as kept:
        for _ in p.stream(inputs()):
            pass
    assert ended == [True] and kept.value is not None


def test_callables_are_never_copied():
    class Locked:
        def __init__(self):
            self.lock = threading.Lock()

        def __call__(self, x):
            with self.lock:
                return id(self), x

    fn = Locked()
    count = sys.getrefcount(fn)
    p = pipe.input("x").map("x", "y", fn).map("x", "z", fn).output("y", "z")
    assert p(1).get() == [(id(fn), 1), (id(fn), 1)]
    del p
    assert sys.getrefcount(fn) == count


def test_a_pipeline_per_call():
    numpy = pytest.importorskip("numpy")
    vector = numpy.array([3.0, 4.0])

    def once():
        p = pipe.input("x").map("x", "y", ops.towhee.np_normalize()).map("y", "z", sum).output("z")
        p(vector)

    once()
    # The pool's threads are begun when there is work for more than one.
    p = pipe.input("x").flat_map("x", "y", lambda x: x).map("y", "z", ops.towhee.np_normalize()).output("z")
    p([vector] * 500)
    del p
    before = alive()
    count, threads = sys.getrefcount(vector), len(os.listdir("/proc/self/task"))
    for _ in range(300):
        once()
    assert alive(before) == before
    assert sys.getrefcount(vector) == count
    assert len(os.listdir("/proc/self/task")) == threads


def test_native_memory_lives_as_long_as_its_array():
    numpy = pytest.importorskip("numpy")
    pipe.input("x").map("x", "y", ops.towhee.np_normalize())  # the first use of an operator keeps some
    before = alive()
    p = pipe.input("x").map("x", "y", ops.towhee.np_normalize()).output("y")
    array = p(numpy.array([3.0, 4.0])).get()[0]
    part = array[1:]
    del array, p
    gc.collect()
    assert part[0] == 0.8
    assert not part.flags.writeable
    del part
    assert alive(before) == before


def test_reduce_iterators_outlive_their_call_without_harm():
    kept = []
    p = pipe.input("x").flat_map("x", "y", range).reduce("y", "z", kept.append).output("z")
    p(3)
    with pytest.raises(RuntimeError):
        next(kept[0])


def test_references_dropped_by_threads_of_the_pool():
    numpy = pytest.importorskip("numpy")
    before = alive()
    p = pipe.input("x").flat_map("x", "y", lambda x: x).map(
        "y", "z", ops.towhee.np_normalize()).map("z", "n", ops.towhee.np_normalize()).output("n")
    gone = []
    for _ in range(20):
        arrays = [numpy.array([1.0, i]) for i in range(200)]
        gone += [weakref.ref(array) for array in arrays]
        assert p(arrays).size == 200
        del arrays
    pipilo.stats()
    del p
    assert alive(before) == before
    assert not any(array() is not None for array in gone)


def test_a_result_is_a_queue_of_its_own():
    p = pipe.input("x").output("x")
    assert isinstance(p(1), DataQueue)
    assert p(1).sealed


def run_python(code, **kws):
    return subprocess.run([sys.executable, "-X", "dev", "-c", code], timeout=240,
                          capture_output=True, text=True, **kws)


NATIVE = """
import numpy, threading, os
from pipilo import pipe, ops
p = pipe.input('x').flat_map('x', 'y', lambda x: x).map('y', 'z', ops.towhee.np_normalize()).output('z')
arrays = [numpy.array([1.0, i]) for i in range(500)]
p(arrays)
"""


@pytest.mark.parametrize(
    "end",
    [
        "",
        "del p",
        "kept = p(arrays)",
        "results = p.stream([arrays] * 3); next(results)",
        "threading.Thread(target=lambda: [p(arrays) for _ in range(20)]).start()",
        "threading.Thread(target=lambda: [p(arrays) for _ in range(10**6)], daemon=True).start()",
        "import atexit; atexit.register(lambda: p(arrays))",
        "raise SystemExit(0)",
        "import sys; sys.setrecursionlimit(10**4)",
    ],
)
def test_the_interpreter_ends(end):
    pytest.importorskip("numpy")
    done = run_python(NATIVE + end)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


INFERRING = """
import os, threading
from pipilo import pipe, ops
p = pipe.input('x').map('x', 'y', ops.image_embedding.timm(os.environ['MODEL'])).map(
    'y', 'z', len).output('z')
path = os.environ['PHOTO']
p(path)
"""


@pytest.mark.skipif(not (REAL.is_dir() and PHOTOS), reason="there is no model in .deps")
@pytest.mark.parametrize(
    "end",
    [
        "kept = p(path)",
        "results = p.stream([path] * 64); next(results)",
        "results = p.stream(iter(lambda: path, None)); next(results)",
        "t = threading.Thread(target=lambda: p.batch(iter(lambda: path, None)), daemon=True); t.start()",
        "[threading.Thread(target=lambda: [p(path) for _ in range(10**6)], daemon=True).start()"
        " for _ in range(4)]",
        "threading.Thread(target=lambda: [p(path) for _ in range(20)]).start()",
        "import atexit; atexit.register(lambda: p(path))",
    ],
)
def test_the_interpreter_ends_while_a_model_works(end):
    done = run_python(INFERRING + end, env=MODEL_ENV)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_no_thread_outlives_the_interpreter():
    """What is registered first runs last: then the library's threads are gone, or at their very end: the
    system lists one for a moment after others have seen it end."""
    pytest.importorskip("numpy")
    code = """
import atexit, os, time
@atexit.register
def count():
    until = time.monotonic() + 60
    while len(os.listdir('/proc/self/task')) > 1 and time.monotonic() < until:
        time.sleep(0.01)
    print(len(os.listdir('/proc/self/task')))
"""
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # numpy's own stay
    done = run_python(code + NATIVE + "print(len(os.listdir('/proc/self/task')))", env=env)
    assert done.returncode == 0, done.stderr
    during, after = map(int, done.stdout.split())
    assert during > after == 1


def interrupted(code, **kws):
    """What a program says that gets a SIGINT some time after it has said 'begun'."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, **kws) as process:
        try:
            assert process.stdout.readline() == "begun\n"
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=240)[0]
        finally:
            process.kill()
    assert process.returncode == 0
    return said


@pytest.mark.skipif(not (REAL.is_dir() and PHOTOS), reason="there is no model in .deps")
@pytest.mark.parametrize("call", ["batch", "list(p.stream", "one by one"])
def test_ctrl_c_ends_a_batch_of_a_real_model(call):
    loop = {"batch": "p.batch(paths)", "list(p.stream": "list(p.stream(paths))",
            "one by one": "[p(path) for path in paths]"}[call]
    code = INFERRING + f"""
paths = iter(lambda: path, None)
try:
    print('begun', flush=True)
    {loop}
except KeyboardInterrupt:
    print('interrupted', p(path).get()[0], flush=True)
"""
    assert interrupted(code, env=MODEL_ENV) == "interrupted 1280\n"  # the batch has no end


@pytest.mark.parametrize(
    "step",
    [
        "pipe.input('x').map('x', 'y', lambda x: x)",
        "pipe.input('x').map('x', 'y', ops.towhee.np_normalize())",
        "pipe.input('x').flat_map('x', 'y', lambda x: iter(int, 1)).window_all('y', 'z', len)",
    ],
)
def test_ctrl_c(step):
    pytest.importorskip("numpy")
    code = f"""
import numpy, itertools
from pipilo import pipe, ops
p = {step}.output('x')
try:
    print('begun', flush=True)
    for result in p.stream(itertools.repeat(numpy.array([3.0, 4.0]))):
        pass
except KeyboardInterrupt:
    print('interrupted', flush=True)
"""
    assert interrupted(code) == "interrupted\n"


def test_subinterpreters_are_refused():
    code = """
try:
    import _xxsubinterpreters as interpreters
except ImportError:
    import _interpreters as interpreters
i = interpreters.create()
try:
    error = interpreters.run_string(i, "import pipilo")
except Exception as e:
    error = e
print(error)
"""
    done = run_python(code)
    assert done.returncode == 0
    assert "subinterpreter" in done.stdout
