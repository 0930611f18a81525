"""When what happened in a run: a list of `uid::event::microseconds`."""

from __future__ import annotations

import time
from typing import Any

__all__ = ["Event", "TimeProfiler"]


class Event:
    """The names of events.

    init_in, init_out: an operator is made. queue_in: a node begins to wait for a row; process_in,
    process_out: its operator's call; queue_out: the result has gone on.
    """

    pipe_name = "_run_pipe"
    pipe_in = "pipe_in"
    pipe_out = "pipe_out"
    init_in = "init_in"
    init_out = "init_out"
    process_in = "process_in"
    process_out = "process_out"
    queue_in = "queue_in"
    queue_out = "queue_out"


class TimeProfiler:
    """The record of one run; `inputs` is what the run was called with. Any thread may record."""

    def __init__(self, enable: bool = False, time_record: list[str] | None = None):
        self._enabled = enable
        self._record = list(time_record or ())
        self.inputs: Any = None

    def record(self, uid: str, event: str) -> None:
        """Notes the event now, if enabled."""
        if self._enabled:
            self._record.append(f"{uid}::{event}::{time.time_ns() // 1000}")

    @property
    def time_record(self) -> list[str]:
        return self._record

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def reset(self) -> None:
        self._record = []
