"""`pipilo models tune`: what it records is used where nothing else is asked for, and no vector changes."""
import json
import os
import pathlib

import pytest

from conftest import draw

DEPS = pathlib.Path(os.environ.get("PIPILO_DEPS", pathlib.Path(__file__).resolve().parents[2] / ".deps"))
MODEL = DEPS / "models/efficientnet-lite0"

pytestmark = pytest.mark.skipif(not MODEL.is_dir(), reason="the model is not there")


def kept(pipilo):
    return [m["identity"] for m in json.loads(pipilo("models", "cache", "--json").out)["models"]]


def test_layouts_are_tried_and_what_is_recorded_is_used(pipilo, tmp_path, environment):
    environment["PIPILO_CACHE"] = os.fspath(tmp_path / "cache")
    picture = draw(tmp_path / "one.jpg", 1)
    usual = pipilo("embed", picture, "-m", MODEL, "-o", "-").out
    (identity,) = kept(pipilo)
    told = json.loads(pipilo("models", "tune", MODEL, "--json", "-q").out)
    first = told["layouts"][0]
    assert (first["streams"], first["threads"], first["batch"], first["speed"]) == (
        identity["streams"], identity["threads"], identity["batch"], 1)
    tried = {(each["streams"], each["threads"], each["batch"]) for each in told["layouts"]}
    assert len(tried) == len(told["layouts"]) >= 4
    assert all(each["rate"] > 0 for each in told["layouts"])
    chosen = told["layouts"][told["chosen"]]
    assert chosen["same"] and (told["chosen"] == 0 or chosen["speed"] > 1.02)
    # Trying keeps no compiled model.
    assert len(kept(pipilo)) == 1
    assert pipilo("embed", picture, "-m", MODEL, "-o", "-").out == usual
    last = kept(pipilo)[0]
    assert [last[name] for name in ("streams", "threads", "batch")] == [
        chosen[name] for name in ("streams", "threads", "batch")]
    before = (tmp_path / "cache/layouts").read_text() if told["recorded"] else None
    for other in ("--dry-run", "--json"):
        assert "--forget" in pipilo("models", "tune", MODEL, "--forget", other, status=2).err
    if before is not None:
        assert (tmp_path / "cache/layouts").read_text() == before
    pipilo("models", "tune", MODEL, "--forget")
    assert not (tmp_path / "cache/layouts").read_text()
