"""embed_to: rows in a file, and calls that go on where another was ended; merge: shards in one."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

import pipilo
from pipilo import embed, embed_to, merge

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
    with pipilo.decoding(max_pixels=9000), pytest.raises(ValueError, match="at most 268435456 pixels"):
        embed_to(tmp_path / out, [folder], MODEL, resume=True, on_error="stop")
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


def without_signs(path):
    """A database in its dump, any other file in its bytes."""
    if path.suffix != ".db":
        return path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


@pytest.mark.parametrize("kind", ["npy", "jsonl", "db"])
def test_merged(folder, tmp_path, kind):
    (folder / "7.png").write_bytes(b"no picture")
    parts = [tmp_path / f"{part}.{kind}" for part in (2, 3, 1)]
    for path in parts:
        embed_to(path, folder, MODEL, shard=f"{path.stem}/3")
    assert merge(tmp_path / f"out.{kind}", map(str, parts)) == 8
    embed_to(tmp_path / f"whole.{kind}", folder, MODEL)
    others = ["whole"]
    # And what the command makes of the same shards, where it is built.
    if os.access(os.environ.get("PIPILO_BIN", ""), os.X_OK):
        out = tmp_path / f"by_command.{kind}"
        subprocess.run([os.environ["PIPILO_BIN"], "merge", "-q", out, *parts], check=True)
        others.append("by_command")
    ours = sorted(tmp_path.glob("out*"))
    assert len(ours) == {"npy": 3, "jsonl": 2, "db": 1}[kind]
    for path in ours:
        for other in others:
            assert without_signs(path) == without_signs(path.with_name(path.name.replace("out", other)))


def test_not_merged(folder, tmp_path):
    out, first, second = (tmp_path / name for name in ("out.npy", "1.npy", "2.npy"))
    embed_to(first, folder, MODEL, shard="1/2")
    with pytest.raises(FileNotFoundError, match="2.npy"):
        merge(out, [first, second])
    with pytest.raises(ValueError, match="1.npy"):
        merge(out, [first, first])
    with pytest.raises(FileNotFoundError, match="2/2 is missing"):
        merge(out, first)
    assert not list(tmp_path.glob("out*"))
    embed_to(second, folder, MODEL, shard="2/2")
    assert merge(out, (os.fsencode(first), second)) == 8
    with pytest.raises(FileExistsError, match="out.npy"):
        merge(out, [first, second])
    assert merge(out, [first, second], force=True) == 8
    with pytest.raises(TypeError):
        merge(out, [1, 2])


def test_merging_ends_by_a_signal(folder, tmp_path):
    embed_to(tmp_path / "1.npy", [folder] * 3000, "null:256", shard="1/1")
    merging = False

    def stop(number, frame):
        if merging:
            raise KeyboardInterrupt

    def interrupt():
        while merging and not list(tmp_path.glob("out*")):
            pass
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        for _ in range(20):  # where the other thread gets no processor, merging is over before its signal
            merging = True
            thread = threading.Thread(target=interrupt)
            thread.start()
            try:
                merge(tmp_path / "out.npy", tmp_path / "1.npy", force=True)
                merging = False
            except KeyboardInterrupt:
                break
            finally:
                merging = False
                thread.join()
            for made in tmp_path.glob("out*"):
                made.unlink()
        else:
            pytest.fail("no signal came in time")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not list(tmp_path.glob("out*"))
