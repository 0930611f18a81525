"""pipilo.decoding: a limit of time, and helper processes, which threads and forks share with nobody."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy
import pytest
from PIL import Image

import pipilo
from pipilo import ops, pipe


@pytest.fixture
def picture(tmp_path):
    random = numpy.random.default_rng(1)
    path = tmp_path / "a.png"
    Image.fromarray(random.integers(0, 256, (900, 1200, 3), dtype=numpy.uint8)).save(path)
    return path


@pytest.fixture(autouse=True)
def as_it_was():
    before = pipilo._core.decoding_get()
    yield
    assert pipilo._core.decoding_get() == before


def started():
    return pipilo.stats()["helpers_started"]


def decode(path):
    p = pipe.input("p").map("p", "i", ops.image_decode()).output("i")
    return numpy.asarray(p(str(path)).get()[0])


def test_pixels_from_a_helper_are_an_array_like_any(picture):
    with Image.open(picture) as image:
        wanted = numpy.asarray(image)
    with pipilo.decoding(isolate=True):
        before = started()
        for _ in range(5):
            pixels = decode(picture)
            assert (pixels == wanted).all()
        assert started() - before <= os.cpu_count() and pipilo.stats()["helpers_lost"] == 0
    # The helper has ended, its memory is still there.
    assert (pixels == wanted).all()
    assert (decode(picture) == wanted).all()


def test_vectors_are_the_same(picture):
    vector = pipilo.embed(str(picture), "null:16").vectors
    with pipilo.decoding(isolate=True):
        assert (pipilo.embed(str(picture), "null:16").vectors == vector).all()
        assert (pipilo.embed(picture.read_bytes(), "null:16").vectors == vector).all()


def test_a_limit_is_a_timeout(picture):
    with pipilo.decoding(1e-9):
        for apart in (False, True):
            with pipilo.decoding(isolate=apart), pytest.raises(RuntimeError, match="1e-09 s") as raised:
                pipilo.embed(str(picture), "null:16", on_error="raise")
            assert isinstance(raised.value.__cause__, TimeoutError)
        with pipilo.decoding(time_limit=0):
            assert len(pipilo.embed(str(picture), "null:16").vectors) == 1


def test_a_limit_of_pixels(picture):
    with pipilo.decoding(max_pixels=1200 * 900):
        assert len(pipilo.embed(str(picture), "null:4").vectors) == 1
        with pipilo.decoding(max_pixels=1200 * 900 - 1), pytest.raises(RuntimeError, match="1079999") as raised:
            pipilo.embed(str(picture), "null:4", on_error="raise")
        assert isinstance(raised.value.__cause__, ValueError)
        with pytest.raises(ValueError):
            pipilo.decoding(max_pixels=1 << 40)


@pytest.mark.parametrize("bad", [{"max_pixels": 1.5}, {"max_pixels": True}, {"time_limit": "1"}, {"time_limit": True}, {"isolate": 1}, {"isolate": "no"}])
def test_what_is_no_setting(bad):
    with pytest.raises(TypeError):
        pipilo.decoding(**bad)


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf"), 1e300])
def test_what_is_no_limit(bad):
    with pytest.raises(ValueError):
        pipilo.decoding(bad)


def test_threads_that_come_and_go(picture):
    with pipilo.decoding(isolate=True):
        decode(picture)
        lost, results = pipilo.stats()["helpers_lost"], []
        for _ in range(8):
            thread = threading.Thread(target=lambda: results.append(decode(picture).shape))
            thread.start()
            thread.join()
        assert results == [(900, 1200, 3)] * 8 and pipilo.stats()["helpers_lost"] == lost


def test_nothing_is_left_by_a_program_that_ends(picture):
    program = textwrap.dedent("""
        import os, sys, subprocess
        import pipilo
        pipilo.decoding(isolate=True)
        pipilo.embed(sys.argv[1], 'null:4')
        if os.fork() == 0:
            pipilo.embed(sys.argv[1], 'null:4')
            assert pipilo.stats()['helpers_lost'] == 0
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
        pipilo.embed(sys.argv[1], 'null:4')
        assert pipilo.stats()['helpers_lost'] == 0
        def parent(name):
            try:
                with open(f'/proc/{name}/stat') as file:
                    return int(file.read().rsplit(')', 1)[1].split()[1])
            except OSError:  # it has just ended
                return None
        print(*[name for name in os.listdir('/proc') if name.isdigit() and parent(name) == os.getpid()])
    """)
    run = subprocess.run([sys.executable, "-c", program, picture], capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr
    helpers = run.stdout.split()
    assert helpers
    deadline = time.monotonic() + 60
    while any(map(is_helper, helpers)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_helper(pid):
    """Whether it is one that runs: what has ended may wait for somebody to look after it."""
    try:
        name, rest = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)
    except OSError:
        return False
    return "pipilo-decoder" in name and rest.split()[0] != "Z"
