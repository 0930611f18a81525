"""A folder of junk: one row each where there is a file, good rows right, nothing falls over."""
import json
import shutil
import struct
import subprocess
import zlib

import numpy
import pytest
from PIL import Image

from conftest import draw


def png_bomb(path, width, height):
    """A PNG whose header claims a huge picture."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
                     + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


@pytest.fixture
def junk(tmp_path):
    folder = tmp_path / "junk"
    draw(folder / "good.jpg", 1)
    whole = draw(tmp_path / "whole.jpg", 2, size=(400, 300), quality=95).read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[:len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("this is a text\n" * 20)
    png_bomb(folder / "bomb.png", 60000, 60000)
    draw(folder / "cmyk.jpg", 3, mode="CMYK")
    Image.fromarray(numpy.arange(4800, dtype=numpy.uint16).reshape(60, 80) * 13).save(folder / "deep.png")
    frames = [Image.new("RGB", (64, 64), (40 * i, 10, 200)) for i in range(4)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:])
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere.jpg").symlink_to(folder / "gone.jpg")
    if shutil.which("heif-enc"):
        subprocess.run(["heif-enc", "-q", "90", tmp_path / "whole.jpg", "-o", folder / "photo.heic"],
                       check=True, capture_output=True)
    return folder


WANTED = {
    "good.jpg": None, "truncated.jpg": "truncated", "text.jpg": "unsupported_format",
    "bomb.png": ("limit_exceeded", "truncated", "out_of_memory_budget", "corrupt"),
    "empty.jpg": ("truncated", "unsupported_format"),
    "cmyk.jpg": None, "deep.png": None, "moving.webp": None, "photo.heic": None,
}


def test_junk(pipilo, junk, tmp_path):
    done = pipilo("embed", "junk", "-m", "null:16", "-o", "out.npy", status=1)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    vectors = numpy.load(tmp_path / "out.npy")
    names = [row["source"].removeprefix("junk/") for row in rows]
    files = [name for name in WANTED if (junk / name).is_file()]
    assert names == sorted(files)
    assert len(vectors) == len(rows)
    for name, row, vector in zip(names, rows, vectors):
        wanted = WANTED[name]
        if wanted is None:
            assert row["status"] == "ok" and numpy.isfinite(vector).all(), row
        else:
            assert row["status"] == "error" and numpy.isnan(vector).all(), row
            assert row["code"] in ([wanted] if isinstance(wanted, str) else wanted), row
            assert row["message"] and "\n" not in row["message"]
    assert "truncated" in done.out
    alone = pipilo("embed", "junk/good.jpg", "-m", "null:16", "-o", "-").lines()[0]["vector"]
    assert numpy.array_equal(numpy.float32(alone), vectors[names.index("good.jpg")])


def test_first_errors_are_shown_and_the_rest_counted(pipilo, tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    for i in range(20):
        (folder / f"{i:02}.jpg").write_text("no picture")
    done = pipilo("embed", "bad", "-m", "null:16", "-o", "out.npy", status=1)
    shown = [line for line in done.err.splitlines() if "unsupported_format" in line]
    assert 1 <= len(shown) <= 5 and all(line.startswith("pipilo: bad/") for line in shown)
    assert "20 errors" in done.out
