"""pipilo models import, and the real engine behind it: a model of three means, made here."""
import json
import shutil

import numpy
import pytest
from PIL import Image

from conftest import draw

onnx = pytest.importorskip("onnx")

PREPROCESSING = ["--resize", "exact", "--size", "32", "--scale", str(1 / 255), "--mean", "0,0,0",
                 "--std", "1,1,1"]


@pytest.fixture
def means(tmp_path):
    """An ONNX file whose vector is the mean of each colour."""
    from onnx import TensorProto, helper
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["picture"], ["pooled"]),
         helper.make_node("Flatten", ["pooled"], ["vector"])],
        "means",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["n", 3])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "means.onnx")
    return tmp_path / "means.onnx"


def test_import_embed_search(pipilo, means, tmp_path):
    done = pipilo("models", "import", means, *PREPROCESSING, "--license", "CC0-1.0", "--source", "here")
    assert "home/models/means" in done.out
    shown = pipilo("models", "show", "means", "--json").json()
    assert shown["dim"] == 3 and shown["engine"] == "openvino" and shown["card"]["license"] == "CC0-1.0"
    listed = {entry["name"]: entry for entry in pipilo("models", "list", "--json").json()}
    assert listed["means"]["path"].endswith("home/models/means") and listed["means"]["error"] is None
    for seed in range(5):
        draw(tmp_path / f"p/{seed}.png", seed)
    pipilo("embed", "p", "-m", "means", "-o", "p.db")
    pipilo("embed", "p", "-m", "means", "-o", "p.npy")
    for seed, vector in enumerate(numpy.load(tmp_path / "p.npy")):
        with Image.open(tmp_path / f"p/{seed}.png") as picture:
            small = numpy.asarray(picture.resize((32, 32), Image.BICUBIC), dtype=numpy.float64) / 255
        assert numpy.abs(small.mean(axis=(0, 1)) - vector).max() < 1e-5
    assert pipilo("search", "p.db", "p/3.png", "-k", "1", "--json").json()["hits"][0]["row"] == 3


def test_import_refuses_and_replaces(pipilo, means):
    pipilo("models", "import", means, *PREPROCESSING)
    done = pipilo("models", "import", means, *PREPROCESSING, status=4)
    assert "means" in done.err and done.err.count("\n") == 1
    pipilo("models", "import", means, *PREPROCESSING, "--force")
    pipilo("models", "import", means, *PREPROCESSING, "--name", "other")
    assert pipilo("models", "show", "other", "--json").json()["name"] == "other"


def test_import_takes_a_configuration(pipilo, means, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "do_resize": True, "do_rescale": True,
        "do_normalize": True, "size": {"height": 32, "width": 32}, "resample": 2,
        "rescale_factor": 1 / 255, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.2]}))
    pipilo("models", "import", means, "--config", "preprocessor_config.json", "--name", "configured")
    card = pipilo("models", "show", "configured", "--json").json()["card"]
    assert card["preprocess"]["mean"] == [0.5, 0.4, 0.3]
    assert card["preprocess"]["resize"]["filter"] == "bilinear"


def test_import_names_what_is_missing(pipilo, means):
    done = pipilo("models", "import", means, status=7)
    assert done.err.startswith("pipilo: ") and done.err.count("\n") == 1


def test_a_store_whose_model_moved(pipilo, means, tmp_path):
    pipilo("models", "import", means, *PREPROCESSING)
    shutil.copytree(tmp_path / "home/models/means", tmp_path / "there")
    draw(tmp_path / "a.png", 1)
    pipilo("embed", "a.png", "-m", "there", "-o", "a.npy")
    (tmp_path / "there").rename(tmp_path / "elsewhere")
    done = pipilo("search", "a.npy", "a.png", status=3)
    assert "there" in done.err
    hits = pipilo("search", "a.npy", "a.png", "-m", "elsewhere", "--json").json()["hits"]
    assert hits[0]["row"] == 0


def test_devices_that_are_not_there(pipilo, means, tmp_path):
    pipilo("models", "import", means, *PREPROCESSING)
    draw(tmp_path / "a.png", 1)
    done = pipilo("embed", "a.png", "-m", "means", "-o", "a.npy", "--device", "XPU", status=3)
    assert "XPU" in done.err and "CPU" in done.err and done.err.count("\n") == 1
    assert not list(tmp_path.glob("a.npy*"))


def test_a_vector_that_overflows_is_like_none(pipilo, means, tmp_path):
    """Its cosine is no number, and must not count as a perfect one."""
    pipilo("models", "import", means, *PREPROCESSING)
    pipilo("models", "import", means, *PREPROCESSING, "--name", "huge", "--scale", "1e37")
    draw(tmp_path / "p.png", 1)
    told = pipilo("models", "calibrate", "huge", "p.png", "--reference", "means", "--precision", "f32", "--json").json()
    assert (told["pictures"], told["worst_cosine"], told["mean_cosine"]) == (1, 0, 0)
