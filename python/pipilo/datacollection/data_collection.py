"""DataCollection: all rows of a DataQueue, as a list of entities that can be shown as a table."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from ..data_queue import ColumnType, DataQueue
from .entity import Entity

__all__ = ["DataCollection"]


class DataCollection:
    """Takes the rows out of a queue (or what `to_dict` gave).

    >>> rows = DataQueue([("a", ColumnType.SCALAR), ("b", ColumnType.QUEUE)])
    >>> rows.put(("x", 1)), rows.put(("x", 2))
    (True, True)
    >>> table = DataCollection(rows)
    >>> table
    <DataCollection Schema[a: ColumnType.SCALAR, b: ColumnType.QUEUE] SIZE 2>
    >>> [entity.b for entity in table], rows.size
    ([1, 2], 0)
    """

    def __init__(self, data: DataQueue | dict[str, Any]):
        if isinstance(data, dict):
            self._schema = list(data["schema"])
            self._type_schema = [ColumnType[name] for name in data["type_schema"]]
            rows = data["iterable"]
        else:
            self._schema = data.schema
            self._type_schema = data.type_schema
            rows = (data.get() for _ in range(data.size))
        self._iterable: list[Any] = [Entity.from_dict(dict(zip(self._schema, r))) for r in rows]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._iterable)

    def __getitem__(self, index: Any) -> Any:
        return self._iterable[index]

    def __setitem__(self, index: int, value: Any) -> None:
        self._iterable[index] = value

    def __len__(self) -> int:
        return len(self._iterable)

    def __repr__(self) -> str:
        columns = ", ".join(f"{n}: {t}" for n, t in zip(self._schema, self._type_schema))
        return f"<{type(self).__name__} Schema[{columns}] SIZE {len(self)}>"

    def __add__(self, another: DataCollection) -> DataCollection:
        """A new collection with the rows of both; the schema is the first one's.

        >>> one = DataCollection({"schema": ["a"], "type_schema": ["QUEUE"], "iterable": [[1], [2]]})
        >>> len(one + one), len(one)
        (4, 2)
        """
        joined = copy.copy(self)
        joined._iterable = self._iterable + another._iterable
        return joined

    def to_list(self) -> list[Any]:
        """The entities.

        >>> one = DataCollection({"schema": ["a"], "type_schema": ["QUEUE"], "iterable": [[1]]})
        >>> one.to_list()
        [<Entity dict_keys(['a'])>]
        """
        return list(self._iterable)

    def copy(self, deep: bool = False) -> DataCollection:
        """A copy that shares its entities, or with `deep` one that shares nothing."""
        return copy.deepcopy(self) if deep else copy.copy(self)

    def to_dict(self) -> dict[str, Any]:
        """`{"schema": names, "type_schema": names of types, "iterable": rows as lists}`."""
        return {
            "schema": self._schema,
            "type_schema": [kind.name for kind in self._type_schema],
            "iterable": [[getattr(row, name) for name in self._schema] for row in self._iterable],
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> DataCollection:
        """What `to_dict` gave, as a collection again.

        >>> given = {"schema": ["a"], "type_schema": ["SCALAR"], "iterable": [[1]]}
        >>> DataCollection.from_dict(given).to_dict() == given
        True
        """
        return DataCollection(data)

    def prepare_table_data(self, limit: int = 5) -> dict[str, Any]:
        """The first rows (all where `limit` is below 1) as `{"headers", "data"}`."""
        rows = self._iterable[:limit] if limit > 0 else self._iterable
        return {"headers": self._schema, "data": [list(row.__dict__.values()) for row in rows]}

    def show(self, limit: int = 5, tablefmt: str | None = None) -> None:
        """Shows the first `limit` rows (all where it is below 1) as a table.

        tablefmt: 'html' (in a notebook, and the default there), 'grid' or 'plain'.
        """
        from .table import show

        show(self.prepare_table_data(limit), tablefmt)
