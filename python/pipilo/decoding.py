"""How pictures are decoded: how large one may be, how long it may take, whether in helper processes."""

from __future__ import annotations

import _thread
import os

from . import _core
from .settings import Settings

__all__ = ["decoding"]

_lock = _thread.allocate_lock()  # held while settings are changed


def _begin_anew() -> None:
    global _lock
    _lock = _thread.allocate_lock()


os.register_at_fork(after_in_child=_begin_anew)


def _bring_back(before: tuple[float, int, int]) -> None:
    with _lock:
        _core.decoding_set(*before)


def decoding(
    time_limit: float | None = None, *, isolate: bool | None = None, max_pixels: int | None = None
) -> Settings:
    """Sets how pictures are decoded in this process.

    `time_limit` is in seconds: a picture that takes longer is an error (TimeoutError). 0 is the default:
    PIPILO_TIME_LIMIT of the environment, else no limit.

    With `isolate` pictures are decoded in helper processes, children of this one: a picture that makes a
    decoder crash or hang is an error row, and the process goes on. docs/reliability.md has all of it. The
    default is PIPILO_ISOLATE of the environment, 1 or 0, else False.

    A picture of more than `max_pixels`, width x height, is an error (ValueError) and is not decoded. 0 is
    the default: PIPILO_MAX_PIXELS of the environment, else 268,435,456, which is the most.

    What is not given stays as it is. As a context manager it brings back what was before.
    """
    if isinstance(time_limit, bool) or not isinstance(time_limit, int | float | None):
        raise TypeError(f"a time limit is a number of seconds, not {time_limit!r}")
    if not isinstance(isolate, bool | None):
        raise TypeError(f"isolate is True or False, not {isolate!r}")
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, int | None):
        raise TypeError(f"a number of pixels is wanted, not {max_pixels!r}")
    if max_pixels is not None and not 0 <= max_pixels <= 1 << 28:
        raise ValueError(f"a picture of {max_pixels!r} pixels")
    if time_limit is not None and time_limit < 0:
        raise ValueError(f"a time limit of {time_limit!r} seconds")
    with _lock:
        before = _core.decoding_get()
        _core.decoding_set(
            before[0] if time_limit is None else float(time_limit),
            before[1] if isolate is None else 1 if isolate else -1,
            before[2] if max_pixels is None else max_pixels,
        )
    return Settings(lambda: _bring_back(before))
