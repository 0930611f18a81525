"""Image: a picture's pixels and the order of its channels."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from .annotated import AnnotatedArray

__all__ = ["Image"]


class Image(AnnotatedArray):
    """`data`, (height, width) or (height, width, channels), with a `mode` such as 'RGB' or 'BGR'.

    A view: nothing is copied. Slices and results of numpy keep the mode.
    """

    _annotations: ClassVar[dict[str, Any]] = {"_mode": None}

    def __new__(cls, data: Any, mode: str | None = None) -> Self:
        return cls._wrap(data, _mode=mode)

    @property
    def mode(self) -> str | None:
        return self._mode

    @property
    def width(self) -> int:
        return self.shape[1]

    @property
    def height(self) -> int:
        return self.shape[0]

    @property
    def channel(self) -> int:
        """1 where the array has two dimensions."""
        return self.shape[2] if self.ndim >= 3 else 1

    def __str__(self) -> str:
        return f"Image shape={self.shape} mode={self.mode}"
