"""ann_insert.sqlite and ann_search.sqlite: vectors and what belongs to them in one SQLite file.

ann_search.sqlite also reads the stores that `pipilo embed -o photos.db` and write_sqlite make, in 32
or in 16 bits. The search is exact: every vector is compared, in blocks, so memory stays flat.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .base import PyOperator, SharedType

__all__ = ["AnnInsert", "AnnSearch"]

BLOCK = 4096  # vectors compared at a time
COMMIT_EVERY = 1024  # rows
METRICS = ("COSINE", "IP", "L2")


def _as_vector(value: Any) -> np.ndarray:
    vector = np.ascontiguousarray(value, dtype="<f4")
    if vector.ndim != 1 or not vector.size:
        raise ValueError(f"one vector is wanted, float32 (dim,), not of shape {vector.shape}")
    return vector


class AnnInsert(PyOperator):
    """Adds `(vector, *meta)` rows to the file `path`, which is made where it is not there.

    vector: (dim,) of any float type; meta: what JSON can hold. A call gives the row's id, an int.
    `flush()` ends the transaction; without it rows are committed every 1024. ValueError where a
    vector's length is not `dimension`, or not that of the vectors already there.
    """

    def __init__(self, path: str, dimension: int | None = None):
        super().__init__()
        self._lock = threading.Lock()
        self._pending = 0
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS ann(id INTEGER PRIMARY KEY, vector BLOB NOT NULL, "
            "meta TEXT NOT NULL)"
        )
        self._db.commit()
        first = self._db.execute("SELECT length(vector) FROM ann LIMIT 1").fetchone()
        there = first[0] // 4 if first else None
        if dimension is not None and there not in (None, dimension):
            raise ValueError(f"{path} holds vectors of {there} values, not of {dimension}")
        self._dimension = dimension or there

    @property
    def shared_type(self) -> SharedType:
        return SharedType.Shareable

    def __call__(self, vec: Any, *meta: Any) -> int:
        vector = _as_vector(vec)
        with self._lock:
            if self._dimension is None:
                self._dimension = vector.size
            if vector.size != self._dimension:
                raise ValueError(f"a vector of {vector.size} values, not of {self._dimension}")
            row = self._db.execute(
                "INSERT INTO ann(vector, meta) VALUES(?, ?)",
                (vector.tobytes(), json.dumps(meta, ensure_ascii=False)),
            ).lastrowid
            self._pending += 1
            if self._pending >= COMMIT_EVERY:
                self._commit()
            return int(row or 0)

    def _commit(self) -> None:
        self._db.commit()
        self._pending = 0

    def flush(self) -> None:
        """Writes what was added to the disk."""
        with self._lock:
            self._commit()

    def __del__(self) -> None:
        db = getattr(self, "_db", None)
        if db is not None:
            db.commit()
            db.close()


class AnnSearch(PyOperator):
    """The `limit` rows of `path` nearest to a vector: a list of `(id, score, *meta)`, best first.

    metric_type: COSINE (-1..1), IP (the inner product) or L2 (the distance: smaller is nearer). meta
    is what was added with the vector; in a store of pictures, the picture's source. Equal scores by
    id. FileNotFoundError where there is no such file; ValueError for a vector of another length.
    """

    def __init__(self, path: str, limit: int = 5, metric_type: str = "COSINE"):
        super().__init__()
        if limit < 1:
            raise ValueError(f"limit is {limit}, it must be 1 or more")
        if metric_type.upper() not in METRICS:
            raise ValueError(f"metric_type is {metric_type!r}, not one of {', '.join(METRICS)}")
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path}: no such file")
        self._path = path
        self._limit = limit
        self._metric = metric_type.upper()

    @property
    def shared_type(self) -> SharedType:
        return SharedType.Shareable

    def __call__(self, query: Any) -> list[tuple]:
        vector = _as_vector(query)
        db = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
        try:
            best: list[tuple[float, int]] = []
            for ids, vectors in _blocks(db, vector.size):
                scores = self._scores(vector, vectors)
                best = heapq.nlargest(
                    self._limit, [*best, *zip(scores.tolist(), (-i for i in ids))]
                )
            sign = -1.0 if self._metric == "L2" else 1.0
            return [(-key, sign * score, *_meta(db, -key)) for score, key in best]
        finally:
            db.close()

    def _scores(self, query: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """float32 (rows,), larger is nearer."""
        if self._metric == "L2":
            return -np.linalg.norm(vectors - query, axis=1)
        scores = vectors @ query
        if self._metric == "COSINE":
            lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query)
            scores = np.divide(scores, lengths, out=np.zeros_like(scores), where=lengths > 0)
        return scores


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return db.execute(sql, (name,)).fetchone() is not None


def _is_own(db: sqlite3.Connection) -> bool:
    return _has_table(db, "ann")


def _dtype(db: sqlite3.Connection) -> np.dtype:
    """Of the vectors: a store made with dtype='f16' keeps them in 16 bits, and says so."""
    kept = None
    if not _is_own(db) and _has_table(db, "meta"):
        kept = db.execute("SELECT value FROM meta WHERE key = 'vector'").fetchone()
    return np.dtype("<f2" if kept == ("float16 little-endian",) else "<f4")


def _blocks(db: sqlite3.Connection, dim: int) -> Iterator[tuple[list[int], np.ndarray]]:
    """Ids and float32 (rows, dim), in the order of ids."""
    table = (
        "SELECT id, vector FROM ann ORDER BY id"
        if _is_own(db)
        else "SELECT row, vector FROM rows WHERE vector IS NOT NULL ORDER BY row"
    )
    dtype = _dtype(db)
    cursor = db.execute(table)
    while rows := cursor.fetchmany(BLOCK):
        for number, blob in rows:
            if len(blob) != dtype.itemsize * dim:
                values = len(blob) // dtype.itemsize
                raise ValueError(f"row {number} has {values} values, the query {dim}")
        data = np.frombuffer(b"".join(blob for _, blob in rows), dtype=dtype)
        yield [number for number, _ in rows], data.astype("<f4").reshape(len(rows), dim)


def _meta(db: sqlite3.Connection, number: int) -> tuple:
    if _is_own(db):
        (text,) = db.execute("SELECT meta FROM ann WHERE id = ?", (number,)).fetchone()
        return tuple(json.loads(text))
    return db.execute("SELECT source FROM rows WHERE row = ?", (number,)).fetchone()
