"""AudioFrame: some samples of sound."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from .annotated import AnnotatedArray

__all__ = ["AudioFrame"]


class AudioFrame(AnnotatedArray):
    """Samples, with their rate in Hz, the time of the first, and the layout of the channels."""

    _annotations: ClassVar[dict[str, Any]] = {
        "_sample_rate": None,
        "_timestamp": None,
        "_layout": None,
    }

    def __new__(
        cls,
        data: Any,
        sample_rate: int | None = None,
        timestamp: int | None = None,
        layout: str | None = None,
    ) -> Self:
        return cls._wrap(data, _sample_rate=sample_rate, _timestamp=timestamp, _layout=layout)

    @property
    def sample_rate(self) -> int | None:
        return self._sample_rate

    @property
    def timestamp(self) -> int | None:
        return self._timestamp

    @property
    def layout(self) -> str | None:
        return self._layout

    def __str__(self) -> str:
        return (
            f"AudioFrame shape={self.shape} sample_rate={self.sample_rate} "
            f"timestamp={self.timestamp} layout={self.layout}"
        )
