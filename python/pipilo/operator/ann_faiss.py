"""ann_insert.faiss_index and ann_search.faiss_index: a faiss index in a folder, for small sets.

The folder holds `index.faiss` and `meta.jsonl`, a line a row. The index is flat and exact, by L2; a
score is faiss's squared distance.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np

from .base import PyOperator, SharedType

__all__ = ["AnnInsert", "AnnSearch"]

INDEX, META = "index.faiss", "meta.jsonl"


def _faiss() -> Any:
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise ImportError(
            "faiss is not installed: pip install faiss-cpu. Without it there are "
            "ops.ann_insert.sqlite(path) and ops.ann_search.sqlite(path)"
        ) from error
    return faiss


class AnnInsert(PyOperator):
    """Adds `(vector, *meta)`; meta: what JSON can hold. Gives the row's number from 0.

    `flush()` writes the folder; rows added after it are lost at the end of the process. ValueError
    where a vector's length is not `dimension` or not that of the vectors already there.
    """

    def __init__(self, data_dir: str, dimension: int | None = None):
        super().__init__()
        self._faiss = _faiss()
        self._folder = Path(data_dir)
        self._dimension = dimension
        self._lock = threading.Lock()
        self._index: Any = None
        self._new: list[str] = []
        if (self._folder / INDEX).is_file():
            self._index = self._faiss.read_index(str(self._folder / INDEX))
            if dimension not in (None, self._index.d):
                raise ValueError(f"{data_dir} holds vectors of {self._index.d}, not {dimension}")

    @property
    def shared_type(self) -> SharedType:
        return SharedType.Shareable

    def __call__(self, vec: Any, *meta: Any) -> int:
        vector = np.ascontiguousarray(vec, dtype=np.float32).reshape(1, -1)
        with self._lock:
            if self._index is None:
                self._index = self._faiss.IndexFlatL2(self._dimension or vector.shape[1])
            if vector.shape[1] != self._index.d:
                raise ValueError(f"a vector of {vector.shape[1]} values, not of {self._index.d}")
            self._index.add(vector)
            self._new.append(json.dumps(meta, ensure_ascii=False))
            return self._index.ntotal - 1

    def flush(self) -> None:
        """Writes the index and the rows."""
        with self._lock:
            if not self._new:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(self._folder / META, "a", encoding="utf-8") as file:
                file.writelines(line + "\n" for line in self._new)
            self._faiss.write_index(self._index, str(self._folder / INDEX))
            self._new = []


class AnnSearch(PyOperator):
    """The `top_k` nearest rows: a list of `(number, score, *meta)`, nearest first."""

    def __init__(self, data_dir: str, top_k: int = 5):
        super().__init__()
        folder = Path(data_dir)
        if not (folder / INDEX).is_file():
            raise FileNotFoundError(f"{folder / INDEX}: no such file; ann_insert needs p.flush()")
        self._index = _faiss().read_index(str(folder / INDEX))
        with open(folder / META, encoding="utf-8") as file:
            self._meta = [tuple(json.loads(line)) for line in file]
        self._top_k = top_k

    @property
    def shared_type(self) -> SharedType:
        return SharedType.Shareable

    def __call__(self, query: Any) -> list[tuple]:
        vector = np.ascontiguousarray(query, dtype=np.float32).reshape(1, -1)
        scores, numbers = self._index.search(vector, self._top_k)
        return [
            (int(number), float(score), *self._meta[number])
            for number, score in zip(numbers[0], scores[0])
            if number >= 0
        ]
