"""Whether anything is left behind by the package's main ways, each gone many times.

usage: leaks.py PHOTO        in a process of its own; prints what leaks, one line each

Counted are references where this Python counts them (a debug build), blocks of Python's allocator, what
the garbage collector knows, and the library's own live counts. As in CPython's own check a count leaks
that grows in every round.
"""

import asyncio
import gc
import sys
from array import array

import pipilo
from pipilo import DataCollection, DataQueue, Empty, ops, pipe, register

ROUNDS, TIMES = 120, 10
PHOTO = sys.argv[1] if len(sys.argv) > 1 else None
PATHS = {}
# numpy's wheel is no debug build: the references it drops are not counted, those it takes neither.
UNCOUNTED = {("arrays", "references"), ("pictures", "references")}


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
