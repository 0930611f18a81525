"""A model's files that are no files, or lie elsewhere: refused by name before anything opens them."""
import os
import pathlib
import shutil

import pytest

from conftest import draw
from test_meddled import MODEL, beside  # noqa: F401

pytestmark = pytest.mark.skipif(not MODEL.is_dir(), reason="the engine is not there")

IMPORT = ["models", "import", "--resize", "exact", "--size", "32", "--mean", "0,0,0", "--std", "1,1,1"]


def put(path, how):
    path.unlink()
    {"fifo": os.mkfifo, "folder": pathlib.Path.mkdir, "zero": lambda at: at.symlink_to("/dev/zero")}[how](path)


@pytest.fixture
def refused(pipilo, environment, tmp_path):
    """What is said of the model, in time, by each command that reads it."""
    environment["PIPILO_CACHE"] = "0"
    draw(tmp_path / "a.png", 1)

    def run(folder, *commands):
        said = []
        for words in commands or (["embed", "a.png", "-o", "-", "-m"], ["models", "show"], IMPORT):
            done = pipilo(*words, folder, status=7)
            assert done.err.startswith("pipilo: ") and done.err.count("\n") == 1 and done.out == "", done.err
            assert "Exception" not in done.err
            said.append(done.err)
        return said

    return run


@pytest.mark.parametrize("how", ["fifo", "zero", "folder"])
@pytest.mark.parametrize("name", ["weights.bin", "model.onnx", "model.json"])
def test_what_is_no_regular_file(refused, beside, name, how):  # noqa: F811
    put(beside / name, how)
    for words in refused(beside):
        assert name in words and "no regular file" in words


def test_weights_that_links_lead_out_to(refused, pipilo, beside, tmp_path):  # noqa: F811
    vector = pipilo("embed", draw(tmp_path / "b.png", 2), "-o", "-", "-m", beside).lines()[0]["vector"]
    (beside / "weights.bin").rename(tmp_path / "w.bin")
    (beside / "weights.bin").symlink_to("../w.bin")
    for words in refused(beside):
        assert "model.onnx" in words and "'weights.bin'" in words and f"{tmp_path}/w.bin" in words
        assert "cp -L" in words
    # What the words advise.
    shutil.copytree(beside, tmp_path / "copy")
    assert pipilo("embed", "b.png", "-o", "-", "-m", "copy").lines()[0]["vector"] == vector


def test_links_that_are_followed(pipilo, environment, beside, tmp_path):  # noqa: F811
    """As in Hugging Face's cache: model.onnx is a link to a blob elsewhere; so may the whole folder be."""
    environment["PIPILO_CACHE"] = "0"
    embed = ["embed", draw(tmp_path / "a.png", 1), "-o", "-", "-m"]
    vector = pipilo(*embed, beside).lines()[0]["vector"]
    for name in ("model.onnx", "model.json"):
        (beside / name).rename(tmp_path / f"blob-{name}")
        (beside / name).symlink_to(f"../blob-{name}")
    (beside / "weights.bin").rename(beside / "real.bin")
    (beside / "weights.bin").symlink_to("real.bin")
    (tmp_path / "link").symlink_to("beside")
    for spec in ("beside", "link", "link/model.onnx", beside / "model.onnx"):
        assert pipilo(*embed, spec).lines()[0]["vector"] == vector
