"""The command line, driven as a program: what every test here shares."""
import json
import os
import pathlib
import subprocess

import numpy
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]


def find_program():
    for name in ("PIPILO_BIN", "PIPILO"):
        if os.environ.get(name):
            return pathlib.Path(os.environ[name]).resolve()
    for build in ("build", "build/test", "build/release"):
        if (ROOT / build / "cli/pipilo").is_file():
            return ROOT / build / "cli/pipilo"
    pytest.exit("there is no pipilo to test: set PIPILO_BIN, or run `make test`")


PROGRAM = find_program()
# Seconds after which something will not happen any more, on the slowest machine.
PATIENCE = 240


class Done:
    """A program that has ended."""

    def __init__(self, run):
        self.status, self.out, self.err = run.returncode, run.stdout, run.stderr

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def environment(tmp_path):
    """No model, width or language of the user's."""
    keep = {"PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
            "LD_PRELOAD"}
    set_here = {"HOME": str(tmp_path), "TERM": "xterm", "PIPILO_HOME": str(tmp_path / "home")}
    return {name: value for name, value in os.environ.items() if name in keep} | set_here


@pytest.fixture
def pipilo(tmp_path, environment):
    """Runs pipilo in a folder of the test's own; `status` is what it must end with, None: whatever."""

    def run(*words, status=0, stdin=None, text=True, env=None):
        done = Done(subprocess.run(
            [PROGRAM, *map(os.fspath, words)], cwd=tmp_path, input=stdin, capture_output=True,
            text=text, timeout=2 * PATIENCE, env=environment | (env or {})))
        assert status is None or done.status == status, f"{words}: {done.status}\n{done.out}\n{done.err}"
        return done

    return run


def draw(path, seed, size=(80, 60), mode="RGB", **how):
    """A picture of smooth random colours, different for each seed."""
    random = numpy.random.default_rng(seed)
    shape = (4, 5) if mode == "L" else (4, 5, len(mode))
    small = random.integers(0, 256, shape, dtype=numpy.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(small, mode if mode != "RGB" else None).resize(size, Image.BICUBIC).save(path, **how)
    return path


@pytest.fixture
def photos(tmp_path):
    """Seven pictures in two folders, and names that are passed over."""
    folder = tmp_path / "photos"
    for seed in range(4):
        draw(folder / f"{seed}.jpg", seed, quality=90)
    draw(folder / "more/4.png", 4)
    draw(folder / "more/5.JPEG", 5)
    draw(folder / "more/6.webp", 6, lossless=True)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.jpg").write_text("hidden")
    return folder


NAMES = ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "more/4.png", "more/5.JPEG", "more/6.webp"]
