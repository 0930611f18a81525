"""Many inputs through one pipeline: `batch`, `stream`, and both for asyncio."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator, Generator, Iterable
from typing import TYPE_CHECKING, Any

from . import _core
from .data_queue import DataQueue

if TYPE_CHECKING:
    from .pipe import RuntimePipeline

__all__ = ["abatch", "acall", "stream"]


def stream(
    pipeline: RuntimePipeline, inputs: Iterable[Any], on_error: str
) -> Generator[DataQueue, None, None]:
    """What `RuntimePipeline.stream` promises."""
    if on_error not in ("raise", "row"):
        raise ValueError(f"on_error is 'raise' or 'row', not {on_error!r}")
    pipeline._check_open()
    many = pipeline._over_a_stream()
    if many is not None:
        return _together(pipeline, many, inputs, on_error)
    if pipeline._core.is_native():
        return _side_by_side(pipeline, inputs, on_error)
    return _one_by_one(pipeline, inputs, on_error)


def _arguments(pipeline: RuntimePipeline, item: Any) -> tuple[Any, ...] | list[Any]:
    """The values of the input columns that one item of a batch stands for."""
    columns = len(pipeline._inputs)
    if columns == 1:
        return (item,)
    if not isinstance(item, (tuple, list)):
        if not hasattr(item, "__getitem__") or not hasattr(item, "__len__"):
            raise TypeError(f"a pipeline of {columns} input columns takes tuples, not {item!r}")
        item = [item[i] for i in range(len(item))]
    assert len(item) == columns
    return item


def _one_by_one(
    pipeline: RuntimePipeline, inputs: Iterable[Any], on_error: str
) -> Generator[DataQueue, None, None]:
    core, names, types = pipeline._core, pipeline._names, pipeline._types
    call = core.call if on_error == "raise" else core.call_rows
    for item in inputs:
        yield DataQueue.from_columns(names, types, call(*_arguments(pipeline, item)))


class _Source:
    """The inputs as the first step reads them. What goes wrong in reading them is no node's error:
    it ends the stream and is kept for who takes the results.

    Its rows are lent to the run: who takes the results owns them, so that Python's garbage collector
    sees what they lead to."""

    def __init__(self, pipeline: RuntimePipeline, inputs: Iterable[Any]):
        self._pipeline = pipeline
        self._inputs = inputs
        self.error: Exception | None = None

    def rows(self) -> Generator[Any, None, None]:
        try:
            if len(self._pipeline._inputs) == 1:
                yield from self._inputs
            else:
                for item in self._inputs:
                    yield _arguments(self._pipeline, item)
        except Exception as error:
            self.error = error


def _together(
    pipeline: RuntimePipeline, many: _core.Pipeline, inputs: Iterable[Any], on_error: str
) -> Generator[DataQueue, None, None]:
    names, types, make = pipeline._names, pipeline._types, DataQueue.from_columns
    source = _Source(pipeline, inputs)
    inputs_left = source.rows()
    rows = many.start((_core.lend(inputs_left),), on_error == "raise", True)
    try:
        for row in rows:
            yield make(names, types, row)
        if source.error is not None:
            raise source.error
    finally:
        rows.close()
        del inputs_left  # whatever keeps this frame, such as a traceback


def _side_by_side(
    pipeline: RuntimePipeline, inputs: Iterable[Any], on_error: str
) -> Generator[DataQueue, None, None]:
    """Some runs at a time: the threads of the core work on those whose turn has not come."""
    core, names, types = pipeline._core, pipeline._names, pipeline._types
    runs: deque[_core.Run] = deque()
    most = 2 * len(os.sched_getaffinity(0))

    def result() -> DataQueue:
        return DataQueue.from_columns(names, types, runs.popleft().columns())

    try:
        for item in inputs:
            arguments = tuple(_arguments(pipeline, item))
            runs.append(core.start(arguments, on_error == "raise", False))
            if len(runs) == most:
                yield result()
        while runs:
            yield result()
    finally:
        for run in runs:
            run.close()


async def acall(pipeline: RuntimePipeline, inputs: tuple[Any, ...]) -> DataQueue:
    """What `RuntimePipeline.acall` promises."""
    import asyncio

    return await asyncio.to_thread(pipeline, *inputs)


class _Turns:
    """Results that threads take, one after the other. Whoever leaves them does not wait for the turn
    that is under way: its thread closes them behind it."""

    def __init__(self, results: Generator[DataQueue, None, None]):
        import threading

        self._results = results
        self._turn = threading.Lock()  # held by the one who is inside the generator
        self._left = False

    def take(self, end: Any) -> Any:
        try:
            with self._turn:
                return end if self._left else next(self._results, end)
        finally:
            if self._left:
                self._close()

    def leave(self) -> None:
        self._left = True
        self._close()

    def _close(self) -> None:
        # Who holds it looks at _left after that.
        if self._turn.acquire(blocking=False):
            try:
                self._results.close()
            finally:
                self._turn.release()


async def abatch(
    pipeline: RuntimePipeline, inputs: Iterable[Any], on_error: str
) -> AsyncIterator[DataQueue]:
    """What `RuntimePipeline.abatch` promises."""
    import asyncio

    turns = _Turns(stream(pipeline, inputs, on_error))
    end = object()
    try:
        while (result := await asyncio.to_thread(turns.take, end)) is not end:
            yield result
    finally:
        turns.leave()
