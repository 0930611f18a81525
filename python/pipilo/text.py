"""The text of a pipeline, as the command line, C and HTTP take it, read in Python.

It is a Python expression of `pipe`, `ops` and literals, which is looked at and never evaluated:
nothing else can be named, called or computed.
"""

from __future__ import annotations

import ast
from typing import Any

from .ops import _OperatorWrapper, _Ops, ops
from .pipe import Pipeline, RuntimePipeline, pipe

__all__ = ["from_text"]

_STEPS = (
    "input map flat_map filter window time_window window_all reduce concat output"
).split()


def _wrong(node: ast.AST, what: str) -> ValueError:
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    return ValueError(f"pipeline text, line {line}, column {column}: {what}")


def _parsed(text: str) -> list[ast.stmt]:
    """Its statements. One expression may go over several lines as it stands."""
    try:
        return ast.parse(text.strip()).body
    except SyntaxError as error:
        try:
            return [ast.Expr(ast.parse(f"({text.strip()})", mode="eval").body)]
        except SyntaxError:
            raise ValueError(f"pipeline text, line {error.lineno}: {error.msg}") from None


class _Reader:
    """The values of expressions: literals, operators, pipes, and names assigned before."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"pipe": pipe, "ops": ops}

    def read(self, statements: list[ast.stmt]) -> Any:
        value = None
        for statement in statements:
            if isinstance(statement, ast.Expr):
                value = self._value(statement.value)
                continue
            named = isinstance(statement, ast.Assign) and len(statement.targets) == 1
            if not named or not isinstance(statement.targets[0], ast.Name):
                raise _wrong(statement, "only `name = pipe...` may come before the pipeline")
            self._names[statement.targets[0].id] = self._value(statement.value)
            value = None
        return value

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            if node.id not in self._names:
                raise _wrong(node, f"there is no {node.id}; a pipeline begins with pipe.input(..)")
            return self._names[node.id]
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        try:
            return ast.literal_eval(node)
        except ValueError:
            what = "a name, string, number, tuple, list, True, False or None is wanted"
            raise _wrong(node, what) from None

    def _attribute(self, node: ast.Attribute) -> Any:
        owner = self._value(node.value)
        if isinstance(owner, _Ops) and not node.attr.startswith("_"):
            return getattr(owner, node.attr)
        if isinstance(owner, _OperatorWrapper) and node.attr in ("revision", "latest"):
            return getattr(owner, node.attr)
        is_pipe = isinstance(owner, Pipeline) or owner is pipe
        if not is_pipe or node.attr not in _STEPS:
            raise _wrong(node, f"a pipe has no {node.attr}: {', '.join(_STEPS)}")
        return getattr(owner, node.attr)

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Name):
            raise _wrong(node, f"{node.func.id} cannot be called")
        called = self._value(node.func)
        if any(isinstance(arg, ast.Starred) for arg in node.args):
            raise _wrong(node, "arguments are written out")
        args = [self._value(arg) for arg in node.args]
        kws = {str(kw.arg): self._value(kw.value) for kw in node.keywords if kw.arg is not None}
        try:
            return called(*args, **kws)
        except TypeError as error:
            raise _wrong(node, str(error)) from None


def from_text(text: str) -> RuntimePipeline:
    """What `RuntimePipeline.from_text` promises."""
    made = _Reader().read(_parsed(text))
    if not isinstance(made, RuntimePipeline):
        raise ValueError("pipeline text: it ends with .output(..)")
    return made
