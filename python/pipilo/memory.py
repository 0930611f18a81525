"""Memory: what is alive, and how much there may be."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

__all__ = ["memory", "set_threads", "stats", "trim"]

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _bytes(size: int | str) -> int:
    """A number of bytes: an int, or text such as '512M' or '2GiB' (powers of 1024)."""
    if isinstance(size, int):
        if size < 0:
            raise ValueError(f"{size} is no number of bytes")
        return size
    text = size.strip().upper().removesuffix("B").removesuffix("I")
    unit = text[-1:] if text[-1:] in _UNITS else ""
    try:
        number = float(text[: len(text) - len(unit)])
    except ValueError:
        raise ValueError(f"{size!r} is no size: a number of bytes, '512M', '2GiB'") from None
    return int(number * _UNITS[unit])


class _Limit:
    """What `memory` gives: the limit holds from now on, or until the end of a `with`."""

    def __init__(self, before: int):
        self._before = before

    def __enter__(self) -> _Limit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _core.set_memory(self._before)


def memory(
    limit: int | str | None = None,
    *,
    soft: int | str | None = None,
    hard: int | str | None = None,
    action: Callable[..., Any] | None = None,
) -> _Limit:
    """Sets the process's memory budget: pixels, rows between steps and models stay under it.

    `limit` is a number of bytes or text such as '2GiB'; 0 is the default, half of the smaller of the
    cgroup's limit and the RAM. As a context manager it puts the old limit back at the end.

    `soft`, `hard` and `action` belong to watching the memory that the whole process really uses, which
    this version does not do: NotImplementedError.
    """
    for name, given in (("soft", soft), ("hard", hard), ("action", action)):
        if given is not None:
            raise NotImplementedError(
                f"memory({name}=..) is not there yet: only the budget `limit` is kept"
            )
    before = _core.stats()["budget_limit"]
    if limit is not None:
        _core.set_memory(_bytes(limit))
    return _Limit(before)


def stats() -> dict[str, int]:
    """What is alive now, the memory budget, and what inputs passed over, as numbers by name.

    values, images, pipelines, runs, models, sources, tables: objects alive. allocations: blocks of the
    core's allocator. budget_limit, budget_used, budget_peak, memory_anonymous: bytes. model_loads:
    models loaded since the start. skipped_hidden, skipped_other, skipped_irregular: names in folders
    that are hidden, have no picture's suffix, or are no files; skipped_members: members that limits of
    archives dropped; skipped_unchanged: rows that an update had already; all since the start.
    """
    return _core.stats()


def trim() -> int:
    """Drops what is idle: models nobody uses, free heap. How many models were dropped."""
    return _core.trim()


def set_threads(count: int) -> None:
    """Threads that work on native operators; 0: one a core. Before the first pipeline runs."""
    _core.set_threads(count)
