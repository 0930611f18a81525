"""How pipelines are pickled: by their steps. Where they are unpickled they are built anew, and a model
that the process has loaded is not loaded again."""

from __future__ import annotations

import pickle
import sys
from types import FunctionType
from typing import Any

from .pipe import RuntimePipeline, _base_name, _Step, _walk

__all__ = ["reduce"]


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


def _check(last: _Step) -> None:
    for step in _walk(last):
        fn = step.fn
        if isinstance(fn, FunctionType) and not _can_be_found(fn):
            raise pickle.PicklingError(
                f"The step {step.name() or _base_name(fn)} of the pipeline calls {fn.__qualname__}, "
                "which another process cannot find by its name: take a function from the top level "
                "of a module or an operator, or pickle with cloudpickle"
            )


def reduce(pipeline: RuntimePipeline) -> tuple[Any, ...]:
    """What `RuntimePipeline.__reduce__` gives. PicklingError for a closed one and for lambdas."""
    if pipeline._core is None:
        raise pickle.PicklingError("The pipeline is closed")
    if not _takes_any_function():
        _check(pipeline._last)
    return RuntimePipeline, (pipeline._last, pipeline._names, pipeline._config)
