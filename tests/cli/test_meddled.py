"""Files that change while they are read: pictures that vanish or shrink, a model that is cut or replaced."""
import json
import os
import pathlib
import resource
import shutil
import subprocess

import numpy
import pytest

from conftest import NAMES, PATIENCE, PROGRAM, ROOT, draw

DEPS = pathlib.Path(os.environ.get("PIPILO_DEPS", ROOT / ".deps"))
MODEL = DEPS / "models/efficientnet-lite0"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """tests/support/meddle.c, which changes a file before a chosen call."""
    made = tmp_path_factory.mktemp("meddle") / "meddle.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", made, ROOT / "tests/support/meddle.c", "-ldl"],
                   check=True)
    return made


@pytest.fixture
def meddled(library):
    def env(name, at, how, **more):
        named = {"NAME": name, "AT": str(at), "HOW": how} | {key.upper(): str(value) for key, value in more.items()}
        return {"LD_PRELOAD": str(library)} | {f"MEDDLE_{key}": value for key, value in named.items()}

    return env


@pytest.mark.parametrize("words", [["-o", "o.db"], ["-o", "o.npy", "--isolate"]])
def test_few_descriptors(tmp_path, environment, words):
    """Each row is a vector, or says that descriptors are short; so does a run that does not begin."""
    for name in ("a.jpg", "b.tif", "c.png", "d.jpg"):
        draw(tmp_path / "in" / name, 1)
    ended = set()
    for most in range(5, 40, 2):
        done = subprocess.run([PROGRAM, "embed", "in", "-m", "null:8", "--force", *words], cwd=tmp_path,
                              env=environment, capture_output=True, text=True, timeout=PATIENCE,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)))
        ended.add(done.returncode)
        assert done.returncode in (0, 1, 5) and "CRITICAL" not in done.stderr, done.stderr
        assert done.returncode == 0 or "Too many open files" in done.stderr, done.stderr
        for line in done.stderr.splitlines():
            assert not line.startswith("pipilo: in/") or "Too many open files" in line, line
    assert ended == {0, 1, 5}


@pytest.mark.parametrize("options", [[], ["--isolate"]])
@pytest.mark.parametrize("how, code", [("remove", "not_found"), ("cut", "truncated")])
def test_pictures_that_vanish_or_shrink(pipilo, photos, tmp_path, meddled, how, code, options):
    embed = ["embed", "photos", "-m", "null:64", "-o", "-", *options]
    whole = {row["source"]: row["vector"] for row in pipilo(*embed).lines()}
    shutil.copytree(photos, tmp_path / "kept")
    failed = []
    for at in range(1, 10):
        shutil.rmtree(photos)
        shutil.copytree(tmp_path / "kept", photos)
        done = pipilo(*embed, env=meddled("/photos/", at, how), status=None)
        rows = done.lines()
        assert [row["source"] for row in rows] == [f"photos/{name}" for name in NAMES], f"{at} {done.status} {done.err}"
        bad = [row for row in rows if row["status"] != "ok"]
        assert done.status == (1 if bad else 0)
        assert all(row["code"] == code and row["message"] for row in bad), bad
        assert all(row["vector"] == whole[row["source"]] for row in rows if row["status"] == "ok")
        failed.append(len(bad))
    # Before a file is opened the first time it is lost; once it is read it no longer matters.
    assert failed[0] == 7 and failed[-1] < 7


@pytest.mark.skipif(not MODEL.is_dir(), reason="the model is not there")
@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("how", ["cut", "replace"])
def test_a_model_that_is_cut_or_replaced(pipilo, tmp_path, environment, meddled, how, kept):
    for seed in range(3):
        draw(tmp_path / f"pictures/{seed}.jpg", seed)
    other = bytearray((MODEL / "model.onnx").read_bytes())
    middle = len(other) // 2
    for byte in range(middle, middle + 4096):  # within the weights: a model all the same
        other[byte] ^= 0x08
    embed = ["embed", "pictures", "-m", "model/model.onnx", "-o", "-"]

    def make():
        shutil.rmtree(tmp_path / "model", ignore_errors=True)
        shutil.copytree(MODEL, tmp_path / "model")
        (tmp_path / "other.onnx").write_bytes(other)
        environment["PIPILO_CACHE"] = str(tmp_path / "cache") if kept else "0"

    make()
    whole = [row["vector"] for row in pipilo(*embed).lines()]
    # The other one would be seen: its vectors, with a card that takes it, are others.
    card = json.loads((MODEL / "model.json").read_text())
    del card["sha256"]
    (tmp_path / "model/model.json").write_text(json.dumps(card))
    os.replace(tmp_path / "other.onnx", tmp_path / "model/model.onnx")
    assert [row["vector"] for row in pipilo(*embed).lines()] != whole
    ends = []
    # The model's own file is read for its digest and for names of data beside it, more than once; the
    # pictures are when it has been loaded.
    calls = [("model.onnx", at) for at in (1, 2, 3, 4, 41)] + [("pictures/1.jpg", 1)]
    for name, at in calls:
        make()
        if kept and at % 2:  # once found in the cache, once made anew
            shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        done = pipilo(*embed, status=None, env=meddled(
            name, at, how, file=tmp_path / "model/model.onnx", by=tmp_path / "other.onnx"))
        assert done.status == 0 or 3 <= done.status <= 7, f"{name} {at}: {done.status}\n{done.err}"
        if done.status == 0:
            assert [row["vector"] for row in done.lines()] == whole, f"{name} {at}"
        else:
            assert done.err.startswith("pipilo: ") and done.err.count("\n") == 1, done.err
        ends.append(done.status)
    assert ends[0] != 0 and ends[-1] == 0


@pytest.fixture
def beside(tmp_path):
    """A model with its weights in a file beside it, and a card that does not know their digest."""
    onnx = pytest.importorskip("onnx")
    folder = tmp_path / "beside"
    folder.mkdir()
    weights = numpy.random.default_rng(0).normal(size=(3 * 32 * 32, 64)).astype(numpy.float32)
    make = onnx.helper
    ports = [make.make_tensor_value_info("in", onnx.TensorProto.FLOAT, ["n", 3, 32, 32]),
             make.make_tensor_value_info("out", onnx.TensorProto.FLOAT, ["n", 64])]
    # The engine packs the weights anew, and takes the scale as it lies there.
    nodes = [make.make_node("Mul", ["in", "scale"], ["scaled"]), make.make_node("Flatten", ["scaled"], ["flat"]),
             make.make_node("MatMul", ["flat", "weights"], ["out"])]
    constants = [onnx.numpy_helper.from_array(weights, "weights"),
                 onnx.numpy_helper.from_array(numpy.abs(weights[:, 0]).reshape(1, 3, 32, 32) + 1, "scale")]
    graph = make.make_graph(nodes, "tiny", ports[:1], ports[1:], constants)
    onnx.save_model(make.make_model(graph, opset_imports=[make.make_opsetid("", 13)], ir_version=8),
                    folder / "model.onnx", save_as_external_data=True, location="weights.bin")
    card = {
        "name": "tiny", "task": "image_embedding", "file": "model.onnx", "license": "Apache-2.0",
        "source": "tests", "input": {"name": "in", "layout": "nchw", "dtype": "f32"},
        "preprocess": {"resize": {"mode": "exact", "size": [32, 32], "filter": "bicubic"}, "crop": None,
                       "color": "rgb", "scale": 1 / 255, "mean": [0, 0, 0], "std": [1, 1, 1]},
        "output": {"name": "out", "pool": "none", "dim": 64, "normalize": False}}
    (folder / "model.json").write_text(json.dumps(card))
    return folder


@pytest.mark.skipif(not MODEL.is_dir(), reason="the engine is not there")
@pytest.mark.parametrize("name", ["model.onnx", "weights.bin"])
@pytest.mark.parametrize("how", ["cut", "write", "replace", "remove"])
def test_a_model_in_use_needs_its_files_no_more(pipilo, tmp_path, environment, meddled, beside, name, how):
    """Its card has no digest: what it was when it was loaded is what counts."""
    for seed in range(4):
        draw(tmp_path / f"pictures/{seed}.png", seed)
    environment["PIPILO_CACHE"] = "0"
    embed = ["embed", "pictures", "-m", str(beside), "-o", "-"]
    whole = pipilo(*embed).lines()
    (tmp_path / "by").write_bytes(b"\x55" * (beside / name).stat().st_size)
    # When a picture is read the model has been loaded.
    before = (beside / name).read_bytes()
    done = pipilo(*embed, env=meddled("pictures/1.png", 1, how, file=beside / name, by=tmp_path / "by"))
    assert not (beside / name).exists() or (beside / name).read_bytes() != before
    assert [row["vector"] for row in done.lines()] == [row["vector"] for row in whole]


@pytest.mark.skipif(not MODEL.is_dir(), reason="the engine is not there")
@pytest.mark.parametrize("kept", [True, False])
def test_another_model_never_goes_by_the_digest_of_the_first(pipilo, tmp_path, environment, meddled, beside, kept):
    """Replaced between any two of the calls that read it: an error, or the vectors of one of the two."""
    draw(tmp_path / "pictures/0.png", 0)
    embed = ["embed", "pictures", "-m", str(beside), "-o", "-"]
    weights = numpy.fromfile(beside / "weights.bin", dtype=numpy.float32)
    data = {"first": weights.tobytes(), "other": weights[::-1].tobytes()}
    vectors = {}
    environment["PIPILO_CACHE"] = "0"
    for which in data:
        (beside / "weights.bin").write_bytes(data[which])
        vectors[which] = pipilo(*embed).lines()[0]["vector"]
    assert vectors["first"] != vectors["other"]
    refused = 0
    for at in range(1, 100):
        environment["PIPILO_CACHE"] = str(tmp_path / f"cache-{at}") if kept else "0"
        (beside / "weights.bin").write_bytes(data["first"])
        (tmp_path / "by").write_bytes(data["other"])
        done = pipilo(*embed, status=None, env=meddled("weights.bin", at, "replace", by=tmp_path / "by"))
        if (tmp_path / "by").exists():
            break
        if done.status != 0:
            assert "weights.bin was replaced or written to while it was loaded" in done.err, f"{at} {done.err}"
            refused += 1
        # What is kept is found again by the digest of what lies there.
        for which in reversed(data) if kept else ():
            (beside / "weights.bin").write_bytes(data[which])
            assert pipilo(*embed).lines()[0]["vector"] == vectors[which], f"{at} {which}"
    else:
        raise AssertionError("the file is read more often than was thought")
    assert refused > 0
