"""An ndarray with named attributes that survive views, slices, copies and pickling."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

__all__ = ["AnnotatedArray"]


class AnnotatedArray(np.ndarray):
    """`_annotations` names the attributes and their defaults."""

    _annotations: ClassVar[dict[str, Any]] = {}

    @classmethod
    def _wrap(cls, data: Any, **values: Any) -> Any:
        """A view on `data` (no copy of an array) with the values."""
        array = np.asarray(data).view(cls)
        array.__dict__.update(values)
        return array

    def __array_finalize__(self, obj: Any) -> None:
        if obj is not None:
            for name, default in self._annotations.items():
                self.__dict__[name] = getattr(obj, name, default)

    def __reduce__(self) -> tuple:
        make, args, state = super().__reduce__()  # type: ignore[misc]
        return make, args, (*state, dict(self.__dict__))

    def __setstate__(self, state: tuple) -> None:
        self.__dict__.update(state[-1])
        super().__setstate__(state[:-1])
