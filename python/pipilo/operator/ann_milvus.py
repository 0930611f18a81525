"""ann_insert.milvus_client and ann_search.milvus_client: a Milvus collection through pymilvus."""

from __future__ import annotations

import uuid
from typing import Any

from .base import PyOperator

__all__ = ["AnnInsert", "AnnSearch"]


def _collection(
    host: str, port: str | int, name: str | None, user: str | None, password: str | None
) -> Any:
    """The loaded collection. ImportError without pymilvus, ValueError without a name."""
    if not name:
        raise ValueError("collection_name is needed")
    try:
        from pymilvus import Collection, connections
    except ModuleNotFoundError as error:
        raise ImportError(
            "pymilvus is not installed: pip install pymilvus. Without a Milvus server there are "
            "ops.ann_insert.sqlite(path) and ops.ann_search.sqlite(path)"
        ) from error
    alias = uuid.uuid4().hex
    access = {"user": user, "password": password, "secure": True} if user else {}
    connections.connect(alias=alias, host=host, port=str(port), **access)
    return Collection(name, using=alias)


def _plain(value: Any) -> Any:
    """Milvus takes lists and Python's numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


class AnnInsert(PyOperator):
    """Adds one row, a value per field of the collection in its order; gives pymilvus's result."""

    def __init__(
        self,
        host: str = "localhost",
        port: str | int = 19530,
        collection_name: str | None = None,
        user: str | None = None,
        password: str | None = None,
    ):
        super().__init__()
        self._collection = _collection(host, port, collection_name, user, password)

    def __call__(self, *data: Any) -> Any:
        return self._collection.insert([[_plain(value)] for value in data])

    def flush(self) -> None:
        self._collection.flush()


class AnnSearch(PyOperator):
    """The nearest rows to a vector: a list of `(id, score, *output_fields)`, best first.

    Further arguments are those of pymilvus's `Collection.search`: limit (10), output_fields,
    metric_type, param, anns_field, expr. The vector field is the collection's only one unless
    `anns_field` says which.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: str | int = 19530,
        collection_name: str | None = None,
        user: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ):
        super().__init__()
        self._collection = _collection(host, port, collection_name, user, password)
        self._collection.load()
        self._limit = kwargs.pop("limit", 10)
        self._fields = list(kwargs.pop("output_fields", None) or [])
        metric = kwargs.pop("metric_type", None)
        self._param = kwargs.pop("param", None) or ({"metric_type": metric} if metric else {})
        self._anns_field = kwargs.pop("anns_field", None) or self._vector_field()
        self._options = kwargs

    def _vector_field(self) -> str:
        fields = [f.name for f in self._collection.schema.fields if "VECTOR" in f.dtype.name]
        if len(fields) != 1:
            raise ValueError(f"say which field with anns_field: there are {', '.join(fields)}")
        return fields[0]

    def __call__(self, query: Any) -> list[tuple]:
        found = self._collection.search(
            data=[_plain(query)],
            anns_field=self._anns_field,
            param=self._param,
            limit=self._limit,
            output_fields=self._fields,
            **self._options,
        )
        return [
            (hit.id, hit.score, *(hit.entity.get(field) for field in self._fields))
            for hit in found[0]
        ]
