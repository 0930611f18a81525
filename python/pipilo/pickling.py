"""How pipelines are pickled: by their steps. Where they are unpickled they are built anew, and a model
that the process has loaded is not loaded again.

The steps go flat, each with the places of those before it: pickle calls itself for what is nested, and
a pipe may be a thousand steps long and more.
"""

from __future__ import annotations

import pickle
import sys
from types import FunctionType
from typing import Any

from .pipe import Pipeline, RuntimePipeline
from .steps import Step, base_name, walk

__all__ = ["reduce", "reduce_pipe"]

_PLAIN = tuple(name for name in Step.__slots__ if name != "parents")


def _takes_any_function() -> bool:
    """Whether it is cloudpickle or dill that asks: they take functions by their code."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if "cloudpickle" in module or module.partition(".")[0] == "dill":
            return True
        frame = frame.f_back
    return False


def _can_be_found(fn: FunctionType) -> bool:
    """Whether another process finds the function by its module and name."""
    found: Any = sys.modules.get(fn.__module__)
    for name in fn.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is fn


def _check(last: Step) -> None:
    for step in walk(last):
        fn = step.fn
        if isinstance(fn, FunctionType) and not _can_be_found(fn):
            raise pickle.PicklingError(
                f"The step {step.name() or base_name(fn)} of the pipeline calls {fn.__qualname__}, "
                "which another process cannot find by its name: take a function from the top level "
                "of a module or an operator, or pickle with cloudpickle"
            )


def _flat(last: Step) -> list[tuple[Any, ...]]:
    """The steps up to `last`, those before each first."""
    steps = walk(last)
    places = {id(step): place for place, step in enumerate(steps)}
    return [
        (tuple(places[id(parent)] for parent in step.parents), *(getattr(step, n) for n in _PLAIN))
        for step in steps
    ]


def _joined(flat: list[tuple[Any, ...]]) -> Step:
    steps: list[Step] = []
    for parents, *values in flat:
        step = Step.__new__(Step)
        step.parents = tuple(steps[place] for place in parents)
        for name, value in zip(_PLAIN, values, strict=True):
            setattr(step, name, value)
        steps.append(step)
    return steps[-1]


def _pipeline(
    flat: list[tuple[Any, ...]], names: tuple[str, ...], config: Any
) -> RuntimePipeline:
    return RuntimePipeline(_joined(flat), names, config)


def _pipe(kind: type[Pipeline], flat: list[tuple[Any, ...]]) -> Pipeline:
    return kind(_joined(flat))


def reduce(pipeline: RuntimePipeline) -> tuple[Any, ...]:
    """What `RuntimePipeline.__reduce__` gives. PicklingError for a closed one and for lambdas."""
    if pipeline._core is None:
        raise pickle.PicklingError("The pipeline is closed")
    if not _takes_any_function():
        _check(pipeline._last)
    return _pipeline, (_flat(pipeline._last), pipeline._names, pipeline._config)


def reduce_pipe(pipe: Pipeline) -> tuple[Any, ...]:
    """What `Pipeline.__reduce__` gives: of the same class."""
    return _pipe, (type(pipe), _flat(pipe._last))
