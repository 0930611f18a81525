"""The JSON that services speak: JSON with arrays and `Empty()`.

    ndarray    {"_NP": true, "dtype": 10, "data": nested lists}; the numbers of types are below
    Empty()    {"_EMP": true}

numpy's scalars are written as plain numbers, and bool arrays as nested lists of booleans.
"""

from __future__ import annotations

import json
from typing import Any

from ..data_queue import Empty

__all__ = ["Decoder", "Encoder", "from_json", "to_json"]

DTYPES = {
    1: "uint8",
    2: "uint16",
    3: "uint32",
    4: "uint64",
    5: "int8",
    6: "int16",
    7: "int32",
    8: "int64",
    9: "float16",
    10: "float32",
    11: "float64",
}
NUMBERS = {name: number for number, name in DTYPES.items()}


class Encoder(json.JSONEncoder):
    """TypeError for what has no JSON; ValueError for arrays of another type."""

    def default(self, o: Any) -> Any:
        if o is Empty():
            return {"_EMP": True}
        if hasattr(o, "dtype") and hasattr(o, "tolist"):
            return _encoded(o)
        return super().default(o)


def _encoded(array: Any) -> Any:
    import numpy as np

    if isinstance(array, np.generic) or array.dtype.name == "bool":
        return array.tolist()
    if array.dtype.name not in NUMBERS:
        raise ValueError(f"Unsupport numpy type: {array.dtype}")
    return {"_NP": True, "dtype": NUMBERS[array.dtype.name], "data": array.tolist()}


class Decoder(json.JSONDecoder):
    """The reverse of Encoder. ValueError for an unknown number of a type."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, object_hook=_decoded, **kwargs)


def _decoded(found: dict[str, Any]) -> Any:
    if "_NP" in found:
        import numpy as np

        name = DTYPES.get(found.get("dtype"))  # type: ignore[arg-type]
        if name is None:
            raise ValueError(f"Unsupport numpy type code {found.get('dtype')}")
        return np.array(found["data"], name)
    return Empty() if "_EMP" in found else found


def to_json(data: Any) -> str:
    """The text of a value."""
    return json.dumps(data, cls=Encoder)


def from_json(data: str | bytes) -> Any:
    """The value of a text."""
    return json.loads(data, cls=Decoder)
