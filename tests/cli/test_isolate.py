"""--isolate: the same rows from helper processes, which may crash, hang and be killed."""
import os
import pathlib
import signal
import shutil
import subprocess
import tarfile
import time
import zlib

import pytest

from conftest import PATIENCE, PROGRAM, draw
from test_hostile import NULL, left, one_of_each, png

SLOW = zlib.compress(bytes(16001 * 16000), 1)


def other_formats(folder):
    """Those that Pillow does not write, where the tools that do are here."""
    source = draw(folder / "k.png", 20, (300, 200))
    for tool, name in (("heif-enc", "l.heic"), ("heif-enc", "m.avif"), ("cjxl", "n.jxl")):
        if shutil.which(tool):
            words = [tool, source, folder / name] if tool == "cjxl" else [
                tool, *(["-A"] if name.endswith("avif") else []), "-o", folder / name, source]
            subprocess.run(words, check=True, capture_output=True)


def junk(folder):
    """Damaged, cut, empty, a bomb, no pictures at all."""
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        (folder / f"cut-{path.name}").write_bytes(content[:len(content) * 2 // 3])
        flipped = bytearray(content)
        flipped[len(flipped) // 3] ^= 0x55
        (folder / f"flipped-{path.name}").write_bytes(flipped)
    (folder / "bomb.png").write_bytes(png(60000, 60000, b""))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("no picture")
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "fifo.jpg")


def children(pid):
    """The helpers of a process, alive."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name, rest = (entry / "stat").read_text().rsplit(")", 1)
        except OSError:
            continue
        if "(pipilo-decoder" in name and rest.split()[0] != "Z" and int(rest.split()[1]) == pid:
            found.append(int(entry.name))
    return found


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not come to pass"
        time.sleep(0.01)


def is_busy(pid):
    """Whether it has worked for so long as no start and no small picture takes anywhere."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return False
    return int(fields[11]) + int(fields[12]) >= os.sysconf("SC_CLK_TCK") / 2


@pytest.fixture
def slow(tmp_path):
    """Small pictures and one that takes a while, in the middle."""
    for seed in range(6):
        draw(tmp_path / f"in/{seed}.jpg", seed)
    (tmp_path / "in/2-slow.png").write_bytes(png(16000, 16000, SLOW))
    return tmp_path / "in"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """spin.c, with which a helper never comes to the end of a PNG."""
    made = tmp_path_factory.mktemp("spin") / "spin.so"
    source = pathlib.Path(__file__).with_name("spin.c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    return made


@pytest.fixture
def started(tmp_path, environment, slow, library):
    """A run over `slow`, and the helper that is at the slow picture, and stays there."""
    runs = []

    def start(*words):
        run = subprocess.Popen(
            [PROGRAM, "embed", "in", *NULL, "-o", "out.jsonl", "--isolate", *words], cwd=tmp_path,
            env=environment | {"LD_PRELOAD": str(library)}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        runs.append(run)
        busy = []

        def find():
            busy[:] = [pid for pid in children(run.pid) if is_busy(pid)]
            return busy

        until(find)
        return run, busy[0]

    yield start
    for run in runs:
        run.kill()
        run.communicate()


def test_the_same_bytes_from_every_codec(pipilo, tmp_path):
    one_of_each(tmp_path / "all")
    other_formats(tmp_path / "all")
    draw(tmp_path / "all/z-large.jpg", 5, (2000, 1500))
    with tarfile.open(tmp_path / "all/shard.tar", "w") as tar:
        for path in sorted((tmp_path / "all").glob("[a-z].*")):
            tar.add(path, arcname=path.name)
    for words in (["-o", "out.db", "--thumbnails"], ["-o", "out.npy", "--fast"],
                  ["-o", "out.jsonl", "--exif", "ignore"]):
        words = ["embed", "all", "all/shard.tar", *NULL, *words, "--force"]
        pipilo(*words)
        before = left(tmp_path)
        pipilo(*words, "--isolate")
        assert left(tmp_path) == before
        for name in before:
            (tmp_path / name).unlink()
    # All pixels of a picture, decoded once for two models.
    two = ["embed", "all", *NULL, "-m", "null:32", "-o", "out.npy", "--force"]
    pipilo(*two)
    before = left(tmp_path)
    pipilo(*two, env={"PIPILO_ISOLATE": "1"})
    assert left(tmp_path) == before


def test_the_same_errors(pipilo, tmp_path):
    one_of_each(tmp_path / "all")
    other_formats(tmp_path / "all")
    junk(tmp_path / "all")
    words = ["embed", "all", "all/fifo.jpg", "nowhere.jpg", *NULL, "-o", "-"]
    rows = pipilo(*words, status=1).lines()
    apart = pipilo(*words, "--isolate", status=1).lines()
    assert len(rows) > 40 and len({row["code"] for row in rows}) > 5
    for one, other in zip(rows, apart, strict=True):
        # libvips says what it met first, which depends on what its threads did; the code is the same.
        if "libvips" in (one["message"] or ""):
            one["message"] = other["message"]
        assert one == other


def test_a_helper_that_is_killed_costs_one_row(started, tmp_path):
    run, helper = started()
    os.kill(helper, signal.SIGKILL)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 1, err
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert len(lines) == 7 and sum('"error"' in line for line in lines) == 1
    bad = next(line for line in lines if '"error"' in line)
    assert "2-slow.png" in bad and "operator_failed" in bad and "signal 9" in bad
    assert children(run.pid) == []


def test_a_helper_that_hangs_costs_one_row(started, tmp_path):
    run, helper = started("--time-limit", "10")
    os.kill(helper, signal.SIGSTOP)
    run.send_signal(signal.SIGCONT)  # which changes nothing
    out, err = run.communicate(timeout=PATIENCE)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert run.returncode == 1 and len(lines) == 7, err
    bad = [line for line in lines if '"error"' in line]
    assert len(bad) == 1 and "2-slow.png" in bad[0] and '"timeout"' in bad[0] and "10 s" in bad[0]


def test_a_slow_picture_is_out_of_time(pipilo, slow):
    rows = pipilo("embed", slow, *NULL, "-o", "-", "--isolate", "--time-limit", "0.02", status=1).lines()
    late = {os.path.basename(row["source"]) for row in rows if row["code"] == "timeout"}
    assert len(rows) == 7 and "2-slow.png" in late and {row["code"] for row in rows} <= {None, "timeout"}


def gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_no_helper_outlives_a_killed_parent(started):
    run, helper = started()
    helpers = children(run.pid)
    assert helper in helpers
    run.kill()
    run.wait()
    until(lambda: all(gone(pid) for pid in helpers))


def test_a_signal_to_the_group(started, tmp_path):
    """What is begun is finished, or out of time."""
    # So many more that none is late enough for all of them to be begun.
    run, helper = started("--time-limit", "10", *["in"] * 300)
    helpers = children(run.pid)
    os.killpg(run.pid, signal.SIGINT)
    out, err = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130, err
    assert left(tmp_path) == {}
    until(lambda: all(gone(pid) for pid in helpers))
    # A helper that took the signal for its own would be a row that crashed.
    assert "crashed" not in err


def test_helpers_are_few_and_kept(tmp_path, environment, slow):
    for seed in range(300):
        draw(slow / f"9-{seed}.jpg", seed)
    seen = set()
    with subprocess.Popen([PROGRAM, "embed", slow, *NULL, "-o", "out.jsonl", "--isolate", "--threads", "2"],
                          cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None:
            seen |= set(children(run.pid))
    assert run.returncode == 0 and 1 <= len(seen) <= 3


def test_without_the_program(pipilo, photos, tmp_path):
    words = ["embed", photos, *NULL, "-o", "out.npy", "--isolate"]
    done = pipilo(*words, env={"PIPILO_DECODER": "/nowhere/pipilo-decoder"}, status=3)
    assert "/nowhere/pipilo-decoder" in done.err and done.err.count("\n") == 1
    # One that ends at once, and one that says nothing until it is waited for no more.
    (tmp_path / "silent").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "silent").chmod(0o755)
    for program, what in (("/bin/true", "at its start"), (str(tmp_path / "silent"), "30 s")):
        done = pipilo(*words, env={"PIPILO_DECODER": program}, status=5)
        assert f"{program} " in done.err and what in done.err and "PIPILO_DECODER" in done.err
        assert done.err.count("\n") == 1
    (tmp_path / "silent").unlink()
    done = pipilo("embed", photos, *NULL, "-o", "out.npy", env={"PIPILO_ISOLATE": "yes"}, status=2)
    assert "PIPILO_ISOLATE" in done.err and not left(tmp_path)


def test_search_and_run_decode_apart_too(pipilo, photos, tmp_path, environment):
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    apart = {"PIPILO_DECODER": "/bin/true", "PIPILO_ISOLATE": "1"}
    pipilo("search", "out.npy", photos / "2.jpg", env=apart, status=5)
    text = "pipe.input('x').map('x', 'y', ops.image_embedding.timm('null:4')).output('y')"
    pipilo("run", text, photos / "2.jpg", env=apart, status=5)
    words = ["search", "out.npy", photos / "2.jpg", "--json"]
    assert pipilo(*words).out == pipilo(*words, env={"PIPILO_ISOLATE": "1"}).out
    assert pipilo("run", text, photos / "2.jpg").out == pipilo("run", text, photos / "2.jpg", "--isolate").out
