"""Services: the wire format, the models, APIService, and HTTP where FastAPI is installed."""

import json

import pytest

from pipilo.data_queue import Empty
from pipilo.serve import api_service
from pipilo.serve.io import BYTES, JSON, NDARRAY, TEXT, IOType
from pipilo.serve.wire import DTYPES, from_json, to_json


def test_wire():
    np = pytest.importorskip("numpy")
    for number, name in DTYPES.items():
        array = np.arange(6).reshape(2, 3).astype(name)
        text = to_json({"x": [array]})
        assert json.loads(text)["x"][0]["dtype"] == number
        back = from_json(text)["x"][0]
        assert back.dtype == array.dtype and (back == array).all()
    assert json.loads(to_json(np.arange(2, dtype="uint8"))) == {
        "_NP": True,
        "dtype": 1,
        "data": [0, 1],
    }
    assert to_json([np.float32(0.5), np.int64(3), np.bool_(True)]) == "[0.5, 3, true]"
    with pytest.raises(ValueError):
        to_json(np.array(["x"]))
    with pytest.raises(ValueError):
        from_json('{"_NP": true, "dtype": 99, "data": []}')


def test_wire_empty():
    assert json.loads(to_json(Empty())) == {"_EMP": True}
    assert from_json('[{"_EMP": true}]') == [Empty()]
    with pytest.raises(TypeError):
        to_json(object())


def test_models():
    assert JSON().decode(b'{"a": 1}') == {"a": 1} and JSON().encode([1]) == b"[1]"
    assert TEXT().decode("ü".encode()) == "ü" and TEXT().encode(3) == b"3"
    assert BYTES().decode(b"x") == BYTES().encode(b"x") == b"x"
    assert [m.data_type for m in (JSON, TEXT, NDARRAY, BYTES)] == list(IOType)
    with pytest.raises(TypeError):
        BYTES().encode("x")
    with pytest.raises(TypeError):
        NDARRAY().encode([1])

    class Item:
        def __init__(self, url):
            self.url = url

        @classmethod
        def parse_obj(cls, value):
            return cls(**value)

        def dict(self):
            return {"url": self.url}

    assert JSON(Item).decode(b'{"url": "u"}').url == "u"
    assert JSON(Item).encode(Item("u")) == b'{"url": "u"}'


def test_ndarray_model():
    np = pytest.importorskip("numpy")
    array = np.ones((2, 3), "float32")
    assert (NDARRAY().decode(NDARRAY().encode(array)) == array).all()


def test_api():
    service = api_service.APIService(desc="d")

    @service.api(path="/one", input_model=TEXT())
    def one(text):
        return text

    @service.api()
    def two(text):
        return text

    assert [r.path for r in service.routers] == ["/one", "/two"]
    assert service.routers[0].func is one and service.routers[0].output_model is None
    assert api_service.APIService().routers == []


class Pipe:
    """Stands for a pipeline of two inputs."""

    _inputs = ("a", "b")

    def __call__(self, a, b):
        return [[a + b]]

    def batch(self, rows):
        return [self(*row) for row in rows]


def test_build_service():
    service = api_service.build_service([(lambda x: x, "/echo"), (Pipe(), "/add")])
    assert [r.path for r in service.routers] == ["/echo", "/add", "/add/batch"]
    echo, add, batch = (r.func for r in service.routers)
    assert echo(3) == 3
    assert add([1, 2]) == add({"b": 2, "a": 1}) == [[3]]
    assert batch([[1, 2], {"a": 3, "b": 4}]) == [[[3]], [[7]]]
    with pytest.raises(ValueError, match="lacks b"):
        add({"a": 1})
    with pytest.raises(ValueError, match="1 values"):
        add([1])
    assert len(api_service.build_service((lambda x: x, "/one")).routers) == 1


def test_pipelines():
    from pipilo import pipe

    one = pipe.input("nums").map("nums", "sum", sum).output("sum")
    two = pipe.input("a", "b").map(("a", "b"), "c", lambda a, b: a - b).output("c")
    service = api_service.build_service([(one, "/sum"), (two, "/sub")])
    add, adds, sub, subs = (r.func for r in service.routers)
    assert add([1, 2]) == [[3]] and adds([[1, 2], [3]]) == [[[3]], [[3]]]
    assert sub([3, 1]) == sub({"b": 1, "a": 3}) == [[2]]
    assert subs([[3, 1], {"a": 1, "b": 1}]) == [[[2]], [[0]]]


def test_http():
    pytest.importorskip("fastapi")
    pytest.importorskip("httpx")
    from fastapi.testclient import TestClient

    from pipilo.serve.http.server import HTTPServer

    service = api_service.build_service([(lambda x: x, "/echo"), (Pipe(), "/add")], desc="hello")

    @service.api(path="/two")
    def two(url, ids):
        return [url, ids]

    @service.api(path="/none")
    def none():
        return "nothing"

    @service.api(path="/bytes", input_model=BYTES(), output_model=BYTES())
    def upper(data):
        return data.upper()

    client = TestClient(HTTPServer(service).app, raise_server_exceptions=False)
    assert client.get("/").json() == "hello"
    assert client.post("/echo", json={"a": [1]}).json() == {"a": [1]}
    assert client.post("/add", json=[1, 2]).json() == [[3]]
    assert client.post("/two", json={"url": "u", "ids": [1]}).json() == ["u", [1]]
    assert client.post("/two", json=["u", [1]]).json() == ["u", [1]]
    assert client.post("/none").json() == "nothing"
    assert client.post("/bytes", content=b"abc").content == b"ABC"
    assert client.post("/add", json=[1]).status_code == 500
