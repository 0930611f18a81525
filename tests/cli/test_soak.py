"""`pipilo soak`: its statistics beside NumPy's and SciPy's, and what it prints. Whether a leak is found is
tested by tests/soak."""
import json
import os
import pathlib
import signal
import subprocess
import time
import xml.etree.ElementTree

import numpy
import pytest

from conftest import PATIENCE, PROGRAM, ROOT

FIT = pathlib.Path(os.environ.get("PIPILO_BUILD_ROOT", ROOT / "build/test")) / "tests/soak/fit"
BLOCKS = 30

# scipy.stats.t.isf(p / 2, freedom) of SciPy 1.17.1
QUANTILES = """
    0.05 1 12.706204736174705     0.05 1.7 5.118838988253059    0.05 2.5 3.5746548420036834
    0.05 5 2.5705818356363155     0.05 12.25 2.173891388392063  0.05 28 2.0484071417952445
    0.01 1 63.65674116287158      0.01 1.7 13.453612659922472   0.01 2.5 7.163728138948786
    0.01 5 4.032142983555229      0.01 12.25 3.0432283104111852 0.01 28 2.7632624554614442
    0.0033333333333333335 1 190.98418637783243    0.0033333333333333335 1.7 25.73797100152565
    0.0033333333333333335 5 5.247416865946094     0.0033333333333333335 28 3.208417340313702"""


def ask(*lines):
    if not FIT.is_file():
        pytest.skip("there is no build with tests")
    done = subprocess.run([FIT], input="\n".join(lines), capture_output=True, text=True, check=True)
    return [[float(word) for word in line.split()] for line in done.stdout.splitlines()]


def fits(series):
    names = ("slope", "low", "high", "correlation", "counted", "p")
    lines = [f"fit {len(x)} " + " ".join(f"{a!r} {b!r}" for a, b in zip(x.tolist(), y.tolist())) for x, y in series]
    return [dict(zip(names, answer, strict=True)) for answer in ask(*lines)]


# --- the statistics ------------------------------------------------------------------------------


def test_students_t_is_scipys():
    words = [float(word) for word in QUANTILES.split()]
    rows = [words[i:i + 3] for i in range(0, len(words), 3)]
    found = ask(*[f"quantile {p!r} {freedom!r}" for p, freedom, _ in rows],
                *[f"beyond {t!r} {freedom!r}" for _, freedom, t in rows])
    assert len(found) == 2 * len(rows)
    for (p, _, t), (quantile,), (beyond,) in zip(rows, found, found[len(rows):]):
        assert quantile == pytest.approx(t, rel=1e-10)
        assert beyond == pytest.approx(p, rel=1e-10)


def noise(random, count, kept):
    """Each value depends on the one before by `kept` (an AR(1) series of variance 1)."""
    steps = random.normal(size=count) * (1 - kept * kept) ** .5
    steps[0] = random.normal()
    for i in range(1, count):
        steps[i] += kept * steps[i - 1]
    return steps


@pytest.mark.parametrize("count", [10, 30, 31, 997])
def test_the_line_is_numpys(count):
    random = numpy.random.default_rng(count)
    x = numpy.cumsum(random.uniform(.5, 2, count))
    y = 3e6 + 40 * x + 500 * noise(random, count, .8)
    found, = fits([(x, y)])
    blocks = min(count, BLOCKS)
    edges = [i * count // blocks for i in range(blocks + 1)]
    mean_x, mean_y = ([values[a:b].mean() for a, b in zip(edges, edges[1:])] for values in (x, y))
    (slope, at_0), = [numpy.polyfit(mean_x, mean_y, 1)]
    rest = numpy.array(mean_y) - slope * numpy.array(mean_x) - at_0
    r = (rest[1:] @ rest[:-1]) / (rest @ rest)
    counted = float(max(3, blocks * (1 - max(r, 0)) / (1 + max(r, 0))))
    error = (rest @ rest / (counted - 2) / ((mean_x - numpy.mean(mean_x)) ** 2).sum()) ** .5
    (t,), (p,) = ask(f"quantile 0.05 {counted - 2!r}", f"beyond {float(slope / error)!r} {counted - 2!r}")
    assert found["slope"] == pytest.approx(slope, rel=1e-6)
    assert found["correlation"] == pytest.approx(r, abs=1e-6)
    assert found["counted"] == pytest.approx(counted, rel=1e-5)
    assert found["low"] == pytest.approx(slope - t * error, rel=1e-5)
    assert found["high"] == pytest.approx(slope + t * error, rel=1e-5)
    assert found["p"] == pytest.approx(p, rel=1e-3, abs=1e-12)


def test_what_has_no_noise_and_what_is_too_short():
    x = numpy.arange(100.)
    flat, rising, short = fits([(x, 0 * x + 7), (x, 2 * x), (x[:9], x[:9])])
    assert (flat["slope"], flat["low"], flat["high"], flat["p"]) == (0, 0, 0, 1)
    assert rising["slope"] == pytest.approx(2) and rising["low"] == pytest.approx(2) and rising["p"] < 1e-12
    assert short["high"] == numpy.inf and short["p"] == 1


def in_pages(values):
    """As memory is counted: in steps of 4096 bytes, and only ever given back in larger ones."""
    return numpy.floor(values / 4096) * 4096


@pytest.mark.parametrize("kept", [0, .9, .99])
def test_intervals_hold_the_slope(kept):
    """Of 300 series with a known slope 19 in 20 have it in their interval, however much a look depends on
    the one before. Steps of pages are in it."""
    random = numpy.random.default_rng(7)
    x = numpy.arange(1000.)
    found = fits([(x, in_pages(5e6 + 30 * x + 60000 * noise(random, len(x), kept))) for _ in range(300)])
    held = sum(fit["low"] <= 30 <= fit["high"] for fit in found) / len(found)
    assert held >= .92


@pytest.mark.parametrize("kept, least", [(0, 1), (.9, 1), (.99, .88)])
def test_few_false_alarms_and_few_leaks_missed(kept, least):
    random = numpy.random.default_rng(8)
    x = numpy.arange(1000.)
    series = [in_pages(5e6 + 60000 * noise(random, len(x), kept)) for _ in range(300)]
    clean = fits([(x, y) for y in series])
    leaking = fits([(x, y + in_pages(4000 * x)) for y in series])
    surely = .05 / 15
    assert sum(fit["p"] < surely and fit["slope"] > 0 for fit in clean) <= 3
    assert sum(fit["p"] < surely and fit["slope"] > 0 for fit in leaking) >= least * len(leaking)


def test_one_step_is_no_slope():
    """A heap that grew once, in the middle, and never again."""
    x = numpy.arange(1000.)
    step, = fits([(x, numpy.where(x < 500, 5e6, 6e6))])
    assert step["p"] > .05 / 15


# --- the command ---------------------------------------------------------------------------------


def test_json_has_every_series(pipilo, tmp_path):
    done = pipilo("soak", "--items", "2000", "--threads", "2", "--json", "--plot", "plot.svg", "--quiet", status=None)
    found = done.json()
    assert (found["wrong"], found["left"], found["model"]) == (0, None, "null:64")
    # In so short a run chance may look like growth, as the command's help says.
    assert done.status == (1 if found["grows"] else 0), done.err
    assert [(phase["what"], phase["done"]) for phase in found["phases"]] == [
        ("pictures", 2000), ("pipelines", 200), ("models", 20)]
    for phase in found["phases"]:
        names = [series["name"] for series in phase["series"]]
        assert names == ["anonymous", "heap", "blocks", "descriptors", "threads"]
        looks = phase["looks"]
        assert looks["at"] == sorted(set(looks["at"])) and looks["at"][-1] <= phase["done"]
        assert {len(looks[name]) for name in names} == {len(looks["at"])}
        assert min(looks["anonymous"]) > 0 and min(looks["threads"]) >= 1
    # One picture in eight is damaged, half of these so that it cannot be read.
    assert 2000 / 20 < found["phases"][0]["errors"] < 2000 / 8
    root = xml.etree.ElementTree.parse(tmp_path / "plot.svg").getroot()
    lines = [e for e in root.iter() if e.tag.endswith("polyline")]
    assert len(lines) == 15
    assert (tmp_path / "plot.svg").stat().st_size < 60 << 10


def test_the_table(pipilo):
    done = pipilo("soak", "--items", "500", "--what", "pictures", "--threads", "1", status=None)
    assert done.status == ("Something grows." in done.out), done.err
    for part in ("500 pictures in ", "anonymous memory", "heap in use", "live blocks", "descriptors", "threads",
                 "closed: nothing is alive"):
        assert part in done.out


def test_what_it_cannot_do(pipilo):
    assert "no model" in pipilo("soak", "-m", "nowhere", "-q", status=3).err
    assert "--what" in pipilo("soak", "--what", "picture", status=2).err
    for option in ("--items", "--minutes"):
        done = pipilo("soak", option, "0", status=2)
        assert f"{option} takes 1 to " in done.err and not done.out
    assert "whole number" in pipilo("soak", "--minutes", "0.5", status=2).err
    assert "'much' is no size" in pipilo("soak", status=2, env={"PIPILO_MEMORY": "much"}).err


def test_the_plot_is_tried_first(pipilo, tmp_path):
    """Nothing has run where it cannot be written, and none is left, or harmed, where nothing is drawn."""
    (tmp_path / "full").mkdir()
    (tmp_path / "old.svg").write_text("an older one")
    for plot in ("none/plot.svg", "full"):
        done = pipilo("soak", "--items", "20", "--plot", plot, status=5)
        assert f"{plot}: " in done.err and done.err.count("\n") == 1 and not done.out
    for plot in ("new.svg", "old.svg"):
        pipilo("soak", "-m", "nowhere", "--plot", plot, "-q", status=3)
    assert (tmp_path / "old.svg").read_text() == "an older one" and not (tmp_path / "new.svg").exists()


def test_the_marks_on_memory(pipilo):
    # Marks below what any process uses, so that the first look of the run finds them passed: on a fast
    # machine the run may end before the second.
    words = ("soak", "--what", "pictures", "--items", "500", "--threads", "1", "--memory", "64M")
    soft = pipilo(*words, "--memory-soft", "64K", status=None)
    assert soft.err.count("memory is soft (was ok)") == 1
    assert "not as it must be" not in soft.out
    # Rows that are refused are not what they must be.
    short = pipilo(*words, "--memory-hard", "64K", "--memory-critical", "64K", "-q", status=1)
    assert "not as it must be" in short.out and "above 0 MB nothing is begun" in short.out
    assert "memory is" not in short.err


def test_a_signal_leaves_nothing_behind(tmp_path, environment):
    run = subprocess.Popen([PROGRAM, "soak", "-q"], env=environment | {"TMPDIR": str(tmp_path)})
    deadline = time.monotonic() + PATIENCE
    while not list(tmp_path.glob("pipilo-soak-*/pictures/5.jpg")):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(.01)
    run.send_signal(signal.SIGINT)
    assert run.wait(PATIENCE) == 130
    assert not list(tmp_path.glob("pipilo-soak-*"))
