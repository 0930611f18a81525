"""JSON, TEXT, NDARRAY and BYTES: the models a service's functions are given.

Each has `decode(bytes) -> value` for the body of a request and `encode(value) -> bytes` for that of
an answer, and `from_http`, `to_http` over FastAPI's objects.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any

from ..wire import from_json, to_json

__all__ = ["BYTES", "JSON", "NDARRAY", "TEXT", "IOBase", "IOType"]


class IOType(Enum):
    JSON = 1
    TEXT = 2
    NDARRAY = 3
    BYTES = 4


class IOBase:
    """What the four share."""

    media_type = "application/json"
    data_type: IOType

    def decode(self, body: bytes) -> Any:
        raise NotImplementedError

    def encode(self, value: Any) -> bytes:
        raise NotImplementedError

    def from_http(self, request: Any) -> Any:
        """The value of a FastAPI request; to be called on a thread without an event loop."""
        return self.decode(asyncio.run(request.body()))

    def to_http(self, obj: Any) -> Any:
        """A FastAPI response with the value."""
        from fastapi import Response

        return Response(content=self.encode(obj), media_type=self.media_type)


class JSON(IOBase):
    """JSON as in `serve.wire`. `model`, a pydantic class, makes objects of what is read."""

    data_type = IOType.JSON

    def __init__(self, model: Any = None):
        self._model = model

    def decode(self, body: bytes) -> Any:
        value = from_json(body)
        if self._model is None:
            return value
        make = getattr(self._model, "model_validate", None) or self._model.parse_obj
        return make(value)

    def encode(self, value: Any) -> bytes:
        for method in ("model_dump", "dict"):
            if hasattr(value, method) and not isinstance(value, dict):
                value = getattr(value, method)()
                break
        return to_json(value).encode()


class TEXT(IOBase):
    """UTF-8 as it stands; other values than str are written as JSON."""

    data_type = IOType.TEXT

    def decode(self, body: bytes) -> str:
        return body.decode("utf-8")

    def encode(self, value: Any) -> bytes:
        return (value if isinstance(value, str) else to_json(value)).encode()


class NDARRAY(IOBase):
    """An array as in `serve.wire`; its shape and type are kept. TypeError for other values."""

    data_type = IOType.NDARRAY

    def decode(self, body: bytes) -> Any:
        return from_json(body)

    def encode(self, value: Any) -> bytes:
        if not hasattr(value, "dtype") or not hasattr(value, "shape"):
            raise TypeError(f"an array is wanted, not {type(value).__name__}")
        return to_json(value).encode()


class BYTES(IOBase):
    """Bytes as they stand. TypeError for other values."""

    data_type = IOType.BYTES

    def decode(self, body: bytes) -> bytes:
        return body

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bytes):
            raise TypeError(f"bytes are wanted, not {type(value).__name__}")
        return value
