"""The exporter without timm: what it says, who waits for whom, what is left. tests/timm has the rest."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import pipilo
from pipilo import ops, pipe
from pipilo import export as exporting
from pipilo.export import ExportError, first_use, place


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PIPILO_HOME", str(tmp_path / "home"))
    return tmp_path / "home/models"


@pytest.fixture
def no_timm(monkeypatch):
    """As where only torch is installed."""
    monkeypatch.setattr(exporting, "not_installed", lambda: ["timm", "onnxscript"])
    monkeypatch.setattr(first_use, "not_installed", lambda: ["timm", "onnxscript"])


def embed(*args, **kws):
    return pipe.input("p").map("p", "v", ops.image_embedding.timm(*args, **kws)).output("v")


def test_what_is_installed_is_not_imported():
    script = "import pipilo.export as e, sys; e.not_installed(); print('timm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_timm_the_error_says_what_to_install(no_timm, home):
    with pytest.raises(RuntimeError) as caught:
        embed("lambda_resnet50ts")
    text = str(caught.value)
    assert "no model 'lambda_resnet50ts'" in text and str(home) in text
    assert "pip install timm onnxscript" in text
    assert "pipilo export timm:lambda_resnet50ts -o lambda_resnet50ts" in text
    assert "models pull" not in text
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_without_timm_the_error_says_what_the_catalogue_has(no_timm, home):
    # A model of a near name does not hide it.
    (home / "resnet18").mkdir(parents=True)
    (home / "resnet18/model.json").write_text("{}")
    with pytest.raises(RuntimeError, match=r"pipilo models pull resnet50\. .*pip install"):
        embed("resnet50")


def test_outside_of_a_pipeline_it_is_the_same(no_timm):
    with pytest.raises(RuntimeError, match="pip install timm"):
        ops.image_embedding.timm("lambda_resnet50ts").get_op()


@pytest.mark.parametrize("name", ["no/such/folder", "nothing.onnx", "", "hf:a/b"])
def test_what_is_no_name_is_not_exported(no_timm, name):
    with pytest.raises(RuntimeError) as caught:
        embed(name)
    assert "pip install" not in str(caught.value)


def test_no_checkpoint_is_not_exported(no_timm, tmp_path):
    with pytest.raises(RuntimeError) as caught:
        embed("resnet50", checkpoint_path=str(tmp_path / "no.pth"))
    assert "pip install" not in str(caught.value)
    (tmp_path / "some.pth").write_bytes(b"weights")
    for call in ((), (1000, False, None)):
        with pytest.raises(RuntimeError, match="pip install timm"):
            if call:
                embed("resnet50", *call, str(tmp_path / "some.pth"))
            else:
                embed("resnet50", checkpoint_path=tmp_path / "some.pth")


# --- the process that exports ----------------------------------------------------------------


@pytest.fixture
def exporter(tmp_path, monkeypatch):
    """`python -m pipilo.export` replaced by a program given as text; what it is called with."""

    def put(text):
        script = tmp_path / "exporter"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))
        monkeypatch.setattr(first_use, "not_installed", lambda: [])

    return put


CARD = """{"name": "n", "task": "image_embedding", "file": "model.onnx"}"""


def test_it_is_exported_once_and_said(exporter, home, capfd, tmp_path):
    exporter(f"""echo "$@" >> {tmp_path}/calls; echo noise; mkdir -p "$6"; echo '{CARD}' > "$6/model.json" """)
    for _ in range(2):
        # The card lacks most of what a card has: the model is looked for again, and found.
        with pytest.raises(RuntimeError, match="model.json"):
            embed("lambda_resnet50ts")
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and err.startswith("pipilo: there is no lambda_resnet50ts in ")
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == [f"-P -m pipilo.export timm:lambda_resnet50ts --out {home}/lambda_resnet50ts --for-ops"]


def test_weights_of_torch_have_a_place_of_their_own(exporter, home, tmp_path):
    exporter(f"""echo "$@" >> {tmp_path}/calls; mkdir -p "$6"; echo '{CARD}' > "$6/model.json" """)
    path = tmp_path / "some.pth"
    for content, expected in ((b"one", 1), (b"one", 1), (b"another", 2)):
        path.write_bytes(content)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="model.json"):
                embed("resnet50", checkpoint_path=str(path))
        calls = (tmp_path / "calls").read_text().splitlines()
        assert len(calls) == expected and calls[-1].endswith(f"--checkpoint {path}")
    assert len(list(home.glob("resnet50-*"))) == 2


def test_why_it_failed_is_said(exporter, home):
    exporter("""echo noise; echo '{"code": "not_found", "message": "no such model in timm"}'; exit 3""")
    with pytest.raises(RuntimeError, match="Exporting it from timm failed: no such model in timm"):
        embed("lambda_resnet50ts")
    exporter("kill -9 $$")
    with pytest.raises(RuntimeError, match="ended with status -9"):
        embed("lambda_resnet50ts")


def test_the_package_is_found_by_that_process(exporter, tmp_path):
    exporter(f'echo "$PYTHONPATH" > {tmp_path}/path; exit 1')
    with pytest.raises(RuntimeError):
        embed("lambda_resnet50ts")
    folders = (tmp_path / "path").read_text().strip().split(os.pathsep)
    assert str(Path(pipilo.__file__).parents[1]) in folders and all(os.path.isabs(f) for f in folders)


# --- the place -------------------------------------------------------------------------------


def put_model(found, text):
    made = Path(found.work) / "made"
    made.mkdir()
    (made / "model.json").write_text(text)
    found.take(str(made))


def open_place(out, **how):
    return place.Place("n", str(out), how.pop("force", False), how.pop("keep", False), True)


def test_a_model_is_there_whole_or_not_at_all(tmp_path):
    out = tmp_path / "a/b/model"
    with open_place(out) as found:
        assert not out.exists()
        put_model(found, "first")
    assert (out / "model.json").read_text() == "first" and os.listdir(out.parent) == ["model"]
    with pytest.raises(ExportError, match="--force") as caught, open_place(out):
        pass
    assert caught.value.code == "already_exists"
    with open_place(out, keep=True) as found:
        assert found.work is None and found.folder == str(out)
    with open_place(out, force=True) as found:
        put_model(found, "second")
    assert (out / "model.json").read_text() == "second" and os.listdir(out.parent) == ["model"]


def test_what_fails_leaves_nothing(tmp_path):
    out = tmp_path / "model"
    with pytest.raises(KeyError), open_place(out) as found:
        Path(found.work, "model.onnx").write_bytes(b"half")
        raise KeyError
    assert os.listdir(tmp_path) == []


def test_what_was_killed_is_swept(tmp_path):
    stale = tmp_path / ".export-model/made"
    stale.mkdir(parents=True)
    (stale / "model.onnx").write_bytes(b"half")
    with open_place(tmp_path / "model") as found:
        assert os.listdir(found.work) == []
        put_model(found, "whole")
    assert os.listdir(tmp_path) == ["model"]


def test_a_place_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError) as caught, open_place(tmp_path / "file/model"):
        pass
    assert caught.value.code == "io_error"


def test_a_folder_that_goes_while_it_is_made(tmp_path, monkeypatch):
    """The one before ends between the look whether its folder is there and the next."""
    mkdir, seen = os.mkdir, []

    def there_and_gone(path, *mode):
        if path == str(tmp_path / ".export-model"):
            seen.append(path)
            if len(seen) == 1:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        mkdir(path, *mode)

    monkeypatch.setattr(os, "mkdir", there_and_gone)
    with open_place(tmp_path / "model") as found:
        put_model(found, "made")
    assert len(seen) == 2 and os.listdir(tmp_path) == ["model"]


@pytest.mark.parametrize("put", [lambda path: path.write_text(""), lambda path: path.symlink_to("nowhere")],
                         ids=["file", "link"])
def test_what_is_no_folder_is_in_the_way(tmp_path, put):
    put(tmp_path / ".export-model")
    with pytest.raises(ExportError, match=r"\.export-model") as caught, open_place(tmp_path / "model"):
        pass
    assert caught.value.code == "io_error" and os.listdir(tmp_path) == [".export-model"]


def test_one_exports_and_the_others_wait(tmp_path):
    out, made = tmp_path / "model", []

    def work(number):
        with open_place(out, keep=True) as found:
            if found.work is not None:
                made.append(number)
                Path(found.work, "mine").write_text("")
                time.sleep(0.1)
                put_model(found, str(number))
                assert os.path.exists(os.path.join(found.work, "mine"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and (out / "model.json").read_text() == str(made[0])
    assert os.listdir(tmp_path) == ["model"]


HOLD = """
import sys
from pipilo.export import place
with place.Place("n", sys.argv[1], False, False, True) as found:
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_waited_for_even_if_it_is_killed(tmp_path):
    out = tmp_path / "model"
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "held\n"
    lock = os.open(tmp_path / ".export-model", os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)
    other.kill()
    other.communicate()
    with open_place(out) as found:
        put_model(found, "after")
    assert os.listdir(tmp_path) == ["model"]


# --- the command -----------------------------------------------------------------------------


def command(*words):
    return subprocess.run([sys.executable, "-m", "pipilo.export", *words], capture_output=True, text=True)


def test_the_command_tells_mistakes_in_one_line():
    for words in (["resnet50"], ["timm:"], [], ["timm:a", "--nothing"], ["timm:a", "--random", "--checkpoint", "x"]):
        done = command(*words)
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.startswith("pipilo: ") and done.stderr.count("\n") == 1


@pytest.mark.skipif(not exporting.not_installed(), reason="timm is installed")
def test_the_command_says_what_to_install(tmp_path):
    done = command("timm:resnet50", "-o", str(tmp_path / "out"))
    assert done.returncode == 3 and "pip install timm" in done.stderr and done.stderr.count("\n") == 1
    assert os.listdir(tmp_path) == []


def test_help_names_every_option():
    done = command("--help")
    assert done.returncode == 0
    for option in ("--out", "--checkpoint", "--random", "--force", "--quiet"):
        assert option in done.stdout
    assert "--for-ops" not in done.stdout
