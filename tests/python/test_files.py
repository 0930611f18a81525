"""embed_to: rows in a file, and calls that go on where another was ended."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import pipilo
from pipilo import embed, embed_to

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")

MODEL = "null:16"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "pictures"
    path.mkdir()
    for seed in range(8):
        pixels = np.random.default_rng(seed).integers(0, 255, (30, 40, 3), "uint8")
        Image.fromarray(pixels).save(path / f"{seed}.png")
    return path


def outs(folder):
    return {path.name: path.read_bytes() for path in folder.glob("out*")}


def test_what_is_written(folder, tmp_path):
    (folder / "9.png").write_bytes(b"no picture")
    assert embed_to(tmp_path / "out.npy", folder, MODEL, normalize=True) == (9, 1)
    vectors = np.load(tmp_path / "out.npy")
    assert np.array_equal(vectors[:8], embed(folder, MODEL, normalize=True).vectors[:8])
    assert np.isnan(vectors[8]).all()
    with pytest.raises(FileExistsError, match="there already"):
        embed_to(tmp_path / "out.npy", folder, MODEL, normalize=True)
    with pytest.raises(ValueError, match="ends in none of"):
        embed_to(tmp_path / "out.txt", folder, MODEL)


@pytest.mark.parametrize("out", ["out.npy", "out.jsonl", "out.db"])
def test_a_call_goes_on(folder, tmp_path, out):
    bad = folder / "6.png"
    good = bad.read_bytes()
    bad.write_bytes(b"")
    with pytest.raises(ValueError, match="6.png"):
        embed_to(tmp_path / out, [folder], MODEL, resume=True, on_error="stop")
    bad.write_bytes(good)
    before = pipilo.stats()["resumed"]
    assert embed_to(tmp_path / out, [folder], MODEL, resume=True, on_error="stop") == (2, 0)
    assert pipilo.stats()["resumed"] - before == 6
    resumed = outs(tmp_path)
    assert embed_to(tmp_path / out, [folder], MODEL, force=True) == (8, 0)
    if out != "out.db":
        assert outs(tmp_path) == resumed
    os.utime(folder / "2.png", ns=(1, 1))
    with pytest.raises(ValueError, match="2.png has changed"):
        embed_to(tmp_path / out, [folder], MODEL, resume=True)


def lines_of(path):
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:  # not yet, or not any more
        return 0


def test_killed(folder, tmp_path):
    text = ("import pipilo; pipilo.set_threads(1); "
            f"pipilo.embed_to('out.npy', ['{folder}'] * 3000, '{MODEL}', resume=True)")
    child = subprocess.Popen([sys.executable, "-c", text], cwd=tmp_path)
    deadline = time.monotonic() + 240
    journal = tmp_path / "out.npy.partial.resume"
    while child.poll() is None and lines_of(journal) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    whole = json.loads(journal.read_bytes().splitlines()[-1])["rows"] if journal.exists() else 24000
    assert whole > 0
    written = embed_to(tmp_path / "out.npy", [folder] * 3000, MODEL, resume=True)
    assert written == (24000 - whole, 0)
    resumed = outs(tmp_path)
    embed_to(tmp_path / "out.npy", [folder] * 3000, MODEL, force=True)
    assert outs(tmp_path) == resumed


def test_shards(folder, tmp_path):
    for part in (1, 2, 3):
        embed_to(tmp_path / f"{part}.npy", folder, MODEL, shard=f"{part}/3")
    whole = embed(folder, MODEL).vectors
    for part in (1, 2, 3):
        assert np.array_equal(np.load(tmp_path / f"{part}.npy"), whole[part - 1 :: 3])
