"""`pipilo bench`: what it prints is complete and fits together. How fast anything is, is not tested."""
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE, PROGRAM, draw

QUICK = ["--rounds", "2", "--milliseconds", "20"]
STAGES = ["read", "decode", "resize", "inference", "rows", "rest", "waiting"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    for seed in range(3):
        draw(folder / f"photos/{seed}.jpg", seed)
    (folder / "photos/bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    temporary = folder / "tmp"
    temporary.mkdir()
    run = subprocess.run(
        [PROGRAM, "bench", "null:16", folder / "photos", *QUICK, "--threads", "2", "--json"],
        capture_output=True, text=True, timeout=PATIENCE,
        env=os.environ | {"TMPDIR": str(temporary), "HOME": str(folder)})
    assert run.returncode == 0, run.stderr
    assert list(temporary.iterdir()) == []
    return json.loads(run.stdout)


def figure(measured, name, **which):
    found = [f for f in measured["figures"] if f["name"] == name
             and all(f[key] == value for key, value in which.items())]
    assert len(found) == 1, (name, which)
    return found[0]


def test_json_says_what_was_measured(measured):
    assert measured["model"] == {"name": "null", "dim": 16, "input": [224, 224], "precision": "f32"}
    pictures = measured["pictures"]
    assert pictures["count"] == 3 and pictures["unreadable"] == 1 and not pictures["made_up"]
    assert pictures["pixels"] == 3 * 80 * 60
    assert measured["threads"] == 2 and measured["rounds"] == 2 and measured["milliseconds"] == 20
    machine = measured["machine"]
    assert 1 <= machine["cores"] <= len(os.sched_getaffinity(0))
    assert machine["vectors"] in ("AVX-512", "AVX2", "NEON", "plain C")
    assert 0 <= machine["others"] <= 1
    assert len(machine["busy"]) == min(os.cpu_count(), 256)
    assert all(0 <= share <= 1 for share in machine["busy"])


def test_json_has_every_part_in_every_round(measured):
    names = [f["name"] for f in measured["figures"]]
    assert names[:6] == ["peak", "read", "decode", "resize", "tensor", "rows"]
    assert names[-1] == "end_to_end" and set(names[6:-1]) == {"inference"}
    for streams in (1, 2):
        assert figure(measured, "inference", precision="f32", streams=streams)["batch"] == 1
    for one in measured["figures"]:
        assert len(one["rates"]) == 2 and min(one["rates"]) > 0
        assert min(one["rates"]) <= one["rate"] <= max(one["rates"])
        assert ("processor_ms" in one) == (one["name"] != "peak")


def test_the_ceiling_is_what_the_parts_allow(measured):
    inference = figure(measured, "inference", precision="f32", streams=2)["rates"]
    tensor = figure(measured, "tensor")["rates"]
    end = figure(measured, "end_to_end")["rates"]
    ceilings = [1 / (1 / i + 1 / t) for i, t in zip(inference, tensor)]
    assert measured["ceiling"] == pytest.approx(sum(ceilings) / 2, rel=1e-4)
    shares = [e / c for e, c in zip(end, ceilings)]
    assert measured["share_by_rate"] == pytest.approx(sum(shares) / 2, rel=1e-4)


def test_the_stages_add_up(measured):
    stages = measured["milliseconds_a_picture"]
    assert list(stages) == STAGES
    tensor = figure(measured, "tensor")["processor_ms"]
    whole = figure(measured, "end_to_end")["processor_ms"]
    assert stages["read"] + stages["decode"] + stages["resize"] == pytest.approx(tensor, rel=1e-3)
    assert sum(stages[s] for s in STAGES[:-1]) == pytest.approx(whole, rel=1e-3)


def test_table(pipilo):
    done = pipilo("bench", "null:4", *QUICK, "--threads", "1", "--quiet")
    for line in ("made up", "multiply-adds, GFLOP/s", "decoding + resizing", "inference, f32, 1 stream",
                 "the ceiling", "end to end", "share of the ceiling", "inference", "other programs"):
        assert line in done.out
    assert "2 streams" not in done.out
    assert done.err == ""


def test_the_first_model_that_is_there(pipilo, tmp_path):
    done = pipilo("bench", *QUICK, status=3)
    assert "pipilo bench MODEL" in done.err


@pytest.mark.parametrize("words, status, part", [
    (["null", "nowhere"], 3, "nowhere"),
    (["no-such-model"], 3, "no-such-model"),
    (["null", "--rounds", "0"], 2, "1 to 30"),
    (["null", "--precision", "f16"], 2, "f32|bf16|auto"),
])
def test_mistakes(pipilo, words, status, part):
    done = pipilo("bench", *words, status=status)
    assert part in done.err and done.err.count("\n") == 1


def test_a_folder_without_pictures(pipilo, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no picture" in pipilo("bench", "null", "empty", status=3).err
    (tmp_path / "empty/bad.jpg").write_bytes(b"no picture at all")
    assert "none of 1" in pipilo("bench", "null", "empty", status=3).err


def test_ctrl_c_leaves_nothing(tmp_path, environment):
    program = subprocess.Popen([PROGRAM, "bench", "null", "--milliseconds", "600000"], cwd=tmp_path,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment | {"TMPDIR": str(tmp_path)})
    deadline = time.monotonic() + PATIENCE
    # Once all pictures are made it measures, and goes on for hours.
    while len(list(tmp_path.glob("pipilo-bench-*/*.jpg"))) < 32:
        assert program.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == 130 and out == ""
    assert "stopped" in err
    assert not list(tmp_path.glob("pipilo-bench-*"))
