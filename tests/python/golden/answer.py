"""What a case gives, as text that can be compared: the same for Towhee and for pipilo."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def names(package: str) -> dict[str, Any]:
    """What the cases' code sees, from `towhee` or from what stands for it."""
    top = import_module(package)
    queue = import_module(f"{package}.runtime.data_queue")
    return {
        "AutoConfig": top.AutoConfig,
        "ColumnType": queue.ColumnType,
        "DataCollection": import_module(f"{package}.datacollection").DataCollection,
        "DataLoader": top.DataLoader,
        "DataQueue": queue.DataQueue,
        "Empty": queue.Empty,
        "ops": import_module(f"{package}.runtime").ops,
        "pipe": top.pipe,
    }


def answer(code: str, calls: list[tuple] | None, seen: dict[str, Any]) -> list[Any]:
    """One entry a call (or one for the value): `{"rows", "types"}`, `{"value"}` or `{"error"}`."""
    try:
        built = eval(code, dict(seen))
    except Exception as error:  # noqa: BLE001 - any is an answer
        return [failure(error)] * (1 if calls is None else max(1, len(calls)))
    if calls is None:
        return [{"value": repr(built)}]
    return [_call(built, arguments) for arguments in calls]


def _call(pipeline: Any, arguments: tuple) -> dict[str, Any]:
    try:
        queue = pipeline(*arguments)
        types = {name: kind.name for name, kind in zip(queue.schema, queue.type_schema)}
        return {"rows": repr(queue.to_list()), "types": types}
    except Exception as error:  # noqa: BLE001 - any is an answer
        return {"error": failure(error)["error"]}


def failure(error: Exception) -> dict[str, Any]:
    """The builtin exception it is, and the first line of what it says without what surrounds it."""
    kind = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
    text = str(error)
    if "Value error, " in text:  # pydantic's report
        text = text.split("Value error, ", 1)[1].split(" [type=", 1)[0]
    elif "validation error" in text:
        text = ""
    text = text.split(", Traceback", 1)[0].split("\n", 1)[0]
    return {"error": {"type": kind.__name__, "text": text}}
