"""int8 copies of models, made by ONNX Runtime's static quantizer: what `pipilo models quantize` runs.

    python -m pipilo.quantize efficientnet-lite0 photos/ -o lite0-int8

The ranges are measured over pictures that go into the model as `embed` puts them in.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..export import ExportError, pip_line
from ..export.place import Place

__all__ = ["quantize"]

NEEDED = ("onnx", "onnxruntime")
MOST = 300  # pictures


def quantize(
    model: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    most: int = MOST,
    keep: int = 0,
    reduce_range: bool = False,
    force: bool = False,
    quiet: bool = False,
) -> str:
    """Makes the int8 copy of `model` in the folder `out`; gives that folder.

    `pictures` are files, folders and archives; up to `most` pictures evenly out of all of them are
    looked at. The first `keep` convolutions stay at f32. `reduce_range`: weights of 7 bits, for
    processors without VNNI. A folder that is there is an error, or is replaced with `force`.

    ExportError where it fails. What it cost in fidelity: `pipilo models calibrate out pictures
    --precision f32 --reference model`.
    """
    from importlib.util import find_spec

    lacking = [name for name in NEEDED if find_spec(name) is None]
    if lacking:
        raise ExportError("not_found", f"this needs {', '.join(lacking)}: {pip_line(lacking)}")
    if most < 1 or keep < 0:
        raise ExportError("invalid_argument", "`most` is 1 or more, `keep` is 0 or more")
    alone = isinstance(pictures, (str, os.PathLike))
    places = [os.fspath(place) for place in ([pictures] if alone else pictures)]
    path = os.path.abspath(os.fspath(out))
    with Place(os.path.basename(path), path, force, False, quiet) as place:
        from .qdq import make

        place.take(make(os.fspath(model), places, place.work, path, most, keep, reduce_range, quiet))
        return place.folder
