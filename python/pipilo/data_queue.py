"""DataQueue: rows between producers and consumers, kept column by column.

A SCALAR column keeps the value put last and shows it in every row; a QUEUE column is a stream, first
in first out. Columns are zipped by position: a row is what stands at the front of each of them. While
the queue is open a row exists when every QUEUE column has an item and every SCALAR column a value;
once it is sealed, short columns are filled up with `Empty()`.

Any number of threads may put and get.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections import deque
from enum import Enum

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Self

__all__ = ["ColumnType", "DataQueue", "Empty"]


class ColumnType(Enum):
    """How a column's values meet rows: a stream of them, or one value for all."""

    QUEUE = 1
    SCALAR = 2


class Empty:
    """The one value that stands where a column has nothing. `Empty() is Empty()`."""

    _instance: Any = None
    __slots__ = ()

    def __new__(cls) -> Self:
        if cls._instance is None:
            cls._instance = object.__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "Empty()"

    def __reduce__(self) -> tuple:
        return (Empty, ())


EMPTY = Empty()
_QUEUE = ColumnType.QUEUE
_new_lock = allocate_lock


class _Stream:
    """A QUEUE column."""

    __slots__ = ("_data",)

    def __init__(self, items: Iterable[Any] = ()):
        self._data = deque(items)

    def put(self, item: Any) -> None:
        if item is not EMPTY:
            self._data.append(item)

    def get(self) -> Any:
        return self._data.popleft() if self._data else EMPTY

    def size(self) -> int:
        return len(self._data)

    def waiting(self) -> list[Any]:
        return list(self._data)

    def clear(self) -> None:
        self._data.clear()


class _KeptStream:
    """A QUEUE column that can be read again: its reader gets deep copies (`keep_data=True`)."""

    __slots__ = ("_data", "_next")

    def __init__(self, items: Iterable[Any] = ()):
        self._data = list(items)
        self._next = 0

    def put(self, item: Any) -> None:
        if item is not EMPTY:
            self._data.append(item)

    def get(self) -> Any:
        if self._next == len(self._data):
            return EMPTY
        self._next += 1
        from copy import deepcopy

        return deepcopy(self._data[self._next - 1])

    def size(self) -> int:
        return len(self._data) - self._next

    def waiting(self) -> list[Any]:
        return self._data[self._next :]

    def rewind(self) -> None:
        self._next = 0

    def clear(self) -> None:
        self._data.clear()
        self._next = 0


class _Scalar:
    """A SCALAR column."""

    __slots__ = ("_data",)

    def __init__(self, value: Any = EMPTY):
        self._data = value

    def put(self, value: Any) -> None:
        if value is not EMPTY:
            self._data = value

    def get(self) -> Any:
        return self._data

    def filled(self) -> bool:
        return self._data is not EMPTY


class DataQueue:
    """Rows over the columns `schema_info`, a sequence of `(name, ColumnType)`.

    `put` waits while `max_size` rows are in it (0: never). With `keep_data` the rows can be read again
    after `reset_size()`.

    >>> rows = DataQueue([("url", ColumnType.SCALAR), ("word", ColumnType.QUEUE)])
    >>> rows.put(("a.txt", "one")), rows.put_dict({"word": "two"})
    (True, True)
    >>> rows.seal()
    >>> rows.to_list()
    [['a.txt', 'one'], ['a.txt', 'two']]
    """

    __slots__ = (
        "__weakref__",
        "_changed",
        "_complete",
        "_data",
        "_lock",
        "_max_size",
        "_names",
        "_scalars",
        "_sealed",
        "_size",
        "_streams",
        "_taken",
        "_types",
    )

    def __init__(
        self,
        schema_info: Sequence[tuple[str, ColumnType]],
        max_size: int = 1000,
        keep_data: bool = False,
    ):
        stream = _KeptStream if keep_data else _Stream
        self._names: Sequence[str] = [name for name, _ in schema_info]
        self._types: Sequence[ColumnType] = [kind for _, kind in schema_info]
        self._data = [stream() if kind is ColumnType.QUEUE else _Scalar() for kind in self._types]
        self._begin(max_size)

    @classmethod
    def from_columns(
        cls, names: Sequence[str], types: Sequence[ColumnType], columns: Sequence[Any]
    ) -> DataQueue:
        """A sealed queue over whole columns: for a QUEUE column an iterable, else its value.

        `names` and `types` are shared, not copied: pipelines make a queue for every result.
        """
        queue = cls.__new__(cls)
        queue._names = names
        queue._types = types
        queue._data = data = []
        rows = filled = 0
        for kind, column in zip(types, columns, strict=True):
            if kind is _QUEUE:
                stream = _Stream(column)
                data.append(stream)
                count = len(stream._data)
                rows = max(rows, count)
            else:
                data.append(_Scalar(column))
                if column is not EMPTY:
                    filled = 1
        queue._streams = queue._scalars = ()
        queue._max_size = 0
        queue._size = rows or filled
        queue._sealed = True
        queue._complete = queue._taken = False
        queue._lock = _new_lock()
        queue._changed = None
        return queue

    def _begin(self, max_size: int) -> None:
        self._streams: Sequence[Any] = [c for c in self._data if type(c) is not _Scalar]
        self._scalars: Sequence[Any] = [c for c in self._data if type(c) is _Scalar]
        self._max_size = max_size
        self._size = 0
        self._sealed = False
        self._complete = False  # every SCALAR column has its value
        self._taken = False  # a row was given out
        self._lock = _new_lock()
        self._changed: threading.Condition | None = None  # made by the first who has to wait

    # --- putting -------------------------------------------------------------------------------

    def put(self, inputs: Sequence[Any]) -> bool:
        """Puts one value per column; `Empty()` puts nothing. False if the queue is sealed."""
        assert len(inputs) == len(self._data), f"{len(inputs)} values for {len(self._data)} columns"
        with self._lock:
            if not self._wait_for_room():
                return False
            for column, value in zip(self._data, inputs):
                column.put(value)
            self._recount()
            return True

    def put_dict(self, inputs: Mapping[str, Any]) -> bool:
        """Puts by column name; missing names put nothing, unknown ones are ignored."""
        return self.put([inputs.get(name, EMPTY) for name in self._names])

    def batch_put(self, batch_inputs: Sequence[Sequence[Any]]) -> bool:
        """Puts a list per column: all of it in a stream, its first item in a SCALAR column."""
        assert len(batch_inputs) == len(self._data), (
            f"{len(batch_inputs)} lists for {len(self._data)} columns"
        )
        with self._lock:
            if not self._wait_for_room():
                return False
            for column, items in zip(self._data, batch_inputs):
                if type(column) is _Scalar:
                    column.put(items[0])
                else:
                    for item in items:
                        column.put(item)
            self._recount()
            return True

    def batch_put_dict(self, batch_inputs: Mapping[str, Sequence[Any]]) -> bool:
        """Puts lists by column name; True without putting where there is no item at all."""
        lists = [batch_inputs.get(name) or [EMPTY] for name in self._names]
        if all(len(items) == 1 and items[0] is EMPTY for items in lists):
            return True
        return self.batch_put(lists)

    def _wait_for_room(self) -> bool:
        while not self._sealed and 0 < self._max_size <= self._size:
            self._wait()
        return not self._sealed

    # --- getting -------------------------------------------------------------------------------

    def get(self) -> list[Any] | None:
        """The next row; waits for it while the queue is open. None when there is no more."""
        with self._lock:
            while self._size <= 0 and not self._sealed:
                self._wait()
            if self._size <= 0:
                return None
            row = [column.get() for column in self._data]
            self._size -= 1
            self._taken = True
            self._wake()
            return row

    def get_dict(self, cols: Iterable[str] | None = None) -> dict[str, Any] | None:
        """The next row as a dict, with all columns or with those in `cols`."""
        row = self.get()
        if row is None:
            return None
        pairs = zip(self._names, row)
        if cols is None:
            return dict(pairs)
        wanted = set(cols)
        return {name: value for name, value in pairs if name in wanted}

    def to_list(self, kv_format: bool = False) -> list:
        """Takes all rows, as lists or as dicts. RuntimeError unless the queue is sealed."""
        if not self._sealed:
            raise RuntimeError("The queue is not sealed")
        take = self.get_dict if kv_format else self.get
        return [take() for _ in range(self._size)]

    def _peek(self) -> list[list[Any]]:
        """The rows that could be taken, which stay."""
        with self._lock:
            columns = [
                [column.get()] * self._size if type(column) is _Scalar else column.waiting()
                for column in self._data
            ]
            return [
                [column[i] if i < len(column) else EMPTY for column in columns]
                for i in range(self._size)
            ]

    def __arrow_c_schema__(self) -> object:
        """The Arrow type of its rows, a struct, as a capsule."""
        return self._arrow().__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """The rows that could be taken, which stay, as an Arrow array. See `pipilo.to_arrow`."""
        return self._arrow().__arrow_c_array__(requested_schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The same as a stream of Arrow arrays."""
        return self._arrow().__arrow_c_stream__(requested_schema)

    def _arrow(self) -> Any:
        from .columns import to_arrow

        return to_arrow(self)

    # --- state ---------------------------------------------------------------------------------

    def seal(self) -> None:
        """Ends putting: what is in the columns becomes rows, short columns give `Empty()`."""
        with self._lock:
            if self._sealed:
                return
            self._sealed = True
            # Where all columns are SCALAR their row was counted when it was put, and may be taken.
            if self._streams or not self._complete:
                self._size = self._count()
            self._wake()

    def clear_and_seal(self) -> None:
        """Ends putting and drops what is there."""
        with self._lock:
            if self._sealed:
                return
            self._sealed = True
            self._size = 0
            for column in self._streams:
                column.clear()
            self._wake()

    def reset_size(self) -> None:
        """Begins reading anew, with `keep_data`; without it nothing changes."""
        with self._lock:
            kept = [column for column in self._streams if type(column) is _KeptStream]
            for column in kept:
                column.rewind()
            if kept:
                self._size = self._count()
                self._wake()

    @property
    def size(self) -> int:
        """Rows that can be taken now."""
        return self._size

    @property
    def col_size(self) -> int:
        """Columns."""
        return len(self._data)

    @property
    def sealed(self) -> bool:
        return self._sealed

    @property
    def schema(self) -> list[str]:
        """The columns' names."""
        return list(self._names)

    @property
    def type_schema(self) -> list[ColumnType]:
        """The columns' types."""
        return list(self._types)

    def col_type(self, col_name: str) -> ColumnType:
        """The type of one column; ValueError for an unknown name."""
        return self._types[self._names.index(col_name)]

    @property
    def max_size(self) -> int:
        """Rows at which `put` begins to wait; 0: never."""
        return self._max_size

    @max_size.setter
    def max_size(self, rows: int) -> None:
        with self._lock:
            self._max_size = rows
            self._wake()

    def __repr__(self) -> str:
        columns = ", ".join(f"{n}: {t.name}" for n, t in zip(self._names, self._types))
        state = "sealed" if self._sealed else "open"
        return f"<DataQueue [{columns}] {self._size} rows, {state}>"

    # --- under the lock ------------------------------------------------------------------------

    def _count(self) -> int:
        if not self._sealed and not self._complete:
            if not all(column.filled() for column in self._scalars):
                return 0
            self._complete = True
        if self._streams:
            sizes = [column.size() for column in self._streams]
            if not self._sealed:
                return min(sizes)
            if max(sizes) or self._taken:
                return max(sizes)
        return int(any(column.filled() for column in self._scalars))

    def _recount(self) -> None:
        self._size = self._count()
        if self._size:
            self._wake()

    def _wait(self) -> None:
        if self._changed is None:
            from threading import Condition

            self._changed = Condition(self._lock)
        self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.notify_all()
