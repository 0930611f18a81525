"""One pipeline, several threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipilo import ops, pipe, register
from pipilo.operator import PyOperator


def test_threads_share_a_pipeline():
    p = pipe.input("n").flat_map("n", "x", range).map("x", "y", lambda x: x * 2).window_all(
        "y", "s", sum).output("s")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: p(n).get()[0], [100] * 200))
    assert found == [9900] * 200


def test_native_and_python_nodes_from_many_threads():
    numpy = pytest.importorskip("numpy")
    p = (
        pipe.input("x").flat_map("x", "v", lambda x: x).map("v", "n", ops.towhee.np_normalize())
        .map("n", "s", lambda n: round(float((n * n).sum()), 9)).window_all("s", "t", sum).output("t")
    )
    arrays = [numpy.array([1.0, i]) for i in range(100)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: p(arrays).get()[0], range(40))) == [100.0] * 40


def test_waiting_in_a_node_lets_others_go_on():
    together = threading.Barrier(4)  # opens when all four wait in their nodes at the same time
    p = pipe.input("x").map("x", "y", lambda x: together.wait(240)).output("y")
    with ThreadPoolExecutor(4) as pool:
        places = [queue.get()[0] for queue in pool.map(p, range(4))]
    assert sorted(places) == [0, 1, 2, 3]


def test_instances_by_shared_type():
    made, used = [], []
    together = threading.Barrier(2)

    @register(name="test/alone")
    class Alone(PyOperator):
        def __init__(self):
            super().__init__()
            made.append(self)

        def __call__(self, x):
            together.wait(240)
            used.append(self)
            return x

    p = pipe.input("x").map("x", "y", ops.test.alone()).output("y")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(p, range(2)))
    assert len(made) == 2
    assert used[0] is not used[1]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(p, range(2)))
    assert len(made) == 2


def test_an_instance_that_cannot_be_made_for_a_run():
    count = []

    @register(name="test/once")
    class Once(PyOperator):
        def __init__(self):
            super().__init__()
            count.append(1)
            if len(count) > 1:
                raise ValueError("only once")

        def __call__(self, x):
            return p(x) if x else x

    p = pipe.input("x").map("x", "y", ops.test.once()).output("y")
    assert p(0).get() == [0]
    with pytest.raises(RuntimeError, match="only once"):
        p(1)
    assert p(0).get() == [0]
