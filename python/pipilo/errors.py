"""What a failing node raises: Towhee's text, and the exception itself as `__cause__`."""

from __future__ import annotations

import builtins

__all__ = ["node_error"]


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

        text = f"{cause}, {''.join(traceback.format_exception(cause))}"
    else:
        text = str(cause)
    error = RuntimeError(f"Node-{where} runs failed, error msg: {text}" if where else text)
    error.__cause__ = cause
    return error
