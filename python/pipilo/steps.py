"""The steps of a pipe: what each is, and the way back from the last one."""

from __future__ import annotations

import os
from types import FunctionType

from .ops import _OperatorWrapper

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "FILTER",
    "FLAT_MAP",
    "ITERATIONS",
    "MAP",
    "REDUCE",
    "TIME_WINDOW",
    "WINDOW",
    "WINDOW_ALL",
    "Step",
    "base_name",
    "columns",
    "input_columns",
    "walk",
]

# The kinds of steps that call something; the others are "input" and "concat".
MAP, FLAT_MAP, FILTER, WINDOW, TIME_WINDOW, WINDOW_ALL, REDUCE = range(7)
ITERATIONS = ("map", "flat_map", "filter", "window", "time_window", "window_all", "reduce")


def columns(schema: Any) -> tuple[str, ...]:
    """The column names of a schema: a name, or a tuple or list of names."""
    names = (schema,) if isinstance(schema, str) else schema
    if not isinstance(names, (tuple, list)):
        raise ValueError(f"A schema is a name or a tuple of names, not {schema!r}")
    for name in names:
        if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
            raise ValueError(
                "Schema can only consist of letters, numbers, and underscores, "
                f"the error schema: [{name}]"
            )
    return tuple(names)


class Step:
    """One step of a pipe and the way to it; never changed."""

    __slots__ = ("kind", "parents", "inputs", "outputs", "by", "size", "step", "fn", "config", "uid")

    def __init__(
        self,
        kind: str | int,
        parents: tuple[Step, ...] = (),
        inputs: tuple[str, ...] = (),
        outputs: tuple[str, ...] = (),
        by: tuple[str, ...] = (),
        size: int = 0,
        step: int = 0,
        fn: Any = None,
        config: Any = None,
    ):
        self.kind = kind
        self.parents = parents
        self.inputs = inputs
        self.outputs = outputs
        self.by = by
        self.size = size
        self.step = step
        self.fn = fn
        self.config = config
        self.uid = os.urandom(16).hex() if kind != "input" else "_input"

    def name(self) -> str | None:
        """The name its configuration gives it, if any."""
        config = getattr(self.config, "config", self.config)  # a TowheeConfig's
        return config.get("name") if config else None


def base_name(fn: Any) -> str:
    """What a node is called after, before its number."""
    if isinstance(fn, _OperatorWrapper):
        return fn.name
    name = fn.__name__ if isinstance(fn, FunctionType) else type(fn).__name__
    return "lambda" if name == "<lambda>" else name


def walk(last: Step) -> list[Step]:
    """The steps up to `last`, each once, those before it first."""
    order: list[Step] = []
    seen: set[int] = set()
    stack = [(last, False)]
    while stack:
        step, ready = stack.pop()
        if ready:
            order.append(step)
        elif id(step) not in seen:
            seen.add(id(step))
            stack.append((step, True))
            stack.extend((parent, False) for parent in reversed(step.parents))
    return order


def input_columns(steps: list[Step]) -> tuple[str, ...]:
    """The columns of the one input, which branches may have written down each for itself."""
    inputs = [step.outputs for step in steps if step.kind == "input"]
    for names in inputs:
        unknown = set(names) - set(inputs[-1])
        if unknown:
            raise ValueError(
                f"The DAG Nodes inputs {set(names)} is not valid, "
                f"which is not declared: {unknown}."
            )
    return inputs[-1]
