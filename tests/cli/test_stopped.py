"""pipilo embed, stopped: what it says of its OUTs is what lies there."""
import pathlib
import signal
import sys

import pytest

from conftest import PROGRAM, draw

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "torture"))
import runs  # noqa: E402


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return runs.Bench(PROGRAM, tmp_path_factory.mktemp("bench") / "runs", 8)


def stopped_at(bench, sink, place, at, *words):
    """A run that gets Ctrl-C before its call number `at` that writes: its status, what it says, the OUTs it made."""
    end = pathlib.Path(runs.SINKS[sink][-1]).suffix
    before = {path: path.stat().st_ino for path in place.glob(f"*{end}")}
    env = bench.build_cut() | {"CUT_AT": str(at), "CUT_SIGNAL": str(int(signal.SIGINT))}
    status, said = bench.end(bench.start(sink, place, *words, env=env))
    return status, said, {path.name for path in place.glob(f"*{end}") if before.get(path) != path.stat().st_ino}


@pytest.mark.parametrize("words", [[], ["--force"]], ids=["new", "force"])
@pytest.mark.parametrize("sink", ["npy", "two-npy", "two-jsonl", "two-db"])
def test_outs_that_are_whole_are_named(bench, sink, words):
    """Among the last calls are those that name the OUTs, one after the other with one thread."""
    words = [*words, "--threads", "1"]
    place, count = bench.place("counted"), bench.folder / "count"
    bench.end(bench.start(sink, place, *words, env=bench.build_cut() | {"CUT_COUNT": str(count)}))
    models = runs.SINKS[sink].count("-m")
    seen = set()
    for back in range(0, 40, 2):
        if "--force" not in words:
            place = bench.place("stopped")
        status, said, outs = stopped_at(bench, sink, place, max(1, int(count.read_text()) - back), *words)
        seen.add(len(outs))
        if status == 1:
            # It had nothing left to stop.
            assert len(outs) == models
            continue
        assert status == 130 and "stopped after" in said, said
        if not outs:
            assert "; nothing was written" in said
            if models == 1 or 1 in seen:
                break
            continue
        left = said.split("; ")[1]
        assert set(left.split(" is whole")[0].split(" are whole")[0].split(", ")) == outs, said
        assert ("nothing else was written" in left) == (len(outs) < models)
        if len(outs) < models:
            break
    assert models == 1 or 1 in seen


def test_a_store_keeps_the_rows_it_has_got(bench):
    place = bench.place("updated")
    bench.end(bench.start("db", place, "--update"))
    for i in range(500):
        (bench.folder / f"inputs/in/late-{i:03}.png").write_bytes(b"")
    status, said, _ = stopped_at(bench, "db", place, 1, "--update")
    assert status == 130 and "; OUT keeps the rows it has got" in said, said


def outs(folder):
    return {path.name: runs.content(path) for path in folder.glob("out*") if ".partial" not in path.name}


@pytest.mark.parametrize("out", ["out.npy", "out.jsonl", "out.db"])
def test_a_replacing_run_is_resumed_by_both_words(pipilo, photos, tmp_path, out):
    words = ["embed", photos, "-m", "null:64", "-o", out]
    pipilo(*words)
    whole = outs(tmp_path)
    bad = photos / "zzz.png"
    bad.write_bytes(b"no picture")
    done = pipilo(*words, "--resume", "--force", "--on-error", "stop", status=6)
    assert "the same command, with --resume --force, goes on from there" in done.err
    draw(bad, 5)
    done = pipilo(*words, "--resume", status=4)
    assert "--resume --force goes on" in done.err
    assert {name: outs(tmp_path)[name] for name in whole} == whole
    summary = pipilo(*words, "--resume", "--force", "--json").json()
    assert summary["resumed"] == 7 and summary["rows"] == 1
