"""Whether anything is left behind by the package's main ways, each gone many times.

usage: leaks.py PHOTO        in a process of its own; prints what leaks, one line each

Counted are references where this Python counts them (a debug build), blocks of Python's allocator, what
the garbage collector knows, and the library's own live counts. As in CPython's own check a count leaks
that grows in every round.
"""

import asyncio
import atexit
import copy
import gc
import pickle
import struct
import sys
import tempfile
import zlib
from array import array
from pathlib import Path

import pipilo
from pipilo import DataCollection, DataQueue, Empty, ops, pipe, register

ROUNDS, TIMES = 120, 10
PHOTO = sys.argv[1] if len(sys.argv) > 1 else None
PATHS = {}
# numpy's wheel is no debug build: the references it drops are not counted, those it takes neither.
UNCOUNTED = {(name, "references") for name in
             ("arrays", "pictures", "embeddings", "parts", "arrow", "pickles", "shared", "memory")}


def path(function):
    PATHS[function.__name__] = function
    return function


def raises(kind, call, *arguments):
    try:
        call(*arguments)
    except kind:
        return
    raise AssertionError(f"no {kind.__name__}")


MAPS = pipe.input("x").map("x", "y", lambda x: x + 1).map("y", ("a", "b"), lambda y: (y, [y])).output(
    "x", "a", "b")
FAILS = pipe.input("x").map("x", "y", lambda x: 1 / x).output("y")
STREAMS = (
    pipe.input("n").flat_map("n", "x", lambda n: (i for i in range(n))).filter("x", "e", "x", bool)
    .window("x", "w", 3, 2, sum).map("x", "t", lambda x: x * 500)
    .time_window("x", "m", "t", 1, 1, list).window_all("x", "s", sum).reduce("e", "r", sum)
    .output("x", "e", "w", "m", "s", "r")
)
NESTED = pipe.input("x").map("x", "y", MAPS).flat_map("y", "z", lambda y: y).output("z")


@path
def calls():
    assert MAPS(object.__hash__(MAPS)).size == 1
    assert STREAMS(50).size == 50
    assert NESTED(1).size == 3


@path
def builds():
    with pipe.input("x").map("x", "y", lambda x: x, config={"name": "n"}).output("y") as p:
        p(1)
        repr(p.dag_repr.to_dict())
    raises(ValueError, pipe.input("x").map("z", "y", id).output, "y")
    raises(ValueError, pipe.input, "a-b")
    left, right = pipe.input("x").map("x", "y", id), pipe.input("x").map("x", "z", id)
    left.concat(right).output("y", "z")(1)


@path
def failures():
    raises(RuntimeError, FAILS, 0)
    raises(AssertionError, FAILS)
    raises(RuntimeError, FAILS.batch, [1, 0, 1])
    FAILS.batch([1, 0, 1], on_error="row")
    raises(RuntimeError, pipe.input("x").flat_map("x", "y", lambda x: x).output("y"), 1)
    raises(KeyError, MAPS.batch, ({}["none"] for _ in range(1)))


@path
def batches():
    assert len(MAPS.batch([*range(20), Empty()])) == 21
    assert len(STREAMS.batch(range(5))) == 5
    left = MAPS.stream(range(1000))
    next(left)


@path
def asynchronous():
    async def main():
        await MAPS.acall(1)
        return [row async for row in MAPS.abatch(range(5))]

    asyncio.run(main())


@path
def operators():
    from pipilo.operator import PyOperator

    @register(name="leaks/one")
    class One(PyOperator):
        def __call__(self, x):
            return x

    p = pipe.input("x").map("x", "y", ops.leaks.one()).output("y")
    p.batch(range(5))
    p.flush()
    raises(RuntimeError, pipe.input("x").map("x", "y", ops.leaks.none_such()).output, "y")


@path
def debugging():
    found = MAPS.debug(1, profiler=True, tracer=True)
    repr(found.result)
    STREAMS.debug(5, tracer=True)


@path
def queues():
    queue = DataQueue([("s", pipilo.ColumnType.SCALAR), ("q", pipilo.ColumnType.QUEUE)])
    queue.put((1, 2))
    queue.seal()
    repr(DataCollection(queue).to_list())


@path
def arrays():
    import numpy

    p = pipe.input("x").map("x", "y", ops.towhee.np_normalize()).map("y", "z", sum).output("y", "z")
    part = p(numpy.array([3.0, 4.0])).get()[0][1:]
    assert part[0] == 0.8
    p.batch([numpy.ones(4)] * 20)
    raises(RuntimeError, p, "text")
    p.batch([numpy.ones(4), "text"], on_error="row")


@path
def pictures():
    if PHOTO is None:
        return
    p = (
        pipe.input("path").map("path", "img", ops.image_decode.cv2_rgb())
        .map("img", "vec", ops.image_embedding.timm("null:16")).map("img", "size", lambda i: i.shape)
        .output("vec", "size")
    )
    p(PHOTO)
    p.batch([PHOTO] * 3)
    raises(RuntimeError, p, "no such file.jpg")
    p.batch([PHOTO, b"no picture"], on_error="row")


def png():
    """A picture of 8 x 8, all black."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    data = zlib.compress((b"\0" + bytes(8 * 3)) * 8)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


PICTURE = png()
FOLDER = tempfile.TemporaryDirectory()
atexit.register(FOLDER.cleanup)
Path(FOLDER.name, "a.png").write_bytes(PICTURE)
CONFIG = pipilo.EmbedConfig("null:16")
EMBEDDER = pipilo.Embedder(CONFIG)
SAME = pipe.input("x").output("x")
NATIVE = pipe.input("x").map("x", "v", ops.image_embedding.timm("null:16")).output("v")


@path
def embeddings():
    found = EMBEDDER([PICTURE, b"no picture", None, object(), [PICTURE]])
    assert found.vectors.shape == (5, 16) and len(found.errors) == 4 and found[0].error is None
    assert EMBEDDER(FOLDER.name).sources == [f"{FOLDER.name}/a.png"]
    assert EMBEDDER(memoryview(PICTURE)).status == ["ok"]
    for given in ([PICTURE, b"no picture"], "/no/such/folder"):
        raises(RuntimeError, EMBEDDER, given, "raise")
    raises(KeyError, EMBEDDER, ({}["none"] for _ in range(1)))
    raises(TypeError, EMBEDDER, memoryview(bytes(4)).cast("B", (2, 2)))


@path
def parts():
    assert [len(part) for part in EMBEDDER.stream((PICTURE for _ in range(5)), 2)] == [2, 2, 1]
    left = EMBEDDER.stream((PICTURE for _ in range(1000)), 2)
    next(left)
    left.close()
    next(EMBEDDER.stream((PICTURE for _ in range(1000)), 2))


class Given:
    """Somebody's Arrow, as it is told."""

    def __init__(self, capsules):
        self.capsules = capsules

    def __arrow_c_array__(self, requested_schema=None):
        return self.capsules


@path
def arrow():
    column = pipilo.to_arrow(SAME.stream([PICTURE, b"no picture", None]))
    assert EMBEDDER(column).status[0] == "ok"
    assert len(EMBEDDER(Given(column.__arrow_c_array__()))) == 3
    next(EMBEDDER.stream(column, 1))
    found = EMBEDDER([PICTURE] * 3)
    found.__arrow_c_schema__(), found.__arrow_c_array__(), found.__arrow_c_stream__()
    raises(TypeError, EMBEDDER, found)
    raises(TypeError, EMBEDDER, Given(column.__arrow_c_array__()[::-1]))
    raises(TypeError, EMBEDDER, Given(None))
    assert len(pipilo.to_arrow(FAILS.stream([1, 0], on_error="row"))) == 2
    pipilo.to_arrow(NATIVE.stream([PICTURE] * 3)).__arrow_c_stream__()
    raises(TypeError, pipilo.to_arrow, SAME.stream([1, "a"]))
    raises(OverflowError, pipilo.to_arrow, SAME.stream([1 << 70]))


@path
def pickles():
    found = EMBEDDER([PICTURE, b"no picture"])
    assert pickle.loads(pickle.dumps(found)).status == found.status
    again = pickle.loads(pickle.dumps(NATIVE))
    assert again(PICTURE).size == copy.deepcopy(again)(PICTURE).size == 1
    raises(pickle.PicklingError, pickle.dumps, FAILS)
    text = "pipe.input('x').map('x', 'v', ops.image_embedding.timm('null:16')).output('v')"
    assert pipilo.RuntimePipeline.from_text(text)(PICTURE).size == 1
    raises(ValueError, pipilo.RuntimePipeline.from_text, text + ".none")


@path
def shared():
    assert pipilo.shared(pipilo.EmbedConfig("null:16")) is pipilo.shared(CONFIG)
    assert pickle.loads(pickle.dumps(EMBEDDER))([PICTURE]).status == ["ok"]
    raises(RuntimeError, pipilo.shared, pipilo.EmbedConfig("no such model"))


@path
def memory():
    events = []
    with pipilo.memory(soft="1M", hard="1000G", critical="1000G", action=events.append):
        EMBEDDER([PICTURE])
    EMBEDDER([PICTURE])
    with pipilo.memory("1G"):
        pipilo.stats()
    raises(ValueError, lambda: pipilo.memory(limit="much", action=events.append))
    raises(TypeError, lambda: pipilo.memory(soft=1.5))
    pipilo.trim()


KINDS = ("references", "blocks", "objects", "values", "images", "pipelines", "runs", "allocations")


def count(into, at):
    """Writes the counts into memory that is there already: looking must not add to what it sees."""
    for _ in range(3):
        gc.collect()
    for number, kind in enumerate(KINDS[3:], 3):
        into[at + number] = pipilo.stats()[kind]
    into[at + 2] = len(gc.get_objects())
    into[at + 1] = sys.getallocatedblocks()
    into[at] = getattr(sys, "gettotalrefcount", int)()


def leaks(function):
    """What grew in every round. Caches of the interpreter fill up for hundreds of calls: so many are
    tried, unless all has stood still before."""
    looks = array("q", bytes(8 * len(KINDS) * 2))
    growing = {kind: 0 for kind in KINDS if (function.__name__, kind) not in UNCOUNTED}
    for number in range(ROUNDS):
        for _ in range(TIMES):
            function()
        count(looks, number % 2 * len(KINDS))
        for i, kind in enumerate(KINDS):
            grown = looks[i] - looks[i + len(KINDS)]
            grown = grown if number % 2 == 0 else -grown
            if number > 0 and kind in growing:
                growing[kind] += grown
                if grown <= 0:
                    del growing[kind]
        if not growing:
            break
    return growing


def main():
    for name, function in PATHS.items():
        found = leaks(function)
        if found:
            print(f"{name}: {found}")


if __name__ == "__main__":
    main()
