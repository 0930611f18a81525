"""pipilo embed: rows in order, every kind of OUT, updates, the summary."""
import io
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tarfile
import time

import numpy
import pytest
from PIL import Image

from conftest import NAMES, PATIENCE, PROGRAM, draw

NULL = ["-m", "null:64"]
DEPS = pathlib.Path(os.environ.get("PIPILO_DEPS", pathlib.Path(__file__).resolve().parents[2] / ".deps"))
EFFICIENTNET = DEPS / "models/efficientnet-lite0"


def sources(photos):
    return [str(photos / name) for name in NAMES]


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_npy(pipilo, photos, tmp_path):
    done = pipilo("embed", photos, *NULL, "-o", "out.npy")
    vectors = numpy.load(tmp_path / "out.npy", mmap_mode="r")
    rows = rows_of(tmp_path / "out.jsonl")
    meta = json.loads((tmp_path / "out.meta.json").read_text())
    assert vectors.shape == (7, 64) and vectors.dtype == numpy.float32
    assert numpy.isfinite(vectors).all() and len(numpy.unique(vectors, axis=0)) == 7
    assert [row["source"] for row in rows] == sources(photos)
    assert [row["row"] for row in rows] == list(range(7))
    assert all(row["status"] == "ok" and row["code"] is None for row in rows)
    assert all((row["width"], row["height"]) == (80, 60) for row in rows)
    assert meta["dim"] == 64 and len(meta["fingerprint"]) == 16
    assert "7 pictures embedded" in done.out and "out.npy" in done.out
    assert "pipilo search out.npy" in done.out
    assert "1 hidden, 1 no pictures" in done.out


def test_db(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "out.db")
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    with sqlite3.connect(tmp_path / "out.db") as db:
        rows = db.execute("SELECT row, source, status, vector FROM rows ORDER BY row").fetchall()
    vectors = numpy.load(tmp_path / "out.npy")
    assert [row[1] for row in rows] == sources(photos)
    for row in rows:
        assert row[2] == "ok"
        assert numpy.array_equal(numpy.frombuffer(row[3], "<f4"), vectors[row[0]])


def test_thumbnails(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "out.db", "--thumbnails")
    with sqlite3.connect(tmp_path / "out.db") as db:
        thumbnails = [row[0] for row in db.execute("SELECT thumbnail FROM rows ORDER BY row")]
    assert len(thumbnails) == 7
    for thumbnail in thumbnails:
        with Image.open(io.BytesIO(thumbnail)) as picture:
            assert picture.format == "JPEG" and picture.size == (80, 60)


def test_jsonl_and_stdout_hold_the_same(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    pipilo("embed", photos, *NULL, "-o", "lines.jsonl")
    done = pipilo("embed", photos, *NULL, "-o", "-")
    vectors = numpy.load(tmp_path / "out.npy")
    for rows in (rows_of(tmp_path / "lines.jsonl"), done.lines()):
        assert [row["source"] for row in rows] == sources(photos)
        got = numpy.array([row["vector"] for row in rows], dtype=numpy.float32)
        assert numpy.array_equal(got, vectors)
    assert "7 pictures embedded" in done.err


def test_json_summary(pipilo, photos):
    done = pipilo("embed", photos, "nowhere.jpg", *NULL, "-o", "out.npy", "--json", status=1)
    summary = done.json()
    assert summary["rows"] == 8 and summary["ok"] == 7
    assert summary["errors"] == {"not_found": 1}
    assert summary["skipped"] == {"hidden": 1, "other": 1, "irregular": 0, "unchanged": 0,
                                  "members": 0}
    assert summary["out"] == "out.npy" and summary["model"] == "null:64"
    assert summary["seconds"] > 0 and summary["pictures_per_second"] > 0 and summary["peak_memory"] > 0
    to_stdout = pipilo("embed", photos, *NULL, "-o", "-", "--json", "-q")
    assert len(to_stdout.lines()) == 7 and json.loads(to_stdout.err)["rows"] == 7


def test_quiet_says_nothing(pipilo, photos):
    done = pipilo("embed", photos, "nowhere.jpg", *NULL, "-o", "out.npy", "--quiet", status=1)
    assert done.out == "" and done.err == ""


def test_an_out_that_is_there(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    before = (tmp_path / "out.npy").read_bytes()
    done = pipilo("embed", photos / "0.jpg", *NULL, "-o", "out.npy", status=4)
    assert "out.npy" in done.err and done.err.count("\n") == 1
    assert (tmp_path / "out.npy").read_bytes() == before
    pipilo("embed", photos / "0.jpg", *NULL, "-o", "out.npy", "--force")
    assert numpy.load(tmp_path / "out.npy").shape == (1, 64)


def everything(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize("there, out, named", [("whole.npy", "whole.jsonl", "whole.jsonl holds the rows of whole.npy"),
                                               ("plain.jsonl", "plain.npy", "plain.jsonl is no rest of plain.npy")])
def test_force_takes_no_other_stores_files(pipilo, photos, tmp_path, there, out, named):
    """X.npy has its rows in X.jsonl, which is also a name that a store may have."""
    pipilo("embed", photos, *NULL, "-o", there)
    before = everything(tmp_path)
    assert named in pipilo("embed", photos / "0.jpg", *NULL, "-o", out, "--force", status=4).err
    kind = out.split(".")[1]
    text = (f"pipe.input('x').map('x', 'y', ops.image_embedding.timm('null:64'))"
            f".map(('x', 'y'), 'z', ops.write_{kind}('{out}', model='null:64', force=True)).output('z')")
    assert named in pipilo("run", text, photos / "0.jpg", status=4).err
    assert everything(tmp_path) == before


@pytest.mark.parametrize("out", ["out.npy", "out.db", "out.jsonl"])
def test_update(pipilo, photos, tmp_path, out):
    bad = photos / "bad.jpg"
    bad.write_bytes(b"no picture")
    pipilo("embed", photos, *NULL, "-o", out, "--update", status=1)
    draw(photos / "new.png", 9)
    done = pipilo("embed", photos, *NULL, "-o", out, "--update", "--json", status=1)
    summary = done.json()
    assert summary["skipped"]["unchanged"] == 7 and summary["rows"] == 2
    draw(photos / "bad.jpg", 10)
    draw(photos / "1.jpg", 11, size=(33, 44))
    summary = pipilo("embed", photos, *NULL, "-o", out, "--update", "--json").json()
    assert summary["skipped"]["unchanged"] == 7 and summary["rows"] == 2 and summary["errors"] == {}
    if out == "out.jsonl":
        rows = rows_of(tmp_path / out)
        assert len(rows) == 9 and {row["status"] for row in rows} == {"ok"}
    else:
        info = pipilo("info", out, "--json").json()
        assert info["rows"] == 9 and info["ok"] == 9


def test_update_with_other_settings_is_refused(pipilo, photos):
    pipilo("embed", photos, *NULL, "-o", "out.db")
    done = pipilo("embed", photos, *NULL, "-o", "out.db", "--update", "--fast", status=4)
    assert "fingerprint" in done.err
    pipilo("embed", photos, "-m", "null:32", "-o", "out.db", "--update", status=4)


def test_files_from(pipilo, photos, tmp_path):
    (tmp_path / "list").write_text("".join(f"{name}\n" for name in sources(photos)[:3]))
    pipilo("embed", "--files-from", "list", *NULL, "-o", "a.npy")
    pipilo("embed", "--files-from", "-", *NULL, "-o", "b.npy", stdin="\0".join(sources(photos)[:3]))
    pipilo("embed", photos / "3.jpg", "--files-from", "list", *NULL, "-o", "c.npy")
    a, b, c = (numpy.load(tmp_path / f"{name}.npy") for name in "abc")
    assert a.shape == (3, 64) and numpy.array_equal(a, b) and numpy.array_equal(c[1:], a)
    done = pipilo("embed", "--files-from", "nowhere", *NULL, "-o", "d.npy", status=3)
    assert "nowhere" in done.err
    assert not (tmp_path / "d.npy").exists()


def test_the_same_source_twice_gives_two_rows(pipilo, photos, tmp_path):
    pipilo("embed", photos / "0.jpg", photos / "0.jpg", *NULL, "-o", "out.npy")
    vectors = numpy.load(tmp_path / "out.npy")
    assert vectors.shape == (2, 64) and numpy.array_equal(vectors[0], vectors[1])


@pytest.mark.parametrize("out", ["out.npy", "out.db", "out.jsonl", "-"])
def test_no_picture_gives_an_empty_out(pipilo, tmp_path, out):
    (tmp_path / "empty").mkdir()
    done = pipilo("embed", "empty", *NULL, "-o", out)
    if out == "out.npy":
        assert numpy.load(tmp_path / out).shape == (0, 64)
    elif out == "-":
        assert done.out == ""
    else:
        assert (tmp_path / out).is_file()
    assert "0 pictures embedded" in done.out + done.err
    assert "next: pipilo search" not in done.out + done.err


def test_patterns_and_archives(pipilo, photos, tmp_path):
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for index, name in enumerate(NAMES[:2]):
            data = (photos / name).read_bytes()
            member = tarfile.TarInfo(f"{index:04}.jpg")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    pipilo("embed", f"{photos}/[01].jpg", "shard.tar", *NULL, "-o", "out.npy")
    vectors = numpy.load(tmp_path / "out.npy")
    assert vectors.shape == (4, 64) and numpy.array_equal(vectors[:2], vectors[2:])
    assert rows_of(tmp_path / "out.jsonl")[2]["source"] == "shard.tar/0000.jpg"


def test_settings_change_vectors_and_are_kept(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "plain.npy")
    pipilo("embed", photos, *NULL, "-o", "unit.npy", "--normalize")
    plain, unit = numpy.load(tmp_path / "plain.npy"), numpy.load(tmp_path / "unit.npy")
    assert numpy.allclose(numpy.linalg.norm(unit, axis=1), 1, atol=1e-5)
    assert not numpy.array_equal(plain, unit)
    prints = [pipilo("info", name, "--json").json()["fingerprint"] for name in ("plain.npy", "unit.npy")]
    assert prints[0] != prints[1]
    settings = pipilo("info", "unit.npy", "--json").json()["settings"]
    assert settings["normalize"] is True and settings["precision"] == "f32"


def test_threads_batch_and_memory_change_no_vector(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "a.npy")
    pipilo("embed", photos, *NULL, "-o", "b.npy", "--threads", "1", "--batch", "3", "--memory", "256M")
    assert numpy.array_equal(numpy.load(tmp_path / "a.npy"), numpy.load(tmp_path / "b.npy"))


def test_exif(pipilo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    draw(tmp_path / "turned.jpg", 3, exif=exif)
    for way, size in (("apply", [60, 80]), ("ignore", [80, 60])):
        row = pipilo("embed", "turned.jpg", *NULL, "-o", "-", "--exif", way).lines()[0]
        assert row["status"] == "ok"
        if way == "apply":
            assert [row["width"], row["height"]] == size


def test_on_error_stop(pipilo, photos, tmp_path):
    (photos / "1.jpg").write_bytes(b"")
    done = pipilo("embed", photos, *NULL, "-o", "out.npy", "--on-error", "stop", status=6)
    assert "1.jpg" in done.err and "stopped" in done.err
    assert not list(tmp_path.glob("out*"))


def test_explain_is_a_pipeline(pipilo, photos, tmp_path):
    words = ["embed", photos, *NULL, "-o", "it's.npy", "--normalize", "--force"]
    text = pipilo(*words, "--explain").out
    assert not (tmp_path / "it's.npy").exists()
    assert "normalize=True" in text and "precision" not in text
    (tmp_path / "pipeline.txt").write_text(text)
    pipilo("run", "--file", "pipeline.txt", photos)
    by_run = numpy.load(tmp_path / "it's.npy")
    pipilo(*words)
    assert numpy.array_equal(by_run, numpy.load(tmp_path / "it's.npy"))


def test_messages_about_models(pipilo, photos, tmp_path):
    (tmp_path / "home/models/sunflower").mkdir(parents=True)
    (tmp_path / "home/models/sunflower/model.json").write_text("{}")
    done = pipilo("embed", photos, "-m", "sunflowr", "-o", "out.npy", status=3)
    assert "did you mean sunflower" in done.err and done.err.count("\n") == 1
    done = pipilo("embed", photos, "-m", "nowhere/model", "-o", "out.npy", status=3)
    assert "nowhere/model" in done.err
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/model.json").write_text("{")
    done = pipilo("embed", photos, "-m", "broken", "-o", "out.npy", status=7)
    assert "model.json" in done.err
    assert not list(tmp_path.glob("out*"))


def test_a_folder_for_out_that_is_not_there(pipilo, photos):
    done = pipilo("embed", photos, *NULL, "-o", "nowhere/out.npy", status=3)
    assert "nowhere" in done.err


def test_names_that_are_not_utf8(pipilo, tmp_path):
    os.makedirs(tmp_path / "odd")
    data = draw(tmp_path / "x.png", 1).read_bytes()
    with open(os.fsencode(tmp_path) + b"/odd/\xff\xfe.png", "wb") as file:
        file.write(data)
    (tmp_path / "odd/ä b\n.png").write_bytes(data)
    (tmp_path / "odd/bad\x1b[1m.png").write_bytes(b"x")
    done = pipilo("embed", "odd", *NULL, "-o", "-", status=1)
    names = [os.fsencode(row["source"]) for row in done.lines()]
    assert b"odd/\xff\xfe.png" in names and "odd/ä b\n.png".encode() in names
    assert "\x1b" not in done.err


def test_output_that_cannot_be_written(pipilo, photos):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    script = f'"$0" embed {photos} -m null:64 -o - > /dev/full'
    done = subprocess.run(["sh", "-c", script, PROGRAM], capture_output=True, text=True)
    assert done.returncode == 5 and "No space left" in done.stderr


def test_nice_gives_way_with_every_thread(tmp_path, environment, photos):
    """While it waits for names on standard input its threads are there to be looked at."""
    words = ["embed", "--files-from", "-", "-m", "null", "-o", "x.jsonl", "--nice", "--quiet"]
    program = subprocess.Popen([PROGRAM, *words], cwd=tmp_path, stdin=subprocess.PIPE, text=True,
                               env=environment)
    tasks = pathlib.Path(f"/proc/{program.pid}/task")
    for name in NAMES[:3]:
        program.stdin.write(f"{photos / name}\n")
    program.stdin.flush()
    deadline = time.monotonic() + PATIENCE
    while len(list(tasks.iterdir())) < 2:
        assert program.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    levels = {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks.iterdir()}
    disk = subprocess.run(["ionice", "-p", str(program.pid)], capture_output=True, text=True)
    program.stdin.close()
    assert program.wait(PATIENCE) == 0
    assert levels == {max(10, os.getpriority(os.PRIO_PROCESS, 0))}
    assert "prio 7" in disk.stdout or "idle" in disk.stdout
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 3


# --- several models ------------------------------------------------------------------------------

SEVERAL = ["-m", "null:64", "-m", "null:7"]


@pytest.mark.parametrize("options", [[], ["--fast"], ["--exif", "ignore"], ["--normalize"]])
def test_several_models_write_what_each_alone_does(pipilo, photos, options):
    draw(photos / "turned.jpg", 9, exif=turned())
    (photos / "broken.jpg").write_bytes((photos / "0.jpg").read_bytes()[:400])
    pipilo("embed", "photos", *SEVERAL, "-o", "both.npy", *options, status=1)
    for model in ("null:64", "null:7"):
        pipilo("embed", "photos", "-m", model, "-o", "alone.npy", "--force", *options, status=1)
        together = photos.parent / f"both.{model}.npy"
        assert together.read_bytes() == (photos.parent / "alone.npy").read_bytes()
        rows = [[json.loads(line) for line in file.with_suffix(".jsonl").read_text().splitlines()]
                for file in (together, photos.parent / "alone.npy")]
        assert rows[0] == rows[1] and len(rows[0]) == len(NAMES) + 2


def turned():
    exif = Image.Exif()
    exif[0x112] = 6
    return exif


def test_several_models_are_told_apart_in_the_summary(pipilo, photos):
    done = pipilo("embed", "photos", *SEVERAL, "-o", "x.jsonl")
    assert "written to x.null:64.jsonl" in done.out and "written to x.null:7.jsonl" in done.out
    assert "7 pictures embedded" in done.out
    summary = pipilo("embed", "photos", *SEVERAL, "-o", "x.db", "--json").json()
    assert summary["model"] == ["null:64", "null:7"]
    assert summary["out"] == ["x.null:64.db", "x.null:7.db"]
    assert summary["rows"] == summary["ok"] == len(NAMES)
    for name, dim in (("x.null:64.db", 64), ("x.null:7.db", 7)):
        assert pipilo("info", name, "--json").json()["dim"] == dim


def test_several_models_decode_in_one_step(pipilo):
    words = ["embed", "photos", *SEVERAL, "-o", "x.npy", "--explain"]
    text = pipilo(*words).out
    assert text.count("ops.image_decode(keep=True)") == 1
    assert text.count(".map('pixels', ") == text.count("ops.image_embedding.timm(") == 2
    # How far the scale may go depends on the model.
    assert "image_decode" not in pipilo(*words, "--fast").out


def test_names_of_several_models(pipilo):
    text = pipilo("embed", "x", "-m", "some.dir/a.onnx", "-m", "b/", "-o", "to.d/x.npy", "--explain").out
    assert "'to.d/x.a.npy'" in text and "'to.d/x.b.npy'" in text


@pytest.mark.skipif(not EFFICIENTNET.is_dir(), reason="the model is not there")
def test_a_name_that_says_nothing_is_the_cards(pipilo, tmp_path):
    for name in ("one", "two"):
        folder = shutil.copytree(EFFICIENTNET, tmp_path / name)
        card = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(card | {"name": f"card-{name}"}))
    both = pipilo("embed", "x", "-m", "one/model.onnx", "-m", "two/model.onnx", "-o", "x.npy", "--explain").out
    assert "'x.card-one.npy'" in both and "'x.card-two.npy'" in both
    here = pipilo("embed", "x", "-m", "two/../one/.", "-m", "null:4", "-o", "x.npy", "--explain").out
    assert "'x.card-one.npy'" in here and "'x.null:4.npy'" in here


@pytest.mark.parametrize("words, part", [
    (["-m", "a/m", "-m", "b/m", "-o", "x.npy"], "one name"),
    ([*SEVERAL, "-o", "-"], "an OUT that is a file"),
    ([*SEVERAL, "-o", "x.db", "--update"], "one model at a time"),
    (["-m", "null"] * 9 + ["-o", "x.db"], "more than 8 times"),
    (["-m", "", "-o", "x.db"], "empty MODEL"),
])
def test_several_models_that_do_not_go_together(pipilo, words, part):
    done = pipilo("embed", "photos", *words, status=2)
    assert part in done.err and done.err.count("\n") == 1
