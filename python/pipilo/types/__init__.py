"""Pictures and sound as numpy arrays that know a little more, and helpers for operators.

    Image(data, mode)                               uint8 (height, width, 3), usually
    VideoFrame(data, mode, timestamp, key_frame)    the same; timestamp in milliseconds
    AudioFrame(data, sample_rate, timestamp, layout)

numpy is imported when one of them is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arg import arg, to_image_color

if TYPE_CHECKING:
    from .audio_frame import AudioFrame
    from .image import Image
    from .video_frame import VideoFrame

__all__ = ["AudioFrame", "Image", "VideoFrame", "arg", "to_image_color"]

_LAZY = {"AudioFrame": "audio_frame", "Image": "image", "VideoFrame": "video_frame"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value
