"""Sources for a DataLoader: file names by pattern, rows of CSV files."""

from __future__ import annotations

import csv
import glob
from collections.abc import Iterator
from typing import Any

from .base import PyOperator

__all__ = ["CsvReader", "Glob"]


class Glob(PyOperator):
    """The paths that match `pathname`, sorted; with `recursive`, `**` stands for any folders."""

    def __init__(self, pathname: str, *, recursive: bool = False):
        super().__init__()
        self._pathname = pathname
        self._recursive = recursive

    def __call__(self) -> list[str]:
        return sorted(glob.glob(self._pathname, recursive=self._recursive))


class CsvReader(PyOperator):
    """The rows of a CSV file, lists of str, one after the other.

    `dialect` and the further arguments are those of `csv.reader`. OSError where the file cannot be
    opened.
    """

    def __init__(self, f_path: str, dialect: str = "excel", **fmtparams: Any):
        super().__init__()
        self._path = f_path
        self._dialect = dialect
        self._format = fmtparams

    def __call__(self) -> Iterator[list[str]]:
        with open(self._path, encoding="utf-8", newline="") as file:
            yield from csv.reader(file, self._dialect, **self._format)
