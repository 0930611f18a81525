"""POST /v1/embeddings with OpenAI's own client, and the shapes in which others send pictures."""
import base64
import json

import numpy
import openai
import pytest

from serving import MODEL, PHOTOS, cosines, embed, needs_engine, picture, text, uri


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0) as client:
        yield client


def vectors(answer):
    assert [row.index for row in answer.data] == list(range(len(answer.data)))
    return numpy.float32([row.embedding for row in answer.data])


def test_client_gets_embeds_vectors(client, tmp_path):
    files = [picture(seed) for seed in range(7)]
    expected = embed(tmp_path, files, "null:8")
    uris = [uri(data) for data in files]
    for format in ("base64", "float"):
        answer = client.embeddings.create(model="null", input=uris, encoding_format=format)
        assert answer.model == "null" and answer.object == "list"
        if format == "base64":
            raw = [numpy.frombuffer(base64.b64decode(row.embedding), "<f4") for row in answer.data]
            numpy.testing.assert_array_equal(raw, expected)
        else:
            numpy.testing.assert_array_equal(vectors(answer), expected)
    # What the client asks for by itself, and decodes by itself.
    answer = client.embeddings.create(model="null", input=uris)
    numpy.testing.assert_array_equal(vectors(answer), expected)
    answer = client.embeddings.create(model="null", input=uris[0], dimensions=8)
    numpy.testing.assert_array_equal(vectors(answer), expected[:1])


@needs_engine
def test_client_and_the_real_model(serve, tmp_path):
    files = [path.read_bytes() for path in sorted(PHOTOS.iterdir())[:8]]
    server = serve("-m", MODEL)
    with openai.OpenAI(base_url=server.url + "/v1", api_key="none") as client:
        answer = client.embeddings.create(model="efficientnet-lite0",
                                          input=[uri(data) for data in files])
        assert [model.id for model in client.models.list()] == ["efficientnet-lite0"]
        assert client.models.retrieve("efficientnet-lite0").object == "model"
    assert (cosines(vectors(answer), embed(tmp_path, files, MODEL)) > 1 - 1e-6).all()


def test_shapes_of_other_clients(server, tmp_path):
    data = picture(1)
    expected = embed(tmp_path, [data], "null:8")[0]
    shapes = [
        uri(data), {"image": uri(data)}, {"image": text(data)}, {"url": uri(data)},
        {"bytes": text(data)}, {"type": "image_url", "image_url": {"url": uri(data)}},
        {"type": "image_url", "image_url": uri(data)},
        {"content": [{"type": "image_url", "image_url": {"url": uri(data)}}]},
        {"content": [{"type": "image", "image": text(data)}]}, {"image": {"url": uri(data)}},
    ]
    bodies = [{"model": "null", "input": shape} for shape in shapes]
    bodies += [{"model": "null", "input": [shape, shape]} for shape in shapes]
    bodies.append({"input": text(data), "modality": "image"})
    bodies.append({"input": [text(data).rstrip("=")], "modality": "image", "user": "u", "model": None})
    bodies.append({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": uri(data)}}]}]})
    for body in bodies:
        answer = server.json("POST", "/v1/embeddings", body)
        for row in answer["data"]:
            numpy.testing.assert_array_equal(numpy.float32(row["embedding"]), expected)


def test_bad_requests_name_what_is_wrong(server):
    good = uri(picture())
    cases = [
        ({}, 400, "input"), ({"input": []}, 400, "input"), ({"input": "a text"}, 400, "input[0]"),
        ({"input": [good, "a text"]}, 400, "input[1]"), ({"input": [good, 3]}, 400, "input[1]"),
        ({"input": [[1, 2, 3]]}, 400, "input[0]"), ({"input": [good, None]}, 400, "input[1]"),
        ({"input": [good, good, {"image": "?"}]}, 400, "input[2]"),
        ({"input": [{}]}, 400, "input[0]"), ({"input": "data:image/png,raw"}, 400, "input[0]"),
        ({"input": [good, uri(b"no picture")]}, 400, "input[1]"),
        ({"input": [good, uri(picture()[:200])]}, 400, "input[1]"),
        ({"input": "https://example.org/a.jpg"}, 400, "input[0]"),
        ({"input": {"url": "http://127.0.0.1/a.jpg"}}, 400, "input[0]"),
        ({"input": {"url": "file:///etc/passwd"}}, 400, "input[0]"),
        ({"input": {"image": "/etc/passwd"}}, 400, "input[0]"),
        ({"input": good, "model": "gpt"}, 404, "model"), ({"input": good, "model": 3}, 400, "model"),
        ({"input": good, "encoding_format": "int8"}, 400, "encoding_format"),
        ({"input": good, "dimensions": 4}, 400, "dimensions"),
        ({"input": good, "dimensions": "8"}, 400, "dimensions"),
        ({"input": good, "modality": "text"}, 400, "modality"),
        ({"input": good, "on_error": "maybe"}, 400, "on_error"),
        ({"input": [good] * 2049}, 400, "input"),
    ]
    for body, status, param in cases:
        error = server.json("POST", "/v1/embeddings", body, status=status)["error"]
        assert error["param"] == param and error["message"], body
        assert error["type"] == "invalid_request_error" and error["code"]


def test_bad_items_as_rows(client, tmp_path):
    good = picture(2)
    answer = client.embeddings.create(
        model="null", input=[uri(good), uri(b"no picture"), uri(good)], encoding_format="float",
        extra_body={"on_error": "row"})
    assert answer.data[1].embedding is None
    assert answer.data[1].error["code"] == "unsupported_format"
    assert answer.data[1].error["param"] == "input[1]"
    expected = embed(tmp_path, [good], "null:8")[0]
    for index in (0, 2):
        numpy.testing.assert_array_equal(numpy.float32(answer.data[index].embedding), expected)


def test_client_raises_what_it_should(client):
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="gpt", input=uri(picture()))
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="null", input=["a text"])
    assert caught.value.param == "input[0]" and caught.value.code == "invalid_argument"


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v2/embed", "/v1/run"])
def test_json_that_is_none(server, path):
    head = {"Content-Type": "application/json"}
    deep = "[" * 40 + "]" * 40
    cases = ["", "{", '{"a": tru', '{"a": {"b": [1, {"c": nul', '{"input": ', "{}x", '{"input": "\\ud800"}', '{"a": 01}', '{"a": tru}',
             '{"a": "\n"}', '{"a": "\\x"}', '{"a" 1}', "{'a': 1}", '{"a": 1,}', "[1,]", "\x00",
             '{"a": "b\x00c"}', '{"input": %s}' % deep, '{"a": .5}', '{"a": 1.}', '{"a": 1e}',
             '{"a": -}', '{"a": "\\u0000"}', "[" * 1000000]
    for body in cases:
        status, _, text = server.ask("POST", path, body.encode(), head)
        assert status == 400 and b'"error"' in text, body[:50]
    # More values than are allowed, in little room.
    many = '{"input": [%s]}' % ",".join("1" * 300000)
    assert server.ask("POST", path, many.encode(), head)[0] == 400
    for kind in ("text/plain", "", "application/x-www-form-urlencoded"):
        assert server.ask("POST", path, b"{}", {"Content-Type": kind})[0] == 415


def test_json_that_is_unusual(server, tmp_path):
    data = picture(9)
    escaped = uri(data).replace("/", "\\/").replace("d", "\\u0064")
    body = ' \n{"input"\t:[ "%s" ] , "model":"null","x":[1e5,-0,1.5E-3,"\\ud83d\\ude00",{}]}\r\n' % escaped
    _, _, answer = server.ask("POST", "/v1/embeddings", body.encode(),
                              {"Content-Type": "Application/JSON; charset=utf-8"})
    row = json.loads(answer)["data"][0]
    numpy.testing.assert_array_equal(numpy.float32(row["embedding"]),
                                     embed(tmp_path, [data], "null:8")[0])
