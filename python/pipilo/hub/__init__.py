"""Operators and pipelines in folders of this machine. Nothing is ever downloaded.

local/NAME          $TEST_OP_CACHE/NAME, $TEST_PIPE_CACHE/NAME
AUTHOR/NAME:TAG     $TOWHEE_HOME/operators/AUTHOR/NAME/versions/TAG (and pipelines/...), where
                    Towhee kept what it had downloaded; TOWHEE_HOME is ~/.towhee unless set
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["get_operator", "get_pipeline", "set_local_dir"]

_home: str | None = None


def set_local_dir(folder: str | os.PathLike) -> None:
    """Takes `folder` for TOWHEE_HOME from now on."""
    global _home
    _home = os.path.expanduser(folder)


def local_dir() -> Path:
    """The folder that holds `operators/` and `pipelines/`."""
    return Path(_home or os.path.expanduser(os.environ.get("TOWHEE_HOME", "~/.towhee")))


def get_operator(operator: str, tag: str = "main", latest: bool = False) -> Path:
    """The folder of the operator `author/name`. ValueError for another form; FileNotFoundError."""
    return _folder("operator", operator, tag, "TEST_OP_CACHE")


def get_pipeline(pipeline: str, tag: str = "main", latest: bool = False) -> Path:
    """The folder of the pipeline `author/name`. ValueError for another form; FileNotFoundError."""
    return _folder("pipeline", pipeline, tag, "TEST_PIPE_CACHE")


def _folder(kind: str, name: str, tag: str, variable: str) -> Path:
    author, slash, repo = name.partition("/")
    if not slash or not author or not repo or "/" in repo:
        raise ValueError(f"Incorrect {kind} format, should be '<author>/<name>': {name!r}")
    if author == "local":
        root = os.environ.get(variable)
        if not root:
            raise FileNotFoundError(f"{name} is looked for in ${variable}, which is not set")
        folder = Path(root) / repo.replace("-", "_")
    else:
        version = tag.replace("-", "_").replace(".", "_")
        folder = local_dir() / f"{kind}s" / author / repo / "versions" / version
    if not folder.is_dir():
        raise FileNotFoundError(f"{name}:{tag} would be in {folder}, which is not there")
    return folder
