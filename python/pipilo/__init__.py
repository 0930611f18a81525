"""pipilo: pictures to vectors, in memory that stays flat; Towhee's pipelines over a C core.

    from pipilo import pipe, ops

    p = (
        pipe.input('path')
        .map('path', 'img', ops.image_decode.cv2_rgb())
        .map('img', 'vec', ops.image_embedding.timm('efficientnet-lite0'))
        .output('vec')
    )
    vec = p('photo.jpg').get()[0]

What is not needed for that is imported when it is first asked for; numpy with the first array.
"""

from __future__ import annotations

import atexit
import os
import sys
import types
from _thread import RLock

from . import _core
from .data_queue import ColumnType, DataQueue, Empty
from .decoding import decoding
from .memory import MemoryEvent, memory, set_threads, stats, trim
from .ops import ops
from .pipe import Pipeline, RuntimePipeline, pipe
from .register import register

__version__ = _core.version

# Where what is imported late stands.
_LATE = {
    "AutoConfig": ".auto_config",
    "AutoPipes": ".auto_pipes",
    "ArrowTable": ".columns",
    "DataCollection": ".datacollection",
    "DataLoader": ".data_loader",
    "EmbedConfig": ".embedding",
    "Embedder": ".embedding",
    "Embeddings": ".embedding",
    "Entity": ".datacollection",
    "Image": ".types",
    "as_towhee": ".towhee",
    "embed": ".embedding",
    "embed_stream": ".embedding",
    "embed_to": ".files",
    "merge": ".files",
    "shared": ".sharing",
    "to_arrow": ".columns",
}

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from typing import Any

    from .auto_config import AutoConfig
    from .auto_pipes import AutoPipes
    from .columns import ArrowTable, to_arrow
    from .data_loader import DataLoader
    from .datacollection import DataCollection, Entity
    from .embedding import EmbedConfig, Embedder, Embeddings, embed, embed_stream
    from .files import embed_to, merge
    from .sharing import shared
    from .towhee import as_towhee
    from .types import Image

__all__ = [
    "ArrowTable",
    "AutoConfig",
    "AutoPipes",
    "ColumnType",
    "DataCollection",
    "DataLoader",
    "DataQueue",
    "EmbedConfig",
    "Embedder",
    "Embeddings",
    "Empty",
    "Entity",
    "MemoryEvent",
    "Pipeline",
    "RuntimePipeline",
    "as_towhee",
    "decoding",
    "embed",
    "embed_stream",
    "embed_to",
    "memory",
    "merge",
    "ops",
    "pipe",
    "register",
    "set_threads",
    "shared",
    "stats",
    "to_arrow",
    "trim",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _LATE:
        found = getattr(import_module(_LATE[name], __name__), name)
    else:
        try:
            found = import_module(f".{name}", __name__)
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# numpy takes a hundred times as long to import as all of pipilo, so it is with the first array. A
# child that is forked meanwhile would wait for ever for the importing thread, which it has not: so a
# fork waits until the import is done, unless it comes from the import itself.
_importing = RLock()
_asarray = _image = None


def _make_array(buffer: Any) -> Any:
    """A numpy array over a native tensor's memory, without a copy; a memoryview without numpy."""
    global _asarray
    if _asarray is None:
        with _importing:
            try:
                from numpy import asarray as _asarray
            except ImportError:
                _asarray = memoryview
    return _asarray(buffer)


def _make_image(buffer: Any, mode: str) -> Any:
    """The picture whose pixels are in native memory."""
    global _image
    if _image is None:
        with _importing:
            from .types import Image as _image
    return _image(_make_array(buffer), mode)


def _find_engine() -> str | None:
    """The folder of OpenVINO's libraries in its Python package, which is not imported."""
    for place in sys.path:
        folder = os.path.join(place or os.curdir, "openvino", "libs")
        if os.path.isdir(folder):
            return folder
    return None


def _begin() -> None:
    from .errors import node_error

    _core.set_up(Empty(), _make_array, _make_image, node_error, types.GeneratorType, os.PathLike)
    folder = _find_engine()
    if folder is not None:
        _core.set_engine_path(folder)
    atexit.register(_core.close)
    os.register_at_fork(
        before=_importing.acquire,
        after_in_parent=_importing.release,
        after_in_child=_importing.release,
    )


_begin()
