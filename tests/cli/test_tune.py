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
    first, cores = told["layouts"][0], told["layouts"][0]["streams"]
    assert 1 <= cores <= len(os.sched_getaffinity(0))  # a control group may allow fewer
    assert (first["threads"], first["batch"], first["speed"]) == (cores, identity["batch"], 1)
    tried = {(each["streams"], each["threads"], each["batch"]) for each in told["layouts"]}
    assert len(tried) == len(told["layouts"]) >= 4
    assert all(each["rate"] > 0 for each in told["layouts"])
    chosen = told["layouts"][told["chosen"]]
    assert chosen["same"] and (told["chosen"] == 0 or chosen["speed"] > 1.02)
    # Trying keeps no compiled model.
    assert len(kept(pipilo)) == 1
    assert pipilo("embed", picture, "-m", MODEL, "-o", "-").out == usual
    assert kept(pipilo)[0]["batch"] == identity["batch"]  # one picture has one thread: no layout
    # Several pictures are laid out as recorded; a batch is what can be seen of that from outside.
    several = [draw(tmp_path / f"{i}.jpg", i) for i in range(2)]
    layouts = tmp_path / "cache/layouts"
    before = layouts.read_text() if layouts.exists() else ""  # none where the usual was the fastest
    pipilo("embed", *several, "-m", MODEL, "-o", "-")
    assert kept(pipilo)[0]["batch"] == chosen["batch"]
    if before:
        layouts.write_text(f"{before.split()[0]} 1 1 3\n")
        pipilo("embed", *several, "-m", MODEL, "-o", "-")
        assert kept(pipilo)[0]["batch"] == 3
        layouts.write_text(before)
    for other in ("--dry-run", "--json"):
        assert "--forget" in pipilo("models", "tune", MODEL, "--forget", other, status=2).err
    assert not before or layouts.read_text() == before
    pipilo("models", "tune", MODEL, "--forget")
    assert not layouts.exists() or not layouts.read_text()
