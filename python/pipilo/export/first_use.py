"""`ops.image_embedding.timm(name)` with the name of a model that is not here yet, but timm's.

Where timm is installed the model is exported into the model home, once, by a process of its own:
torch takes hundreds of megabytes that a program which only embeds shall not carry.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

from .. import _core
from . import not_installed, pip_line
from .place import say

__all__ = ["export_missing"]

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
CHECKPOINT_AT = 4  # among the operator's arguments

Arguments = tuple[tuple, dict[str, Any]]

_digests: dict[tuple, str] = {}  # of checkpoints, by path and state of the file


def export_missing(error: RuntimeError, args: tuple, kws: Mapping[str, Any]) -> Arguments | None:
    """Exports what the operator's arguments name where that is not here; gives the arguments that
    find it, or None where nothing was lacking or the arguments name no model by name.

    `error` is why the pipeline could not be closed. RuntimeError where the model cannot be had, with
    all that can be done about it.
    """
    name = kws.get("model_name", args[0] if args else None)
    if not isinstance(name, str) or NAME.fullmatch(name) is None or name.endswith(".onnx"):
        return None
    given = kws.get("checkpoint_path", args[CHECKPOINT_AT] if len(args) > CHECKPOINT_AT else None)
    if given is None:
        folder = os.path.join(_core.models_home(), name)
        if name == "null" or os.path.exists(name):
            return None
        _export_once(name, folder, None, error)
        return args, dict(kws)
    # Towhee's meaning of the argument: weights that torch saved, for the model of that name.
    path = os.fspath(given) if isinstance(given, (str, os.PathLike)) else ""
    if not os.path.isfile(path) or str(path).endswith(".onnx"):
        return None
    folder = os.path.join(_core.models_home(), f"{name}-{_digest(path)[:16]}")
    _export_once(name, folder, path, error)
    return args[:CHECKPOINT_AT], {**kws, "checkpoint_path": folder}


def _digest(path: str) -> str:
    """The file's sha256; looked at once for each state of the file."""
    import hashlib

    state = os.stat(path)
    key = (os.path.abspath(path), state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
    if key not in _digests:
        with open(path, "rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def _export_once(name: str, folder: str, checkpoint: str | None, error: RuntimeError) -> None:
    if os.path.exists(os.path.join(folder, "model.json")):
        return  # an earlier pipeline had these weights, or another process has just made it
    lacking = not_installed()
    if lacking:
        raise RuntimeError(
            f"{error}. A model of timm's is exported at first use where timm is installed: "
            f"{pip_line(lacking)}; elsewhere `pipilo export timm:{name} -o {name}` makes a folder "
            "to copy here"
        ) from error.__cause__
    weights = f" with the weights of {checkpoint}" if checkpoint is not None else ""
    say(f"there is no {os.path.basename(folder)} in {os.path.dirname(folder)} yet: "
        f"exporting {name}{weights} from timm, once")
    _export(name, folder, checkpoint, error)


def _export(name: str, folder: str, checkpoint: str | None, error: RuntimeError) -> None:
    # -P: the folder the program was started in is in its path only where the program says so.
    words = [sys.executable, "-P", "-m", "pipilo.export", f"timm:{name}", "--out", folder, "--for-ops"]
    if checkpoint is not None:
        words += ["--checkpoint", checkpoint]
    path = os.pathsep.join(os.path.abspath(entry or os.curdir) for entry in sys.path)
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONPATH": path},
        )
    except OSError as reason:
        _fail(name, error, f"{words[0]!r} cannot be run: {reason.strerror}")
    if done.returncode == 0:
        return
    last = done.stdout.strip().rpartition("\n")[2]
    try:
        message = json.loads(last)["message"]
    except (ValueError, KeyError, TypeError):
        message = f"it ended with status {done.returncode}"
    _fail(name, error, message)


def _fail(name: str, error: RuntimeError, message: str) -> NoReturn:
    raise RuntimeError(
        f"{error}. Exporting it from timm failed: {message} "
        f"(by hand: {os.path.basename(sys.executable)} -m pipilo.export timm:{name})"
    ) from error.__cause__
