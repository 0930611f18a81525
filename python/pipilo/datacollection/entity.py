"""Entity: one row, its values as attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Entity"]


class Entity:
    """A row; any names, any values.

    >>> row = Entity(a=1, b=2)
    >>> row
    <Entity dict_keys(['a', 'b'])>
    >>> row.a, row["b"]
    (1, 2)
    """

    def __init__(self, **kwargs: Any):
        self.__dict__.update(kwargs)

    def __getitem__(self, key: str) -> Any:
        """The value `key`; AttributeError where there is none, as in Towhee."""
        return getattr(self, key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__dict__.keys()!r}>"

    def __str__(self) -> str:
        """
        >>> str(Entity(a=1))
        "{'a': 1}"
        """
        return str(self.__dict__)

    def combine(self, *entities: Entity) -> None:
        """Takes over the values of others, in their order.

        >>> row = Entity(a=1, b=2)
        >>> row.combine(Entity(b=3), Entity(c=4))
        >>> str(row)
        "{'a': 1, 'b': 3, 'c': 4}"
        """
        for other in entities:
            self.__dict__.update(other.__dict__)

    @classmethod
    def from_dict(cls, tar: Mapping[str, Any]) -> Entity:
        """An entity with the values of a dict.

        >>> Entity.from_dict({"a": 1}).a
        1
        """
        entity = cls()
        entity.__dict__.update(tar)
        return entity
