"""`pipilo models cache`: what is kept of compiled models, seen from outside."""
import json
import os
import pathlib

import pytest

from conftest import draw

DEPS = pathlib.Path(os.environ.get("PIPILO_DEPS", pathlib.Path(__file__).resolve().parents[2] / ".deps"))
MODEL = DEPS / "models/efficientnet-lite0"

pytestmark = pytest.mark.skipif(not MODEL.is_dir(), reason="the model is not there")


@pytest.fixture
def cache(tmp_path, environment):
    environment["PIPILO_CACHE"] = os.fspath(tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def picture(tmp_path):
    return draw(tmp_path / "one.jpg", 1)


def rows(pipilo, picture, *options):
    return pipilo("embed", picture, "-m", MODEL, "-o", "-", *options)


def test_the_second_start_takes_what_the_first_one_kept(pipilo, picture, cache):
    empty = json.loads(pipilo("models", "cache", "--json").out)
    assert empty["models"] == [] and empty["folder"] == os.fspath(cache / "compiled")
    first = rows(pipilo, picture)
    (blob,) = (cache / "compiled").iterdir()
    listed = json.loads(pipilo("models", "cache", "--json").out)
    assert listed["bytes"] == blob.stat().st_size
    (entry,) = listed["models"]
    assert entry["path"] == os.fspath(blob)
    assert entry["identity"]["model"] == "efficientnet-lite0"
    assert entry["identity"]["precision"] == "f32"
    data = bytearray(blob.read_bytes())
    assert rows(pipilo, picture).out == first.out
    assert blob.read_bytes() == data
    assert "efficientnet-lite0" in pipilo("models", "cache").out
    # One flipped bit: made anew, the same vectors.
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    assert rows(pipilo, picture).out == first.out
    assert blob.read_bytes() != data
    assert "1 removed" in pipilo("models", "cache", "--clear").out
    assert not list((cache / "compiled").iterdir())


def test_a_cache_that_cannot_be_written_is_said_once(pipilo, picture, tmp_path, environment):
    (tmp_path / "file").write_text("no folder")
    environment["PIPILO_CACHE"] = os.fspath(tmp_path / "file")
    done = rows(pipilo, picture)
    assert done.err.count("the compiled model cannot be kept") == 1
    assert "cannot be kept" not in rows(pipilo, picture, "--quiet").err
    environment["PIPILO_CACHE"] = "0"
    assert "cannot be kept" not in rows(pipilo, picture).err
    assert "Nothing is kept" in pipilo("models", "cache").out
