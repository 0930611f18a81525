"""The dag of a pipe's steps, as Towhee has it (see dag.py): what `dag` of a pipeline gives."""

from __future__ import annotations

from typing import Any

from .flatten import NOP
from .ops import _OperatorWrapper
from .pipe import RuntimePipeline
from .steps import FILTER, ITERATIONS, TIME_WINDOW, WINDOW, Step, base_name, walk

__all__ = ["dag_of"]


def dag_of(last: Step, outputs: tuple[str, ...] | None = None) -> dict[str, dict[str, Any]]:
    """The steps as Towhee's dag (see dag.py)."""
    steps = walk(last)
    followers: dict[str, list[str]] = {step.uid: [] for step in steps}
    for step in steps:
        for parent in step.parents:
            followers[parent.uid].append(step.uid)
    nodes = {
        step.uid: {
            "inputs": step.outputs if step.kind == "input" else step.inputs,
            "outputs": step.outputs,
            "iter_info": _iter_info(step),
            "op_info": _op_info(step),
            "config": step.config,
            "next_nodes": followers[step.uid] or None,
        }
        for step in steps
    }
    if outputs is not None:
        nodes[last.uid]["next_nodes"] = [*followers[last.uid], "_output"]
        nodes["_output"] = {
            "inputs": outputs,
            "outputs": outputs,
            "iter_info": {"type": "map", "param": None},
            "op_info": dict(NOP),
            "config": None,
            "next_nodes": None,
        }
    return nodes


def _op_info(step: Step) -> dict[str, Any]:
    fn = step.fn
    if isinstance(step.kind, str):
        return dict(NOP)
    if isinstance(fn, RuntimePipeline):
        return {**NOP, "operator": fn, "type": "pipeline", "dag": fn.dag}
    if isinstance(fn, _OperatorWrapper):
        return {
            "operator": fn.name,
            "type": "hub",
            "init_args": fn.init_args,
            "init_kws": fn.init_kws,
            "tag": fn.tag,
            "latest": fn.is_latest,
        }
    kind = "lambda" if base_name(fn) == "lambda" else "callable"
    return {**NOP, "operator": fn, "type": kind}


def _iter_info(step: Step) -> dict[str, Any]:
    if isinstance(step.kind, str):
        return {"type": "concat" if step.kind == "concat" else "map", "param": None}
    param: dict[str, Any] | None = None
    if step.kind == FILTER:
        param = {"filter_by": step.by}
    elif step.kind == WINDOW:
        param = {"size": step.size, "step": step.step}
    elif step.kind == TIME_WINDOW:
        param = {
            "time_range_sec": step.size,
            "time_step_sec": step.step,
            "timestamp_col": step.by[0],
        }
    return {"type": ITERATIONS[step.kind], "param": param}
