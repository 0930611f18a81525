"""The examples of docs/server.md, run as they stand against a server."""
import json
import pathlib
import re
import shutil
import subprocess

import numpy
import pytest

from serving import DEPS, MODEL, PHOTOS, embed, needs_engine

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/server.md"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    """A server such as the page speaks of, beside a picture called beach.jpg."""
    from serving import Server
    folder = tmp_path_factory.mktemp("documented")
    shutil.copy(sorted(PHOTOS.glob("*.jpg"))[0], folder / "beach.jpg")
    server = Server(folder, "-m", MODEL, "--store", "photos.db")
    server.folder = folder
    yield server
    assert server.stop() == 0


@pytest.fixture
def expected(documented, tmp_path):
    return embed(tmp_path, [(documented.folder / "beach.jpg").read_bytes()], MODEL)[0]


def run(server, command, text):
    done = subprocess.run(command, input=text.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}"),
                          text=True, capture_output=True, cwd=server.folder, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_engine
def test_curl(documented, expected):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    found = blocks("sh")
    assert len(found) >= 3
    for text in found:
        answer = json.loads(run(documented, ["sh", "-e"], text))
        assert "error" not in answer, answer
        if "dim" in answer:
            numpy.testing.assert_array_equal(numpy.float32(answer["data"][0]["embedding"]), expected)


@needs_engine
def test_python(documented, expected):
    import sys
    found = blocks("python")
    assert len(found) == 2
    for text in found:
        text += "\nimport json\nfound = answer.data[0].embedding if hasattr(answer, 'data') else " \
                "answer.embeddings.float_[0]\nprint(json.dumps(list(found)))\n"
        vector = json.loads(run(documented, [sys.executable, "-"], text))
        numpy.testing.assert_allclose(numpy.float32(vector), expected, rtol=1e-6)


@needs_engine
@pytest.mark.parametrize("number", [0, 1])
def test_javascript(documented, expected, number):
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node")
    texts = blocks("javascript")
    assert len(texts) == 2
    text = texts[number]
    if "'openai'" in text:
        packages = DEPS / "node/node_modules"
        if not (packages / "openai").is_dir():
            pytest.skip("openai for Node is not there; `make test-serve` brings it")
        (documented.folder / "node_modules").symlink_to(packages)
    vector = json.loads(run(documented, [node, "--input-type=module", "-"],
                            text + "\nconsole.log(JSON.stringify(Array.from(vector)));\n"))
    numpy.testing.assert_allclose(numpy.float32(vector), expected, rtol=1e-6)
