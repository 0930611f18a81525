"""The operator that gives back what it gets."""

from __future__ import annotations

from typing import Any

from .base import PyOperator, SharedType

__all__ = ["NOPNodeOperator"]


class NOPNodeOperator(PyOperator):
    """One argument: the argument itself. Otherwise: the tuple of them."""

    def __call__(self, *args: Any) -> Any:
        return args[0] if len(args) == 1 else args

    @property
    def shared_type(self) -> SharedType:
        return SharedType.Shareable
