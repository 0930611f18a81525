"""DataLoader: data from a source, parsed, one by one or in lists for `pipeline.batch`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ["DataLoader"]


class DataLoader:
    """Iterates over `data_source`, an iterable or something to call for one (such as an operator).

    `parser` makes a pipeline's input of each item. With `batch_size` lists of so many items come, the
    last one perhaps shorter. RuntimeError at the iteration for another kind of source.

    >>> list(DataLoader([{"n": 1}, {"n": 2}, {"n": 3}], parser=lambda x: x["n"], batch_size=2))
    [[1, 2], [3]]
    """

    def __init__(
        self,
        data_source: Iterable[Any] | Callable[[], Iterable[Any]],
        parser: Callable[[Any], Any] | None = None,
        batch_size: int | None = None,
    ):
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, it must be 1 or more")
        self._source = data_source
        self._parser = parser
        self._batch_size = batch_size

    def _items(self) -> Iterator[Any]:
        source: Any = self._source
        if callable(source):
            source = source()
        elif not hasattr(source, "__iter__"):
            raise RuntimeError("Data source only support ops or iterator")
        return iter(source) if self._parser is None else map(self._parser, source)

    def __iter__(self) -> Iterator[Any]:
        if self._batch_size is None:
            yield from self._items()
            return
        batch = []
        for item in self._items():
            batch.append(item)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if batch:
            yield batch
