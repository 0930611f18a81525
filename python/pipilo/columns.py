"""`to_arrow`: the results of pipelines as one table that gives Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import _core
from .arrow_rows import ArrowRows
from .data_queue import DataQueue, Empty

__all__ = ["ArrowTable", "to_arrow"]

_EMPTY = Empty()

# What the formats of columns are called in messages.
_WORDS = {"b": "bools", "l": "whole numbers", "g": "numbers", "u": "strings", "z": "bytes"}

# Arrow's letters for the element types of arrays.
_ITEMS = {
    "i1": "c",
    "u1": "C",
    "i2": "s",
    "u2": "S",
    "i4": "i",
    "u4": "I",
    "i8": "l",
    "u8": "L",
    "f2": "e",
    "f4": "f",
    "f8": "g",
}


class ArrowTable(ArrowRows):
    """Rows for whoever takes Arrow: `pyarrow.table(t)`, `polars.DataFrame(t)`, a DuckDB query."""

    def __init__(self, table: _core.Table, names: Sequence[str]):
        self._table = table
        self.names = tuple(names)  # of its columns

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"<ArrowTable [{', '.join(self.names)}] {len(self)} rows>"


def _plain(cell: Any) -> Any:
    """Numbers of numpy as Python's; what stands for nothing as None."""
    if cell is _EMPTY or isinstance(cell, BaseException):
        return None
    if getattr(cell, "shape", None) == () and hasattr(cell, "item"):
        return cell.item()
    return cell


def _format(cell: Any, name: str) -> str:
    """The Arrow format of the column that this cell is of."""
    for kind, letter in ((bool, "b"), (int, "l"), (float, "g"), (str, "u"), (bytes, "z")):
        if isinstance(cell, kind):
            return letter
    shape, dtype = getattr(cell, "shape", None), getattr(cell, "dtype", None)
    item = _ITEMS.get(dtype.str[1:]) if dtype is not None and dtype.isnative else None
    if shape is not None and len(shape) == 1 and shape[0] > 0 and item is not None:
        return f"+w:{shape[0]}:{item}"
    kind = type(cell).__name__
    if shape is not None:
        kind += f" of {dtype} and shape {shape}"
    raise TypeError(
        f"column {name} holds a {kind}: Arrow takes vectors, strings, bytes, numbers and bools"
    )


def _word(form: str) -> str:
    """What a format holds, in words."""
    if form in _WORDS:
        return _WORDS[form]
    import numpy

    _, size, letter = form.split(":")
    item = next(item for item, known in _ITEMS.items() if known == letter)
    return f"vectors of {size} {numpy.dtype(item)}"


def _column(name: str, cells: list[Any]) -> tuple[str, str, bool, Any]:
    """(name, format, nullable, cells) as the core takes it."""
    cells = [_plain(cell) for cell in cells]
    formats = {_format(cell, name) for cell in cells if cell is not None}
    if formats == {"l", "g"}:
        formats = {"g"}
    if len(formats) > 1:
        kinds = ", ".join(sorted(map(_word, formats)))
        raise TypeError(f"column {name} holds values of several types: {kinds}")
    found = formats.pop() if formats else "n"
    if found.startswith("+w"):
        import numpy

        return name, found, True, (c if c is None else numpy.ascontiguousarray(c) for c in cells)
    return name, found, True, cells


def _reason(row: Sequence[Any]) -> str | None:
    """What the row failed by, never without a text; None for one that did not."""
    error = next((cell for cell in row if isinstance(cell, BaseException)), None)
    if error is None:
        return None
    if error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


def _another_name(wanted: str, names: Sequence[str]) -> str:
    """`wanted`, with a number where the columns have it already."""
    name, number = wanted, 1
    while name in names:
        number += 1
        name = f"{wanted}_{number}"
    return name


def to_arrow(results: DataQueue | Iterable[DataQueue]) -> ArrowTable:
    """The rows of a pipeline's result, or of many (`p.batch(..)`, `p.stream(..)`), as one table.

    A column holds vectors of one length, strings, bytes, numbers or bools; what is None or `Empty()`
    is null. Where rows failed (`on_error='row'`) their values are null and a last column `error` says
    why; it is `error_2` where the pipeline has an `error`. Rows are copied; the results stay as they are. TypeError for other values, ValueError for
    results of different columns.
    """
    queues = (results,) if isinstance(results, DataQueue) else results
    names: list[str] | None = None
    rows: list[list[Any]] = []
    for queue in queues:
        if names is None:
            names = queue.schema
        elif names != queue.schema:
            raise ValueError(f"results of different columns: {names} and {queue.schema}")
        rows.extend(queue._peek())
    names = names or []
    columns = [_column(name, [row[i] for row in rows]) for i, name in enumerate(names)]
    reasons = [_reason(row) for row in rows]
    if any(reason is not None for reason in reasons):
        columns.append((_another_name("error", names), "u", True, reasons))
    return ArrowTable(_core.make_table(tuple(columns), len(columns)), [c[0] for c in columns])
