"""The store: searching it, its rows, thumbnails and vectors, and adding to it."""
import io
import json
import shutil
import sqlite3
import subprocess
import threading

import numpy
import pytest
from PIL import Image

from serving import PROGRAM, Server, floats, form, picture, text, uri


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Thirty pictures in a store with thumbnails, one of them broken."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(30):
        (folder / f"{seed:02}.jpg").write_bytes(picture(seed))
    (folder / "05.jpg").write_bytes(b"no picture")
    done = subprocess.run([PROGRAM, "embed", folder, "-m", "null:8", "-o", "photos.db",
                           "--thumbnails"], cwd=folder.parent, capture_output=True)
    assert done.returncode == 1
    subprocess.run([PROGRAM, "embed", folder, "-m", "null:8", "-o", "photos.npy"],
                   cwd=folder.parent, capture_output=True)
    return folder.parent


@pytest.fixture(scope="module")
def stored(photos):
    server = Server(photos, "-m", "null:16", "-m", "null:8", "--store", photos / "photos.db")
    yield server
    assert server.stop() == 0


def search(photos, *words):
    """What the command line finds: (row, score) a hit."""
    done = subprocess.run([PROGRAM, "search", photos / "photos.db", *words, "--json"], cwd=photos,
                          capture_output=True, text=True, check=True)
    return [[(hit["row"], hit["score"]) for hit in json.loads(line)["hits"]]
            for line in done.stdout.splitlines()]


def hits(answer):
    return [[(hit["row"], hit["score"]) for hit in query["hits"]] for query in answer["data"]]


def test_search_equals_the_command_line(stored, photos):
    files = [photos / f"photos/{seed:02}.jpg" for seed in (3, 17)]
    files = [next(photos.rglob(file.name)) for file in files]
    expected = search(photos, *files, "-k", "7")
    one = json.loads(stored.ask("POST", "/v1/search?k=7", files[0].read_bytes())[2])
    assert hits(one) == expected[:1] and one["model"] == "null" and not one["by_index"]
    assert one["data"][0]["hits"][0]["source"].endswith("03.jpg")
    assert [hit["rank"] for hit in one["data"][0]["hits"]] == list(range(1, 8))
    both = stored.json("POST", "/v1/search",
                       {"input": [uri(file.read_bytes()) for file in files], "k": 7})
    assert hits(both) == expected
    body, head = form([(file.name, file.read_bytes()) for file in files])
    assert hits(json.loads(stored.ask("POST", "/v1/search?k=7", body, head)[2])) == expected
    assert hits(stored.json("POST", "/v1/search", {"row": 9, "k": 4})) == search(
        photos, "--row", "9", "-k", "4")


def test_search_by_vectors(stored, photos):
    vectors = numpy.load(photos / "photos.npy")
    answer = stored.json("POST", "/v1/search", {"vector": vectors[4].tolist(), "k": 3})
    assert hits(answer) == search(photos, "--row", "4", "-k", "3")
    answer = stored.json("POST", "/v1/search", {"vector": vectors[[4, 7]].tolist(), "k": 3})
    assert hits(answer) == [hits(stored.json("POST", "/v1/search", {"row": row, "k": 3}))[0]
                            for row in (4, 7)]


def test_search_by_an_index(photos, tmp_path, serve):
    (tmp_path / "a.db").write_bytes((photos / "photos.db").read_bytes())
    subprocess.run([PROGRAM, "index", tmp_path / "a.db"], check=True, capture_output=True)
    server = serve("-m", "null:8", "--store", tmp_path / "a.db")
    found = server.json("POST", "/v1/search", {"row": 9, "k": 4})
    exact = server.json("POST", "/v1/search", {"row": 9, "k": 4, "exact": True})
    assert found["by_index"] and not exact["by_index"] and hits(found) == hits(exact)


def test_bad_searches(stored):
    good = uri(picture())
    for body, status, param in (
            ({}, 400, None), ({"row": 1, "input": good}, 400, None), ({"row": -1}, 400, "row"),
            ({"row": "1"}, 400, "row"), ({"row": 1.5}, 400, "row"), ({"row": 999}, 404, None),
            ({"row": 5}, 404, None), ({"row": 1, "k": 0}, 400, "k"), ({"row": 1, "k": 9999}, 400, "k"),
            ({"vector": []}, 400, "vector"), ({"vector": [1] * 7}, 400, "vector"),
            ({"vector": [[1] * 8, [1] * 9]}, 400, "vector"), ({"vector": ["a"] * 8}, 400, "vector"),
            ({"vector": [[1] * 8] * 65}, 400, "vector"), ({"vector": 3}, 400, "vector"),
            ({"vector": [1e39] * 8}, 400, None), ({"vector": [0] * 8}, 400, None),
            ({"input": []}, 400, "input"), ({"input": "a text"}, 400, "input[0]"),
            ({"input": [good, uri(b"none")]}, 400, "input[1]"), ({"input": [good] * 65}, 400, "input")):
        error = stored.json("POST", "/v1/search", body, status=status)["error"]
        assert error["param"] == param, (body, error)
    assert stored.ask("POST", "/v1/search?k=x", picture())[0] == 400
    assert stored.ask("POST", "/v1/search", b"no picture")[0] == 400
    assert stored.ask("POST", "/v1/search", b"")[0] == 400


def test_a_thumbnail_that_is_held_is_not_sent_again(serve, tmp_path):
    kept = serve("-m", "null:8", "--store", tmp_path / "kept.db")
    path, tags = "/v1/items/0/thumbnail", []
    for seed in (1, 1, 2):
        assert kept.ask("POST", "/v1/items?source=a.jpg&update=true", picture(seed))[0] == 200
        status, head, data = kept.ask("GET", path)
        assert status == 200 and data and head["Cache-Control"] == "private, no-cache"
        tags.append(head["ETag"])
        status, head, data = kept.ask("GET", path, headers={"If-None-Match": f'"other", W/{tags[-1]}'})
        assert (status, data, head["ETag"]) == (304, b"", tags[-1])
    assert tags[0] == tags[1] != tags[2]
    assert kept.ask("GET", path, headers={"If-None-Match": tags[0]})[0] == 200


def test_rows_thumbnails_vectors(stored, photos):
    answer = stored.json("GET", "/v1/items?count=1000")
    assert answer["rows"] == 30 and answer["dim"] == 8 and not answer["indexed"]
    rows = answer["data"]
    assert [row["row"] for row in rows] == list(range(30))
    assert all((row["width"], row["height"]) == (80, 60) for row in rows if row["row"] != 5)
    assert rows[5]["error"]["code"] == "unsupported_format" and rows[5]["thumbnail"] is None
    assert stored.json("GET", "/v1/items?first=28&count=9")["data"] == rows[28:]
    assert stored.json("GET", "/v1/items?first=99")["data"] == []
    assert stored.json("GET", "/v1/items/7") == rows[7]
    database = sqlite3.connect(photos / "photos.db")
    kept = dict(database.execute("SELECT row, thumbnail FROM rows"))
    for row in rows:
        if row["thumbnail"]:
            status, head, data = stored.ask("GET", row["thumbnail"])
            assert status == 200 and head["Content-Type"] == "image/jpeg" and data == kept[row["row"]]
            assert max(Image.open(io.BytesIO(data)).size) <= 160
            assert head["Cache-Control"] == "private, no-cache"
    for path in ("/v1/items/5/thumbnail", "/v1/items/30", "/v1/items/30/thumbnail", "/v1/items/x",
                 "/v1/items/-1", "/v1/items/1/other", "/v1/items/1x", "/v1/items/99999999999999999999"):
        assert stored.ask("GET", path)[0] == 404, path
    status, head, data = stored.ask("GET", "/v1/vectors?first=2&count=9")
    assert status == 200 and head["X-Pipilo-Shape"] == "9, 8" and head["X-Pipilo-Rows"] == "30"
    numpy.testing.assert_array_equal(numpy.frombuffer(data, "<f4").reshape(9, 8),
                                     numpy.load(photos / "photos.npy")[2:11])
    assert stored.ask("GET", "/v1/vectors?first=30")[2] == b""
    for query in ("first=-1", "first=x", "count=0", "count=1000001", "first=1e3", "first="):
        assert stored.ask("GET", "/v1/items?" + query)[0] == 400
        assert stored.ask("GET", "/v1/vectors?" + query)[0] == 400


def test_adding(serve, tmp_path):
    """A store that is not there is made; what is added is found at once, and by the command too."""
    server = serve("-m", "null:8", "--store", tmp_path / "new.db")
    assert server.json("GET", "/v1/items")["rows"] == 0
    assert hits(server.json("POST", "/v1/search", {"input": uri(picture())})) == [[]]
    assert server.json("POST", "/v1/search", {"row": 0}, status=404)
    answer = json.loads(server.ask("POST", "/v1/items?source=first.jpg", picture(1))[2])
    assert answer["data"] == [{"index": 0, "source": "first.jpg", "row": 0}]
    body, head = form([(f"p{n}.jpg", picture(n)) for n in range(2, 6)])
    rows = json.loads(server.ask("POST", "/v1/items", body, head)[2])["data"]
    assert [(row["source"], row["row"]) for row in rows] == [(f"p{n}.jpg", n - 1) for n in range(2, 6)]
    rows = server.json("POST", "/v1/items", {"input": [text(picture(6)), uri(picture(7))],
                                              "sources": ["six", "seven"]})["data"]
    assert [(row["source"], row["row"]) for row in rows] == [("six", 5), ("seven", 6)]
    # A single name is the first picture's, and the member behind it none.
    rows = server.json("POST", "/v1/items?on_error=row", {
        "input": [uri(b"none")] * 2, "sources": "seven", "model": "null"})["data"]
    assert rows[0]["source"] == "seven" and rows[1]["source"].startswith("upload-")
    row = json.loads(server.ask("POST", "/v1/items", picture(8))[2])["data"][0]
    assert row["source"].startswith("upload-") and row["row"] == 7
    listed = server.json("GET", "/v1/items")["data"]
    assert all(row["thumbnail"] and (row["width"], row["height"]) == (80, 60) for row in listed)
    for seed in range(1, 9):
        found = json.loads(server.ask("POST", "/v1/search?k=1", picture(seed))[2])
        assert found["data"][0]["hits"][0]["row"] == seed - 1
    _, _, data = server.ask("GET", "/v1/vectors")
    for seed, vector in zip(range(1, 9), numpy.frombuffer(data, "<f4").reshape(8, 8)):
        numpy.testing.assert_array_equal(vector, floats(server, picture(seed))[0])
    (tmp_path / "one.jpg").write_bytes(picture(4))
    done = subprocess.run([PROGRAM, "search", "new.db", "one.jpg", "-k", "1", "--json"],
                          cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["hits"][0]["source"] == "p4.jpg"


def test_adding_what_is_bad(serve, tmp_path):
    server = serve("-m", "null:8", "--store", tmp_path / "new.db")
    body, head = form([("good.jpg", picture()), ("bad.jpg", b"no picture")])
    status, _, answer = server.ask("POST", "/v1/items", body, head)
    assert status == 400 and json.loads(answer)["error"]["param"] == "bad.jpg"
    assert server.json("GET", "/v1/items")["rows"] == 0
    rows = json.loads(server.ask("POST", "/v1/items?on_error=row", body, head)[2])["data"]
    assert rows[0]["row"] == 0 and rows[1]["row"] is None
    assert rows[1]["error"]["code"] == "unsupported_format"
    assert server.json("GET", "/v1/items")["rows"] == 1
    assert server.ask("POST", "/v1/items", b"none")[0] == 400
    assert server.json("POST", "/v1/items", {"input": uri(picture()), "sources": [3]}, status=400)


def test_updating(serve, tmp_path):
    """With update a source that is there keeps its row and gets the new picture; others are added."""
    server = serve("-m", "null:8", "--store", tmp_path / "new.db")

    def rows():
        return [(row["row"], row["source"], row["width"]) for row in server.json("GET", "/v1/items")["data"]]

    body, head = form([("a.jpg", picture(1)), ("b.jpg", picture(2))])
    # Of a store that is not there yet all are new.
    answer = json.loads(server.ask("POST", "/v1/items?update=true", body, head)[2])
    assert [row["row"] for row in answer["data"]] == [0, 1]
    body, head = form([("b.jpg", picture(3, (90, 60))), ("c.jpg", picture(4))])
    answer = json.loads(server.ask("POST", "/v1/items?update=true", body, head)[2])
    assert [row["row"] for row in answer["data"]] == [1, 2]
    assert rows() == [(0, "a.jpg", 80), (1, "b.jpg", 90), (2, "c.jpg", 80)]
    vectors = numpy.frombuffer(server.ask("GET", "/v1/vectors")[2], "<f4").reshape(3, 8)
    for row, data in enumerate((picture(1), picture(3, (90, 60)), picture(4))):
        numpy.testing.assert_array_equal(vectors[row], floats(server, data)[0])
    thumbnail = Image.open(io.BytesIO(server.ask("GET", "/v1/items/1/thumbnail")[2]))
    assert thumbnail.size == (90, 60)
    # The nth of a name is the store's nth row of that name, as for `pipilo embed --update`.
    answer = server.json("POST", "/v1/items", {"input": [uri(picture(n)) for n in (5, 6)],
                                               "sources": ["a.jpg"] * 2, "update": True})
    assert [row["row"] for row in answer["data"]] == [0, 3]
    # Without it every picture is a row of its own.
    for query in ("", "&update=false"):
        before = len(rows())
        answer = json.loads(server.ask("POST", f"/v1/items?source=a.jpg{query}", picture(7))[2])
        assert answer["data"][0]["row"] == before
    assert [source for _, source, _ in rows()] == ["a.jpg", "b.jpg", "c.jpg", "a.jpg", "a.jpg", "a.jpg"]
    assert server.ask("POST", "/v1/items?update=1", picture())[0] == 400
    assert server.json("POST", "/v1/items", {"input": uri(picture()), "update": "yes"}, status=400)
    connection = sqlite3.connect(tmp_path / "new.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_store_that_goes_away(serve, tmp_path):
    """One that was removed is made anew; one that another writes to is waited for, then busy."""
    server = serve("-m", "null:8", "--store", tmp_path / "new.db")
    for seed in (1, 2):
        answer = json.loads(server.ask("POST", "/v1/items?source=a", picture(seed))[2])
        assert answer["data"][0]["row"] == 0
        assert server.json("GET", "/v1/items")["rows"] == 1
        (tmp_path / "new.db").unlink()
    assert server.json("GET", "/v1/items")["rows"] == 0
    assert server.ask("POST", "/v1/items?source=a", picture())[0] == 200
    database = sqlite3.connect(tmp_path / "new.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    status, head, answer = server.ask("POST", "/v1/items?source=b", picture())
    assert status == 503 and json.loads(answer)["error"]["code"] == "busy" and head["Retry-After"]
    database.execute("ROLLBACK")
    assert json.loads(server.ask("POST", "/v1/items?source=b", picture())[2])["data"][0]["row"] == 1


def test_many_add_and_search_at_once(serve, tmp_path):
    # Of 8 values, two of these pictures' are alike to the last bit of a cosine.
    server = serve("-m", "null:64", "--store", tmp_path / "new.db")
    wrong = []

    def work(start):
        for seed in range(start, start + 6):
            status, _, answer = server.ask("POST", f"/v1/items?source={seed}", picture(seed))
            found = json.loads(server.ask("POST", "/v1/search?k=1", picture(seed))[2])
            if status != 200 or found["data"][0]["hits"][0]["source"] != str(seed):
                wrong.append((status, answer, found))

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    rows = server.json("GET", "/v1/items?count=1000")["data"]
    assert sorted(int(row["source"]) for row in rows) == sorted(
        100 * n + k for n in range(8) for k in range(6))


def test_what_others_write_is_seen(serve, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/1.jpg").write_bytes(picture(1))
    command = [PROGRAM, "embed", "in", "-m", "null:8", "-o", "s.db", "--update"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    server = serve("-m", "null:8", "--store", tmp_path / "s.db")
    assert server.json("GET", "/v1/items")["rows"] == 1
    (tmp_path / "in/2.jpg").write_bytes(picture(2))
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert server.json("GET", "/v1/items")["rows"] == 2
    found = json.loads(server.ask("POST", "/v1/search?k=1", picture(2))[2])
    assert found["data"][0]["hits"][0]["row"] == 1


@pytest.mark.parametrize("gone", ["npy", "jsonl", "meta.json"])
def test_a_store_that_misses_a_file(tmp_path, photos, gone):
    for end in ("npy", "jsonl", "meta.json"):
        if end != gone:
            shutil.copy(photos / f"photos.{end}", tmp_path)
    done = subprocess.run([PROGRAM, "serve", "-m", "null:8", "--store", "photos.npy", "--listen", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 3 and f"photos.{gone}: No such file" in done.stderr
    assert "pipilo embed" in done.stderr and "serving" not in done.stderr


def test_a_store_in_a_folder_that_is_not_there(tmp_path):
    (tmp_path / "file").touch()
    for folder in ("nowhere", "file"):
        done = subprocess.run([PROGRAM, "serve", "-m", "null:8", "--store", f"{folder}/s.db", "--listen", "127.0.0.1:0"],
                              capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert done.returncode == 3 and f"--store {folder}/s.db: no store can be made" in done.stderr
        assert "serving" not in done.stderr


def test_stores_that_do_not_fit(tmp_path, photos, serve):
    done = subprocess.run([PROGRAM, "serve", "-m", "null:16", "--store", photos / "photos.db",
                           "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 4 and "fingerprint" in done.stderr
    server = serve("-m", "null:8", "--store", photos / "photos.npy")
    assert server.json("GET", "/v1/items")["rows"] == 30
    assert server.ask("POST", "/v1/items", picture())[0] == 409
    server = serve("-m", "null:8")
    for method, path in (("GET", "/v1/items"), ("GET", "/v1/items/0"), ("GET", "/v1/vectors"),
                         ("POST", "/v1/search"), ("POST", "/v1/items")):
        assert server.ask(method, path, b"x" if method == "POST" else None)[0] == 404
