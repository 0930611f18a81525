"""The operators in Python that come with pipilo, by Towhee's names; loaded when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["SHIPPED", "shipped_factory"]

# name -> module under pipilo.operator, class
SHIPPED = {
    "ann-insert/sqlite": ("ann_sqlite", "AnnInsert"),
    "ann-search/sqlite": ("ann_sqlite", "AnnSearch"),
    "ann-insert/milvus-client": ("ann_milvus", "AnnInsert"),
    "ann-search/milvus-client": ("ann_milvus", "AnnSearch"),
    "ann-insert/faiss-index": ("ann_faiss", "AnnInsert"),
    "ann-search/faiss-index": ("ann_faiss", "AnnSearch"),
    "data-source/glob": ("data_source", "Glob"),
    "data-source/csv-reader": ("data_source", "CsvReader"),
}


def shipped_factory(name: str) -> Any:
    """The class of an operator in SHIPPED."""
    module, attribute = SHIPPED[name]
    return getattr(import_module(f".{module}", __package__), attribute)
