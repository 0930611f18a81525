"""What a failing node raises: Towhee's text, and the exception itself as `__cause__`."""

from __future__ import annotations

import builtins

__all__ = ["node_error"]

TRACEBACK = "Traceback (most recent call last):\n"


def node_error(where: str, message: str, kind: str, cause: BaseException | None) -> RuntimeError:
    """The RuntimeError for the node `where`.

    `cause` is what a Python function raised. A native operator raises nothing: `message` says what
    was wrong and `kind` names the exception it amounts to.
    """
    if cause is None:
        cause = getattr(builtins, kind, RuntimeError)(message)
        text = message
    elif isinstance(cause, Exception):
        import traceback

        lines = "".join(traceback.format_exception(cause))
        # What a function written in C raises at once has no frame to show.
        if not lines.startswith(TRACEBACK):
            lines = TRACEBACK + lines
        text = f"{cause}, {lines}"
    else:
        text = str(cause)
    error = RuntimeError(f"Node-{where} runs failed, error msg: {text}" if where else text)
    error.__cause__ = cause
    return error
