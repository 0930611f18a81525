"""From an operator's name and arguments to an instance that can be called.

The order: the no-operation, what was registered, pipilo's own operators, operators in Python that
come with pipilo, operators in local folders. The first that has the name is taken; nothing is
downloaded or installed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ..register import OperatorRegistry

__all__ = ["OperatorLoader", "known_operators", "load_operator"]

NOP = "NOPNodeOperator"


def load_operator(
    name: str,
    args: Iterable[Any] | None = None,
    kws: Mapping[str, Any] | None = None,
    tag: str | None = "main",
    latest: bool = False,
) -> Any:
    """An instance of the operator `name` (as `_OperatorWrapper.name` has it).

    RuntimeError "Load operator failed: ..." where no operator has the name; an error of the
    operator's own constructor comes as it is.
    """
    factory = find_factory(name, tag or "main", latest)
    return factory(*(args or ()), **(kws or {}))


def find_factory(name: str, tag: str = "main", latest: bool = False) -> Any:
    """The class or function that makes the operator; RuntimeError where there is none."""
    if name == NOP:
        from .nop import NOPNodeOperator

        return NOPNodeOperator
    factory = OperatorRegistry.resolve(name) or _native(name) or _shipped(name)
    if factory is not None:
        return factory

    from .folder import load_factory

    try:
        return load_factory(name, tag, latest)
    except FileNotFoundError as error:
        raise RuntimeError(_unknown(name, tag, error)) from error


def _native(name: str) -> Any | None:
    """A factory for one of pipilo's own operators, or None."""
    from .native import NativeOperator, native_name

    spelled = native_name(name)
    if spelled is None:
        return None
    return lambda *args, **kws: NativeOperator(spelled, args, kws)


def _shipped(name: str) -> Any | None:
    """A factory for an operator in Python that comes with pipilo, or None."""
    from .shipped import SHIPPED, shipped_factory

    return shipped_factory(name) if name in SHIPPED else None


def known_operators() -> list[str]:
    """The names that can be loaded without a folder, as `category/name`."""
    from .native import native_operators
    from .shipped import SHIPPED

    registered = [name.removeprefix("anon/") for name in OperatorRegistry.op_names()]
    native = [name.replace(".", "/").replace("_", "-") for name in native_operators()]
    return sorted({n for n in registered if not n.endswith("_func")} | set(native) | set(SHIPPED))


def _unknown(name: str, tag: str, error: FileNotFoundError) -> str:
    spelled = name.replace("/", ".").replace("-", "_")
    known = known_operators()
    near = difflib.get_close_matches(name, known, 3) or [
        other for other in known if other.split("/")[0] == name.split("/")[0]
    ]
    text = f"Load operator failed: there is no operator {spelled}"
    if near:
        text += "; there is " + ", ".join(n.replace("/", ".").replace("-", "_") for n in near)
    return (
        f"{text}. Write one with @register(name='{name}'), or put its folder in place: {error}. "
        "pipilo downloads no operators"
    )


class OperatorLoader:
    """`load_operator` under the name Towhee has for it."""

    def load_operator(
        self, function: str, arg: Any, kws: Any, tag: str | None = "main", latest: bool = False
    ) -> Any:
        return load_operator(function, arg, kws, tag, latest)
