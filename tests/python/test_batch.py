"""batch, stream and their asynchronous kin."""

import asyncio
import threading
import weakref

import pytest

from pipilo import Empty, ops, pipe

ADD = pipe.input("x").map("x", "y", lambda x: x + 1).output("y")
DIVIDE = pipe.input("x").map("x", "y", lambda x: 1 / x).map("y", "z", lambda y: -y).output("x", "z")
SUM = pipe.input("x").flat_map("x", "y", range).window_all("y", "s", sum).output("s")


def rows(results):
    return [result.to_list() for result in results]


@pytest.mark.parametrize("p", [ADD, pipe.input("x").map("x", "y", ADD).output("y")])
def test_order(p):
    assert rows(p.batch(range(1000))) == [[[x + 1]] for x in range(1000)]
    assert p.batch([]) == []


def test_any_graph():
    assert rows(SUM.batch([3, 1, 0])) == [[[3]], [[0]], []]


def test_several_inputs():
    p = pipe.input("a", "b").map(("a", "b"), "c", lambda a, b: a - b).output("c")
    assert rows(p.batch([(3, 1), [5, 5]])) == [[[2]], [[0]]]
    assert rows(p.batch([range(2)])) == [[[-1]]]
    for wrong in (3, {1, 2}, iter((1, 2))):
        with pytest.raises(TypeError, match="takes tuples"):
            p.batch([(1, 2), wrong])
    with pytest.raises(AssertionError):
        p.batch([(1, 2, 3)])


def test_empty_never_moves_rows():
    pairs = pipe.input("x").map(
        "x", ("a", "b"), lambda x: (Empty(), x) if x % 2 else (x, Empty())
    ).map(("a", "b"), "c", lambda a, b: a + b).map("b", "d", lambda b: -b).output("x", "a", "b", "c", "d")
    nested = pipe.input("x").map("x", ("y", "z"), pairs).output("x", "y", "z")
    for p in (pairs, nested, ADD, pipe.input("x").output("x")):
        inputs = [2, 1, Empty(), 4, 3]
        assert rows(p.batch(inputs)) == [p(x).to_list() for x in inputs]


def test_empty_passes_by_native_steps():
    numpy = pytest.importorskip("numpy")
    p = (
        pipe.input("x").map("x", "v", lambda x: Empty() if x % 2 else numpy.array([3.0, 4.0 * x]))
        .map("v", "n", ops.towhee.np_normalize()).map("n", "s", lambda n: round(n[0], 6)).output("x", "s")
    )
    assert rows(p.batch(range(200))) == [p(x).to_list() for x in range(200)]
    assert p.batch([1])[0].to_list() == [[1, Empty()]]


def test_without_output_columns():
    seen = []
    p = pipe.input("x").map("x", (), seen.append).output()
    assert rows(p.batch([1, 2])) == [[], []]
    assert seen == [1, 2]


def test_one_input_is_not_unpacked():
    p = pipe.input("x").map("x", "y", len).output("y")
    assert rows(p.batch([(1, 2), [3]])) == [[[2]], [[1]]]


def test_a_failure_raises():
    for p in (DIVIDE, pipe.input("x").filter("x", "y", "x", lambda x: 1 / x).output("y")):
        with pytest.raises(RuntimeError) as caught:
            p.batch([2, 0, 1])
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert rows(DIVIDE.batch([1])) == [[[1, -1]]]


def test_on_error_row():
    good, bad, last = rows(DIVIDE.batch([2, 0, 1], on_error="row"))
    assert (good, last) == ([[2, -0.5]], [[1, -1]])
    assert bad[0][0] == 0
    assert isinstance(bad[0][1].__cause__, ZeroDivisionError)
    assert isinstance(SUM.batch(["a"], on_error="row")[0].get()[0], RuntimeError)
    with pytest.raises(ValueError):
        ADD.batch([1], on_error="never")


def test_inputs_that_raise():
    def inputs():
        yield 1
        raise KeyError("inputs")

    for p in (ADD, SUM):
        with pytest.raises(KeyError):
            p.batch(inputs())


def test_inputs_are_read_as_results_are_taken():
    read = []

    def inputs():
        for i in range(10_000):
            read.append(i)
            yield i

    for p in (ADD, SUM):
        read.clear()
        results = p.stream(inputs())
        for _ in range(3):
            next(results)
        assert len(read) <= 512
        results.close()


def test_a_batch_keeps_results_only():
    """All of them are its answer; inputs go as they are done with."""
    np = pytest.importorskip("numpy")
    alive, most = set(), 0

    def inputs():
        nonlocal most
        for i in range(3000):
            array = np.full(4, i, "float32")
            alive.add(i)
            weakref.finalize(array, alive.discard, i)
            most = max(most, len(alive))
            yield array

    native = pipe.input("x").map("x", "y", ops.towhee.np_normalize()).output("y")
    for p in (ADD, native):
        most = 0
        assert len(p.batch(inputs())) == 3000
        assert 0 < most < 1000


def test_empty_keeps_its_place():
    p = (
        pipe.input("x").map("x", "y", lambda x: Empty() if x % 2 else x)
        .map("y", "z", lambda y: -y).output("x", "y", "z")
    )
    single = [p(x).to_list() for x in range(4)]
    assert rows(p.batch(range(4))) == single


def test_a_step_without_inputs_is_called_for_each():
    numbers = iter(range(10))
    p = pipe.input("x").map((), "y", lambda: next(numbers)).output("x", "y")
    assert rows(p.batch("ab")) == [[["a", 0]], [["b", 1]]]


def test_native_rows_share_batches():
    numpy = pytest.importorskip("numpy")
    p = pipe.input("x").map("x", "y", ops.towhee.np_normalize()).output("x", "y")
    vectors = [numpy.array([3.0, 4.0 + i]) for i in range(500)]
    for vector, row in zip(vectors, p.stream(vectors), strict=True):
        x, y = row.get()
        assert x is vector
        assert numpy.allclose(y, vector / numpy.linalg.norm(vector))
    bad = p.batch([vectors[0], "text", vectors[1]], on_error="row")
    assert isinstance(bad[1].get()[1], RuntimeError)
    with pytest.raises(RuntimeError, match="np_normalize"):
        p.batch([vectors[0], "text", vectors[1]])


def test_native_runs_side_by_side():
    numpy = pytest.importorskip("numpy")
    read = []
    p = (
        pipe.input("x").filter("x", "y", "x", lambda x: x[0] > 0)
        .map("y", "z", ops.towhee.np_normalize()).map("z", "w", lambda z: z.sum()).output("w")
    )
    vectors = [numpy.array([i % 2, 1.0]) for i in range(300)]
    results = p.stream(read.append(v) or v for v in vectors)
    assert next(results).to_list() == []
    assert len(read) < 200
    for i, result in enumerate(results, 1):
        assert [round(w, 6) for (w,) in result.to_list()] == ([1.414214] if i % 2 else [])
    bad = p.batch([vectors[1], "text", vectors[1]], on_error="row")
    assert [r.size for r in bad] == [1, 1, 1]
    assert isinstance(bad[1].get()[0], RuntimeError)
    with pytest.raises(RuntimeError):
        p.batch([vectors[1]] * 20 + ["text"] + [vectors[1]] * 20)
    with pytest.raises(KeyError):
        p.batch(v if i < 10 else {}["none"] for i, v in enumerate(vectors))


def test_a_run_belongs_to_one_thread():
    inside, go = threading.Event(), threading.Event()

    def wait(x):
        inside.set()
        go.wait(240)
        return x

    results = pipe.input("x").map("x", "y", wait).output("y").stream([1])
    thread = threading.Thread(target=lambda: next(results))
    thread.start()
    inside.wait(240)
    with pytest.raises(ValueError):  # a generator's own word for it
        next(results)
    go.set()
    thread.join()


def test_async():
    async def main():
        assert (await ADD.acall(1)).get() == [2]
        found = [row.get()[0] async for row in ADD.abatch(range(50))]
        assert found == list(range(1, 51))
        with pytest.raises(RuntimeError):
            await DIVIDE.acall(0)
        return await asyncio.gather(*(ADD.acall(i) for i in range(20)))

    assert [r.get()[0] for r in asyncio.run(main())] == list(range(1, 21))


@pytest.mark.parametrize("how", ["timeout", "wait_for", "cancel"])
def test_async_canceled(how):
    inside, go, ended = threading.Event(), threading.Event(), threading.Event()

    def inputs():
        try:
            yield 1
            inside.set()
            go.wait(240)
            yield from range(100_000)
        finally:
            ended.set()

    async def consume():
        async for _ in ADD.abatch(inputs()):
            pass

    async def main():
        task = asyncio.create_task(consume())
        await asyncio.to_thread(inside.wait, 240)
        with pytest.raises(asyncio.CancelledError if how == "cancel" else TimeoutError):
            if how == "timeout":
                async with asyncio.timeout(0.01):
                    await task
            elif how == "wait_for":
                await asyncio.wait_for(task, 0.01)
            else:
                task.cancel()
                await task
        # Nobody waited for the turn under way, which ends the stream behind itself.
        assert not ended.is_set()
        go.set()
        assert await asyncio.to_thread(ended.wait, 240)

    asyncio.run(main())


def test_async_left_between_turns():
    ended = []

    def inputs():
        try:
            yield from range(100_000)
        finally:
            ended.append(True)

    async def main():
        results = ADD.abatch(inputs())
        assert (await anext(results)).get() == [1]
        await results.aclose()
        assert ended == [True]

    asyncio.run(main())


def test_closed():
    with pipe.input("x").output("x") as p:
        assert p(1).get() == [1]
    for call in (lambda: p(1), lambda: p.batch([1])):
        with pytest.raises(RuntimeError, match="closed"):
            call()
    outer = pipe.input("x").map("x", "y", p)
    with pytest.raises(RuntimeError, match="closed"):
        outer.output("y")
