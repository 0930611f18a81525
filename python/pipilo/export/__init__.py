"""timm's models as models of pipilo: an ONNX file and a card with timm's whole preprocessing.

    python -m pipilo.export timm:lambda_resnet50ts -o lambda_resnet50ts

`ops.image_embedding.timm(name)` does it by itself at first use (`first_use.py`). timm and torch are
imported by the exporting process alone, never by a program that only embeds.
"""

from __future__ import annotations

__all__ = ["ExportError", "export"]

# What `timm_model.py` imports, by the names pip has for them.
NEEDED = ("timm", "torch", "onnx", "onnxscript")

# Exit statuses by the names of docs/errors.md.
STATUS = {
    "invalid_argument": 2,
    "not_found": 3,
    "already_exists": 4,
    "io_error": 5,
    "invalid_model": 7,
    "network_error": 10,
}


class ExportError(RuntimeError):
    """What went wrong, as one line; `code` is one of the names in docs/errors.md."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def not_installed() -> list[str]:
    """Which of the packages that exporting takes are not here. Nothing is imported."""
    from importlib.util import find_spec

    return [name for name in NEEDED if find_spec(name) is None]


def pip_line(lacking: list[str]) -> str:
    return "pip install " + " ".join(lacking)


def export(
    name: str,
    out: str | None = None,
    *,
    checkpoint: str | None = None,
    random: bool = False,
    force: bool = False,
    keep: bool = False,
    quiet: bool = False,
) -> str:
    """Exports timm's model `name`; gives its folder, `out` or NAME in the model home.

    The weights are timm's own, which it downloads where it has not got them, those of `checkpoint`
    (what torch.save or safetensors wrote), or with `random` the same meaningless ones every time.
    A folder that is there is an error, is replaced with `force` and left alone with `keep`. Any
    number of processes may do so at once: one exports, the others wait.

    ExportError where it fails.
    """
    lacking = not_installed()
    if lacking:
        raise ExportError("not_found", f"this needs {', '.join(lacking)}: {pip_line(lacking)}")
    if checkpoint is not None and random:
        raise ExportError("invalid_argument", "--checkpoint and --random exclude each other")
    from .place import Place

    with Place(name, out, force, keep, quiet) as place:
        if place.work is not None:
            from .timm_model import make

            place.take(make(name, place.work, checkpoint, random, quiet))
        return place.folder
