"""DataLoader: sources, parsers, lists."""

import pytest

from pipilo.data_loader import DataLoader
from pipilo.ops import ops
from pipilo.register import register


def test_iterables():
    assert list(DataLoader([1, 2, 3])) == [1, 2, 3]
    assert list(DataLoader(range(3), parser=lambda x: x * 2)) == [0, 2, 4]
    assert list(DataLoader([], batch_size=2)) == []
    assert list(DataLoader(range(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert list(DataLoader(range(4), batch_size=2)) == [[0, 1], [2, 3]]


def test_callables_are_called_at_each_iteration():
    loader = DataLoader(lambda: iter([1, 2]), parser=str)
    assert list(loader) == list(loader) == ["1", "2"]


def test_operators():
    @register(name="test_loader/seq")
    class Seq:
        def __init__(self, size):
            self.size = size

        def __call__(self):
            yield from range(self.size)

    assert list(DataLoader(ops.test_loader.seq(5), batch_size=3)) == [[0, 1, 2], [3, 4]]


def test_laziness():
    drawn = []

    def source():
        for number in range(100):
            drawn.append(number)
            yield number

    loader = iter(DataLoader(source, batch_size=2))
    assert next(loader) == [0, 1] and drawn == [0, 1]


def test_errors():
    with pytest.raises(RuntimeError, match="Data source only support ops or iterator"):
        list(DataLoader(3))
    with pytest.raises(ValueError):
        DataLoader([], batch_size=0)
