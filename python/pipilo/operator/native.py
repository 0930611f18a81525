"""pipilo's own operators, called one at a time.

Inside a pipeline they never come here: the pipeline gives their name and arguments to the C core.
This is for `ops.image_decode.cv2()(path)`, outside of any pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from .base import SharedType

__all__ = ["NativeOperator", "native_name", "native_operators"]

MOST_ARGUMENTS = 16


@cache
def native_operators() -> tuple[str, ...]:
    """Their names as the C core spells them: `image_decode.cv2`, `write_npy`."""
    from .. import _core

    return tuple(_core.operators())


@cache
def _by_towhee_name() -> dict[str, str]:
    return {name.replace(".", "/").replace("_", "-"): name for name in native_operators()}


def native_name(name: str) -> str | None:
    """The core's spelling of `category/name`, or None."""
    return _by_towhee_name().get(name)


class NativeOperator:
    """One of the core's operators with its arguments; a call runs it once.

    Arguments are checked at construction: TypeError or ValueError as the core says. The pipeline of
    one step is built for each number of arguments and kept.
    """

    shared_type = SharedType.Shareable

    def __init__(self, name: str, args: tuple = (), kws: Mapping[str, Any] | None = None):
        self._name = name
        self._args = tuple(args)
        self._kws = dict(kws or {})
        self._pipelines: dict[int, Any] = {}
        self._pipeline(1)

    def _pipeline(self, count: int) -> Any:
        made = self._pipelines.get(count)
        if made is None:
            from ..ops import _OperatorWrapper
            from ..pipe import pipe

            columns = tuple(f"in{index}" for index in range(count))
            step = _OperatorWrapper(self._name, self._args, self._kws)
            made = pipe.input(*columns).map(columns, "out", step).output("out")
            self._pipelines[count] = made
        return made

    def __call__(self, *args: Any) -> Any:
        """The operator's result for one row of arguments. RuntimeError where the row fails."""
        if len(args) > MOST_ARGUMENTS:
            raise TypeError(f"{self._name} takes at most {MOST_ARGUMENTS} values, not {len(args)}")
        row = self._pipeline(len(args))(*args).get()
        return None if row is None else row[0]

    def flush(self) -> None:
        for made in self._pipelines.values():
            made.flush()

    def __repr__(self) -> str:
        return f"<native operator {self._name}>"
