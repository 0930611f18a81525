"""The programs of examples/python, run as their first lines say."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("PIL")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples/python"
DEPS = Path(os.environ.get("PIPILO_DEPS", EXAMPLES.parents[1] / ".deps"))
MODEL = DEPS / "models/efficientnet-lite0"


@pytest.fixture
def photos(tmp_path):
    """Five pictures, two of them nearly the same, and one that is none."""
    from PIL import Image

    folder = tmp_path / "photos"
    folder.mkdir()
    for number, color in enumerate([(200, 30, 30), (30, 200, 30), (30, 30, 200), (190, 40, 35), (255, 255, 255)]):
        Image.new("RGB", (64, 48), color).save(folder / f"{number}.png")
    (folder / "bad.jpg").write_text("no picture")
    return folder


def run(*words, status=0):
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, cwd=EXAMPLES.parent)
    assert done.returncode == status, done.stderr
    return done.stdout.splitlines()


def test_every_example_is_run():
    tested = Path(__file__).read_text()
    names = {path.name for path in EXAMPLES.glob("*.py")} - {"memory.py"}
    assert names and all(name in tested for name in names)


def test_folder_search(photos):
    lines = run(EXAMPLES / "folder_search.py", "null:64", photos)
    assert lines[0] == "6 photographs"
    assert re.fullmatch(r".*/bad\.jpg has no vector: .+", lines[1])
    assert lines[2] == "nearest to 0.png:" and lines[3].endswith(" 0.png") and len(lines) == 7
    assert lines[-1] == "64 x 48 pixels, brightness 0.34"


@pytest.mark.skipif(not MODEL.is_dir(), reason="the demo's model is not here")
def test_folder_search_with_a_real_model(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("motorcycle_left.png", "motorcycle_right.png", "chelsea.png", "china.jpg", "astronaut.png"):
        shutil.copy(DEPS / "photos" / name, folder / ("a" + name if "left" in name else name))
    lines = run(EXAMPLES / "folder_search.py", MODEL, folder)
    assert lines[1] == "nearest to amotorcycle_left.png:"
    assert lines[2] == "1.0000 amotorcycle_left.png" and lines[3].endswith(" motorcycle_right.png")


@pytest.mark.parametrize("program", ["pipeline_per_image.py", "pipeline_reused.py"])
def test_the_programs_written_for_towhee(photos, program):
    (photos / "bad.jpg").unlink()
    lines = run("-m", "pipilo.towhee", EXAMPLES / program, "null:64", photos, 40)
    found = [re.fullmatch(r"(\d+) pictures: (\d+) MB, (\d+) threads, [\d.]+ s", line) for line in lines]
    assert all(found)
    rows = [tuple(map(int, line.groups())) for line in found]
    assert [row[0] for row in rows] == [1, 2, 5, 10, 20, 50, 100, 200, 200]
    # After the first calls nothing grows: neither threads nor memory.
    assert rows[-1][2] == rows[4][2] and rows[-1][1] <= rows[4][1] + 2
