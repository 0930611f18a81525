"""A timm model as ONNX, with timm's evaluation transform as configuration. Imports torch.

The vector is that of Towhee's image_embedding.timm: `forward_features`; of a map [n, c, h, w] the
mean over h and w, of tokens [n, t, c] the first. Models that keep the channels last give the same
after their channels were put first.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from typing import Any

import numpy as np
import timm
import torch

from .. import _core, ops
from . import ExportError
from .place import say

__all__ = ["make", "settings"]

SEED = 0  # of random weights
ONE_FILE = 1 << 30  # bytes of weights that an ONNX file holds; protobuf ends at twice that
LEAST_COSINE = 0.99999  # between torch's vector and that of the finished model
POOLS = {2: "none", 3: "token0", 4: "avg"}  # by the dimensions of the features


class _Features(torch.nn.Module):
    """What is exported: `forward_features`, channels first."""

    def __init__(self, model: torch.nn.Module):
        super().__init__()
        self.model = model
        self.last = str(getattr(model, "output_fmt", "NCHW")).endswith("NHWC")

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        found = self.model.forward_features(pictures)
        if self.last and isinstance(found, torch.Tensor) and found.ndim == 4:
            found = found.permute(0, 3, 1, 2)
        return found


def make(name: str, work: str, checkpoint: str | None, random: bool, quiet: bool) -> str:
    """Makes the model below the empty folder `work`; gives its folder. ExportError."""
    model, source, license_ = _load(name, checkpoint, random, quiet)
    how = settings(model)
    features = _Features(model).eval()
    picture = torch.rand(1, *how["input_size"], generator=torch.Generator().manual_seed(SEED))
    wanted = _run(name, features, picture)
    weights = os.path.join(work, "model.onnx")
    _write_onnx(name, features, picture, weights)
    config = os.path.join(work, "config.json")
    with open(config, "w", encoding="utf-8") as file:
        json.dump({"architecture": name, "pretrained_cfg": how}, file)
    pool = POOLS[wanted.ndim]
    try:
        home = os.path.join(work, "made")
        folder = _core.model_import(weights, config, home, name, pool, source, license_)
        _compare(name, folder, picture, _pooled(wanted))
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        if isinstance(error, ExportError):
            raise
        raise ExportError("invalid_model", f"{name} cannot be a model of pipilo: {error}") from error
    return folder


# --- the weights -----------------------------------------------------------------------------


def _load(
    name: str, checkpoint: str | None, random: bool, quiet: bool
) -> tuple[torch.nn.Module, str, str | None]:
    """The model, where its weights come from, and their licence where timm knows it."""
    if not timm.is_model(name):
        known = timm.list_models() + timm.list_models(pretrained=True)
        near = difflib.get_close_matches(name, known, 3, 0.5)
        text = f"timm {timm.__version__} has no model {name!r}"
        raise ExportError("not_found", text + (f"; the nearest are {', '.join(near)}" if near else ""))
    if not quiet:
        say(f"exporting {name} from timm {timm.__version__}")
    own = checkpoint is None and not random
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            model = timm.create_model(name, pretrained=own, exportable=True)
    except Exception as error:
        if own:
            raise _no_weights(name, error) from error
        raise ExportError("invalid_model", f"timm cannot make {name}: {_line(error)}") from error
    model.eval()
    config = model.pretrained_cfg
    if random:
        return model, f"timm:{name}, random weights (seed {SEED})", None
    if checkpoint is not None:
        digest = _load_checkpoint(name, model, checkpoint)
        return model, f"timm:{name}, {os.path.basename(checkpoint)} (sha256 {digest[:16]})", None
    tag = config.get("tag") or ""
    full = f"{config.get('architecture', name)}.{tag}" if tag else name
    return model, f"timm:{full} (timm {timm.__version__})", config.get("license")


def _no_weights(name: str, error: Exception) -> ExportError:
    """timm's weights are not to be had: no network, or it has none for this model."""
    first: BaseException = error
    while (before := first.__cause__ or first.__context__) is not None:
        first = before
    why = _line(error) if first is error else f"{_line(error)} ({_line(first)})"
    return ExportError(
        "network_error",
        f"the weights of {name} are not to be had: {why}; --checkpoint FILE takes some that "
        "torch saved, --random makes up some for tests",
    )


def _load_checkpoint(name: str, model: torch.nn.Module, path: str) -> str:
    """Fills the model from the file; gives the file's sha256."""
    from timm.models import load_state_dict

    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ExportError("not_found", f"{path}: {error.strerror}") from error
    try:
        # Weights alone: a pickle that would run code is refused.
        state = load_state_dict(path, weights_only=True)
    except Exception as error:
        raise ExportError("invalid_model", f"{path} holds no weights: {_line(error)}") from error
    classifier = model.pretrained_cfg.get("classifier") or ()
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    # The vector does not depend on the classifier, which may be one of other classes.
    body = {key: value for key, value in state.items() if not _is_of(key, heads)}
    try:
        result = model.load_state_dict(body, strict=False)
    except RuntimeError as error:
        raise ExportError("invalid_model", f"{path} is not of {name}: {_line(error)}") from error
    lacking = [key for key in result.missing_keys if not _is_of(key, heads)]
    for what, keys in (("lacks", lacking), ("has more than the model:", result.unexpected_keys)):
        if keys:
            some = ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")
            raise ExportError("invalid_model", f"{path} is not of {name}: it {what} {some}")
    return digest


def _is_of(key: str, modules: tuple[str, ...]) -> bool:
    return any(key == module or key.startswith(f"{module}.") for module in modules)


def _line(error: BaseException) -> str:
    """What the error says, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


# --- the transform ---------------------------------------------------------------------------


def settings(model: torch.nn.Module) -> dict[str, Any]:
    """All that fixes timm's evaluation transform of the model, as its config.json spells it."""
    full = timm.data.resolve_model_data_config(model)
    return {
        "input_size": list(full["input_size"]),
        "interpolation": full["interpolation"],
        "crop_pct": full["crop_pct"],
        "crop_mode": full.get("crop_mode") or "center",
        "mean": list(full["mean"]),
        "std": list(full["std"]),
    }


# --- the graph -------------------------------------------------------------------------------


def _run(name: str, features: torch.nn.Module, picture: torch.Tensor) -> np.ndarray:
    """What the model makes of the picture, in torch."""
    try:
        with torch.no_grad():
            found = features(picture)
    except Exception as error:
        raise ExportError("invalid_model", f"{name} does not run: {_line(error)}") from error
    if not isinstance(found, torch.Tensor) or found.ndim not in POOLS:
        what = f"{found.ndim} dimensions" if isinstance(found, torch.Tensor) else type(found).__name__
        raise ExportError("invalid_model", f"forward_features of {name} gives {what}, no vector")
    return found.numpy()


def _write_onnx(name: str, features: torch.nn.Module, picture: torch.Tensor, path: str) -> None:
    size = sum(tensor.numel() * tensor.element_size() for tensor in features.state_dict().values())
    try:
        torch.onnx.export(
            features,
            (picture.repeat(2, 1, 1, 1),),  # a batch of one would be taken for a constant
            path,
            input_names=["input"],
            output_names=["features"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            external_data=size > ONE_FILE,
            dynamo=True,
            verbose=False,
        )
    except Exception as error:
        raise ExportError(
            "invalid_model", f"torch {torch.__version__} cannot write {name} as ONNX: {_line(error)}"
        ) from error


def _pooled(found: np.ndarray) -> np.ndarray:
    if found.ndim == 4:
        return found.mean(axis=(2, 3))[0]
    return found[0, 0] if found.ndim == 3 else found[0]


def _compare(name: str, folder: str, picture: torch.Tensor, wanted: np.ndarray) -> None:
    """The finished model gives torch's vector; ExportError where it does not."""
    got = ops.image_embedding.timm(folder, skip_preprocess=True)(picture[0].numpy())
    got, wanted = np.asarray(got, np.float64), wanted.astype(np.float64)
    cosine = float(got @ wanted / (np.linalg.norm(got) * np.linalg.norm(wanted)))
    if not cosine >= LEAST_COSINE:
        raise ExportError(
            "invalid_model",
            f"{name} as ONNX gives another vector than in torch (cosine {cosine:.6f})",
        )
