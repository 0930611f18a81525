"""Operator instances of one pipeline: who may use which, by the operator's shared type."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .loader import load_operator

__all__ = ["OperatorPool"]


class _Instances:
    """The instances of one node."""

    __slots__ = ("free", "kind")

    def __init__(self) -> None:
        self.free: list[Any] = []
        self.kind: str | None = None


class OperatorPool:
    """Instances by node.

    A Shareable operator has one instance that all runs use. A NotShareable one has an instance for
    each run that goes on at a time; a run takes it and gives it back. A NotReusable one is made anew
    for each run. Any thread may call.
    """

    def __init__(self) -> None:
        self._all_ops: dict[str, _Instances] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Instances that are here, not with a run."""
        return sum(len(instances.free) for instances in self._all_ops.values())

    def take(self, key: str, make: Callable[[], Any]) -> Any:
        """An instance for the node `key`, made by `make` where none is free."""
        with self._lock:
            instances = self._all_ops.setdefault(key, _Instances())
            if instances.free:
                if instances.kind == "Shareable":
                    return instances.free[0]
                return instances.free.pop()
            operator = make()
            instances.kind = shared_kind(operator)
            if instances.kind == "Shareable":
                instances.free.append(operator)
            try:
                operator.key = key
            except AttributeError:
                pass  # an object with slots: only Operator promises a key
            return operator

    def acquire_op(
        self,
        key: str,
        hub_op_id: str,
        op_args: Any,
        op_kws: Any,
        tag: str | None = "main",
        latest: bool = False,
    ) -> Any:
        """`take` for an operator by name."""
        return self.take(key, lambda: load_operator(hub_op_id, op_args, op_kws, tag, latest))

    def give_back(self, key: str, operator: Any) -> None:
        """Ends a run's use of an instance that `take` gave it."""
        with self._lock:
            instances = self._all_ops.get(key)
            if instances is not None and instances.kind == "NotShareable":
                instances.free.append(operator)

    def release_op(self, op: Any) -> None:
        """`give_back` by the key the operator bears."""
        self.give_back(op.key, op)

    def flush(self) -> None:
        """Calls `flush()` of every instance that is here and has one."""
        for instances in list(self._all_ops.values()):
            for operator in list(instances.free):
                flush = getattr(operator, "flush", None)
                if flush is not None:
                    flush()

    def clear(self) -> None:
        with self._lock:
            self._all_ops = {}


def shared_kind(operator: Any) -> str:
    """The name of the operator's shared type; Shareable where it says nothing.

    By name, so that an operator over Towhee's own classes counts too.
    """
    kind = getattr(operator, "shared_type", None)
    return getattr(kind, "name", "Shareable")
