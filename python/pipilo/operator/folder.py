"""Operators in folders: `NAME/__init__.py` that defines `NAME`, or `NAME/NAME.py` with its class.

A folder is executed once, and anew when its file has changed or `latest` is asked for. It may import
`towhee`: where Towhee itself is not installed that is pipilo.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import hub

__all__ = ["load_factory", "towhee_at_hand"]

_lock = threading.RLock()
_loaded: dict[str, tuple[tuple, Any]] = {}  # module name -> (path and time, factory)


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # whoever held the old one is not in this process


os.register_at_fork(after_in_child=_after_fork)


def load_factory(name: str, tag: str, latest: bool) -> Any:
    """What makes the operator `author/name` (author `towhee` where there is none).

    FileNotFoundError where there is no such folder; ImportError, with the folder's requirements
    named, where it needs what is not installed; RuntimeError where it does not define the operator.
    """
    full = name if "/" in name else f"towhee/{name}"
    folder = hub.get_operator(full, tag, latest)
    author, repo = full.replace("-", "_").split("/")
    label = "".join(c if c.isalnum() else "_" for c in tag)
    module_name = f"pipilo_operator.{author}.{repo}.{label}"
    with _lock:
        return _load(module_name, folder, repo, latest)


def _load(module_name: str, folder: Path, repo: str, latest: bool) -> Any:
    init, legacy = folder / "__init__.py", folder / f"{repo}.py"
    camel = "".join(part.capitalize() for part in repo.split("_"))
    candidates = [(init, repo), (legacy, camel)]
    stamp = tuple((str(f), f.stat().st_mtime_ns) for f, _ in candidates if f.is_file())
    kept = _loaded.get(module_name)
    if kept is not None and kept[0] == stamp and not latest:
        return kept[1]
    for file, attribute in candidates:
        if not file.is_file():
            continue
        module = _execute(module_name, file, folder)
        factory = getattr(module, attribute, None)
        if factory is not None and not isinstance(factory, ModuleType):
            _loaded[module_name] = (stamp, factory)
            return factory
    raise RuntimeError(
        f"{folder}: neither __init__.py defines {repo} nor {repo}.py the class {camel}"
    )


def _execute(module_name: str, file: Path, folder: Path) -> ModuleType:
    towhee_at_hand()
    for old in [n for n in sys.modules if n == module_name or n.startswith(module_name + ".")]:
        del sys.modules[old]
    spec = importlib.util.spec_from_file_location(module_name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        sys.modules.pop(module_name, None)
        wanted = folder / "requirements.txt"
        if not wanted.is_file():
            raise
        raise ImportError(f"{error}: install with `pip install -r {wanted}`") from error
    except BaseException:
        sys.modules.pop(module_name, None)
        raise
    return module


def towhee_at_hand() -> None:
    """Lets `import towhee` find pipilo where it would find nothing."""
    if "towhee" not in sys.modules and importlib.util.find_spec("towhee") is None:
        from ..alias import as_towhee

        as_towhee()
