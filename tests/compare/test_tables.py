"""What pipilo writes, read by NumPy, SQLite and json; and what is left of a run that fails."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess

import numpy
import pytest

BUILD = pathlib.Path(os.environ.get("PIPILO_BUILD_ROOT", "build/test")).resolve()
WRITE = BUILD / "tests/unit/table/table_write"
SEARCH = BUILD / "tests/unit/table/table_search"

ROWS = [
    (b"a.jpg", 10, 100, "", None),
    (b'b "q".jpg', 5, 6, "truncated", None),
    (b"n\xff\xc3\xa9.jpg", 1, 2, "", None),
    (b"t.tar/x.jpg", 7, 8, "", "x"),
    (b"a.jpg", 10, 100, "", None),
]
MEMBERS = {"json": '{"a": "b\\n"}', "cls": "", "raw": {"base64": "/wABAg=="}, "seg.big": None}


def lines(rows):
    text = b""
    for source, size, mtime, code, key in rows:
        text += source + f"\t{size}\t{mtime}\t{code}".encode()
        text += (f"\t{key}".encode() if key is not None else b"") + b"\n"
    return text


def write(out, rows=ROWS, *options, cwd=None):
    return subprocess.run(
        [WRITE, *options, out], input=lines(rows), capture_output=True, cwd=cwd, timeout=480
    )


def vector(n, dim=16):
    # C's remainder takes the sign of the dividend, but here nothing is negative before it.
    i = numpy.arange(dim)
    return (((i * 7 + n * 3) % 101 - 50).astype(numpy.float32) / numpy.float32(7)).astype("<f4")


def expected_row(n, row):
    source, _, _, code, key = row
    made = {
        "row": n,
        "source": source.decode("utf-8", "surrogateescape"),
        "status": "error" if code else "ok",
        "code": code or None,
        "message": 'it "cannot" be read\x01' if code else None,
        "width": None if code else 640,
        "height": None if code else 480,
    }
    if key is not None:
        made |= {"key": key, "members": MEMBERS}
    return made


def dump(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return "\n".join(db.iterdump())


def read_lines(text):
    return [json.loads(line) for line in text.split("\n")[:-1]]


def test_npy(tmp_path):
    out = tmp_path / "x.npy"
    assert write(out).returncode == 0
    vectors = numpy.load(out, mmap_mode="r")
    assert vectors.shape == (5, 16) and vectors.dtype == numpy.dtype("<f4")
    assert vectors.offset % 64 == 0
    assert vectors.flags.c_contiguous
    for n, row in enumerate(ROWS):
        if row[3]:
            assert numpy.isnan(vectors[n]).all()
        else:
            assert (vectors[n] == vector(n)).all()
    assert out.stat().st_size == vectors.offset + vectors.nbytes
    rows = read_lines((tmp_path / "x.jsonl").read_text(encoding="utf-8"))
    assert rows == [expected_row(n, row) for n, row in enumerate(ROWS)]
    meta = json.loads((tmp_path / "x.meta.json").read_text(encoding="utf-8"))
    assert meta["fingerprint"] == "id-1" and meta["dim"] == 16 and meta["rows"] == 5
    assert meta["settings"] == {"precision": "f32"} and meta["model"] == 'null "model"'
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.jsonl", "x.meta.json", "x.npy"]


def test_jsonl_and_stdout_agree(tmp_path):
    out = tmp_path / "x.jsonl"
    assert write(out).returncode == 0
    printed = write("-")
    assert printed.returncode == 0
    assert printed.stdout == out.read_bytes()
    for n, (row, made) in enumerate(zip(ROWS, read_lines(printed.stdout.decode()))):
        values = made.pop("vector")
        assert made == expected_row(n, row)
        if row[3]:
            assert values is None
        else:
            assert (numpy.array(values, dtype="<f4") == vector(n)).all()
    meta = json.loads((tmp_path / "x.meta.json").read_text(encoding="utf-8"))
    assert meta["dim"] == 16


def test_db(tmp_path):
    out = tmp_path / "x.db"
    assert write(out).returncode == 0
    assert [p.name for p in tmp_path.iterdir()] == ["x.db"]
    db = sqlite3.connect(out)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("PRAGMA journal_mode").fetchall() == [("delete",)]
    found = db.execute(
        "SELECT row, source, status, code, width, size, mtime_ns, key, vector FROM rows "
        "ORDER BY row"
    ).fetchall()
    assert len(found) == 5
    for n, (row, made) in enumerate(zip(ROWS, found)):
        source = made[1] if isinstance(made[1], bytes) else made[1].encode()
        assert (made[0], source) == (n, row[0])
        assert isinstance(made[1], bytes) == (n == 2)
        assert made[2:4] == (("error", row[3]) if row[3] else ("ok", None))
        assert made[5:8] == (row[1], row[2], row[4])
        if row[3]:
            assert made[4] is None and made[8] is None
        else:
            assert (numpy.frombuffer(made[8], "<f4") == vector(n)).all()
    members = db.execute("SELECT name, size, bytes FROM members WHERE row=3 ORDER BY number")
    assert members.fetchall() == [
        ("json", 12, b'{"a": "b\\n"}'),
        ("cls", 0, b""),
        ("raw", 4, b"\xff\0\1\2"),
        ("seg.big", 1 << 30, None),
    ]
    assert dict(db.execute("SELECT key, value FROM meta"))["fingerprint"] == "id-1"


def test_two_runs_are_the_same(tmp_path):
    for name in "one", "two":
        (tmp_path / name).mkdir()
        for out in "x.db", "y.npy", "z.jsonl":
            assert write(tmp_path / name / out, ROWS * 300).returncode == 0
    for path in sorted((tmp_path / "one").iterdir()):
        other = tmp_path / "two" / path.name
        if path.suffix == ".db":
            assert dump(path) == dump(other)
        else:
            assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("out", ["x.db", "x.npy", "x.jsonl"])
def test_no_rows(tmp_path, out):
    assert write(tmp_path / out, []).returncode == 0
    if out == "x.npy":
        assert numpy.load(tmp_path / out).shape == (0, 16)
    if out == "x.jsonl":
        assert (tmp_path / out).read_bytes() == b""
    if out != "x.jsonl":
        shown = subprocess.run([SEARCH, tmp_path / out], capture_output=True, text=True)
        assert shown.stdout == "0 rows, dim 16, id-1\n"


def test_an_update_equals_a_whole_run(tmp_path):
    first = [(b"p%d.jpg" % n, n, n, "corrupt" if n % 5 == 0 else "", None) for n in range(900)]
    later = [(s, size, mtime + (n % 7 == 0), "", key) for n, (s, size, mtime, _, key) in
             enumerate(first)] + [(b"new.jpg", 1, 1, "", None)]
    for out in "x.db", "y.npy", "z.jsonl":
        assert write(tmp_path / out, first).returncode == 0
        assert write(tmp_path / out, later, "--update").returncode == 0
        assert write(tmp_path / ("whole-" + out), later).returncode == 0
    for name in "y.npy", "y.jsonl", "y.meta.json", "z.jsonl", "z.meta.json":
        assert (tmp_path / name).read_bytes() == (tmp_path / ("whole-" + name)).read_bytes()
    assert dump(tmp_path / "x.db") == dump(tmp_path / "whole-x.db")


def kill_in_the_middle(out, rows, stop_at, *options):
    run = subprocess.Popen(
        [WRITE, "--stop-at", str(stop_at), *options, out],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )
    run.stdin.write(lines(rows))
    run.stdin.close()
    assert run.stderr.readline() == b"waiting\n"
    left = sorted(p.name for p in out.parent.iterdir())
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stderr.close()
    return left


@pytest.mark.parametrize("out", ["x.db", "x.npy", "x.jsonl"])
def test_killed(tmp_path, out):
    path = tmp_path / out
    rows = [(b"p%d.jpg" % n, n, n, "", None) for n in range(2000)]
    left = kill_in_the_middle(path, rows, 1500)
    # What a run leaves begins with OUT's name and is not OUT.
    assert left and all(name.startswith(out) and name != out for name in left)
    assert not path.exists()
    # The next run needs no leave to clean up.
    assert write(path, rows).returncode == 0
    names = {"x.db": ["x.db"], "x.npy": ["x.jsonl", "x.meta.json", "x.npy"],
             "x.jsonl": ["x.jsonl", "x.meta.json"]}
    assert sorted(p.name for p in tmp_path.iterdir()) == names[out]


@pytest.mark.parametrize("out", ["x.db", "x.npy", "x.jsonl"])
def test_killed_update(tmp_path, out):
    path = tmp_path / out
    old = [(b"p%d.jpg" % n, n, n, "", None) for n in range(1000)]
    new = old + [(b"q%d.jpg" % n, n, n, "", None) for n in range(2000)]
    assert write(path, old).returncode == 0
    before = path.read_bytes()
    kill_in_the_middle(path, new, 2500, "--update")
    if out == "x.db":
        # A database keeps the batches that were done, and is whole.
        rows = int(subprocess.run([SEARCH, path], capture_output=True, text=True)
                   .stdout.split()[0])
        assert 1000 <= rows < 2500
    else:
        assert path.read_bytes() == before
    assert write(path, new, "--update").returncode == 0
    if out == "x.db":
        with contextlib.closing(sqlite3.connect(path)) as db:
            counts = db.execute("SELECT count(*), count(DISTINCT source) FROM rows").fetchone()
        assert counts == (3000, 3000)
        assert [p.name for p in tmp_path.iterdir()] == ["x.db"]


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip("mount is not allowed here: " + mounted.stderr.strip())
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("out", ["x.db", "x.npy", "x.jsonl"])
def test_full_disk(small_disk, out):
    rows = [(b"p%d.jpg" % n, n, n, "", None) for n in range(20000)]
    run = write(small_disk / out, rows)
    assert run.returncode == 1
    assert run.stderr.startswith(b"io_error: ")
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("out", ["x.db", "x.npy", "x.jsonl"])
def test_full_disk_in_an_update(small_disk, out):
    few = [(b"p%d.jpg" % n, n, n, "", None) for n in range(100)]
    many = few + [(b"q%d.jpg" % n, n, n, "", None) for n in range(20000)]
    assert write(small_disk / out, few).returncode == 0
    before = {p.name: p.read_bytes() for p in small_disk.iterdir()}
    run = write(small_disk / out, many, "--update")
    assert run.returncode == 1
    assert run.stderr.startswith(b"io_error: ")
    assert sorted(p.name for p in small_disk.iterdir()) == sorted(before)
    if out == "x.db":
        with contextlib.closing(sqlite3.connect(small_disk / out)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT count(*) FROM rows WHERE row < 100").fetchone() == (100,)
    else:
        assert before == {p.name: p.read_bytes() for p in small_disk.iterdir()}


def test_read_only_folder(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    if os.access(folder, os.W_OK):
        pytest.skip("root writes everywhere")
    for out in "x.db", "x.npy", "x.jsonl":
        run = write(folder / out)
        assert run.returncode == 1 and run.stderr.startswith(b"io_error: ")
    assert list(folder.iterdir()) == []


def test_search_equals_numpy(tmp_path):
    rows = [(b"p%d" % n, n, n, "corrupt" if n % 11 == 3 else "", None) for n in range(3000)]
    for out in "x.npy", "y.db":
        assert write(tmp_path / out, rows, "--dim", "777").returncode == 0
    vectors = numpy.load(tmp_path / "x.npy")
    unit = vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)
    for out in "x.npy", "y.db":
        found = subprocess.run([SEARCH, tmp_path / out, "25", "0", "17", "2999"],
                               capture_output=True, text=True, check=True).stdout
        hits = [line.split() for line in found.splitlines()]
        assert len(hits) == 75
        for query in 0, 17, 2999:
            scores = numpy.nan_to_num(unit @ unit[query], nan=-2)
            mine = [(int(row), float(score)) for q, row, score in hits if int(q) == query]
            best = numpy.sort(scores)[::-1][:25]
            assert numpy.abs(best - [score for _, score in mine]).max() < 1e-6
            assert all(abs(scores[row] - score) < 1e-6 for row, score in mine)
            assert mine == sorted(mine, key=lambda hit: (-hit[1], hit[0]))
