"""Models exported from the real timm: pipilo's vectors are those of timm's own transform, then
forward_features, then the pooling of Towhee's operator. Weights cannot be downloaded by a test, so
they are random: see `alive`."""

import json
import os
import pathlib
import subprocess
import sys

# No test waits for the hub, or finds what was once fetched from it.
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": "/nonexistent"}

import numpy as np
import pytest
import timm
import torch
from PIL import Image, ImageOps

import pipilo
from pipilo import _core, ops, pipe
from pipilo.export import ExportError, export
from pipilo.export import timm_model

PHOTOS = pathlib.Path(os.environ["PIPILO_DEPS"]) / "photos"

# A map, a map of channels put last, tokens with and without a class token; sizes and filters differ.
MODELS = [
    "lambda_resnet50ts",
    "resnet50",
    "vit_small_patch16_224",
    "convnext_atto",
    "efficientnet_b0",
    "swin_tiny_patch4_window7_224",
    "mixer_s32_224",
    "tf_efficientnet_lite0",
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PIPILO_HOME", str(tmp_path / "home"))
    return tmp_path / "home/models"


@pytest.fixture(scope="module")
def photos():
    paths = some_photos()
    assert len(paths) >= 20
    return paths[::2]


def alive(name):
    """A model whose vector depends on the picture. With timm's own random weights much is nothing:
    the branches of a ResNet begin at zero. Batch norms take their statistics from photographs."""
    torch.manual_seed(1)
    model = timm.create_model(name).train()
    with torch.no_grad():
        for key, value in model.named_parameters():
            if value.ndim > 1:
                value.normal_(0, (2 * value.shape[0] / value.numel()) ** 0.5)
            else:
                value.uniform_(-0.1, 0.1).add_(1.0 if key.endswith(("weight", "gamma")) else 0.0)
        norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 1.0
        if norms:
            model.forward_features(torch.stack([transformed(model, p) for p in some_photos()[1::4]]))
    return model.eval()


def some_photos():
    return sorted(p for p in PHOTOS.iterdir() if p.suffix in (".jpg", ".png"))


def transformed(model, path):
    """The picture as timm prepares it: float32 [3, h, w]."""
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=model))
    with Image.open(path) as image:
        return transform(ImageOps.exif_transpose(image).convert("RGB"))


def save(model, path, **more):
    torch.save({"state_dict": model.state_dict(), **more} if more else model.state_dict(), path)
    return path


def reference(model, paths):
    """timm's transform, forward_features, Towhee's pooling."""
    vectors = []
    for path in paths:
        with torch.no_grad():
            found = model.forward_features(transformed(model, path).unsqueeze(0))
        if found.ndim == 4:
            axes = (1, 2) if getattr(model, "output_fmt", "NCHW") == "NHWC" else (2, 3)
            found = found.mean(axes)
        elif found.ndim == 3:
            found = found[:, 0]
        vectors.append(found[0].numpy())
    return np.array(vectors, np.float64)


def cosines(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def embed(paths, *args, **kws):
    p = pipe.input("p").map("p", "v", ops.image_embedding.timm(*args, **kws)).output("v")
    return np.array([result.get()[0] for result in p.batch([str(path) for path in paths])])


@pytest.mark.parametrize("name", MODELS)
def test_vectors_are_timm_s(name, photos, tmp_path, home):
    model = alive(name)
    checkpoint = save(model, tmp_path / "weights.pth")
    folder = export(name, checkpoint=str(checkpoint), quiet=True)
    assert folder == str(home / name)
    wanted = reference(model, photos)
    # Different pictures have different vectors, so that the comparison says something.
    assert cosines(wanted[:-1], wanted[1:]).mean() < 0.99
    got = embed(photos, name)
    assert got.dtype == np.float32 and got.shape == wanted.shape
    cosine = cosines(got, wanted)
    print(f"\n{name}: {len(photos)} photos, worst cosine {cosine.min():.9f}")
    assert cosine.min() >= 0.99999
    assert np.abs(got - wanted).max() <= 1e-3 * np.abs(wanted).max()
    card = json.loads((home / name / "model.json").read_text())
    assert card["name"] == name and "weights.pth" in card["source"] and card["license"] == ""
    # Any batch: the ONNX file's is free.
    assert cosines(embed(photos[:6], name, batch=4), wanted[:6]).min() >= 0.99999


# --- pixels ----------------------------------------------------------------------------------


def channel_model(path, side, channel):
    """An ONNX file whose vector is one channel of its input."""
    from onnx import TensorProto, helper, numpy_helper, save_model

    ends = [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in (
        ("first", [channel]), ("last", [channel + 1]), ("axis", [1]))]
    graph = helper.make_graph(
        [helper.make_node("Slice", ["input", "first", "last", "axis"], ["one"]),
         helper.make_node("Flatten", ["one"], ["features"], axis=1)],
        "channel",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, *side])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", side[0] * side[1]])],
        ends)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


CONFIGURATIONS = [
    ("resnet50", {}),
    ("lambda_resnet50ts", {}),
    ("vit_small_patch16_224", {}),
    ("tf_efficientnet_lite0", {}),
    ("convnext_atto", {"crop_pct": 0.875, "interpolation": "bilinear"}),
    ("resnet18", {"crop_pct": 0.95, "interpolation": "lanczos"}),
    ("resnet18", {"crop_pct": 1.0, "crop_mode": "squash"}),
    ("resnet18", {"crop_pct": 0.9, "crop_mode": "squash", "interpolation": "bicubic"}),
    ("resnet18", {"crop_pct": 1.0, "crop_mode": "border", "interpolation": "bicubic"}),
]


@pytest.mark.parametrize("name, change", CONFIGURATIONS,
                         ids=lambda v: v if isinstance(v, str) else " ".join(map(str, v.values())) or "own")
def test_pixels_are_timm_s(name, change, photos, tmp_path, home):
    model = timm.create_model(name)
    model.pretrained_cfg.update(change)
    model.default_cfg = model.pretrained_cfg
    how = timm_model.settings(model)
    (tmp_path / "config.json").write_text(json.dumps({"pretrained_cfg": how}))
    side = how["input_size"][1:]
    wanted = [transformed(model, path).numpy() for path in photos]
    for channel in range(3):
        channel_model(tmp_path / "channel.onnx", side, channel)
        made = _core.model_import(str(tmp_path / "channel.onnx"), str(tmp_path / "config.json"), str(home),
                                  f"channel{channel}", "none", None, None)
        got = embed(photos, made).reshape(len(photos), *side)
        # As much as two ways of (pixel / 255 - mean) / std differ in float32; a pixel is 0.01 or more.
        assert max(np.abs(a - b[channel]).max() for a, b in zip(got, wanted)) < 2e-6


def test_a_transform_that_is_not_there_is_named(home, monkeypatch):
    make = timm.create_model

    def create_model(*args, **kws):
        model = make(*args, **kws)
        model.pretrained_cfg["interpolation"] = "nearest"
        return model

    monkeypatch.setattr(timm, "create_model", create_model)
    with pytest.raises(ExportError, match="resnet18 cannot be .*interpolation: 'nearest'") as caught:
        export("resnet18", random=True, quiet=True)
    assert caught.value.code == "invalid_model"


# --- weights and names -----------------------------------------------------------------------


def test_random_weights_are_always_the_same(home, tmp_path):
    cards = []
    for out in ("a", "b"):
        folder = export("vit_tiny_patch16_224", str(tmp_path / out), random=True, quiet=True)
        cards.append(json.loads(pathlib.Path(folder, "model.json").read_text()))
    assert cards[0] == cards[1] and "random" in cards[0]["source"] and cards[0]["license"] == ""
    with pytest.raises(ExportError, match="--force"):
        export("vit_tiny_patch16_224", str(tmp_path / "a"), random=True, quiet=True)


def test_checkpoints_of_other_classes_and_forms(home, tmp_path, photos):
    torch.manual_seed(3)
    model = timm.create_model("resnet18", num_classes=7).eval()
    wanted = reference(model, photos[:3])
    save(model, tmp_path / "a.pth")
    save(model, tmp_path / "b.pth", epoch=3)
    from safetensors.torch import save_file

    save_file(model.state_dict(), tmp_path / "c.safetensors")
    for name in ("a.pth", "b.pth", "c.safetensors"):
        folder = export("resnet18", str(tmp_path / name[0]), checkpoint=str(tmp_path / name), quiet=True)
        assert cosines(embed(photos[:3], folder), wanted).min() >= 0.99999


class Evil:
    def __reduce__(self):
        return print, ("this must not run",)


def test_files_that_are_no_weights_of_the_model(home, tmp_path, capfd):
    model = timm.create_model("resnet18")
    state = model.state_dict()
    del state["layer4.1.bn2.weight"]
    torch.save(state, tmp_path / "lacks.pth")
    torch.save(timm.create_model("resnet34").state_dict(), tmp_path / "other.pth")
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "junk.pth").write_bytes(b"junk")
    for name, code, text in (("lacks.pth", "invalid_model", "lacks layer4.1.bn2.weight"),
                             ("other.pth", "invalid_model", "is not of resnet18"),
                             ("evil.pth", "invalid_model", "holds no weights"),
                             ("junk.pth", "invalid_model", "holds no weights"),
                             ("none.pth", "not_found", "No such file")):
        with pytest.raises(ExportError, match=text) as caught:
            export("resnet18", str(tmp_path / "out"), checkpoint=str(tmp_path / name), quiet=True)
        assert caught.value.code == code and "\n" not in str(caught.value)
    assert "this must not run" not in "".join(capfd.readouterr())
    assert not (tmp_path / "out").exists()


def test_a_name_that_timm_lacks(home):
    with pytest.raises(ExportError, match="nearest are .*lambda_resnet50ts") as caught:
        export("lambda_resnet50tx", random=True, quiet=True)
    assert caught.value.code == "not_found"


def test_without_network_the_way_out_is_named(home):
    with pytest.raises(ExportError, match="--checkpoint FILE .*--random") as caught:
        export("resnet18", quiet=True)
    assert caught.value.code == "network_error" and "offline" in str(caught.value).lower()
    assert list(home.iterdir()) == []


def test_a_model_without_one_vector(home):
    with pytest.raises(ExportError, match="forward_features of crossvit_9_240 gives list") as caught:
        export("crossvit_9_240", random=True, quiet=True)
    assert caught.value.code == "invalid_model" and list(home.iterdir()) == []


def test_weights_too_large_for_one_file_lie_beside_it(home, tmp_path, monkeypatch, photos):
    monkeypatch.setattr(timm_model, "ONE_FILE", 1 << 20)
    folder = pathlib.Path(export("resnet18", random=True, quiet=True))
    assert sorted(p.name for p in folder.iterdir()) == ["model.json", "model.onnx", "model.onnx.data"]
    assert (folder / "model.onnx").stat().st_size < 1 << 20
    assert np.isfinite(embed(photos[:1], "resnet18")).all()


# --- at first use ----------------------------------------------------------------------------


def test_at_first_use(home, tmp_path, photos, capfd):
    model = alive("resnet18")
    checkpoint = str(save(model, tmp_path / "weights.pth"))
    wanted = reference(model, photos[:3])
    for told in (1, 0):
        got = embed(photos[:3], "resnet18", checkpoint_path=checkpoint)
        assert cosines(got, wanted).min() >= 0.99999
        err = capfd.readouterr().err
        assert err.count("\n") == told and err.startswith("pipilo: there is no resnet18-"[: len(err)])
    assert "torch" in sys.modules  # this test's own; see the next one for the program's


PROGRAM = """
import sys
from pipilo import ops, pipe
p = pipe.input('p').map('p', 'v', ops.image_embedding.timm('resnet18', checkpoint_path=sys.argv[1])).output('v')
print(len(p(sys.argv[2]).get()[0]), 'torch' in sys.modules)
"""


def test_two_programs_at_once_export_once(home, tmp_path, photos):
    checkpoint = str(save(alive("resnet18"), tmp_path / "weights.pth"))
    both = [subprocess.Popen([sys.executable, "-c", PROGRAM, checkpoint, str(photos[0])], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for done in both:
        out, err = done.communicate()
        assert done.returncode == 0 and out == "512 False\n", err
    names = os.listdir(home)
    assert len(names) == 1 and names[0].startswith("resnet18-")


def test_at_first_use_without_network(home, photos):
    with pytest.raises(RuntimeError, match="--checkpoint FILE") as caught:
        embed(photos[:1], "resnet18")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(RuntimeError, match="nearest are lambda_resnet50ts"):
        embed(photos[:1], "lambda_resnet50tx")
    assert pipilo.stats()["runs"] == 0
