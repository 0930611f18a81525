"""`shared`: one embedder or pipeline for a process, by a configuration that pickles.

    CONFIG = pipilo.EmbedConfig('efficientnet-lite0')

    def work(paths):                       # in a worker of multiprocessing, Spark, Ray, a DataLoader
        return pipilo.shared(CONFIG)(paths)

Only the configuration travels. Each process builds what it stands for at the first call; what a
forked child inherits works there as well, since the core begins anew in it.
"""

from __future__ import annotations

import os
import threading
from typing import Any, overload

from .embedding import EmbedConfig, Embedder
from .pipe import RuntimePipeline

__all__ = ["shared"]


class _Place:
    """Where one configuration's object is made, once, by whoever comes first."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: Any = None


_lock = threading.Lock()  # guards _places
_places: dict[EmbedConfig | str, _Place] = {}


def _after_fork() -> None:
    """Locks that other threads held at the fork stay locked in the child."""
    global _lock
    _lock = threading.Lock()
    for place in _places.values():
        place.lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


def _make(config: EmbedConfig | str) -> Any:
    if isinstance(config, str):
        return RuntimePipeline.from_text(config)
    return Embedder(config)


@overload
def shared(config: EmbedConfig) -> Embedder: ...
@overload
def shared(config: str) -> RuntimePipeline: ...
def shared(config: EmbedConfig | str) -> Embedder | RuntimePipeline:
    """This process's one Embedder for an EmbedConfig, or RuntimePipeline for the text of a pipeline.

    Made at the first call, kept until the process ends. Any thread; those that come while it is being
    made wait. What making it raises is raised here, and the next call tries again.
    """
    if not isinstance(config, (EmbedConfig, str)):
        raise TypeError(f"an EmbedConfig or the text of a pipeline is wanted, not {config!r}")
    with _lock:
        place = _places.setdefault(config, _Place())
    with place.lock:
        if place.made is None:
            place.made = _make(config)
        return place.made
