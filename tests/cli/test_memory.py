"""Marks on the memory that is really used, and a run inside a real control group."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest
from conftest import PROGRAM, draw

NULL = ("-m", "null:8")
LIMIT = 256 << 20


def states(done):
    """What the program said of memory, state by state."""
    return re.findall(r"memory is (\w+) \(was", done.err)


def test_enough_memory_says_nothing(pipilo, photos):
    assert states(pipilo("embed", photos, *NULL, "-o", "a.jsonl")) == []


def test_soft_and_hard_lose_nothing(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "a.jsonl")
    for name, marks in {"soft": ("--memory-soft", "1M"), "hard": ("--memory-soft", "1M", "--memory-hard", "1M")}.items():
        done = pipilo("embed", photos, *NULL, "-o", f"{name}.jsonl", *marks)
        assert states(done) == [name]
        assert (tmp_path / f"{name}.jsonl").read_bytes() == (tmp_path / "a.jsonl").read_bytes()
        assert " MB are used" in done.err
    assert states(pipilo("embed", photos, *NULL, "-o", "q.jsonl", "--memory-soft", "1M", "--quiet")) == []


def test_critical_rows_say_why(pipilo, photos):
    done = pipilo("embed", photos, *NULL, "-o", "-", "--memory-critical", "2M", status=1)
    assert states(done) == ["critical"]
    rows = done.lines()
    assert len(rows) == 7
    for row in rows:
        assert (row["code"], row["vector"]) == ("out_of_memory_budget", None)
        assert "above 2 MB nothing is begun" in row["message"]
    # Later there is memory: the same store gets what it lacks.
    pipilo("embed", photos, *NULL, "-o", "a.db", "--memory-critical", "2M", status=1)
    assert pipilo("embed", photos, *NULL, "-o", "a.db", "--update", "--json").json()["ok"] == 7


def test_a_share_is_one_of_memory(pipilo, photos):
    """This process takes more than 1 % of 16 MB, and less than 90 % of it."""
    words = ("embed", photos, *NULL, "--threads", "2", "--memory", "16M")  # each thread takes some
    done = pipilo(*words, "-o", "a.jsonl", "--memory-soft", "1%")
    assert states(done) == ["soft"]
    assert "of 16 MB are used" in done.err
    assert states(pipilo(*words, "-o", "b.jsonl", "--memory-soft", "90%")) == []


def test_the_environment(pipilo, photos):
    soft = {"PIPILO_MEMORY_SOFT": "1M"}
    run = ("run", "pipe.input('x').map('x', 'y', ops.image_decode()).output('x')", photos / "0.jpg")
    assert states(pipilo("embed", photos, *NULL, "-o", "a.jsonl", env=soft)) == ["soft"]
    assert states(pipilo(*run, env=soft)) == ["soft"]
    # What is typed goes before it.
    assert states(pipilo(*run, "--memory-soft", "90%", env=soft)) == []
    summary = pipilo("embed", photos, *NULL, "-o", "b.jsonl", "--json", env={"PIPILO_MEMORY": "300M"}).json()
    assert summary["memory_budget"] == 300 << 20
    assert "PIPILO_MEMORY_HARD: 'much' is no size" in pipilo(
        *run, status=2, env={"PIPILO_MEMORY_HARD": "much"}).err


@pytest.mark.parametrize("words", [("search", "a.db", "--row", "1"), ("index", "a.db"), ("info", "a.db"),
                                   ("bench", "null:4"), ("soak",), ("models",), ("models", "list"),
                                   ("models", "show", "null:4"), ("models", "import", "a.onnx"),
                                   ("models", "pull", "none"), ("models", "cache"),
                                   ("models", "quantize", "null:4", "a.jpg", "-o", "out"),
                                   ("models", "tune", "null:4", "--forget"),
                                   ("models", "calibrate", "null:4", "a.jpg")])
def test_the_environment_of_the_other_commands(pipilo, words):
    for name in ("PIPILO_MEMORY", "PIPILO_MEMORY_HARD"):
        assert f"{name}: 'much' is no size" in pipilo(*words, status=2, env={name: "much"}).err


def test_an_index_takes_a_share(pipilo, photos):
    pipilo("embed", photos, *NULL, "-o", "a.db")
    assert "indexed" in pipilo("index", "a.db", "--memory", "40%").out


def test_marks_that_fall_are_refused(pipilo, photos):
    done = pipilo("embed", photos, *NULL, "-o", "a.jsonl", "--memory-soft", "2G", "--memory-hard", "1G", status=2)
    assert "must not fall" in done.err
    assert len(done.err.strip().splitlines()) <= 2


def test_a_model_that_does_not_fit(pipilo, photos):
    real = pathlib.Path(os.environ.get("PIPILO_DEPS", ".deps")).resolve() / "models/efficientnet-lite0"
    if not real.is_dir():
        pytest.skip("there is no model in .deps")
    done = pipilo("embed", photos, "-m", real, "-o", "a.jsonl", "--memory", "80M", status=9)
    assert "MB" in done.err and "loading" in done.err


# Runs a program and prints its peak in KiB. From a small process: what a process had before it became
# the program counts as the program's, and pytest may have hundreds of megabytes.
PEAK = """import resource, subprocess, sys
subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"""


@pytest.mark.parametrize("suffix", ["avif", "jp2", "tif"])
def test_a_header_costs_no_memory(tmp_path, environment, suffix):
    """700 MB behind a small picture: more than the budget, and not read to find that out."""
    picture = draw(tmp_path / f"large.{suffix}", 1)
    os.truncate(picture, 700 << 20)
    text = "pipe.input('x').map('x', 'y', ops.image_decode()).output('y')"
    done = subprocess.run([sys.executable, "-c", PEAK, PROGRAM, "run", "--memory", "100M", text, picture],
                          env=environment, capture_output=True, text=True)
    error = json.loads(done.stdout)["y"]["error"]
    if "needs libvips" in error["message"]:
        pytest.skip(error["message"])
    assert error["code"] == "out_of_memory_budget"
    assert int(re.search(r"needs (\d+) bytes", error["message"])[1]) > 700 << 20
    assert int(done.stderr.split()[-1]) < 250 << 10


# --- a real control group ------------------------------------------------------------------------


class Group:
    def __init__(self, folder, version, swaps):
        self.folder, self.version, self.swaps = folder, version, swaps

    def put(self, name, value):
        (self.folder / name).write_text(str(value))

    def run(self, words, **how):
        enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        return subprocess.run(["sh", "-c", enter, self.folder, *map(str, words)],
                              capture_output=True, text=True, timeout=3 * 3600, **how)

    def most(self):
        """Bytes of memory, pages of files among them."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        file = self.folder / name
        return int(file.read_text()) if file.is_file() else None

    def killed(self):
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        for line in (self.folder / name).read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return pytest.skip("the kernel does not count what it kills in a group")


@contextlib.contextmanager
def control_group(limit=LIMIT):
    """A group of `limit` bytes, without swap where that can be; skips where none can be made."""
    places = [("/sys/fs/cgroup/memory", 1, "memory.limit_in_bytes"), ("/sys/fs/cgroup", 2, "memory.max")]
    why = "no memory controller is mounted"
    for place, version, most in places:
        folder = pathlib.Path(place) / f"pipilo-test-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError as error:
            why = str(error)
            continue
        try:
            (folder / most).write_text(str(limit))
            swaps = len(pathlib.Path("/proc/swaps").read_text().splitlines()) > 1
            for swap in ("memory.memsw.limit_in_bytes", "memory.swap.max"):
                with contextlib.suppress(OSError):
                    (folder / swap).write_text(str(limit) if version == 1 else "0")
                    swaps = False
            (folder / "cgroup.procs").read_text()
        except OSError as error:
            why = str(error)
            folder.rmdir()
            continue
        try:
            yield Group(folder, version, swaps)
        finally:
            for _ in range(100):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.05)
        return
    pytest.skip(f"no control group with a limit can be made: {why}")


# `make soak` has as many as the promise says.
LARGE = 2000 if os.environ.get("PIPILO_SOAK") == "full" else 30


@pytest.fixture
def large(tmp_path):
    """A folder with LARGE pictures of 24 megapixels and half as many small ones: links to a few files.
    A progressive JPEG needs 74 MB at a time, a WebP all its pixels."""
    big = (6000, 4000)
    draw(tmp_path / "base.jpg", 1, big, quality=85)
    draw(tmp_path / "progressive.jpg", 2, big, quality=85, progressive=True)
    draw(tmp_path / "whole.webp", 3, big, quality=60, method=0)
    draw(tmp_path / "plain.png", 5, big, compress_level=1)
    draw(tmp_path / "small.jpg", 4)
    folder = tmp_path / "photos"
    folder.mkdir()
    kinds = ["base.jpg", "progressive.jpg", "small.jpg", "plain.png", "base.jpg", "small.jpg"]
    if LARGE < 100:
        kinds[4] = "whole.webp"
    for i in range(LARGE * 3 // 2):
        name = kinds[i % len(kinds)]
        os.link(tmp_path / name, folder / f"{i:05}{pathlib.Path(name).suffix}")
    return folder


def test_large_pictures_in_a_small_group(large, tmp_path, environment):
    with control_group() as group:
        done = group.run([PROGRAM, "embed", large, *NULL, "-o", tmp_path / "out.jsonl", "--json", "--threads", 4],
                         env=environment)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert summary["rows"] == summary["ok"] == LARGE * 3 // 2
        assert summary["memory_budget"] == LIMIT // 2
        assert group.killed() == 0
        print(f"\n{LARGE} large pictures: {done.stdout.strip()}; most in the group: {group.most()} bytes")
        # And it is a limit: what passes it is killed, unless it may be swapped out.
        if group.swaps:
            return
        done = group.run([sys.executable, "-c", "x = b'1' * (400 << 20)"])
        assert done.returncode != 0
        assert group.killed() > 0


def test_pictures_of_many_sizes_in_a_small_group(tmp_path, environment):
    """What each leaves in the heap when it goes must not come to more than what is in use, and a moment of
    shortness must not cost the rows behind it."""
    chosen = pathlib.Path(os.environ.get("PIPILO_DEPS", ".deps")).resolve() / "photos"
    if not chosen.is_dir():
        pytest.skip("there are no photos in .deps")
    for threads in (2, 16):
        with control_group(128 << 20) as group:
            done = group.run([PROGRAM, "embed", *[chosen] * 6, *NULL, "-o", tmp_path / "out.jsonl", "--json", "--force",
                              "--threads", threads], env=environment)
            assert done.returncode == 0, done.stderr[-2000:]
            summary = json.loads(done.stdout)
            assert summary["rows"] == summary["ok"] == 6 * len(list(chosen.iterdir()))
            assert group.killed() == 0
    with control_group(64 << 20) as group:
        done = group.run([PROGRAM, "embed", *[chosen] * 6, *NULL, "-o", tmp_path / "out.jsonl", "--force",
                          "--threads", 16], env=environment)
        assert done.returncode == 1, done.stderr[-2000:]
        assert group.killed() == 0
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert {row["code"] for row in rows} == {None, "out_of_memory_budget"}
        assert all("the memory budget is 33554432 bytes" in row["message"] for row in rows if row["code"])


def test_a_model_that_does_not_fit_a_small_group(photos, tmp_path, environment):
    """Weights of 180 MB, as the card says: they are refused by name, and not loaded to find that out."""
    real = pathlib.Path(os.environ.get("PIPILO_DEPS", ".deps")).resolve() / "models/efficientnet-lite0"
    if not real.is_dir():
        pytest.skip("there is no model in .deps")
    card = json.loads((real / "model.json").read_text())
    card.pop("sha256", None)
    model = tmp_path / "large"
    model.mkdir()
    (model / "model.json").write_text(json.dumps(card))
    shutil.copy(real / card["file"], model / card["file"])
    os.truncate(model / card["file"], 180 << 20)
    with control_group() as group:
        begun = time.monotonic()
        done = group.run([PROGRAM, "embed", photos, "-m", model, "-o", tmp_path / "out.jsonl"], env=environment)
        print(f"\nrefused within {time.monotonic() - begun:.3f} s: {done.stderr.strip()}")
        assert done.returncode == 9, done.stderr
        assert "loading" in done.stderr and "MB" in done.stderr
        assert group.killed() == 0
