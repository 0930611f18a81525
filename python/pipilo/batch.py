"""Many inputs through one pipeline: `batch`, `stream`, and both for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .data_queue import DataQueue

if TYPE_CHECKING:
    from .pipe import RuntimePipeline

__all__ = ["abatch", "acall", "stream"]


def stream(
    pipeline: RuntimePipeline, inputs: Iterable[Any], on_error: str
) -> Iterator[DataQueue]:
    """What `RuntimePipeline.stream` promises."""
    if on_error not in ("raise", "row"):
        raise ValueError(f"on_error is 'raise' or 'row', not {on_error!r}")
    return _one_by_one(pipeline, inputs, on_error)


def _arguments(pipeline: RuntimePipeline, item: Any) -> tuple[Any, ...] | list[Any]:
    """The values of the input columns that one item of a batch stands for."""
    if len(pipeline._inputs) == 1:
        return (item,)
    if not isinstance(item, (tuple, list)):
        raise TypeError(
            f"a pipeline of {len(pipeline._inputs)} input columns takes tuples, not {item!r}"
        )
    return item


def _one_by_one(
    pipeline: RuntimePipeline, inputs: Iterable[Any], on_error: str
) -> Iterator[DataQueue]:
    core, names, types = pipeline._core, pipeline._names, pipeline._types
    call = core.call if on_error == "raise" else core.call_rows
    for item in inputs:
        yield DataQueue.from_columns(names, types, call(*_arguments(pipeline, item)))


async def acall(pipeline: RuntimePipeline, inputs: tuple[Any, ...]) -> DataQueue:
    """What `RuntimePipeline.acall` promises."""
    import asyncio

    return await asyncio.to_thread(pipeline, *inputs)


async def abatch(
    pipeline: RuntimePipeline, inputs: Iterable[Any], on_error: str
) -> AsyncIterator[DataQueue]:
    """What `RuntimePipeline.abatch` promises."""
    import asyncio

    results = stream(pipeline, inputs, on_error)
    end = object()
    try:
        while (result := await asyncio.to_thread(next, results, end)) is not end:
            yield result
    finally:
        results.close()
