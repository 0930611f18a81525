"""pipilo models quantize: what it hands to Python, and what it measures afterwards.
tests/python/test_quantize.py has the quantizer itself."""
import json
import os
import pathlib
import sys

import pytest

DEPS = pathlib.Path(os.environ.get("PIPILO_DEPS", pathlib.Path(__file__).resolve().parents[2] / ".deps"))
MODEL = DEPS / "models/efficientnet-lite0"


@pytest.fixture
def python(tmp_path):
    """A Python that passes the probe, then notes its arguments and copies the model as it is."""
    script = tmp_path / "python"
    script.write_text(f"""#!/bin/sh
[ "$2" = -c ] && exit 0
printf '%s\\n' "$@" > '{tmp_path}/words'
[ -e '{tmp_path}/fail' ] && exit 7
cp -r '{MODEL}' "$5"
""")
    script.chmod(0o755)
    return {"PIPILO_PYTHON": str(script)}


@pytest.mark.skipif(not MODEL.is_dir(), reason="the model is not there")
def test_the_copy_is_measured_against_the_original(pipilo, tmp_path, photos, python):
    told = json.loads(pipilo("models", "quantize", MODEL, photos, "-o", "out", "--keep", "6", "--json",
                             "--reduce-range", "-q", env=python).out)
    assert (tmp_path / "words").read_text().splitlines() == [
        "-P", "-m", "pipilo.quantize", "--out", "out", "--most", "300", "--keep", "6",
        "--reduce-range", "--quiet", "--", str(MODEL), str(photos)]
    assert (told["model"], told["reference"]) == ("out", str(MODEL))
    assert (told["pictures"], told["worst_cosine"], told["card"]) == (7, 1, None)


def test_where_python_fails_nothing_is_measured(pipilo, tmp_path, photos, python):
    (tmp_path / "fail").touch()
    done = pipilo("models", "quantize", "null:8", photos, "-o", "out", status=7, env=python)
    assert done.out == ""


def test_what_is_lacking_is_named(pipilo, photos):
    none = pipilo("models", "quantize", "null:8", photos, status=2)
    assert "no output is given: -o DIR" in none.err
    done = pipilo("models", "quantize", "null:8", photos, "-o", "out", status=3,
                  env={"PIPILO_PYTHON": sys.executable})
    assert f"{sys.executable} -m pip install '.[quantize]'" in done.err and done.err.count("\n") == 1
