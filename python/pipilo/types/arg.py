"""`arg`: prepares one argument of an operator's call. `to_image_color`: the usual preparation."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = ["arg", "to_image_color"]


def arg(arg_idx: int, preprocess: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Decorates a method (or function): positional argument `arg_idx` goes through `preprocess`.

    In a method `self` is argument 0, so its first own argument is 1.

    >>> @arg(0, str.upper)
    ... def shout(word):
    ...     return word + "!"
    >>> shout("hey")
    'HEY!'
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            changed = list(args)
            changed[arg_idx] = preprocess(args[arg_idx])
            return function(*changed, **kwargs)

        return call

    return decorate


class to_image_color:
    """Calls with an Image give one of mode `mode`; arrays without a mode come back as they are.

    RGB, BGR, RGBA, BGRA and GRAY need numpy only; other pairs OpenCV. ValueError where there is no
    such conversion, ImportError where OpenCV would be needed and is not installed.
    """

    def __init__(self, mode: str):
        self._mode = mode

    def __call__(self, img: Any) -> Any:
        from .image_utils import to_image_color as convert

        return convert(img, self._mode)
