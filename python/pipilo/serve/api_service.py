"""APIService: functions and pipelines by path, for a server to serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["APIService", "RouterConfig", "build_service"]


@dataclass
class RouterConfig:
    """One function: what it is called with and gives is read and written by the two models."""

    func: Callable[..., Any]
    input_model: Any = None
    output_model: Any = None
    path: str | None = None


class APIService:
    """
    >>> service = APIService(desc="numbers")
    >>> @service.api(path="/double")
    ... def double(x):
    ...     return 2 * x
    >>> service.routers[0].path
    '/double'
    """

    def __init__(self, desc: str = "", routers: list[RouterConfig] | None = None):
        self.desc = desc
        self.routers = list(routers) if routers is not None else []

    def api(
        self, input_model: Any = None, output_model: Any = None, path: str | None = None
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorates a function: it is served at `path` (its name unless given)."""

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            self.add_api(function, input_model, output_model, path)
            return function

        return decorate

    def add_api(
        self,
        func: Callable[..., Any],
        input_model: Any = None,
        output_model: Any = None,
        path: str | None = None,
    ) -> None:
        """Serves `func` at `path`. The models are of `serve.io`; JSON where there is none."""
        if path is None:
            path = f"/{func.__name__}"
        self.routers.append(RouterConfig(func, input_model, output_model, path))


def build_service(
    pipelines: tuple[Any, str] | list[tuple[Any, str]],
    desc: str = "Welcome to use towhee pipeline service",
) -> APIService:
    """A service of pipelines (or functions), each with its path.

    A pipeline gets `path`, called with the request's value (a pipeline of several inputs: with the
    items of a list, or by name with a dict), and `path/batch`, called with a list of them. Answers
    are the rows as lists.
    """
    service = APIService(desc=desc)
    for target, path in pipelines if isinstance(pipelines, list) else [pipelines]:
        service.add_api(_caller(target), path=path)
        if hasattr(target, "batch"):
            service.add_api(_batch_caller(target), path=f"{path}/batch")
    return service


def _rows(result: Any) -> Any:
    return result.to_list() if hasattr(result, "to_list") else result


def _input_names(target: Any) -> Sequence[str]:
    return getattr(target, "_inputs", None) or ()


def _spread(target: Any, params: Any) -> tuple:
    """The arguments of one call."""
    names = _input_names(target)
    if len(names) < 2:
        return (params,)
    if isinstance(params, dict):
        missing = [name for name in names if name not in params]
        if missing:
            raise ValueError(f"the request lacks {', '.join(missing)}")
        return tuple(params[name] for name in names)
    if len(params) != len(names):
        raise ValueError(f"the request has {len(params)} values for {', '.join(names)}")
    return tuple(params)


def _caller(target: Any) -> Callable[[Any], Any]:
    def call(params: Any) -> Any:
        return _rows(target(*_spread(target, params)))

    return call


def _batch_caller(target: Any) -> Callable[[Any], Any]:
    def batch(params: Any) -> Any:
        several = len(_input_names(target)) > 1
        inputs = [_spread(target, item) if several else item for item in params]
        return [_rows(result) for result in target.batch(inputs)]

    return batch
