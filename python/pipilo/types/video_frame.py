"""VideoFrame: a picture of a video."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from .annotated import AnnotatedArray

__all__ = ["VideoFrame"]


class VideoFrame(AnnotatedArray):
    """Pixels as in Image, with the time in milliseconds and whether it is a key frame (0 or 1)."""

    _annotations: ClassVar[dict[str, Any]] = {"_mode": None, "_timestamp": None, "_key_frame": 0}

    def __new__(
        cls,
        data: Any,
        mode: str | None = None,
        timestamp: int | None = None,
        key_frame: int = 0,
    ) -> Self:
        return cls._wrap(data, _mode=mode, _timestamp=timestamp, _key_frame=key_frame)

    @property
    def mode(self) -> str | None:
        return self._mode

    @property
    def timestamp(self) -> int | None:
        return self._timestamp

    @property
    def key_frame(self) -> int:
        return self._key_frame

    def __str__(self) -> str:
        return (
            f"VideoFrame shape={self.shape} mode={self.mode} timestamp={self.timestamp} "
            f"key_frame={self.key_frame}"
        )
