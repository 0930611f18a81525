"""pipilo embed --resume: whatever ends a run, the same command leaves what one run would have."""
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import pytest

from conftest import NAMES, PATIENCE, PROGRAM, draw

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "torture"))
import runs  # noqa: E402

NULL = ["-m", "null:64"]
OUTS = ["out.npy", "out.jsonl", "out.db"]


# --- ended at any moment -------------------------------------------------------------------------
# By chance, but each time at the same places: what is found at others belongs to no submission, and
# `make torture` looks for it.


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """On a memory's file system where there is one: syncs are quick there, so that runs settle often. What is
    loaded lies elsewhere: a container's may not be executed from."""
    folder = tmp_path_factory.mktemp("bench")
    inside = tempfile.mkdtemp(prefix="pipilo-test-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else folder)
    keep = {"PATH", "LD_LIBRARY_PATH"}
    environment = {name: value for name, value in os.environ.items() if name in keep} | {
        "HOME": str(folder), "PIPILO_HOME": str(folder / "home")}
    yield runs.Bench(PROGRAM, pathlib.Path(inside), 200, environment, libraries=folder)
    shutil.rmtree(inside)


@pytest.mark.parametrize("sink", runs.SINKS)
def test_killed_at_a_random_moment(bench, sink):
    bench.torment(sink, bench.place("killed"), sink)


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power"])
@pytest.mark.parametrize("sink", runs.SINKS)
def test_killed_before_any_call_that_writes(bench, sink, power):
    """By chance everywhere, and each time before the last ones, which give the files their names."""
    bench.reference(sink)
    calls, dice = bench.calls(sink), random.Random(f"{sink} {power}")
    for at in (dice.randint(1, calls), calls - dice.randrange(8)):
        place = bench.place("cut")
        bench.cut(sink, place, at, power)
        try:
            bench.finish(sink, place)
        except AssertionError as error:
            raise AssertionError(f"CUT_AT={at}: {error}") from error


@pytest.mark.parametrize("sink", ["npy", "jsonl", "db", "two-npy"])
def test_no_space_left(bench, sink):
    bench.reference(sink)
    size = sum(path.stat().st_size for path in (bench.folder / f"reference-{sink}").glob("out*"))
    place = bench.place("full")
    assert bench.full(sink, place, size // 2)
    bench.finish(sink, place)


@pytest.mark.parametrize("sink", ["npy", "jsonl", "db"])
def test_a_small_disk(bench, sink, tmp_path):
    """A real one, where a file system may be mounted."""
    bench.reference(sink)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "none", disk], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        (disk / "inputs").symlink_to(bench.folder / "inputs")
        child = subprocess.Popen([PROGRAM, "embed", *INPUTS, *runs.SINKS[sink], "--resume"], cwd=disk,
                                 env=bench.environment, stderr=subprocess.PIPE, text=True)
        _, err = child.communicate(timeout=PATIENCE)
        assert child.returncode == 5 and "--resume, goes on" in err
        subprocess.run(["mount", "-o", "remount,size=64M", disk], check=True)
        child = subprocess.run([PROGRAM, "embed", *INPUTS, *runs.SINKS[sink], "--resume"], cwd=disk,
                               env=bench.environment, capture_output=True)
        assert child.returncode == 1
        place = bench.place("beside")
        subprocess.run([PROGRAM, "embed", *INPUTS, *runs.SINKS[sink]], cwd=link(place, bench), env=bench.environment,
                       capture_output=True)
        assert runs.left(disk) == runs.left(place)
    finally:
        subprocess.run(["umount", disk], check=True)


INPUTS = ["inputs/in", "inputs/shard.tar"]


def link(place, bench):
    (place / "inputs").symlink_to(bench.folder / "inputs")
    return place


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("sink", ["npy", "jsonl", "db", "two-db"])
def test_a_signal_keeps_every_row(bench, sink, number):
    bench.reference(sink)
    place = bench.place("signal")
    child = bench.start(sink, place, "--resume")
    deadline = time.monotonic() + PATIENCE
    while not list(place.glob("*.resume")) and child.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    child.send_signal(number)
    status, said = bench.end(child)
    if status == 130:
        assert "the same command, with --resume, goes on from there" in said
        kept = int(said.split("stopped after ")[1].split()[0])
        assert bench.finish(sink, place) >= kept
    else:
        # It had taken its last input by then, and what was begun is finished.
        assert status == 1 and runs.left(place) == bench.expected[sink]


# --- what it says ---------------------------------------------------------------------------------


@pytest.fixture(params=OUTS)
def stopped(request, pipilo, photos):
    """A run that was stopped by its last picture, with seven rows made; gives its OUT."""
    bad = photos / "zzz.png"
    bad.write_bytes(b"no picture")
    done = pipilo("embed", photos, *NULL, "-o", request.param, "--resume", "--on-error", "stop", status=6)
    assert "stopped at the first error; the same command, with --resume, goes on" in done.err
    draw(bad, 99)
    return request.param


def outs(folder):
    return {path.name: runs.content(path) for path in folder.glob("out*")}


def test_a_run_goes_on(pipilo, photos, stopped, tmp_path):
    summary = pipilo("embed", photos, *NULL, "-o", stopped, "--resume", "--json").json()
    assert summary["resumed"] == 7 and summary["rows"] == 1
    resumed = outs(tmp_path)
    pipilo("embed", photos, *NULL, "-o", stopped, "--force")
    assert outs(tmp_path) == resumed
    # Once more there is nothing to do.
    summary = pipilo("embed", photos, *NULL, "-o", stopped, "--resume", "--json").json()
    assert summary["resumed"] == 8 and summary["rows"] == 0
    assert outs(tmp_path) == resumed


def change_content(photos):
    draw(photos / "2.jpg", 77, size=(90, 60))


def touch(photos):
    os.utime(photos / "2.jpg", ns=(1, 1))


def add_before(photos):
    draw(photos / "10.jpg", 78)


def take_away(photos):
    (photos / "1.jpg").unlink()


def take_most(photos):
    for name in NAMES[1:] + ["zzz.png"]:
        (photos / name).unlink()


@pytest.mark.parametrize("change, named", [
    (change_content, "2.jpg has changed"), (touch, "2.jpg has changed"), (add_before, "10.jpg"),
    (take_away, "1.jpg"), (take_most, "inputs end after 1"),
])
def test_changed_inputs_are_refused(pipilo, photos, stopped, tmp_path, change, named):
    before = outs(tmp_path)
    change(photos)
    done = pipilo("embed", photos, *NULL, "-o", stopped, "--resume", status=4)
    assert named in done.err and "--force" in done.err
    assert outs(tmp_path) == before


@pytest.mark.parametrize("words, named", [
    (["-m", "null:32"], "fingerprint"), ([*NULL, "--fast"], "fingerprint"), ([*NULL, "--normalize"], "normalize"),
    ([*NULL, "--shard", "1/2"], "no shard"), ([*NULL, "--max-pixels", "4799"], "with --max-pixels 268435456; "),
])
def test_another_way_is_refused(pipilo, photos, stopped, tmp_path, words, named):
    before = outs(tmp_path)
    done = pipilo("embed", photos, *words, "-o", stopped, "--resume", status=4)
    assert named in done.err and done.err.count("\n") == 1
    assert outs(tmp_path) == before


@pytest.mark.parametrize("words, named", [(["--thumbnails"], "without --thumbnails"), (["--dtype", "f16"], "f32")])
def test_another_kind_of_row_is_refused(pipilo, photos, words, named):
    (photos / "zzz.png").write_bytes(b"")
    pipilo("embed", photos, *NULL, "-o", "out.db", "--resume", "--on-error", "stop", status=6)
    done = pipilo("embed", photos, *NULL, "-o", "out.db", "--resume", *words, status=4)
    assert named in done.err


def test_a_limit_is_the_same_throughout(pipilo, photos, tmp_path):
    """Given or of the environment: else rows of two limits would lie in one OUT."""
    draw(photos / "9.jpg", 9, size=(100, 60))
    bad = photos / "zzz.png"
    bad.write_bytes(b"")
    embed = ["embed", photos, *NULL, "-o", "out.npy"]
    few, more = {"PIPILO_MAX_PIXELS": "6000"}, {"PIPILO_MAX_PIXELS": "6001"}
    pipilo(*embed, "--resume", "--on-error", "stop", env=few, status=6)
    bad.unlink()
    before = outs(tmp_path)
    for env, words in ((more, []), ({}, []), (few, ["--max-pixels", "6001"])):
        done = pipilo(*embed, "--resume", *words, env=env, status=4)
        assert "at most 6000 pixels" in done.err and "--max-pixels 6000;" in done.err and "--force" in done.err
        assert outs(tmp_path) == before
    pipilo(*embed, "--resume", "--max-pixels", "6000", status=0)
    resumed = outs(tmp_path)
    pipilo(*embed, "--force", env=few)
    assert outs(tmp_path) == resumed


def test_what_may_change_between_runs(pipilo, photos, stopped, tmp_path):
    """Rows that are there stay, and with this engine and time enough all come out the same."""
    pipilo("embed", photos, *NULL, "-o", stopped, "--resume", "--time-limit", "1000", "--isolate", "--batch", "3",
           "--threads", "2", "--memory", "1G", "--nice", "--on-error", "row")
    resumed = outs(tmp_path)
    pipilo("embed", photos, *NULL, "-o", stopped, "--force")
    assert outs(tmp_path) == resumed


def test_what_can_be_resumed_is_not_thrown_away(pipilo, photos, stopped, tmp_path):
    before = outs(tmp_path)
    done = pipilo("embed", photos, *NULL, "-o", stopped, status=4)
    assert "--resume goes on" in done.err and "--force begins anew" in done.err
    pipilo("embed", photos, *NULL, "-o", stopped, "--update", status=4)
    assert outs(tmp_path) == before
    summary = pipilo("embed", photos, *NULL, "-o", stopped, "--force", "--json").json()
    assert summary["rows"] == 8 and not [name for name in outs(tmp_path) if "partial" in name]


def test_a_finished_out_is_compared_with_the_inputs(pipilo, photos, tmp_path):
    for out in OUTS[1:]:
        pipilo("embed", photos, *NULL, "-o", out)
        draw(photos / "zzz.png", 8)
        done = pipilo("embed", photos, *NULL, "-o", out, "--resume", status=4)
        assert "zzz.png" in done.err and "--update" in done.err
        (photos / "zzz.png").unlink()
        pipilo("embed", photos, "-m", "null:32", "-o", out, "--resume", status=4)
        (tmp_path / "out.meta.json").unlink(missing_ok=True)
    (tmp_path / "out.jsonl").unlink()
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    done = pipilo("embed", photos, *NULL, "-o", "out.jsonl", "--resume", status=4)
    assert "holds the rows of out.npy" in done.err


@pytest.mark.parametrize("words, named", [
    (["-o", "-", "--resume"], "standard output"), (["-o", "x.db", "--resume", "--update"], "no --resume"),
    (["-o", "-", "--shard", "1/2"], "a file"), (["-o", "x.db", "--shard", "1/2", "--update"], "merge"),
    (["-o", "x.db", "--shard", "3/2"], "I/N"), (["-o", "x.db", "--shard", "0/2"], "I/N"),
    (["-o", "x.db", "--shard", "half"], "I/N"),
])
def test_what_does_not_go_together(pipilo, photos, words, named):
    done = pipilo("embed", photos, *NULL, *words, status=2)
    assert named in done.err and done.err.count("\n") == 1


def test_two_runs_to_one_out(pipilo, photos, tmp_path, environment):
    first = subprocess.Popen([PROGRAM, "embed", "--files-from", "-", *NULL, "-o", "out.db", "--resume"], cwd=tmp_path,
                             env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + PATIENCE
    while not (tmp_path / "out.db.partial.resume").exists():
        assert first.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    for words in (["--resume"], [], ["--force"]):
        assert "another run" in pipilo("embed", photos, *NULL, "-o", "out.db", *words, status=11).err
    first.communicate(f"{photos}\n", timeout=PATIENCE)
    assert first.returncode == 0 and pipilo("info", "out.db", "--json").json()["rows"] == 7


def test_names_from_standard_input(pipilo, photos, tmp_path):
    """A list in a pipe is the same list where the same names come again."""
    names = [str(photos / name) for name in NAMES]
    words = ["embed", "--files-from", "-", *NULL, "-o", "out.npy", "--resume", "--on-error", "stop", "--json"]
    pipilo(*words, stdin="\n".join([*names[:5], "nowhere.png", *names[5:]]), status=3)
    assert pipilo(*words, stdin="\n".join(names)).json()["resumed"] == 5
    resumed = (tmp_path / "out.npy").read_bytes()
    pipilo("embed", *names, *NULL, "-o", "out.npy", "--force")
    assert (tmp_path / "out.npy").read_bytes() == resumed


@pytest.mark.parametrize("damage", [b"garbage", b'{"rows": 7, "lines": 1, "complete": 1}\n', b"\0" * 64, None])
def test_a_torn_journal(pipilo, photos, stopped, tmp_path, damage):
    journal = tmp_path / f"{stopped}.partial.resume"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-20] if damage is None else whole + damage)
    pipilo("embed", photos, *NULL, "-o", stopped, "--resume")
    resumed = outs(tmp_path)
    pipilo("embed", photos, *NULL, "-o", stopped, "--force")
    assert outs(tmp_path) == resumed


def test_rows_that_went_missing(pipilo, photos, stopped, tmp_path):
    if stopped == "out.db":
        pytest.skip("a database knows its rows itself")
    os.truncate(tmp_path / f"{stopped}.partial", 200)
    done = pipilo("embed", photos, *NULL, "-o", stopped, "--resume", status=6)
    assert "its journal" in done.err and "--force" in done.err


def test_a_disk_that_is_read_only(pipilo, photos, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        pipilo("embed", photos, *NULL, "-o", "disk/out.db")
        pipilo("embed", photos, *NULL, "-o", "disk/rows.npy")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        before = {path.name: path.read_bytes() for path in disk.iterdir()}
        for words in (["new.npy"], ["new.db", "--resume"], ["out.db", "--update"], ["rows.npy", "--update"],
                      ["out.db", "--force"], ["rows.npy", "--force"]):
            done = pipilo("embed", photos, *NULL, "-o", f"disk/{words[0]}", *words[1:], status=5)
            assert "Read-only file system" in done.err or "readonly" in done.err
        assert {path.name: path.read_bytes() for path in disk.iterdir()} == before
        # What is finished can be compared, searched and shown.
        assert pipilo("embed", photos, *NULL, "-o", "disk/out.db", "--resume", "--json").json()["resumed"] == 7
        assert pipilo("info", "disk/out.db", "--json").json()["rows"] == 7
    finally:
        subprocess.run(["umount", disk], check=True)


# --- shards ---------------------------------------------------------------------------------------


def test_shards_are_every_nth_input(pipilo, photos, tmp_path):
    sources = []
    for part in (1, 2, 3):
        pipilo("embed", photos, *NULL, "-o", f"{part}.db", "--shard", f"{part}/3", "--threads", str(part))
        with sqlite3.connect(tmp_path / f"{part}.db") as db:
            sources.append([row[0] for row in db.execute("SELECT source FROM rows ORDER BY row")])
        info = pipilo("info", f"{part}.db", "--json").json()
        assert info["shard"] == {"part": part, "of": 3, "inputs": 7}
    assert sources == [[str(photos / name) for name in NAMES[part::3]] for part in range(3)]


@pytest.fixture(scope="module")
def shards(bench):
    """Three shards of each kind of OUT, made by runs with --resume, and the whole."""
    for out in ("out.npy", "out.jsonl", "out.db"):
        folder = bench.place(f"shards-{out}")
        words = [PROGRAM, "embed", "inputs/in", "inputs/shard.tar", *NULL, "--resume", "--json"]
        how = {"cwd": link(folder, bench), "env": bench.environment, "capture_output": True, "text": True}
        subprocess.run([*words, "-o", out], **how)
        for part in (1, 2, 3):
            done = subprocess.run([*words, "-o", f"{part}{out[3:]}", "--shard", f"{part}/3"], **how)
            assert done.returncode in (0, 1)
    return bench.folder


@pytest.mark.parametrize("out", OUTS)
def test_shards_merge_into_the_whole(shards, pipilo, tmp_path, out):
    folder = shards / f"shards-{out}"
    given = [folder / f"{part}{out[3:]}" for part in (3, 1, 2)]
    done = pipilo("merge", tmp_path / out, *given)
    assert "of 3 shards" in done.out and out in done.out
    whole = {path.name: runs.content(path) for path in folder.glob("out*")}
    assert outs(tmp_path) == whole
    pipilo("merge", tmp_path / out, *given, status=4)
    pipilo("merge", tmp_path / out, *given, "--force", "--quiet")
    assert outs(tmp_path) == whole


@pytest.mark.parametrize("out", OUTS)
def test_a_shard_is_not_what_is_made_of_it(shards, pipilo, out):
    given = [shards / f"shards-{out}" / f"{part}{out[3:]}" for part in (1, 2, 3)]
    before = [shard.read_bytes() for shard in given]
    assert "one of the shards" in pipilo("merge", given[0], *given, "--force", status=2).err
    assert [shard.read_bytes() for shard in given] == before


@pytest.mark.parametrize("words", [["--dtype", "f16"], ["--thumbnails"]])
def test_merged_rows_are_copied_as_they_are(pipilo, photos, tmp_path, words):
    (photos / "bad.jpg").write_bytes(b"")
    pipilo("embed", photos, *NULL, "-o", "out.db", *words, status=1)
    for part in (1, 2):
        pipilo("embed", photos, *NULL, "-o", f"{part}.db", "--shard", f"{part}/2", *words, status=part % 2)
    pipilo("merge", "merged.db", "1.db", "2.db")
    assert runs.content(tmp_path / "merged.db") == runs.content(tmp_path / "out.db")


def test_a_shard_without_its_lines_is_named(pipilo, photos, tmp_path):
    for part in (1, 2):
        pipilo("embed", photos, *NULL, "-o", f"{part}.npy", "--shard", f"{part}/2")
    (tmp_path / "2.jsonl").write_text("")
    assert "2.jsonl has fewer lines than" in pipilo("merge", "all.npy", "1.npy", "2.npy", status=6).err


def test_one_shard_and_more_shards_than_pictures(pipilo, photos, tmp_path):
    pipilo("embed", photos, *NULL, "-o", "out.npy")
    pipilo("embed", photos, *NULL, "-o", "only.npy", "--shard", "1/1")
    for part in range(1, 10):
        pipilo("embed", photos, *NULL, "-o", f"{part}.npy", "--shard", f"{part}/9")
    pipilo("merge", "one.npy", "only.npy")
    pipilo("merge", "nine.npy", *[f"{part}.npy" for part in range(1, 10)])
    for ending in (".npy", ".jsonl", ".meta.json"):
        whole = (tmp_path / f"out{ending}").read_bytes()
        assert (tmp_path / f"one{ending}").read_bytes() == whole == (tmp_path / f"nine{ending}").read_bytes()


@pytest.mark.parametrize("ending", ["npy", "jsonl", "db"])
def test_shards_that_make_no_whole(pipilo, photos, tmp_path, ending):
    def make(name, *words, status=0):
        pipilo("embed", photos, *NULL, "-o", f"{name}.{ending}", *words, status=status)
        return f"{name}.{ending}"

    def refused(*given, status, named):
        done = pipilo("merge", f"out.{ending}", *given, status=status)
        assert named in done.err and done.err.count("\n") == 1
        assert not outs(tmp_path)

    one, two = make("a", "--shard", "1/2"), make("b", "--shard", "2/2")
    refused(one, status=3, named="shard 2/2 is missing")
    refused(one, two, one, status=2, named="both shard 1/2")
    refused(one, make("whole"), status=2, named="no shard")
    refused(one, make("c", "--shard", "2/3"), status=4, named="one of 3")
    refused(one, make("d", "--shard", "2/2", "--normalize"), status=4, named="normalize")
    refused(one, "nowhere." + ending, status=3, named="nowhere")
    bad = photos / "zzz.png"
    bad.write_bytes(b"")
    words = ["--shard", "2/2", "--resume", "--on-error", "stop"]
    begun = make("e", *words, status=6)
    refused(one, begun, status=3, named="--resume")
    draw(bad, 5)
    refused(one, make("e", *words), status=4, named="7 inputs")
    pipilo("merge", "out.jsonl" if ending != "jsonl" else "out.npy", one, two, status=2)


def test_an_updated_store_is_no_shard(pipilo, photos, tmp_path):
    for out in ("a.db", "b.npy"):
        pipilo("embed", photos, *NULL, "-o", out, "--shard", "1/1")
        pipilo("embed", photos, *NULL, "-o", out, "--update")
        assert "no shard" in pipilo("merge", f"out{out[1:]}", out, status=2).err
