"""POST /embed: bare pictures and forms; JSON and float32 back."""
import io
import json

import numpy
from PIL import Image

from serving import MODEL, PHOTOS, cosines, embed, floats, form, needs_engine, needs_helpers, picture

def test_one_picture_equals_embed(server, tmp_path):
    files = [picture(0), picture(1, kind="PNG"), picture(2, kind="WEBP", lossless=True)]
    expected = embed(tmp_path, files, "null:8")
    for data, vector in zip(files, expected):
        answer = json.loads(server.ask("POST", "/embed", data)[2])
        assert answer["model"] == "null" and answer["dim"] == 8 and len(answer["data"]) == 1
        numpy.testing.assert_array_equal(numpy.float32(answer["data"][0]["embedding"]), vector)
        numpy.testing.assert_array_equal(floats(server, data)[0], vector)


def test_form(server, tmp_path):
    files = [picture(seed) for seed in range(5)]
    body, headers = form([(f"p{i}.jpg", data) for i, data in enumerate(files)])
    numpy.testing.assert_array_equal(floats(server, body, headers), embed(tmp_path, files, "null:8"))
    answer = json.loads(server.ask("POST", "/embed", body, headers)[2])
    assert [row["name"] for row in answer["data"]] == [f"p{i}.jpg" for i in range(5)]


def test_a_form_that_quotes_and_folds(server):
    for boundary in ("a b", "x" * 70):
        body, headers = form([("a.jpg", picture())], boundary)
        headers["Content-Type"] = f'multipart/form-data; boundary="{boundary}"; charset=utf-8'
        assert floats(server, b"a preamble\r\n" + body + b"an epilogue", headers).shape == (1, 8)


def test_broken_forms(server):
    body, headers = form([("a.jpg", picture()), ("b.jpg", picture(1))])
    for cut in (0, 1, 20, 60, len(body) // 2, len(body) - 10):
        assert server.ask("POST", "/embed", body[:cut], headers)[0] == 400
    for kind in ("multipart/form-data", "multipart/form-data; boundary=",
                 "multipart/form-data; boundary=" + "x" * 71, "multipart/form-data; boundary=other"):
        assert server.ask("POST", "/embed", body, {"Content-Type": kind})[0] == 400
    assert server.ask("POST", "/embed", *form([]))[0] == 400


def test_bad_pictures_say_what_they_are(server):
    whole = picture(3)
    for data, status, code in ((b"no picture", 415, "unsupported_format"),
                               (whole[:len(whole) // 2], 422, "truncated"), (b"", 400, None)):
        got, _, text = server.ask("POST", "/embed", data)
        assert got == status, text
        error = json.loads(text)["error"]
        assert code in (None, error["code"])
    body, headers = form([("good.jpg", whole), ("bad.jpg", b"no picture")])
    got, _, text = server.ask("POST", "/embed", body, headers)
    assert got == 400 and json.loads(text)["error"]["param"] == "bad.jpg"


@needs_helpers
def test_pictures_of_strangers_in_helpers(server, serve):
    apart = serve("-m", "null:8", "--isolate", "--time-limit", "60")
    files = [picture(0), picture(1, kind="PNG"), picture(2, kind="TIFF"), picture(3, kind="JPEG2000")]
    for data in files:
        numpy.testing.assert_array_equal(floats(apart, data), floats(server, data))
    half = files[0][:len(files[0]) // 2]
    assert apart.ask("POST", "/embed", half)[2] == server.ask("POST", "/embed", half)[2]
    late = serve("-m", "null:8", "--time-limit", "0.000001")
    status, _, text = late.ask("POST", "/embed", files[0])
    assert status == 504 and json.loads(text)["error"]["code"] == "timeout"


def test_bad_pictures_as_rows(server, tmp_path):
    good = picture(4)
    body, headers = form([("good.jpg", good), ("bad.jpg", good[:300]), ("again.jpg", good)])
    rows = json.loads(server.ask("POST", "/embed?on_error=row", body, headers)[2])["data"]
    assert rows[1]["embedding"] is None and rows[1]["error"]["param"] == "bad.jpg"
    assert rows[0]["embedding"] == rows[2]["embedding"]
    found = floats(server, body, headers, "/embed?on_error=row")
    assert numpy.isnan(found[1]).all() and (found[0] == found[2]).all()
    numpy.testing.assert_array_equal(found[0], embed(tmp_path, [good], "null:8")[0])


def test_orientation_and_modes(server, tmp_path):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(io.BytesIO(picture(5))).save(file, "JPEG", exif=exif)
    grey = io.BytesIO()
    Image.open(io.BytesIO(picture(6))).convert("L").save(grey, "PNG")
    files = [file.getvalue(), grey.getvalue()]
    expected = embed(tmp_path, files, "null:8")
    for data, vector in zip(files, expected):
        numpy.testing.assert_array_equal(floats(server, data)[0], vector)


def test_types(server):
    data = picture()
    for kind in ("image/jpeg", "image/anything", "application/octet-stream",
                 "application/x-www-form-urlencoded"):
        assert server.ask("POST", "/embed", data, {"Content-Type": kind})[0] == 200
    for kind in ("application/json", "text/plain", "video/mp4"):
        assert server.ask("POST", "/embed", data, {"Content-Type": kind})[0] == 415


def test_models_and_options_by_name(serve):
    server = serve("-m", "null:8", "-m", "null:16", "--normalize")
    assert floats(server, picture(), path="/embed?model=null:16").shape == (1, 16)
    vector = floats(server, picture(), path="/embed?model=null:8")[0]
    assert abs(numpy.linalg.norm(vector) - 1) < 1e-6
    assert server.ask("POST", "/embed?model=other", picture())[0] == 404
    assert server.ask("POST", "/embed?on_error=maybe", picture())[0] == 400


@needs_engine
def test_the_real_model_equals_embed(serve, tmp_path):
    files = [path.read_bytes() for path in sorted(PHOTOS.iterdir())[:12]]
    server = serve("-m", MODEL)
    body, headers = form([(f"{i}", data) for i, data in enumerate(files)])
    found = floats(server, body, headers)
    expected = embed(tmp_path, files, MODEL)
    assert found.shape == expected.shape == (12, 1280)
    assert (cosines(found, expected) > 1 - 1e-6).all()
    numpy.testing.assert_array_equal(found, expected)
