"""A web server that loads the application and its model, then forks: gunicorn --preload, asked by
HTTP. What its workers inherit is never used; each opens what it needs anew."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from pipilo import ops, pipe

pytest.importorskip("gunicorn")
pytest.importorskip("numpy")
DEPS = Path(os.environ.get("PIPILO_DEPS", ".deps"))
PHOTOS = sorted((DEPS / "photos").glob("*"), key=lambda path: path.stat().st_size)[:4]
REAL = DEPS / "models" / "efficientnet-lite0"
MODELS = ["null:16", pytest.param(str(REAL), marks=pytest.mark.skipif(
    not REAL.is_dir(), reason="there is no model in .deps"))]
pytestmark = pytest.mark.skipif(not PHOTOS, reason="there are no photographs in .deps")

APPLICATION = """
import json, os
import pipilo
from pipilo import ops, pipe

p = pipe.input('data').map('data', 'vec', ops.image_embedding.timm(os.environ['MODEL'])).output('vec')
first = p(open(os.environ['FIRST'], 'rb').read()).get()[0].tolist()  # in the master, before it forks
master = os.getpid()

def application(environ, start_response):
    data = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH']))
    vector = p(data).get()[0].tolist()
    answer = {'vector': vector, 'first': first, 'worker': os.getpid(), 'master': master,
              'loads': pipilo.stats()['model_loads']}
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(answer).encode()]
"""


def ask(port, data):
    with urlopen(Request(f"http://127.0.0.1:{port}/", data), timeout=240) as answer:
        return json.load(answer)


def wait_until_it_answers(port, server, data):
    until = time.monotonic() + 240
    while True:
        assert server.poll() is None, "gunicorn ended"
        try:
            return ask(port, data)
        except OSError:
            assert time.monotonic() < until, "gunicorn does not answer"
            time.sleep(0.05)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("worker", ["sync", "gthread"])
@pytest.mark.parametrize("model", MODELS)
def test_workers_of_a_preloaded_application(model, worker, tmp_path):
    (tmp_path / "app.py").write_text(APPLICATION)
    # Its port is nobody else's from the beginning; a worker may be silent for long on a slow machine.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, number = listener.getsockname()[1], listener.fileno()
        threads = ["--threads", "4"] if worker == "gthread" else []
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--worker-class", worker,
             *threads, "--timeout", "240", "--bind", f"fd://{number}", "--log-level", "warning",
             "app:application"],
            cwd=tmp_path, pass_fds=[number], env={**os.environ, "MODEL": model, "FIRST": str(PHOTOS[0])})
    try:
        own = pipe.input("p").map("p", "v", ops.image_embedding.timm(model)).output("v")
        expected = {path: own(path).get()[0].tolist() for path in PHOTOS}
        wait_until_it_answers(port, server, PHOTOS[0].read_bytes())
        seen = set()
        with ThreadPoolExecutor(8) as pool:
            asked = PHOTOS * 10
            for path, answer in zip(asked, pool.map(lambda a: ask(port, a.read_bytes()), asked)):
                assert answer["vector"] == expected[path]
                assert answer["first"] == expected[PHOTOS[0]]
                assert answer["master"] == server.pid != answer["worker"]
                seen.add(answer["worker"])
        # A worker that is killed is replaced by another fork of the same master.
        os.kill(seen.pop(), signal.SIGKILL)
        answers = [wait_until_it_answers(port, server, PHOTOS[1].read_bytes()) for _ in range(10)]
        assert all(answer["vector"] == expected[PHOTOS[1]] for answer in answers)
    finally:
        server.terminate()
        try:
            status = server.wait(timeout=240)
        finally:
            server.kill()
    assert status == 0
