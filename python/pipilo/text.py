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
    """Its statements, placed as in the text. One expression may go over several lines as it stands."""
    begin = len(text) - len(text.lstrip())
    line = text.count("\n", 0, begin)
    indent = begin - (text.rfind("\n", 0, begin) + 1)
    try:
        statements = ast.parse("\n" * line + text.strip()).body
    except SyntaxError as error:
        try:
            expression = ast.parse(f"(\n{text}\n)", mode="eval")
        except SyntaxError:
            column = (error.offset or 1) + (indent if error.lineno == line + 1 else 0)
            raise ValueError(
                f"pipeline text, line {error.lineno}, column {column}: {error.msg}"
            ) from None
        ast.increment_lineno(expression, -1)
        return [ast.Expr(expression.body)]
    for statement in statements if indent > 0 else ():
        for node in ast.walk(statement):
            if getattr(node, "lineno", 0) == line + 1:
                node.col_offset += indent  # type: ignore[attr-defined]
    return statements


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
        """Step by step from the inside: a pipe may be any number of calls long."""
        chain = []
        while isinstance(node, (ast.Attribute, ast.Call)):
            chain.append(node)
            node = node.value if isinstance(node, ast.Attribute) else node.func
        first = chain[-1] if chain else None
        if isinstance(node, ast.Name) and isinstance(first, ast.Call):
            raise _wrong(first, f"{node.id} cannot be called")
        value = self._plain(node)
        for link in reversed(chain):
            if isinstance(link, ast.Attribute):
                value = self._attribute(link, value)
            else:
                value = self._call(link, value)
        return value

    def _plain(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name):
            if node.id not in self._names:
                raise _wrong(node, f"there is no {node.id}; a pipeline begins with pipe.input(..)")
            return self._names[node.id]
        try:
            return ast.literal_eval(node)
        except ValueError:
            what = "a name, string, number, tuple, list, True, False or None is wanted"
            raise _wrong(node, what) from None

    def _attribute(self, node: ast.Attribute, owner: Any) -> Any:
        if isinstance(owner, _Ops) and not node.attr.startswith("_"):
            return getattr(owner, node.attr)
        if isinstance(owner, _OperatorWrapper) and node.attr in ("revision", "latest"):
            return getattr(owner, node.attr)
        is_pipe = isinstance(owner, Pipeline) or owner is pipe
        if not is_pipe or node.attr not in _STEPS:
            raise _wrong(node, f"a pipe has no {node.attr}: {', '.join(_STEPS)}")
        return getattr(owner, node.attr)

    def _call(self, node: ast.Call, called: Any) -> Any:
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(
            kw.arg is None for kw in node.keywords
        ):
            raise _wrong(node, "arguments are written out")
        args = [self._value(arg) for arg in node.args]
        kws = {str(kw.arg): self._value(kw.value) for kw in node.keywords}
        try:
            return called(*args, **kws)
        except (TypeError, ValueError) as error:
            raise _wrong(node, str(error)) from error


def from_text(text: str) -> RuntimePipeline:
    """What `RuntimePipeline.from_text` promises."""
    if not isinstance(text, str):
        raise TypeError(f"the text of a pipeline is wanted, not {text!r}")
    try:
        made = _Reader().read(_parsed(text))
    except RecursionError:
        raise ValueError("pipeline text: it is nested too deeply: name a part of it") from None
    if not isinstance(made, RuntimePipeline):
        raise ValueError("pipeline text: it ends with .output(..)")
    return made
