"""AutoPipes: pipelines that are known by name, built anew at each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .loader import current_name, load_pipeline

__all__ = ["AutoPipes"]


class AutoPipes:
    """Not to be instantiated; `AutoPipes.pipeline(name, ..)` is its use."""

    _PIPES_DEF: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __init__(self) -> None:
        raise OSError("AutoPipes is not instantiated: use AutoPipes.pipeline(name)")

    @staticmethod
    def register(pipe_def: Callable[..., Any]) -> Callable[..., Any]:
        """Makes a function the maker of the pipeline whose file is being loaded."""
        name = current_name()
        if name is not None:
            AutoPipes._PIPES_DEF[name] = pipe_def
        return pipe_def

    @staticmethod
    def pipeline(name: str, *args: Any, **kwargs: Any) -> Any:
        """The pipeline `name`, built with the arguments: built in, a Python file, `author/name`.

        None where the file defines none. RuntimeError where there is no such pipeline, or where an
        operator it needs is not there; it says which.
        """
        known = AutoPipes._PIPES_DEF
        if name not in known:
            load_pipeline(name)
        return known[name](*args, **kwargs) if name in known else None
