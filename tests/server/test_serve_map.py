"""The map of a store, beside numpy's singular value decomposition."""
import json
import subprocess

import numpy
import pytest

from serving import PROGRAM, picture


def store_of(folder, vectors):
    """A store that holds `vectors`, NaN where a row has none."""
    rows, dim = vectors.shape
    (folder / "one.jpg").write_bytes(picture())
    (folder / "list").write_text(f"{folder / 'one.jpg'}\n" * rows)
    subprocess.run([PROGRAM, "embed", "--files-from", folder / "list", "-m", f"null:{dim}", "-o", folder / "s.npy", "-q", "--force"],
                   cwd=folder, check=True)
    kept = numpy.load(folder / "s.npy", mmap_mode="r+")
    kept[:] = vectors
    kept.flush()
    return folder / "s.npy"


def spread(vectors):
    """What numpy's SVD leaves in the two directions in which the rows differ most."""
    table = numpy.float64(vectors) / numpy.linalg.norm(numpy.float64(vectors), axis=1, keepdims=True)
    left, sizes, _ = numpy.linalg.svd(table - table.mean(axis=0), full_matrices=False)
    return left[:, :2] * sizes[:2]


def uneven(rows, dim, seed):
    """Vectors that differ more in some directions than in others, none of them an axis."""
    chance = numpy.random.default_rng(seed)
    basis = numpy.linalg.qr(chance.normal(size=(dim, dim)))[0]
    weights = numpy.array([3, 2] + [.3] * (dim - 2)) / numpy.sqrt(dim)
    return numpy.float32((chance.normal(size=(rows, dim)) * weights) @ basis + basis[2] * 2)


ONE = numpy.float32([[1, 2, 3]])


@pytest.fixture
def map_of(serve, tmp_path):
    def ask(vectors, query=""):
        server = serve("-m", f"null:{vectors.shape[1]}", "--store", store_of(tmp_path, vectors))
        made = server.json("GET", "/v1/map" + query)
        again = server.json("GET", "/v1/map" + query)
        assert made == again and made["object"] == "map" and made["dim"] == vectors.shape[1]
        assert made["rows"] == len(vectors)
        places = numpy.array([[one["x"], one["y"]] for one in made["data"]]).reshape(-1, 2)
        return [one["row"] for one in made["data"]], places

    return ask


# Few dimensions are solved as a whole, many by Lanczos's process; 24 is where one gives way to the other.
@pytest.mark.parametrize(("rows", "dim"), [(500, 7), (50, 24), (50, 25), (200, 64), (60, 128), (2, 40)])
def test_it_is_numpys(map_of, rows, dim):
    vectors = uneven(rows, dim, rows)
    which, places = map_of(vectors)
    assert which == list(range(rows))
    expected = spread(vectors)
    for axis in range(2):
        sign = numpy.sign(places[:, axis] @ expected[:, axis]) or 1
        numpy.testing.assert_allclose(places[:, axis] * sign, expected[:, axis],
                                      atol=2e-4 * numpy.abs(expected).max())


def test_noise_is_spread_as_far_as_it_can_be(map_of):
    vectors = numpy.float32(numpy.random.default_rng(2).normal(size=(400, 96)))
    _, places = map_of(vectors)
    assert numpy.linalg.norm(places) == pytest.approx(numpy.linalg.norm(spread(vectors)), rel=.02)


@pytest.mark.parametrize(("vectors", "rows"), [
    (ONE, [0]), (numpy.repeat(ONE, 5, axis=0), [0, 1, 2, 3, 4]), (numpy.ones((6, 40), "f"), [0, 1, 2, 3, 4, 5])])
def test_what_does_not_differ_lies_in_one_place(map_of, vectors, rows):
    which, places = map_of(vectors)
    assert which == rows
    numpy.testing.assert_allclose(places, 0, atol=1e-5)


def test_one_dimension(map_of):
    _, places = map_of(numpy.float32([[1], [-1], [2]]))
    assert places[0, 0] == pytest.approx(places[2, 0]) and abs(places[0, 0] - places[1, 0]) == pytest.approx(2, abs=1e-5)
    assert (places[:, 1] == 0).all()


def test_rows_without_a_direction_are_left_out(map_of):
    vectors = numpy.float32([[1, 0], [numpy.nan, 1], [0, 1], [0, 0], [-1, 0], [numpy.inf, 0]])
    which, places = map_of(vectors)
    assert which == [0, 2, 4]
    expected = spread(vectors[which])
    assert numpy.abs(places) == pytest.approx(numpy.abs(expected), abs=1e-5)


def test_of_many_rows_a_sample_is_taken(map_of):
    vectors = uneven(1000, 16, 5)
    which, places = map_of(vectors, "?count=120")
    assert len(which) == 120 and which == sorted(set(which))
    assert which[:2] == [0, 1] and which[-2:] == [998, 999]
    assert max(numpy.diff(which)) < 20, "from all over the store"
    expected = spread(vectors[which])
    assert numpy.abs(places) == pytest.approx(numpy.abs(expected), abs=1e-3)


def test_a_handful_of_many(map_of):
    assert map_of(uneven(500, 8, 6), "?count=1")[0] == [0]
    assert map_of(uneven(500, 8, 6), "?count=7")[0][0] == 0


def test_a_database_with_gaps_and_errors(serve, tmp_path):
    """Rows that failed are left out, and what is added later is on the next map."""
    for seed in range(6):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed) if seed != 2 else b"no picture")
    subprocess.run([PROGRAM, "embed", *sorted(tmp_path.glob("*.jpg")), "-m", "null:32", "-o", "s.db"], cwd=tmp_path,
                   capture_output=True)
    server = serve("-m", "null:32", "--store", tmp_path / "s.db")
    assert [one["row"] for one in server.json("GET", "/v1/map")["data"]] == [0, 1, 3, 4, 5]
    server.ask("POST", "/v1/items", picture(9))
    made = server.json("GET", "/v1/map")
    assert made["rows"] == 7 and [one["row"] for one in made["data"]] == [0, 1, 3, 4, 5, 6]


def test_no_store_yet_and_bad_questions(serve, tmp_path):
    server = serve("-m", "null:8", "--store", tmp_path / "none.db")
    assert server.json("GET", "/v1/map") == {
        "object": "map", "rows": 0, "dim": 8, "model": "null", "data": []}
    for query in ("count=0", "count=-1", "count=x", "count=10001", "count="):
        assert json.loads(server.ask("GET", "/v1/map?" + query)[2])["error"]["param"] == "count"
    assert serve("-m", "null:8").ask("GET", "/v1/map")[0] == 404
