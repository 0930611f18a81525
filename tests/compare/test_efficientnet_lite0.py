"""The converted EfficientNet-Lite0: the same bytes everywhere, and it knows what it sees."""
import hashlib
import json
import pathlib

import numpy as np
import onnxruntime
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / ".deps/models/efficientnet-lite0"
PHOTOS = ROOT / ".deps/photos"
SHA256 = "c35aebb3824e275da7238c9420f181f77f9c11a7a2f3906e81b4fcd3baa2c92a"
PALACE, DAISY = 698, 985


@pytest.fixture(scope="module")
def card():
    return json.loads((MODEL / "model.json").read_text())


@pytest.fixture(scope="module")
def session():
    return onnxruntime.InferenceSession(MODEL / "model.onnx", providers=["CPUExecutionProvider"])


def preprocess(path, card):
    """What the card says, by Pillow and numpy."""
    pre = card["preprocess"]
    image = Image.open(path).convert("RGB")
    size, (crop_h, crop_w) = pre["resize"]["size"], pre["crop"]
    short = min(image.size)
    image = image.resize([int(size * side / short) for side in image.size], Image.Resampling.BICUBIC)
    top = int(round((image.height - crop_h) / 2.0))
    left = int(round((image.width - crop_w) / 2.0))
    pixels = np.asarray(image.crop((left, top, left + crop_w, top + crop_h)), np.float32)
    tensor = (pixels * np.float32(pre["scale"]) - np.float32(pre["mean"])) / np.float32(pre["std"])
    return tensor.transpose(2, 0, 1)[None]


def test_same_bytes_everywhere(card):
    assert card["sha256"] == SHA256
    assert hashlib.sha256((MODEL / "model.onnx").read_bytes()).hexdigest() == SHA256


@pytest.mark.parametrize("photo, label", [("china.jpg", PALACE), ("flower.jpg", DAISY)])
def test_knows_what_it_sees(session, card, photo, label):
    embedding, logits = session.run(["embedding", "logits"], {"input": preprocess(PHOTOS / photo, card)})
    assert embedding.shape == (1, card["output"]["dim"])
    assert logits.shape == (1, 1000)
    assert int(logits.argmax()) == label
