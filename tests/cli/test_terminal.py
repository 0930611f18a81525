"""What a terminal shows, and what signals do."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import PATIENCE, PROGRAM, draw


@pytest.fixture
def many(tmp_path):
    """Pictures enough for a run of a second or so: 40 links to each of 10 pictures."""
    folder = tmp_path / "many"
    for seed in range(10):
        path = draw(folder / f"{seed}.png", seed, size=(300, 200))
        for i in range(40):
            os.link(path, folder / f"{seed}-{i:03}.png")
    return folder


@pytest.fixture
def endless(many):
    """Inputs that no run gets through while a test looks on: the same pictures over and over, on one thread."""
    return [*[many] * 200, "--threads", "1"]


def on_terminal(words, cwd, env, columns=100, enough=None):
    """Runs pipilo with a terminal for standard error; gives its status and what was shown. As soon
    as that is `enough` it gets a SIGINT."""
    main, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    child = subprocess.Popen([PROGRAM, *map(str, words)], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=end)
    os.close(end)
    shown = b""
    while True:
        ready, _, _ = select.select([main], [], [], PATIENCE)
        try:
            data = os.read(main, 65536) if ready else b""
        except OSError:
            data = b""
        if not data:
            break
        shown += data
        if enough and enough(shown.decode(errors="replace")):
            child.send_signal(signal.SIGINT)
            enough = None
    # One that says nothing for so long is not to hold up the tests.
    if ready == []:
        child.kill()
    os.close(main)
    out = child.stdout.read().decode()
    child.stdout.close()
    return child.wait(PATIENCE), out, shown.decode()


@pytest.mark.parametrize("columns", [100, 60, 40])
def test_progress_bar(tmp_path, environment, endless, columns):
    wanted = [r" of 82.000", r"\d/s"]
    if columns == 100:
        wanted += [r"\[=*>? *\]", r" left", r"[kMG]B of \d"]

    def enough(shown):
        return all(re.search(each, shown) for each in wanted)

    words = ["embed", *endless, "-m", "null:64", "-o", "out.npy"]
    status, _, shown = on_terminal(words, tmp_path, environment, columns, enough)
    assert enough(shown) and status == 130
    # Whatever was drawn is taken away before anything is said.
    bars, said = shown.rsplit("\r\x1b[K", 1)
    assert said.startswith("pipilo: stopped after")
    for line in bars.split("\r"):
        assert len(re.sub(r"\x1b\[K|\n", "", line)) < columns


def test_the_bar_is_taken_away(tmp_path, environment, many):
    words = ["embed", many, "-m", "null:64", "-o", "out.npy"]
    status, out, shown = on_terminal(words, tmp_path, environment)
    assert status == 0 and "410 pictures embedded" in out
    assert "loading" in shown and shown.endswith("\r\x1b[K")


def test_no_bar_where_it_is_not_wanted(tmp_path, environment, many):
    words = ["embed", many, "-m", "null:64", "-o", "out.npy"]
    _, _, shown = on_terminal([*words, "--quiet"], tmp_path, environment)
    assert shown == ""
    _, _, shown = on_terminal([*words, "--force"], tmp_path, environment | {"TERM": "dumb"})
    assert "\x1b" not in shown


def test_plain_lines_without_a_terminal(pipilo, photos):
    done = pipilo("embed", photos, "-m", "null:64", "-o", "out.npy")
    assert "\x1b" not in done.err and "\r" not in done.err


@pytest.fixture
def start(tmp_path, environment):
    """Starts pipilo; what still runs when the test is over is killed."""
    children = []

    def start(*words, stdin=subprocess.DEVNULL):
        children.append(subprocess.Popen(
            [PROGRAM, *map(str, words)], cwd=tmp_path, env=environment, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate()


def wait_for(folder, pattern, child):
    """Waits until something of that name lies in the folder."""
    deadline = time.monotonic() + PATIENCE
    while not list(folder.glob(pattern)):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("out", ["out.npy", "out.db", "out.jsonl"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(tmp_path, start, endless, out, number):
    child = start("embed", *endless, "-m", "null:64", "-o", out)
    wait_for(tmp_path, "out*", child)
    child.send_signal(number)
    _, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130 and "stopped" in err
    assert not list(tmp_path.glob("out*"))


def test_a_signal_ends_run_too(start, endless):
    text = ("pipe.input('x').flat_map('x', ('source', 'image', 'item'), ops.read_dir())"
            ".map('image', 'vec', ops.image_embedding.timm('null:8')).output('source')")
    child = start("run", text, *endless)
    assert child.stdout.readline().startswith('{"source"')
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130 and err.startswith("pipilo: ")


@pytest.mark.parametrize("out", ["out.npy", "out.db", "out.jsonl"])
def test_a_signal_after_the_last_row_is_too_late(tmp_path, start, out):
    for seed in range(10):
        draw(tmp_path / "few" / f"{seed}.png", seed)
    for _ in range(5):
        child = start("embed", "few", "-m", "null:64", "-o", out, "--force")
        while not (tmp_path / out).exists() and child.poll() is None:
            pass
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=PATIENCE)
        assert (child.returncode, err) == (0, "")
        (tmp_path / out).unlink()


def test_what_is_there_survives_a_signal(tmp_path, start, many, endless, pipilo):
    pipilo("embed", many / "0.png", "-m", "null:64", "-o", "out.npy")
    before = (tmp_path / "out.npy").read_bytes()
    names = {path.name for path in tmp_path.glob("out*")}
    child = start("embed", *endless, "-m", "null:64", "-o", "out.npy", "--force")
    wait_for(tmp_path, "out*partial*", child)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=PATIENCE)
    assert child.returncode == 130
    assert (tmp_path / "out.npy").read_bytes() == before
    assert {path.name for path in tmp_path.glob("out*")} == names


def test_a_signal_while_names_are_awaited(tmp_path, start):
    child = start("embed", "--files-from", "-", "-m", "null:64", "-o", "out.npy", stdin=subprocess.PIPE)
    wait_for(tmp_path, "out*", child)
    time.sleep(0.2)  # by then it waits, mostly; before that the signal does the same
    child.send_signal(signal.SIGINT)
    child.wait(PATIENCE)
    assert child.returncode == 130
    assert not list(tmp_path.glob("out*"))


def test_a_signal_while_run_awaits_lines(start):
    child = start("run", "pipe.input('x').output('x')", "-", stdin=subprocess.PIPE)
    child.stdin.write("a\n")
    child.stdin.flush()
    assert child.stdout.readline() == '{"x": "a"}\n'
    child.send_signal(signal.SIGTERM)
    assert child.wait(PATIENCE) == 130


def test_a_reader_that_goes_away(tmp_path, environment, many):
    script = f'"$0" embed {many} {many}/x.jpg -m null:64 -o out.npy 2>&1 | true'
    subprocess.run(["bash", "-c", script, PROGRAM], cwd=tmp_path, env=environment, timeout=PATIENCE)
    assert {path.name for path in tmp_path.glob("out*")} == {"out.npy", "out.jsonl", "out.meta.json"}
