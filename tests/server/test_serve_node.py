"""POST /v1/embeddings with OpenAI's own package for Node, which `make test-serve` brings."""
import json
import pathlib
import shutil
import subprocess

import numpy
import pytest

from serving import DEPS, MODEL, PHOTOS, cosines, embed, needs_engine, picture

SCRIPT = pathlib.Path(__file__).parent / "openai.mjs"
PACKAGES = DEPS / "node"

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node"),
    pytest.mark.skipif(not (PACKAGES / "node_modules/openai").is_dir(),
                       reason="openai for Node is not there; `make test-serve` brings it"),
]


def ask(server, model, files):
    done = subprocess.run(["node", SCRIPT, PACKAGES, server.url, model, *files], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write(folder, datas):
    files = [folder / f"{number}.jpg" for number in range(len(datas))]
    for file, data in zip(files, datas):
        file.write_bytes(data)
    return files


def test_client_gets_embeds_vectors(server, tmp_path):
    datas = [picture(seed) for seed in range(5)]
    expected = embed(tmp_path, datas, "null:8")
    answer = ask(server, "null", write(tmp_path, datas))
    numpy.testing.assert_array_equal(numpy.float32(answer["plain"]), expected)
    numpy.testing.assert_array_equal(numpy.float32(answer["floats"]), expected)
    assert answer["models"] == ["null"]
    assert answer["errors"] == [{"name": "NotFoundError", "status": 404, "param": "model"},
                                {"name": "BadRequestError", "status": 400, "param": "input[0]"}]


@needs_engine
def test_client_and_the_real_model(serve, tmp_path):
    datas = [path.read_bytes() for path in sorted(PHOTOS.iterdir())[:4]]
    expected = embed(tmp_path, datas, MODEL)
    answer = ask(serve("-m", MODEL), "efficientnet-lite0", write(tmp_path, datas))
    for kind in ("plain", "floats"):
        assert (cosines(answer[kind], expected) > 1 - 1e-6).all()
