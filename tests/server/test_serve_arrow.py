"""POST /embed as an Arrow stream, read by pyarrow."""
import numpy
import pyarrow
import pytest

from serving import embed, form, picture


def read(server, body, headers=None, path="/embed"):
    accept = {"Accept": "text/html, application/vnd.apache.arrow.stream;q=0.9"}
    status, head, data = server.ask("POST", path, body, accept | (headers or {}))
    assert status == 200 and head["Content-Type"] == "application/vnd.apache.arrow.stream", data
    table = pyarrow.ipc.open_stream(data).read_all()
    table.validate(full=True)
    return table


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 30])
def test_arrow(server, tmp_path, count):
    files = [picture(seed) for seed in range(count)]
    table = read(server, *form([(f"ä{n}.jpg", data) for n, data in enumerate(files)]))
    assert table.column_names == ["index", "name", "vector", "error"]
    assert table.schema.field("vector").type == pyarrow.list_(pyarrow.field("item", pyarrow.float32(), False), 8)
    assert table["index"].to_pylist() == list(range(count))
    assert table["name"].to_pylist() == [f"ä{n}.jpg" for n in range(count)]
    assert table["error"].null_count == count and table["vector"].null_count == 0
    found = table["vector"].combine_chunks().flatten().to_numpy().reshape(count, 8)
    numpy.testing.assert_array_equal(found, embed(tmp_path, files, "null:8"))
    model = server.json("GET", "/v1/models")["data"][0]
    assert table.schema.metadata == {b"model": b"null", b"fingerprint": model["fingerprint"].encode()}


def test_arrow_of_bad_pictures(server):
    assert read(server, picture())["name"].to_pylist() == [None]
    body, headers = form([("a", picture()), ("b", b"none"), ("c", picture()[:300])])
    table = read(server, body, headers, "/embed?on_error=row")
    assert [row is None for row in table["vector"].to_pylist()] == [False, True, True]
    errors = table["error"].to_pylist()
    assert errors[0] is None and errors[1].startswith("unsupported_format: ") and errors[2].startswith("truncated: ")
