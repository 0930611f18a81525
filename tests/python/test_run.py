"""Calls: columns as streams, iterations, what travels by reference. Towhee's own answers."""

import pytest

from pipilo import Empty, pipe

E = Empty()
A = [2, 0, 3]
FM = pipe.input("a").flat_map("a", "x", lambda a: a)


def rows(runtime, *inputs):
    return runtime(*inputs).to_list()


@pytest.mark.parametrize(
    ("runtime", "value", "expected"),
    [
        (FM.flat_map("x", "y", range).output("a", "x", "y"), A,
         [[A, 2, 0], [A, 0, 1], [A, 3, 0], [A, E, 1], [A, E, 2]]),
        (FM.filter("x", "y", "x", lambda x: x > 2).output("x", "y"), [1, 2, 3, 4],
         [[1, 3], [2, 4], [3, E], [4, E]]),
        (FM.filter("x", "x", "x", lambda x: x > 2).output("x"), [1, 2, 3, 4], [[3], [4]]),
        (FM.window("x", "w", 3, 3, sum).output("x", "w"), [1, 2, 3, 4],
         [[1, 6], [2, 4], [3, E], [4, E]]),
        (FM.window("x", "w", 2, 1, list).output("w"), [1, 2, 3], [[[1, 2]], [[2, 3]], [[3]]]),
        (FM.window_all("x", "w", sum).output("x", "w"), [1, 2, 3], [[1, 6], [2, 6], [3, 6]]),
        (FM.window_all("x", "s", sum).map(("x", "s"), "r", lambda x, s: x / s).output("r"),
         [1, 1, 2], [[0.25], [0.25], [0.5]]),
        (FM.time_window("x", "w", "x", 3, 3, list).output("w"),
         [0, 1000, 2000, 8000, 9000, 10000], [[[0, 1000, 2000]], [[8000]], [[9000, 10000]]]),
        (FM.reduce("x", "s", sum).output("s"), [1, 2, 3], [[6]]),
        (FM.reduce("x", "s", sum).output("s"), [], [[0]]),
        (FM.reduce("x", "w", next).output("x", "w"), [1, 2], [[1, 1], [2, 1]]),
        (FM.window_all("x", "w", sum).output("w"), [], []),
    ],
)
def test_columns(runtime, value, expected):
    assert rows(runtime, value) == expected


def test_the_same_object_comes_out():
    thing = object()
    assert pipe.input("x").map("x", "y", lambda x: x).output("x", "y")(thing).get() == [thing] * 2
    assert pipe.input("x").output("x")(thing).get()[0] is thing


def test_outputs():
    two = pipe.input("x").map("x", ("a", "b"), lambda x: (x, x + 1, "ignored")).output("a", "b")
    assert two(1).get() == [1, 2]
    assert pipe.input("x").map("x", "a", lambda x: (x, x)).output("a")(1).get() == [(1, 1)]
    seen = []
    assert pipe.input("x").map("x", (), seen.append).output("x")(5).get() == [5]
    assert seen == [5]
    assert pipe.input("x").output()(1).get() is None


def test_generators():
    def count(n):
        yield from range(n)

    def pairs(n):
        for i in range(n):
            yield i, -i

    assert pipe.input("n").map("n", "l", count).output("l")(3).get() == [[0, 1, 2]]
    assert pipe.input("n").map("n", ("a", "b"), pairs).output("a", "b")(3).get() == [
        [0, 1, 2], [0, -1, -2]]
    flat = pipe.input("n").flat_map("n", ("a", "b"), pairs).output("a", "b")
    assert flat(2).to_list() == [[0, 0], [1, -1]]
    assert pipe.input("s").flat_map("s", "c", lambda s: s).output("c")("ab").to_list() == [
        ["a"], ["b"]]
    assert pipe.input("s").flat_map("s", "c", lambda s: s).output("c")({"k": 1}).to_list() == [["k"]]


def test_a_long_flat_map_is_read_as_rows_are_taken():
    ahead = []

    def many():
        for i in range(10_000):
            ahead.append(i)
            yield i

    most = []
    p = (
        pipe.input("x").flat_map("x", "y", lambda _: many())
        .map("y", "z", lambda y: most.append(len(ahead) - y) or y).output("z")
    )
    assert p(0).size == 10_000
    assert max(most) <= 256


def test_many_steps_and_rows_do_not_deadlock():
    p = pipe.input("n").flat_map("n", "x", range)
    for _ in range(12):
        p = p.map("x", "x", lambda x: x + 1)
    assert p.window_all("x", "s", sum).output("s")(20_000).get() == [sum(range(20_000)) + 240_000]


def test_concat():
    start = pipe.input("a", "b", "c")
    left = start.map("a", "a", lambda x: x + 10)
    right = start.map(("b", "c"), "b", lambda x, y: x - y)
    assert left.concat(right).output("a", "b", "c")(1, 2, 3).get() == [1, -1, 3]
    assert right.concat(left).output("a", "b", "c")(1, 2, 3).get() == [11, 2, 3]


def test_nested():
    inner = pipe.input("x").map("x", "y", lambda x: x * 10).output("x", "y")
    one = pipe.input("x").map("x", "y", lambda x: x * 10).output("y")
    assert pipe.input("a").map("a", "b", inner).output("b")(1).get() == [(1, 10)]
    assert pipe.input("a").map("a", ("b", "c"), inner).output("b", "c")(1).get() == [1, 10]
    assert pipe.input("a").map("a", "b", one).output("b")(1).get() == [10]
    many = pipe.input("x").flat_map("x", "y", lambda x: x).output("y")
    assert pipe.input("a").map("a", "b", many).output("b")([1, 2]).to_list() == [[1], [2]]
    lists = pipe.input("x").map("x", "y", lambda x: [x, x]).output("y")
    assert pipe.input("a").flat_map("a", "b", lists).output("b")(1).to_list() == [[1], [1]]
    odd = pipe.input("x").map("x", "y", lambda x: x % 2).output("y")
    assert FM.filter("x", "y", "x", odd).output("y")([1, 2, 3]).to_list() == [[1], [3]]
    total = pipe.input("l").map("l", "s", sum).output("s")
    assert FM.window("x", "w", 2, 2, total).output("w")([1, 2, 3]).to_list() == [[3], [3]]


def test_a_pipeline_inside_a_function():
    inner = pipe.input("x").map("x", "y", lambda x: x + 1).output("y")
    outer = pipe.input("x").map("x", "y", lambda x: inner(x).get()[0] * 2).output("y")
    assert outer(1).get() == [4]


def test_empty_ends_a_stream():
    p = pipe.input("x").map("x", "y", lambda x: E).map("y", "z", lambda y: 1).output("x", "z")
    assert p(1).get() == [1, E]
    assert pipe.input("x").map("x", "y", lambda x: None).output("y")(1).get() == [None]
