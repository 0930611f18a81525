"""The int8 copy itself. Imports onnx and onnxruntime.

Activations get 8 bits without sign, weights 8 with it and a scale a channel; what OpenVINO runs as
int8 stands between QuantizeLinear and DequantizeLinear (QDQ).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from typing import Any

import onnx
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from .. import _core
from ..export import ExportError
from ..export.place import say
from ..ops import ops
from ..pipe import pipe

__all__ = ["make"]

CODES = {FileNotFoundError: "not_found", OSError: "io_error", ValueError: "invalid_argument"}


def make(
    model: str,
    places: list[str],
    work: str,
    out: str,
    most: int,
    keep: int,
    reduce_range: bool,
    quiet: bool,
) -> str:
    """Makes the copy below the empty folder `work`; gives its folder. ExportError."""
    weights, card = _original(model)
    tensors = _Tensors(model, places, card, most, quiet)
    made = os.path.join(work, "made")
    os.mkdir(made)
    prepared = os.path.join(work, "prepared.onnx")
    try:
        # Shapes become known, batch norms part of the convolutions before them.
        quant_pre_process(weights, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            os.path.join(made, "model.onnx"),
            tensors,
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=_first_convolutions(prepared, keep),
        )
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(
            "invalid_model", f"ONNX Runtime {onnxruntime.__version__} cannot quantize {model}: {error}"
        ) from error
    _write_card(made, card, os.path.basename(out), tensors.taken, keep, reduce_range)
    try:
        _core.model_info(made, None, None, None, False, False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ExportError("invalid_model", f"the copy of {model} cannot be used: {error}") from error
    return made


def _original(model: str) -> tuple[str, dict[str, Any]]:
    """The file of weights and the card."""
    try:
        info = _core.model_info(model, None, None, None, False, False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ExportError(_code(error), str(error)) from error
    if not info["weights"]:
        raise ExportError("invalid_argument", f"{model} has no weights to quantize")
    return info["weights"], json.loads(info["card"])


def _code(error: BaseException) -> str:
    return next((code for kind, code in CODES.items() if isinstance(error, kind)), "invalid_model")


def _first_convolutions(path: str, count: int) -> list[str]:
    nodes = onnx.load(path, load_external_data=False).graph.node
    return [node.name for node in nodes if node.op_type == "Conv"][:count]


def _write_card(
    folder: str, card: dict[str, Any], name: str, pictures: int, keep: int, reduce_range: bool
) -> None:
    with open(os.path.join(folder, "model.onnx"), "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    how = f"int8 by onnxruntime {onnxruntime.__version__} over {pictures} pictures"
    how += f", {keep} convolutions kept" if keep > 0 else ""
    how += ", weights of 7 bits" if reduce_range else ""
    source = f"{card.get('source') or card['name']}, {how}"
    card = {key: value for key, value in card.items() if key != "precision"}
    card |= {"name": name, "file": "model.onnx", "sha256": digest, "source": source}
    with open(os.path.join(folder, "model.json"), "w", encoding="utf-8") as file:
        json.dump(card, file, indent=2)
        file.write("\n")


class _Tensors(CalibrationDataReader):
    """The model's inputs for up to `most` of the pictures, evenly out of all, one at a time."""

    def __init__(self, model: str, places: list[str], card: dict[str, Any], most: int, quiet: bool):
        self._input = card["input"]["name"]
        self._quiet = quiet
        self.taken = 0
        read = pipe.input("places").flat_map(
            "places", ("source", "picture", "item"), ops.read_dir()
        )
        self._all = sum(1 for _ in _rows(read.output("source"), places))
        if self._all == 0:
            raise ExportError("invalid_argument", f"there is no picture in {', '.join(places)}")
        self._most = min(most, self._all)
        numbers = itertools.count()

        def is_one(_source: str) -> bool:
            number = next(numbers)
            return number * self._most // self._all != (number + 1) * self._most // self._all

        tensor = ops.image_preprocess(model)
        chosen = (
            read.filter(("source", "picture"), ("source", "picture"), "source", is_one)
            .map("picture", "tensor", tensor)
            .output("source", "tensor")
        )
        self._rows = _rows(chosen, places)

    def get_next(self) -> dict[str, Any] | None:
        """The next input, with its axis for the batch; None after the last."""
        for source, tensor in self._rows:
            if isinstance(tensor, BaseException):
                if not self._quiet:
                    say(f"{source} is left out: {tensor}")
                continue
            self.taken += 1
            return {self._input: tensor[None]}
        if self.taken == 0:
            raise ExportError("invalid_argument", "no picture could be read")
        return None


def _rows(pipeline: Any, places: list[str]) -> Iterator[list[Any]]:
    """The rows of a pipeline over places; one that failed holds its error."""
    try:
        yield from pipeline._core.start((places,), False, False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ExportError(_code(error.__cause__ or error), str(error)) from error
