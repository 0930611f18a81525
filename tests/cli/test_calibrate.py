"""`pipilo models calibrate`: its cosines are numpy's, and what it writes is what `auto` reads."""
import json
import os
import pathlib
import shutil

import numpy
import pytest

DEPS = pathlib.Path(os.environ.get("PIPILO_DEPS", pathlib.Path(__file__).resolve().parents[2] / ".deps"))
MODEL = DEPS / "models/efficientnet-lite0"
HAS_BF16 = "avx512_bf16" in pathlib.Path("/proc/cpuinfo").read_text()

pytestmark = pytest.mark.skipif(not MODEL.is_dir(), reason="the model is not there")


@pytest.fixture
def model(tmp_path):
    return shutil.copytree(MODEL, tmp_path / "model")


def vectors(pipilo, tmp_path, photos, model, precision):
    out = tmp_path / f"{precision}.npy"
    pipilo("embed", photos, "-m", model, "-o", out, "--precision", precision)
    return numpy.load(out).astype(numpy.float64)


def cosines(a, b):
    return (a * b).sum(1) / numpy.sqrt((a * a).sum(1) * (b * b).sum(1))


@pytest.mark.skipif(not HAS_BF16, reason="this CPU has no bf16")
def test_what_is_recorded_is_what_numpy_says(pipilo, tmp_path, photos, model):
    told = json.loads(pipilo("models", "calibrate", model, photos, "--json").out)
    want = cosines(vectors(pipilo, tmp_path, photos, model, "f32"),
                   vectors(pipilo, tmp_path, photos, model, "bf16"))
    assert told["pictures"] == len(want) == 7 and told["failed"] == 0
    assert told["worst_cosine"] == pytest.approx(want.min(), abs=1e-9)
    assert told["mean_cosine"] == pytest.approx(want.mean(), abs=1e-9)
    assert told["rate"] > 0 and told["reference_rate"] > 0 and told["speed"] > 0
    card = json.loads((model / "model.json").read_text())
    assert card["precision"]["bf16"] == {
        "worst_cosine": pytest.approx(want.min(), abs=1e-9),
        "mean_cosine": pytest.approx(want.mean(), abs=1e-9),
        "pictures": 7, "speed": pytest.approx(told["speed"], abs=1e-4)}
    # The rest of the card is as it was, and `auto` does as the figure says.
    before = json.loads((MODEL / "model.json").read_text())
    assert {name: card[name] for name in before} == before
    shown = json.loads(pipilo("models", "show", model, "--precision", "auto", "--json").out)
    assert told["accepted"] == (want.min() >= 0.999)
    assert shown["precision"] == ("bf16" if want.min() >= 0.999 else "f32")


def test_a_bad_picture_is_left_out_and_a_dry_run_writes_nothing(pipilo, photos, model):
    before = (model / "model.json").read_bytes()
    (photos / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    told = json.loads(pipilo("models", "calibrate", model, photos, "--json", "--dry-run",
                             "--precision", "f32").out)
    assert (told["pictures"], told["failed"], told["card"]) == (7, 1, None)
    assert told["worst_cosine"] == 1 and told["mean_cosine"] == 1
    pipilo("models", "calibrate", model, photos, "--precision", "f32", "--reference", MODEL, "-q")
    assert (model / "model.json").read_bytes() == before


def test_what_cannot_be_measured_is_named(pipilo, tmp_path, photos, model):
    (tmp_path / "none").mkdir()
    none = pipilo("models", "calibrate", model, tmp_path / "none", "--precision", "f32", status=2)
    assert "no picture could be read" in none.err
    sizes = pipilo("models", "calibrate", model, photos, "--precision", "f32", "--reference",
                   "null:8", status=2)
    assert "the vectors are of two sizes: 8 and 1280 numbers" in sizes.err
    if not HAS_BF16:
        assert "has no bf16 here" in pipilo("models", "calibrate", model, photos, status=2).err
