"""What Python's tools make of a picture: Pillow for the pixels, ONNX Runtime for the vector.

Shared by the tests here, together with the ways to run pipilo and to read what it wrote.
"""
import json
import os
import pathlib
import subprocess

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("PIPILO_DEPS", ROOT / ".deps"))
MODEL = DEPS / "models/efficientnet-lite0"
PHOTOS = DEPS / "photos"
PROGRAM = pathlib.Path(os.environ.get("PIPILO_BIN", ROOT / "build/test/cli/pipilo")).resolve()
CARD = json.loads((MODEL / "model.json").read_text())


def resize_and_crop(image):
    """The card's preprocessing as torchvision and timm do it with a Pillow image: uint8."""
    pre = CARD["preprocess"]
    size, (crop_h, crop_w) = pre["resize"]["size"], pre["crop"]
    short = min(image.size)
    image = image.resize([int(size * side / short) for side in image.size], Image.Resampling.BICUBIC)
    # Python's round() goes to the even neighbour at a half, as the card's "half_even" says.
    top, left = round((image.height - crop_h) / 2), round((image.width - crop_w) / 2)
    return np.asarray(image.crop((left, top, left + crop_w, top + crop_h)))


def tensor(image):
    """float32 [1, 3, h, w]."""
    pre = CARD["preprocess"]
    pixels = resize_and_crop(image).astype(np.float32)
    pixels = (pixels * np.float32(pre["scale"]) - np.float32(pre["mean"])) / np.float32(pre["std"])
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def open_rgb(path, exif="ignore"):
    with Image.open(path) as image:
        if exif == "apply":
            image = ImageOps.exif_transpose(image)
        return image.convert("RGB")


def new_session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(2, len(os.sched_getaffinity(0)))
    # Its threads would otherwise burn the cores while Pillow works.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(MODEL / "model.onnx", options,
                                        providers=["CPUExecutionProvider"])


def vectors(session, paths, exif="ignore"):
    """float32 [len(paths), dim]."""
    out = CARD["output"]["name"]
    return np.concatenate([session.run([out], {CARD["input"]["name"]: tensor(open_rgb(p, exif))})[0]
                           for p in paths])


def cosines(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def pipilo(*words, status=0):
    """Runs pipilo; `status` is what it must end with."""
    run = subprocess.run([PROGRAM, *map(os.fspath, words)], capture_output=True, text=True,
                         timeout=800)
    assert run.returncode == status, f"{words}: {run.returncode}\n{run.stdout}\n{run.stderr}"
    return run.stdout


def embed(out, inputs, *options, model=MODEL, status=0):
    """Embeds into `out`, a .npy that is not there; gives its vectors and its rows."""
    pipilo("embed", *inputs, "-m", model, "-o", out, "--quiet", *options, status=status)
    rows = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    array = np.load(out)
    assert array.dtype == np.float32 and len(array) == len(rows)
    assert [row["row"] for row in rows] == list(range(len(rows)))
    return array, rows
