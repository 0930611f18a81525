"""POST /v1/run, and pipelines that are loaded at the start, in Towhee's form."""
import json

import numpy
import pytest

from serving import embed, picture, text, uri

VECTOR = "pipe.input('p').map('p', 'v', ops.image_embedding.timm('null')).output('v')"
TWO = ("pipe.input('p', 'n').map('p', 'v', ops.image_embedding.timm('null'))"
       ".map('v', 'u', ops.towhee.np_normalize()).output('n', 'v', 'u')")


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    from serving import Server
    server = Server(tmp_path_factory.mktemp("run"), "-m", "null:8", "--pipeline", f"vec={VECTOR}",
                    "--pipeline", f"two={TWO}")
    yield server
    assert server.stop() == 0


def test_text_equals_embed(runner, tmp_path):
    files = [picture(seed) for seed in range(3)]
    expected = embed(tmp_path, files, "null:8")
    for data, vector in zip(files, expected):
        rows = runner.json("POST", "/v1/run", {"pipeline": VECTOR, "input": uri(data)})["data"]
        numpy.testing.assert_array_equal(numpy.float32(rows[0][0]["v"]), vector)
    rows = runner.json("POST", "/v1/run", {"pipeline": "vec", "inputs": [uri(d) for d in files]})["data"]
    numpy.testing.assert_array_equal(numpy.float32([row[0]["v"] for row in rows]), expected)
    for shape in ({"image": text(files[0])}, {"bytes": text(files[0])}, {"url": uri(files[0])},
                  {"type": "image_url", "image_url": {"url": uri(files[0])}}, {"content": [uri(files[0])]},
                  {"content": [{"type": "image_url", "image_url": uri(files[0])}]},
                  {"image": {"bytes": text(files[0])}}):
        rows = runner.json("POST", "/v1/run", {"pipeline": VECTOR, "input": shape})["data"]
        numpy.testing.assert_array_equal(numpy.float32(rows[0][0]["v"]), expected[0])


def test_what_a_model_sees(runner):
    body = {"pipeline": "pipe.input('p').map('p', 'v', ops.image_preprocess('null')).output('v')",
            "input": uri(picture())}
    seen = numpy.float32(runner.json("POST", "/v1/run", body)["data"][0][0]["v"])
    assert seen.ndim == 3 and seen.size > 1000


def test_several_inputs(runner):
    body = {"pipeline": TWO, "input": [uri(picture()), 7]}
    row = runner.json("POST", "/v1/run", body)["data"][0][0]
    assert row["n"] == 7 and abs(numpy.linalg.norm(row["u"]) - 1) < 1e-5
    body["input"] = {"n": 7, "p": uri(picture())}
    assert runner.json("POST", "/v1/run", body)["data"][0][0] == row
    for wrong in ([], [1], [1, 2, 3], {"n": 1}, {"n": 1, "q": 2}, 5, None):
        body["input"] = wrong
        runner.json("POST", "/v1/run", body, status=400)


def test_towhee_form(runner, tmp_path):
    files = [picture(seed) for seed in range(3)]
    expected = embed(tmp_path, files, "null:8")

    def rows(path, body):
        status, _, answer = runner.ask("POST", path, json.dumps(body))
        assert status == 200, answer
        return json.loads(answer)

    answer = rows("/vec", uri(files[0]))
    assert len(answer) == 1 and len(answer[0]) == 1
    assert answer[0][0]["_NP"] is True and answer[0][0]["dtype"] == 10
    numpy.testing.assert_array_equal(numpy.float32(answer[0][0]["data"]), expected[0])
    answer = rows("/vec/batch", [uri(data) for data in files])
    numpy.testing.assert_array_equal(numpy.float32([row[0][0]["data"] for row in answer]), expected)
    assert rows("/vec/batch", []) == []
    pixels = numpy.arange(60 * 80 * 3, dtype=numpy.uint8).reshape(60, 80, 3)
    tensor = {"_NP": True, "dtype": 1, "data": pixels.tolist()}
    assert rows("/two", [tensor, {"_EMP": True}])[0][0] == {"_EMP": True}


def test_towhee_reader_reads_it(runner):
    """pipilo's Python package has Towhee's reader of this form."""
    wire = pytest.importorskip("pipilo.serve.wire")
    answer = runner.ask("POST", "/vec", json.dumps(uri(picture())))[2]
    assert wire.from_json(answer.decode())[0][0].shape == (8,)


def test_tensors(runner):
    """Every dtype passes through and comes back the same."""
    for number, kind in enumerate(["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", None, "f4", "f8"], 1):
        if kind is None:
            continue
        info = numpy.finfo(kind) if kind[0] == "f" else numpy.iinfo(kind)
        # Numbers of JSON are doubles: whole ones are exact up to 2^53.
        values = [float(info.min), float(info.max)] if kind[0] == "f" else [
            max(int(info.min), -2**53), min(int(info.max), 2**53)]
        given = [[values[0], 0, 1], [2, 3, values[1]]]
        body = {"pipeline": "pipe.input('a').output('a')",
                "input": {"_NP": True, "dtype": number, "data": given}}
        found = runner.json("POST", "/v1/run", body)["data"][0][0]["a"]
        numpy.testing.assert_array_equal(numpy.array(found, kind), numpy.array(given, kind))
    for wrong in ({"dtype": 1, "data": [256]}, {"dtype": 1, "data": [-1]}, {"dtype": 1, "data": [0.5]},
                  {"dtype": 9, "data": [1]}, {"dtype": 12, "data": [1]}, {"dtype": 10, "data": [[1], [1, 2]]},
                  {"dtype": 10, "data": ["a"]}, {"dtype": 10}, {"data": [1]}, {"dtype": 10, "data": 1},
                  {"dtype": 4, "data": [1e30]}, {"dtype": 8, "data": [1e19]},
                  {"dtype": 10, "data": [[[[[[[[[1]]]]]]]]]}):
        body = {"pipeline": "pipe.input('a').output('a')", "input": {"_NP": True} | wrong}
        runner.json("POST", "/v1/run", body, status=400)


def test_values_come_back(runner):
    for value in (1, -5, 2**52, 1.5, True, False, None, [1, [2.5, None]], []):
        body = {"pipeline": "pipe.input('a').output('a')", "input": value}
        assert runner.json("POST", "/v1/run", body)["data"] == [[{"a": value}]]


@pytest.mark.parametrize("call", [
    "read_dir()", "read_dir(update='x.db')", "write_npy('x.npy', model='null')",
    "write_sqlite('x.db', model='null')", "write_jsonl('x.jsonl', model='null')",
    "image_embedding.timm('null:16')", "image_embedding.timm('/etc/passwd')",
    "image_embedding.timm(checkpoint_path='null')", "image_embedding.timm('null', device='GPU')",
    "image_embedding.timm('null', batch=64)", "image_embedding.timm(None)", "image_embedding.timm(3)",
    "image_preprocess('/etc/passwd')", "image_preprocess('null:16')", "image_preprocess(model_name='/etc')",
    "image_preprocess('null', fast=True)", "image_preprocess()", "image_embedding.timm()", "image_embedding.timm(['null'])", "no.such()"])
def test_what_a_request_may_not_call(runner, call, tmp_path):
    body = {"pipeline": f"pipe.input('p').map('p', 'v', ops.{call}).output('v')", "input": uri(picture())}
    status, _, answer = runner.ask("POST", "/v1/run", json.dumps(body), {"Content-Type": "application/json"})
    error = json.loads(answer)["error"]
    assert status in (400, 404) and error["param"] == "pipeline", answer
    assert not list(runner.log.parent.glob("x*"))


@pytest.mark.parametrize("value", ["/etc/passwd", "photos/a.jpg", "http://127.0.0.1/a.jpg", "file:///a",
                                   "", {"path": "/etc/passwd"}, {"image": "/etc/passwd.jpg"}, ["/etc/passwd"],
                                   {"url": "/etc/passwd"}, {}])
def test_no_path_is_opened(runner, value):
    for body in ({"pipeline": VECTOR, "input": value}, {"pipeline": "vec", "inputs": [value]}):
        runner.json("POST", "/v1/run", body, status=400)
    assert runner.ask("POST", "/vec", json.dumps(value))[0] == 400


def test_bad_requests(runner):
    good = uri(picture())
    for body, param in (({}, "pipeline"), ({"pipeline": 3, "input": 1}, "pipeline"),
                        ({"pipeline": VECTOR}, "input"), ({"pipeline": VECTOR, "inputs": 3}, "input"),
                        ({"pipeline": VECTOR, "input": 1, "inputs": []}, "input"),
                        ({"pipeline": "pipe.input(", "input": 1}, "pipeline"),
                        ({"pipeline": "other", "input": 1}, "pipeline"),
                        ({"pipeline": "pipe.input('a')" + ".map('a', 'a', ops.x())" * 9999, "input": 1}, "pipeline"),
                        ({"pipeline": "(" * 60000, "input": 1}, "pipeline"),
                        ({"pipeline": VECTOR, "inputs": [good] * 257}, "inputs")):
        error = runner.json("POST", "/v1/run", body, status=400)["error"]
        assert error["param"] == param, error
    assert runner.json("POST", "/v1/run", {"pipeline": VECTOR, "inputs": []})["data"] == []
    assert runner.ask("POST", "/vec", "{")[0] == 400
    assert runner.ask("POST", "/vec/batch", "3")[0] == 400
    assert runner.ask("POST", "/vec/other", "3")[0] == 404
    assert runner.ask("POST", "/none", "3")[0] == 404
    assert runner.ask("GET", "/vec")[0] == 405


def test_bad_pictures(runner):
    bad = uri(picture()[:300])
    rows = runner.json("POST", "/v1/run", {"pipeline": VECTOR, "inputs": [bad, uri(picture())]})["data"]
    assert rows[0][0]["v"]["error"]["code"] == "truncated" and len(rows[1][0]["v"]) == 8
    status, _, answer = runner.ask("POST", "/vec", json.dumps(bad))
    assert status == 400 and json.loads(answer)["error"]["code"] == "truncated"


def test_mistakes_on_the_command_line(serve, tmp_path):
    for words in (["--pipeline", "nothing"], ["--pipeline", "=pipe"], ["--pipeline", "a/b=" + VECTOR],
                  ["--pipeline", "a=pipe.input("], ["--pipeline", f"embed={VECTOR}"],
                  ["--pipeline", f"metrics={VECTOR}"], ["--pipeline", f"a={VECTOR}", "--pipeline", f"a={VECTOR}"]):
        with pytest.raises(RuntimeError):
            serve("-m", "null:8", *words)
