"""quantize: int8 copies, run by pipilo as ONNX Runtime runs them, from the tensors pipilo makes."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pipilo
from pipilo import ops
from pipilo.export import ExportError
from pipilo.quantize import quantize

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
Image = pytest.importorskip("PIL.Image")

DEPS = Path(os.environ.get("PIPILO_DEPS", Path(__file__).resolve().parents[2] / ".deps"))
REAL = DEPS / "models/efficientnet-lite0"
PHOTOS = sorted((DEPS / "photos").glob("*.[jp][pn]g"))[::4]

real = pytest.mark.skipif(not REAL.is_dir() or not PHOTOS, reason="no model in .deps")


def by_pillow(path):
    """What the card of EfficientNet-Lite0 says, by Pillow and numpy."""
    image = Image.open(path).convert("RGB")
    short = min(image.size)
    image = image.resize([256 * side // short for side in image.size], Image.Resampling.BICUBIC)
    left, top = (round((side - 224) / 2) for side in image.size)
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
    return ((pixels / 255 - 127 / 255) / (128 / 255)).transpose(2, 0, 1)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """EfficientNet-Lite0 at int8 but for its first six convolutions."""
    out = tmp_path_factory.mktemp("quantize") / "lite0-int8"
    assert quantize(REAL, PHOTOS, out, most=5, keep=6, quiet=True) == str(out)
    return out


@real
def test_the_tensors_are_pillow_s():
    for path in PHOTOS:
        tensor = ops.image_preprocess(str(REAL))(str(path))
        assert tensor.shape == (3, 224, 224) and tensor.dtype == np.float32
        assert np.abs(tensor - by_pillow(path)).max() < 1e-5, path


@real
def test_its_vectors_are_those_of_onnx_runtime(copy):
    session = onnxruntime.InferenceSession(copy / "model.onnx", providers=["CPUExecutionProvider"])
    wanted = np.concatenate(
        [session.run(["embedding"], {"input": by_pillow(path)[None]})[0] for path in PHOTOS]
    )
    found = pipilo.embed(PHOTOS, copy).vectors
    before = pipilo.embed(PHOTOS, REAL).vectors

    def cosines(a, b):
        return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)

    # Sums are rounded to 8 bits at other places by the two; both lie nearer to each other than to f32.
    assert cosines(found, wanted).min() > 0.99
    assert cosines(found, wanted).mean() > cosines(found, before).mean()
    assert cosines(found, before).min() > 0.95


@real
def test_the_copy_says_what_it_is(copy):
    card, old = (json.loads((folder / "model.json").read_text()) for folder in (copy, REAL))
    assert card["name"] == "lite0-int8" and card["sha256"] != old["sha256"]
    assert card["source"].startswith(old["source"] + ", int8 by onnxruntime ")
    assert card["source"].endswith(" over 5 pictures, 6 convolutions kept")
    assert {key: card[key] for key in ("task", "input", "preprocess", "output", "license")} == {
        key: old[key] for key in ("task", "input", "preprocess", "output", "license")
    }
    graph = onnx.load(copy / "model.onnx").graph
    made_by = {name: node.op_type for node in graph.node for name in node.output}
    weights = [made_by.get(node.input[1]) for node in graph.node if node.op_type == "Conv"]
    assert weights == [None] * 6 + ["DequantizeLinear"] * 43
    # A scale for each channel.
    scales = {node.input[0]: node.input[1] for node in graph.node if node.op_type == "DequantizeLinear"}
    sizes = {value.name: list(value.dims) for value in graph.initializer}
    kernels = [name for name in scales if len(sizes.get(name, [])) == 4]
    assert len(kernels) == 43
    assert all(sizes[scales[name]] == sizes[name][:1] for name in kernels)


@real
def test_what_is_there_stays_and_a_bad_picture_is_left_out(copy, tmp_path):
    with pytest.raises(ExportError, match="is there already") as caught:
        quantize(REAL, PHOTOS, copy)
    assert caught.value.code == "already_exists"
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    words = [sys.executable, "-P", "-m", "pipilo.quantize", REAL, bad, PHOTOS[0], "-o", tmp_path / "out"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"pipilo: {bad} is left out: ") and done.stderr.count("\n") == 1
    assert " over 1 pictures" in json.loads((tmp_path / "out/model.json").read_text())["source"]
    words[5:7] = [bad]
    done = subprocess.run([*words, "--force"], capture_output=True, text=True)
    assert done.returncode == 2 and "no picture could be read" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.jpg", "out"]


def test_what_cannot_be_is_named(tmp_path, monkeypatch):
    for model, picture, code, text in [
        ("null:8", tmp_path, "invalid_argument", "null:8 has no weights"),
        ("no-such-model", tmp_path, "not_found", "no-such-model"),
    ]:
        with pytest.raises(ExportError, match=text) as caught:
            quantize(model, picture, tmp_path / "out")
        assert caught.value.code == code
    if REAL.is_dir():
        (tmp_path / "none").mkdir()
        with pytest.raises(ExportError, match="no picture"):
            quantize(REAL, tmp_path / "none", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match="pip install onnx onnxruntime") as caught:
        quantize("null:8", tmp_path, tmp_path / "out")
    assert caught.value.code == "not_found"
