"""Memory: what is alive, how much there may be, and what happens when it gets short."""

from __future__ import annotations

import _thread
import atexit
import os
import sys
import time
import weakref
from collections import namedtuple

from . import _core
from .settings import Settings

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NamedTuple

    class MemoryEvent(NamedTuple):
        state: str
        before: str
        used: int
        total: int

else:
    MemoryEvent = namedtuple("MemoryEvent", "state before used total")
    MemoryEvent.__doc__ = """Memory goes from one state to another: 'ok', 'soft', 'hard' or 'critical'.

    `used` are bytes as the marks count them, `total` those of all there is."""

__all__ = ["MemoryEvent", "memory", "set_threads", "stats", "trim"]

_STATES = ("ok", "soft", "hard", "critical")


_EVENT = 4 * 8  # bytes: state, state before, used, total
_END = bytes([0xFF]) * _EVENT
_MOMENT = 1.0  # seconds: how long the process's end waits for actions


def _work(read: int, action: Callable[[MemoryEvent], Any]) -> None:
    """Calls the action with each event that comes out of the pipe."""
    try:
        while (event := os.read(read, _EVENT)) not in (_END, b""):
            state, before, used, total = (
                int.from_bytes(event[i : i + 8], sys.byteorder) for i in range(0, _EVENT, 8)
            )
            try:
                action(MemoryEvent(_STATES[state], _STATES[before], used, total))
            except BaseException:
                # The next event is another matter. SystemExit ends no process from this thread.
                sys.excepthook(*sys.exc_info())
    finally:
        os.close(read)


class _Watch:
    """An action and the thread it runs on. The library writes its events into a pipe, from whichever
    thread it is on; it holds no Python object and never takes the GIL for that."""

    def __init__(self, action: Callable[[MemoryEvent], Any]):
        import threading  # slow to import, and rarely needed

        self._ended = False
        self._read, self.descriptor = os.pipe()
        os.set_blocking(self.descriptor, False)
        self._thread = threading.Thread(
            target=_work, args=(self._read, action), name="pipilo-memory", daemon=True
        )
        self._thread.start()
        _all.add(self)

    def stop(self) -> bool:
        """From now on it is nobody's action. Whether it was not so before: then `finish` is to be
        called. With `_lock` held, or where nobody else has it."""
        first = not self._ended
        self._ended = True
        return first

    def finish(self, seconds: float | None = None) -> None:
        """What was seen before is told before: waits for that, at most so many seconds. The library
        must not have the descriptor any more."""
        until = None if seconds is None else time.monotonic() + seconds
        self._tell_end(until)
        os.close(self.descriptor)
        if self._thread.ident != _thread.get_ident():
            self._thread.join(None if until is None else max(0, until - time.monotonic()))

    def _tell_end(self, until: float | None) -> None:
        while True:
            try:
                os.write(self.descriptor, _END)
                return
            except BlockingIOError:  # full: the action has not kept up
                if until is not None and time.monotonic() >= until:
                    return
                time.sleep(0.01)
            except BrokenPipeError:
                return

    def abandon(self) -> None:
        """In a child of fork(): the thread is the parent's."""
        if not self._ended:
            self._ended = True
            os.close(self.descriptor)
            os.close(self._read)

    def is_ended(self) -> bool:
        return self._ended

    def __del__(self) -> None:
        # Nobody can bring it back.
        if self.stop():
            self.finish(0)


_all: weakref.WeakSet[_Watch] = weakref.WeakSet()
_lock = _thread.allocate_lock()  # held while settings are changed
_watch: _Watch | None = None  # the action of now


def _set(sizes: Sequence[int | str], watch: _Watch | None) -> None:
    global _watch
    if watch is not None and watch.is_ended():
        watch = None
    _core.memory_set(*sizes, watch.descriptor if watch is not None else -1)
    _watch = watch


def _begin_anew() -> None:
    """A child of fork() begins without an action."""
    global _lock, _watch
    _lock = _thread.allocate_lock()
    _watch = None
    for watch in list(_all):
        watch.abandon()


os.register_at_fork(after_in_child=_begin_anew)


@atexit.register
def _close() -> None:
    """What was seen is told, whoever keeps its settings, as far as that takes no longer than a moment:
    an action that hangs is left to its thread, which ends with the interpreter."""
    with _lock:
        watches = [watch for watch in _all if watch.stop()]
        _set(_core.memory_get(), None)
    until = time.monotonic() + _MOMENT
    for watch in watches:
        watch.finish(max(0, until - time.monotonic()))
    _core.set_log(None)
    _core.end()


def _bring_back(sizes: Sequence[int], watch: _Watch | None, own: _Watch | None) -> None:
    """Sizes and action as they were before; `own` is the action that is taken away, if it is there yet."""
    with _lock:
        _set(sizes, watch)
        if own is not None and not own.stop():
            own = None
    # Not under the lock: the action may set memory itself.
    if own is not None:
        own.finish()


def memory(
    limit: int | str | None = None,
    *,
    soft: int | str | None = None,
    hard: int | str | None = None,
    critical: int | str | None = None,
    action: Callable[[MemoryEvent], Any] | bool | None = None,
) -> Settings:
    """Sets how much memory there may be, and what is done when it gets short.

    `limit` is the budget: pixels, rows between steps and models stay under it. By default it is half of
    the smaller of the cgroup's limit and the RAM.

    The other three are marks on the memory that is really used, by the whole process or by others in
    its cgroup. At `soft` less is worked on at once, and idle models and free heap are given back; at
    `hard` one row at a time is worked on; at `critical` new rows that need memory are errors
    (MemoryError). By default that is 75, 85 and 95 % of all there is, nearer to the end on large machines.

    A size is a number of bytes, text such as '2GiB', or a share of all there is, such as '80%'. 0 is the
    default; what is not given stays as it is.

    `action` is called with a MemoryEvent once for each change of state, on a thread of its own; False
    takes it away. A child of fork() begins without one. docs/memory.md has all of it.

    As a context manager it brings back what was before.
    """
    given = (limit, soft, hard, critical)
    for size in given:
        if not isinstance(size, int | str | None) or isinstance(size, bool):
            raise TypeError(f"a size is a number of bytes or text, not {size!r}")
    if not (action is None or action is False or callable(action)):
        raise TypeError(f"the action cannot be called: {action!r}")
    own = _Watch(action) if callable(action) else None
    with _lock:
        sizes, watch = _core.memory_get(), _watch
        wanted = [old if new is None else new for old, new in zip(sizes, given, strict=True)]
        _set(wanted, watch if action is None else own)
    return Settings(lambda: _bring_back(sizes, watch, own))


def _say(line: str) -> None:
    from .log import engine_log

    engine_log.warning(line)


_core.set_log(_say)


def stats() -> dict[str, int]:
    """What is alive now, the memory budget, and what inputs passed over, as numbers by name.

    values, images, pipelines, runs, models, sources, tables: objects alive. allocations: blocks of the
    core's allocator. budget_limit, budget_used, budget_peak, memory_anonymous: bytes. model_loads:
    models loaded since the start. skipped_hidden, skipped_other, skipped_irregular: names in folders
    that are hidden, have no picture's suffix, or are no files; skipped_members: members that limits of
    archives dropped; skipped_unchanged: rows that an update had already; resumed, resumed_errors: rows
    of a run that was stopped, and errors among them; all since the start.
    memory_state: 0 while there is enough, then 1 (soft), 2 (hard), 3 (critical); memory_used,
    memory_peak, memory_total, memory_soft, memory_hard, memory_critical: bytes, as the marks count them.
    entered_ok, entered_soft, entered_hard, entered_critical: how often each state began. rows_refused:
    rows that are errors because it was critical. helpers_started, helpers_lost: helper processes
    (pipilo.decoding), and those that crashed or took too long.
    """
    return _core.stats()


def trim() -> int:
    """Drops what is idle: models nobody uses, free heap. How many models were dropped."""
    return _core.trim()


def set_threads(count: int) -> None:
    """Threads that work on native operators; 0: one a core. Before the first pipeline runs."""
    _core.set_threads(count)
