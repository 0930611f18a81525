"""The server, started as a program and spoken to: what the tests here share."""
import base64
import http.client
import io
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import numpy
import pytest
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("PIPILO_DEPS", ROOT / ".deps"))
MODEL = DEPS / "models/efficientnet-lite0"
PHOTOS = DEPS / "photos"


def find_program():
    if os.environ.get("PIPILO_BIN"):
        return pathlib.Path(os.environ["PIPILO_BIN"]).resolve()
    for build in ("build/test", "build/release"):
        if (ROOT / build / "cli/pipilo").is_file():
            return ROOT / build / "cli/pipilo"
    pytest.exit("there is no pipilo to test: set PIPILO_BIN, or run `make test`")


PROGRAM = find_program()
# Seconds after which something will not happen any more, on the slowest machine.
PATIENCE = 240
# Under a sanitizer the real engine cannot be loaded: the null engine alone is served.
SANITIZED = bool(os.environ.get("PIPILO_SANITIZED"))
# Helpers may make few system calls, and ThreadSanitizer makes others.
needs_helpers = pytest.mark.skipif(os.environ.get("PIPILO_SANITIZED") == "thread",
                                   reason="a helper is ended for what ThreadSanitizer asks the system")
needs_engine = pytest.mark.skipif(SANITIZED, reason="the engine cannot be loaded under a sanitizer")


class Server:
    """`pipilo serve` under way."""

    def __init__(self, folder, *words, env=None):
        self.log = folder / f"access-{time.monotonic_ns()}.log"
        keep = {k: v for k, v in os.environ.items() if not k.startswith("PIPILO_")}
        command = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--access-log", self.log, *words]
        self.process = subprocess.Popen(
            [os.fspath(word) for word in command], stderr=subprocess.PIPE, text=True, cwd=folder,
            env=keep | {"HOME": str(folder), "PIPILO_CACHE": "0"} | (env or {}))
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            found = re.search(r"serving at https?://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                break
        else:
            self.process.wait()
            raise RuntimeError("".join(self.said))
        self.listens = time.time()
        self.url = f"http://127.0.0.1:{self.port}"
        self.reader = threading.Thread(target=lambda: self.said.extend(self.process.stderr))
        self.reader.start()

    def ask(self, method, path, body=None, headers=None):
        """One request on a connection of its own: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, method, path, body=None, headers=None, status=200):
        """The same with JSON both ways."""
        if body is not None:
            body, headers = json.dumps(body), {"Content-Type": "application/json"} | (headers or {})
        got, _, text = self.ask(method, path, body, headers)
        assert got == status, f"{got}: {text[:500]}"
        return json.loads(text)

    def connect(self, room=None):
        """A connection; the system keeps little more than `room` bytes of what comes and is not read."""
        peer = socket.socket()
        if room is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        peer.settimeout(PATIENCE)
        try:
            peer.connect(("127.0.0.1", self.port))
        except OSError:
            peer.close()
            raise
        return peer

    def lines(self):
        """The access log; a line that is being written is none yet."""
        return [json.loads(line) for line in self.log.read_text().split("\n")[:-1]]

    def metric(self, name):
        text = self.ask("GET", "/metrics")[2].decode()
        return sum(float(value) for value in
                   re.findall(rf"^pipilo_{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.M))

    def stop(self, how=signal.SIGTERM):
        """Ends it in good order; the exit status. One that does not end is killed."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.reader.join()


def wait_until(what):
    """Until WHAT is true: the server does some things after it has answered."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it does not come to pass"
        time.sleep(0.05)


def picture(seed=0, size=(80, 60), kind="JPEG", **how):
    """The file of a picture of smooth random colours, different for each seed."""
    small = numpy.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=numpy.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize(size, Image.BICUBIC).save(file, kind, **how)
    return file.getvalue()


def slow_picture():
    """A file of some bytes whose 24 million pixels take a while, on any machine."""
    file = io.BytesIO()
    Image.new("RGB", (6000, 4000)).save(file, "WEBP", lossless=True)
    return file.getvalue()


def embed(tmp_path, files, model, *words):
    """What `pipilo embed` makes of the same bytes: a row a file."""
    folder = tmp_path / "compared"
    folder.mkdir()
    for number, data in enumerate(files):
        (folder / f"{number:04}.img").write_bytes(data)
    names = "\n".join(str(folder / f"{n:04}.img") for n in range(len(files)))
    done = subprocess.run([PROGRAM, "embed", "--files-from", "-", "-m", model, "-o",
                           tmp_path / "compared.npy", *words],
                          input=names, text=True, capture_output=True, timeout=PATIENCE)
    assert done.returncode in (0, 1), done.stderr
    return numpy.load(tmp_path / "compared.npy")


def cosines(a, b):
    a, b = numpy.asarray(a, numpy.float64), numpy.asarray(b, numpy.float64)
    return (a * b).sum(1) / numpy.linalg.norm(a, axis=1) / numpy.linalg.norm(b, axis=1)


FLOATS = {"Accept": "application/octet-stream"}


def form(parts, boundary="frontier"):
    body = b"".join(
        b"--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n"
        b"Content-Type: image/jpeg\r\n\r\n%s\r\n"
        % (boundary.encode(), name.encode(), name.encode(), data) for name, data in parts)
    return (body + b"--%s--\r\n" % boundary.encode(),
            {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def floats(server, body, headers=None, path="/embed"):
    status, head, data = server.ask("POST", path, body, FLOATS | (headers or {}))
    assert status == 200, data
    rows, dim = map(int, head["X-Pipilo-Shape"].split(","))
    return numpy.frombuffer(data, "<f4").reshape(rows, dim)


def text(data):
    return base64.b64encode(data).decode()


def uri(data, kind="jpeg"):
    return f"data:image/{kind};base64,{text(data)}"
