"""pipilo search and pipilo info."""
import json
import shutil
import sqlite3

import numpy
import pytest

from conftest import NAMES

STORES = ["out.npy", "out.db"]


@pytest.fixture(params=STORES)
def store(request, pipilo, photos):
    (photos / "bad.jpg").write_text("no picture")
    pipilo("embed", photos, "-m", "null:64", "-o", request.param, status=1)
    return request.param


def test_a_picture_finds_itself(pipilo, store, photos):
    for name in NAMES:
        done = pipilo("search", store, photos / name, "-k", "3", "--json")
        hits = done.json()["hits"]
        assert len(hits) == 3
        assert hits[0]["source"] == str(photos / name)
        assert hits[0]["score"] == pytest.approx(1, abs=1e-5)
        assert [hit["rank"] for hit in hits] == [1, 2, 3]
        assert hits[0]["score"] >= hits[1]["score"] >= hits[2]["score"]


def test_search_prints_a_table(pipilo, store, photos):
    done = pipilo("search", store, photos / "2.jpg", photos / "more/4.png", "-k", "2")
    lines = done.out.splitlines()
    assert lines[0] == f"nearest to {photos}/2.jpg"
    assert lines[1].split() == ["rank", "score", "row", "source"]
    assert lines[2].split() == ["1", "1.0000", "2", str(photos / "2.jpg")]
    assert done.out.count("nearest to") == 2


def test_search_by_row(pipilo, store, photos):
    by_row = pipilo("search", store, "--row", "2", "--json").json()
    by_picture = pipilo("search", store, photos / "2.jpg", "--json").json()
    assert by_row["query"] == 2 and by_row["hits"][0]["row"] == 2
    assert [hit["row"] for hit in by_row["hits"]] == [hit["row"] for hit in by_picture["hits"]]
    assert len(by_row["hits"]) == 7
    done = pipilo("search", store, "--row", "2", photos / "0.jpg", "-k", "1", "--json")
    assert [line["hits"][0]["row"] for line in done.lines()] == [0, 2]


def test_search_mistakes(pipilo, store, photos, tmp_path):
    for name in ("nowhere.db", "nowhere.npy"):
        error = pipilo("search", name, "--row", "1", status=3).err
        assert name in error and "no such file" in error.lower()
    assert "nowhere.jpg" in pipilo("search", store, "nowhere.jpg", status=3).err
    pipilo("search", store, "--row", "1000", status=3)
    pipilo("search", store, photos / "bad.jpg", status=6)
    (tmp_path / "x.txt").write_text("x")
    pipilo("search", "x.txt", "--row", "1", status=6)
    (tmp_path / "x.db").write_text("this is no database, whatever it is called")
    pipilo("search", "x.db", "--row", "1", status=6)


def test_another_model_is_refused(pipilo, store, photos):
    done = pipilo("search", store, photos / "2.jpg", "-m", "null:32", status=4)
    fingerprint = pipilo("info", store, "--json").json()["fingerprint"]
    assert fingerprint[:12] in done.err and done.err.count("\n") == 1
    pipilo("search", store, photos / "2.jpg", "-m", "null:64")


def test_info(pipilo, store, tmp_path):
    info = pipilo("info", store, "--json").json()
    assert info["rows"] == 8 and info["ok"] == 7 and info["dim"] == 64
    assert info["errors"] == {"unsupported_format": 1}
    assert info["settings"]["precision"] == "f32"
    assert isinstance(info["fingerprint_of"], dict) and isinstance(info["noted"], dict)
    text = pipilo("info", store).out
    assert "unsupported_format 1" in text and info["fingerprint"] in text and "64 values" in text
    assert "nowhere" in pipilo("info", "nowhere.npy", status=3).err


def test_a_damaged_store_is_told(pipilo, photos, tmp_path):
    pipilo("embed", photos, "-m", "null:64", "-o", "out.npy")
    whole = (tmp_path / "out.npy").read_bytes()
    (tmp_path / "out.npy").write_bytes(whole[:-100])
    pipilo("info", "out.npy", status=6)
    (tmp_path / "out.npy").write_bytes(whole)
    shutil.copy(tmp_path / "out.npy", tmp_path / "alone.npy")
    done = pipilo("info", "alone.npy", status=3)
    assert "alone" in done.err


def test_a_store_that_moved_is_searched(pipilo, photos, tmp_path):
    pipilo("embed", photos, "-m", "null:64", "-o", "out.npy")
    (tmp_path / "there").mkdir()
    for name in ("out.npy", "out.jsonl", "out.meta.json"):
        shutil.move(tmp_path / name, tmp_path / "there" / name)
    hits = json.loads(pipilo("search", "there/out.npy", photos / "1.jpg", "--json").out)["hits"]
    assert hits[0]["row"] == 1


def test_vectors_in_16_bits(pipilo, photos, tmp_path):
    (photos / "bad.jpg").write_text("no picture")
    for suffix in ("npy", "db"):
        for dtype in ("f32", "f16"):
            pipilo("embed", photos, "-m", "null:64", "-o", f"{dtype}.{suffix}", "--dtype", dtype,
                   status=1)
    whole = numpy.load(tmp_path / "f32.npy")
    halves = numpy.load(tmp_path / "f16.npy", mmap_mode="r")
    assert halves.dtype == numpy.float16 and whole.dtype == numpy.float32
    assert whole.astype("<f2").tobytes() == halves.tobytes()
    with sqlite3.connect(tmp_path / "f16.db") as db:
        kept = db.execute("SELECT row, vector FROM rows WHERE vector IS NOT NULL").fetchall()
        assert db.execute("SELECT value FROM meta WHERE key='vector'").fetchone()[0] == \
            "float16 little-endian"
    assert len(kept) == 7
    for row, vector in kept:
        assert vector == halves[row].tobytes()
    # A search compares the rounded numbers, exactly.
    wide = halves.astype(numpy.float64)
    cosines = wide @ wide[2] / numpy.linalg.norm(wide, axis=1) / numpy.linalg.norm(wide[2])
    expected = [row for row in numpy.argsort(-cosines, kind="stable") if cosines[row] == cosines[row]]
    for store in ("f16.npy", "f16.db"):
        hits = pipilo("search", store, "--row", "2", "--threads", "3", "--json").json()["hits"]
        assert [hit["row"] for hit in hits] == expected
        for hit in hits:
            assert hit["score"] == pytest.approx(cosines[hit["row"]], abs=1e-6)


def test_an_update_keeps_the_width(pipilo, photos):
    for out in ("out.npy", "out.db"):
        pipilo("embed", photos / "0.jpg", "-m", "null:64", "-o", out, "--dtype", "f16")
        done = pipilo("embed", photos, "-m", "null:64", "-o", out, "--update", status=4)
        assert "f16" in done.err and "f32" in done.err
        pipilo("embed", photos, "-m", "null:64", "-o", out, "--update", "--dtype", "f16")
        assert pipilo("info", out, "--json").json()["rows"] == 7
    pipilo("embed", photos, "-m", "null:64", "-o", "x.jsonl", "--dtype", "f16", status=2)
