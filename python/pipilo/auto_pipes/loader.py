"""Finds the file that defines a pipeline and runs it, so that what it registers has its name.

The order: a Python file at that path, pipilo's own, `author/name` in a local folder (`hub`).
"""

from __future__ import annotations

import contextvars
import importlib.util
import os
import threading
from pathlib import Path

from .. import hub

__all__ = ["current_name", "load_pipeline"]

BUILTIN = Path(__file__).parent / "builtin"

_name: contextvars.ContextVar[str | None] = contextvars.ContextVar("pipilo_pipe", default=None)
_lock = threading.RLock()


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # whoever held the old one is not in this process


os.register_at_fork(after_in_child=_after_fork)


def current_name() -> str | None:
    """The pipeline whose file is being loaded, or None."""
    return _name.get()


def load_pipeline(name: str, tag: str = "main", latest: bool = False) -> None:
    """Runs the file of the pipeline `name`.

    RuntimeError where there is none; an error of the file comes as it is.
    """
    from ..operator.folder import towhee_at_hand

    path = _file(name, tag, latest)
    towhee_at_hand()
    with _lock:
        token = _name.set(name)
        try:
            spec = importlib.util.spec_from_file_location(f"pipilo_pipeline.{path.stem}", path)
            assert spec is not None and spec.loader is not None
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
        finally:
            _name.reset(token)


def _file(name: str, tag: str, latest: bool) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    builtin = BUILTIN / f"{name}.py"
    if "/" not in name and builtin.is_file():
        return builtin
    full = name if "/" in name else f"towhee/{name}"
    try:
        folder = hub.get_pipeline(full, tag, latest)
        path = folder / (full.replace("-", "_").split("/")[-1] + ".py")
        if path.is_file():
            return path
        reason = f"{path} is not there"
    except FileNotFoundError as error:
        reason = str(error)
    built_in = ", ".join(sorted(p.stem for p in BUILTIN.glob("[a-z]*.py")))
    raise RuntimeError(
        f"Fetch pipeline {full}:{tag} info failed: {reason}. pipilo downloads no pipelines; "
        f"built in are {built_in}"
    )
