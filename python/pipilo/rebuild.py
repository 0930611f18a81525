"""From graphs of nodes as dicts (see dag.py) to pipes."""

from __future__ import annotations

from typing import Any

from .dag import DAGRepr, NodeRepr
from .flatten import INPUT, NOP, OUTPUT
from .ops import _OperatorWrapper

__all__ = ["add_step", "as_pipe", "called_by"]


def called_by(node: NodeRepr) -> Any:
    """What the node's step calls: a function, an operator by name, or the one that does nothing."""
    op = node.op_info
    if op.type in ("lambda", "callable"):
        return op.operator
    if op.operator == NOP["operator"]:
        from .operator.nop import NOPNodeOperator

        return NOPNodeOperator()
    return _OperatorWrapper(op.operator, op.init_args, op.init_kws, op.tag or "main", op.latest)


def add_step(
    pipe: Any,
    node: NodeRepr,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    by: tuple[str, ...],
    called: Any,
) -> Any:
    """`pipe` with the node's step over these columns."""
    kind, param = node.iter_info.type, node.iter_info.param or {}
    config = {"name": node.name}
    if kind == "filter":
        return pipe.filter(inputs, outputs, by, called, config)
    if kind == "window":
        return pipe.window(inputs, outputs, param["size"], param["step"], called, config)
    if kind == "time_window":
        size, step = param["time_range_sec"], param["time_step_sec"]
        return pipe.time_window(inputs, outputs, by[0], size, step, called, config)
    return getattr(pipe, kind)(inputs, outputs, called, config)


def as_pipe(dag: DAGRepr) -> Any:
    """The pipe of a whole graph, before its output."""
    from .pipe import pipe

    made: dict[str, Any] = {}
    for uid in dag.top_sort:
        node, before = dag.nodes[uid], dag.before(uid)
        if uid == INPUT:
            made[uid] = pipe.input(*node.outputs)
        elif uid == OUTPUT:
            made[uid] = made[before[0]]
        elif node.iter_info.type == "concat":
            first, *rest = (made[other] for other in before)
            made[uid] = first.concat(*rest) if rest else first
        else:
            front = made[before[0]]
            called = called_by(node)
            made[uid] = add_step(front, node, node.inputs, node.outputs, node.by(), called)
    return made[OUTPUT]
