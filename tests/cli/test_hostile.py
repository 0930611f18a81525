"""Inputs, lists and outputs that somebody made to break things, or that a killed run left."""
import io
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import tarfile
import threading
import zlib

import numpy
import pytest
from PIL import Image

from conftest import NAMES, PATIENCE, PROGRAM, draw

NULL = ["-m", "null:64"]
OUTS = ["out.npy", "out.db", "out.jsonl"]


def left(folder):
    """What lies there of an OUT, by name."""
    return {path.name: path.read_bytes() for path in folder.glob("out*")}


# --- lists ---


def feed(fifo, text):
    """Writes to a FIFO when somebody reads it, and is gone with the test."""
    def write():
        try:
            fifo.write_text(text)
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    return thread


def test_a_list_in_a_pipe_is_read_once(pipilo, photos, tmp_path, environment):
    # More than a pipe holds: a second reader would get a part of it.
    text = "".join(f"{photos}/{name}\n" for name in NAMES) * 1000
    os.mkfifo(tmp_path / "list")
    writer = feed(tmp_path / "list", text)
    done = pipilo("embed", "--files-from", "list", *NULL, "-o", "out.npy", "--json")
    writer.join(PATIENCE)
    assert done.json()["rows"] == 7000 and done.json()["errors"] == {}
    (tmp_path / "names").write_text(text)
    script = '"$0" embed --files-from <(cat names) -m null:64 -o sub.npy --json'
    run = subprocess.run(["bash", "-c", script, PROGRAM], cwd=tmp_path, env=environment,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0 and json.loads(run.stdout)["rows"] == 7000
    assert (tmp_path / "sub.npy").read_bytes() == (tmp_path / "out.npy").read_bytes()


def test_a_list_with_cr_lf(pipilo, photos, tmp_path):
    odd = draw(photos / "odd.jpg\r", 9, format="JPEG")
    names = [str(photos / name) for name in NAMES]
    (tmp_path / "list").write_bytes("".join(f"{name}\r\n" for name in [*names, "", odd]).encode())

    rows = pipilo("embed", "--files-from", "list", *NULL, "-o", "-").lines()
    assert [row["source"] for row in rows[:7]] == names
    assert len(rows) == 8 and rows[7]["source"] == str(odd)


# --- a database that a killed update left ---


@pytest.fixture
def killed(pipilo, photos, tmp_path):
    """A store as an update that was killed leaves it: pages half changed, and a journal."""
    pipilo("embed", photos, "-m", "null:8192", "-o", "out.db")
    db = sqlite3.connect(tmp_path / "out.db", isolation_level=None)
    db.execute("PRAGMA cache_size=1")
    db.execute("BEGIN")
    db.execute("UPDATE rows SET vector=zeroblob(32768)")
    for name in ("out.db", "out.db-journal"):
        shutil.copy(tmp_path / name, tmp_path / f"half-{name}")
    db.execute("ROLLBACK")
    db.close()
    for name in ("out.db", "out.db-journal"):
        os.replace(tmp_path / f"half-{name}", tmp_path / name)
    journal = (tmp_path / "out.db-journal").read_bytes()
    assert journal[:4].hex() == "d9d505f9" and journal[8:12] != bytes(4)
    return "out.db"


def test_a_killed_update_is_taken_back(pipilo, photos, tmp_path, killed):
    before = left(tmp_path)
    assert pipilo("info", killed, "--json").json()["ok"] == 7
    assert list(left(tmp_path)) == ["out.db"]
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    hits = pipilo("search", killed, photos / "2.jpg", "-k", "7", "--json").json()["hits"]
    assert len(hits) == 7 and hits[0]["row"] == 2


def test_an_update_goes_on_after_a_killed_one(pipilo, photos, tmp_path, killed):
    words = ["embed", photos, "-m", "null:8192", "-o", killed, "--update", "--json"]
    assert pipilo(*words).json()["skipped"]["unchanged"] == 7


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_journal_without_its_database(pipilo, photos, tmp_path, killed, force):
    if not force:
        (tmp_path / killed).unlink()
    pipilo("embed", photos, *NULL, "-o", killed, *force)
    info = pipilo("info", killed, "--json").json()
    assert info["rows"] == 7 and info["ok"] == 7 and info["dim"] == 64
    assert list(left(tmp_path)) == ["out.db"]
    with sqlite3.connect(tmp_path / killed) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# --- --on-error stop ---


@pytest.mark.parametrize("out", OUTS)
def test_the_last_picture_stops_it_too(pipilo, photos, tmp_path, out):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    for inputs in ([bad], [photos, bad]):
        done = pipilo("embed", *inputs, *NULL, "-o", out, "--on-error", "stop", status=6)
        assert "bad.jpg" in done.err and "nothing was written" in done.err
        assert not left(tmp_path)


@pytest.mark.parametrize("out", OUTS)
def test_what_was_there_survives_a_stop(pipilo, photos, tmp_path, out):
    pipilo("embed", photos, *NULL, "-o", out)
    before = left(tmp_path)
    (tmp_path / "bad.jpg").write_text("no picture")
    done = pipilo("embed", photos, "bad.jpg", *NULL, "-o", out, "--update", "--on-error", "stop",
                  status=6)
    assert ("keeps the rows" in done.err) == (out == "out.db")
    if out == "out.db":
        assert pipilo("info", out, "--json").json()["ok"] == 7
    else:
        assert left(tmp_path) == before


# --- OUT ---


def test_the_rows_of_an_npy_are_not_updated_alone(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    before = left(tmp_path)
    draw(photos / "new.png", 9)
    done = pipilo("embed", photos, *NULL, "-o", "out.jsonl", "--update", status=4)
    assert "out.npy" in done.err and done.err.count("\n") == 1
    assert left(tmp_path) == before
    pipilo("embed", photos, *NULL, "-o", "out.npy", "--update")
    assert pipilo("info", "out.npy", "--json").json()["ok"] == 8


@pytest.mark.parametrize("way", [[], ["--update"]])
def test_what_is_left_of_an_npy(pipilo, photos, tmp_path, way):
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    whole = left(tmp_path)
    (tmp_path / "out.npy").unlink()
    done = pipilo("embed", photos, *NULL, "-o", "out.npy", *way, status=4)
    assert "out.jsonl" in done.err and "remove" in done.err and "--force" in done.err
    assert "--update" not in done.err and done.err.count("\n") == 1
    assert len(left(tmp_path)) == 2
    pipilo("embed", photos, *NULL, "-o", "out.npy", "--force")
    assert left(tmp_path) == whole


@pytest.mark.parametrize("way", ["--update", "--force"])
@pytest.mark.parametrize("out", OUTS)
def test_an_out_that_is_a_link(pipilo, photos, tmp_path, out, way):
    folder = tmp_path / "there"
    folder.mkdir()
    real = folder / out.replace("out", "real")
    pipilo("embed", photos / "0.jpg", *NULL, "-o", real)
    os.symlink(real, tmp_path / out)
    names = sorted(os.listdir(folder))
    pipilo("embed", photos, *NULL, "-o", out, status=4)
    pipilo("embed", photos, *NULL, "-o", out, way)
    assert os.readlink(tmp_path / out) == str(real)
    assert list(left(tmp_path)) == [out] and sorted(os.listdir(folder)) == names
    if out == "out.jsonl":
        assert len(real.read_text().splitlines()) == 7
    else:
        assert pipilo("info", real, "--json").json()["ok"] == 7
        hits = pipilo("search", out, photos / "2.jpg", "-k", "1", "--json").json()["hits"]
        assert hits[0]["source"] == str(photos / "2.jpg")


def test_links_that_lead_astray(pipilo, photos, tmp_path):
    os.symlink("nowhere.db", tmp_path / "out.db")
    os.symlink("out.npy", tmp_path / "out.npy")
    (tmp_path / "text").write_text("mine")
    os.symlink("text", tmp_path / "out.jsonl")
    for way in ("--update", "--force"):
        assert "out.db" in pipilo("embed", photos, *NULL, "-o", "out.db", way, status=3).err
        assert "out.npy" in pipilo("embed", photos, *NULL, "-o", "out.npy", way, status=5).err
        assert "text" in pipilo("embed", photos, *NULL, "-o", "out.jsonl", way, status=2).err
    assert (tmp_path / "text").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.db", "out.jsonl", "out.npy"]


@pytest.mark.parametrize("out", ["out.npy", "out.db"])
def test_rows_of_what_has_gone_are_kept(pipilo, photos, out):
    pipilo("embed", photos, *NULL, "-o", out)
    (photos / "2.jpg").unlink()
    summary = pipilo("embed", photos, *NULL, "-o", out, "--update", "--json").json()
    assert summary["rows"] == 0 and summary["skipped"]["unchanged"] == 6
    info = pipilo("info", out, "--json").json()
    assert info["rows"] == 7 and info["ok"] == 7


# --- a limit of time ---


def one_of_each(folder):
    """A picture of each codec, and of each way of it that unpacks in a loop of its own."""
    saved = {
        "a.jpg": {}, "b.jpg": {"progressive": True}, "c.png": {}, "e.webp": {}, "f.webp": {"lossless": True},
        "g.gif": {}, "h.bmp": {}, "i.tif": {}, "j.jp2": {},
    }
    for seed, (name, how) in enumerate(saved.items()):
        draw(folder / name, seed, (300, 200), **how)
    (folder / "d.png").write_bytes(interlaced(40, 30))
    return sorted([*saved, "d.png"])


def interlaced(width, height):
    """An Adam7 PNG, which Pillow cannot write: grey, each pixel its column plus its row."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(
        b"\0" + bytes((x + y) % 256 for x in range(left, width, across))
        for left, top, across, down in passes for y in range(top, height, down) if left < width)
    return png(width, height, zlib.compress(rows), interlace=1)


def png(width, height, compressed, interlace=0):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", compressed)
            + chunk(b"IEND", b""))


def test_a_limit_that_nothing_keeps(pipilo, tmp_path):
    names = one_of_each(tmp_path / "all")
    for words, env in ((["--time-limit", "0.000001"], {}), ([], {"PIPILO_TIME_LIMIT": "1e-6"})):
        rows = pipilo("embed", "all", *NULL, "-o", "-", *words, env=env, status=1).lines()
        assert [os.path.basename(row["source"]) for row in rows] == names
        for row in rows:
            assert row["code"] == "timeout" and "1e-06 s" in row["message"], row
    pipilo("embed", "all", *NULL, "-o", "-", "--time-limit", "1e9", status=2)


def test_a_limit_that_all_keep_changes_no_vector(pipilo, tmp_path):
    one_of_each(tmp_path / "all")
    with Image.open(tmp_path / "all/d.png") as image:
        x, y = numpy.meshgrid(range(40), range(30))
        assert (numpy.asarray(image) == x + y).all()
    pipilo("embed", "all", *NULL, "-o", "free.npy")
    pipilo("embed", "all", *NULL, "-o", "limited.npy", "--time-limit", "3600")
    assert (tmp_path / "free.npy").read_bytes() == (tmp_path / "limited.npy").read_bytes()


def test_a_slow_picture_among_others(pipilo, photos):
    # 256 million pixels of nothing, which take far longer than the limit.
    (photos / "3-slow.png").write_bytes(png(16000, 16000, zlib.compress(bytes(16001 * 16000), 1)))
    rows = pipilo("embed", photos, *NULL, "-o", "-", "--time-limit", "0.02", status=1).lines()
    late = [os.path.basename(row["source"]) for row in rows if row["code"] == "timeout"]
    assert len(rows) == 8 and "3-slow.png" in late
    assert {row["code"] for row in rows} <= {None, "timeout"}


def test_a_limit_of_pixels(pipilo, photos, tmp_path):
    draw(photos / "7.png", 7, (80, 61))
    for words, env in ((["--max-pixels", "4800"], {}), ([], {"PIPILO_MAX_PIXELS": "4800"}),
                       (["--isolate"], {"PIPILO_MAX_PIXELS": "4800"}),
                       (["--max-pixels", "4800"], {"PIPILO_MAX_PIXELS": "many"})):
        rows = pipilo("embed", photos, *NULL, "-o", "-", *words, env=env, status=1).lines()
        bad = [row for row in rows if row["code"] is not None]
        assert len(rows) == 8 and [row["code"] for row in bad] == ["limit_exceeded"]
        assert "80 x 61 = 4880 pixels, the limit is 4800" in bad[0]["message"]
    for limit in ("0", "-1", "many", "268435457", "1e6"):
        done = pipilo("embed", photos, *NULL, "-o", "-", "--max-pixels", limit, status=2)
        assert "--max-pixels" in done.err
        done = pipilo("embed", photos, *NULL, "-o", "-", env={"PIPILO_MAX_PIXELS": limit}, status=2)
        assert "PIPILO_MAX_PIXELS" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("limit", ["0", "-1", "soon", "1s", ""])
def test_what_is_no_limit(pipilo, photos, limit):
    done = pipilo("embed", photos, *NULL, "-o", "-", "--time-limit", limit, status=2)
    assert "--time-limit" in done.err
    if limit:
        done = pipilo("embed", photos, *NULL, "-o", "-", env={"PIPILO_TIME_LIMIT": limit}, status=2)
        assert "PIPILO_TIME_LIMIT" in done.err and done.err.count("\n") == 1
        pipilo("embed", photos, *NULL, "-o", "-", "--time-limit", "60", env={"PIPILO_TIME_LIMIT": limit})


# --- what is said ---


def test_a_model_of_the_catalogue_is_to_be_pulled(pipilo, photos, tmp_path):
    for name in ("resnet50", "resnet5o"):
        done = pipilo("embed", photos, "-m", name, "-o", "out.npy", status=3)
        assert "pipilo models pull resnet50" in done.err and done.err.count("\n") == 1
    done = pipilo("embed", photos, "-m", "a-name-like-no-other", "-o", "out.npy", status=3)
    assert "models pull" not in done.err
    assert not left(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0"])
def test_a_bad_query_is_named(pipilo, photos, tmp_path, content):
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    (tmp_path / "bad.jpg").write_bytes(content)
    done = pipilo("search", "out.npy", photos / "0.jpg", "bad.jpg", photos / "1.jpg", status=6)
    assert done.err.count("bad.jpg") == 1 and done.err.count("\n") == 1 and done.out == ""
    done = pipilo("search", "out.npy", photos / "0.jpg", "nowhere.jpg", status=3)
    assert done.err.count("nowhere.jpg") == 1


def test_members_that_limits_cut_are_counted(pipilo, photos, tmp_path):
    members = {"0.jpg": (photos / "0.jpg").read_bytes(), "0.large": bytes(2 << 20)}
    members |= {f"0.{number}": b"x" for number in range(300)}
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    done = pipilo("embed", "shard.tar", *NULL, "-o", "out.npy")
    # One is too large, and of 301 there is room for 256.
    assert "46 members of archives" in done.out
    done = pipilo("embed", "shard.tar", *NULL, "-o", "out.npy", "--force", "--json")
    assert done.json()["skipped"]["members"] == 46
    assert "members" not in pipilo("embed", photos, *NULL, "-o", "other.npy").out
    assert numpy.load(tmp_path / "out.npy").shape == (1, 64)
