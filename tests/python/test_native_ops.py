"""pipilo's own operators called outside of a pipeline, and pipelines over shipped operators."""

from pathlib import Path

import pytest

from pipilo import DataLoader, ops, pipe
from pipilo.operator.native import native_name, native_operators

np = pytest.importorskip("numpy")


def test_names():
    assert "towhee.np_normalize" in native_operators()
    assert native_name("towhee/np-normalize") == "towhee.np_normalize"
    assert native_name("image-decode/cv2-rgb") == "image_decode.cv2_rgb"
    assert native_name("image-decode/none") is None
    assert "np_normalize" in dir(ops.towhee) and "sqlite" in dir(ops.ann_insert)


def test_a_call():
    normalize = ops.towhee.np_normalize()
    for _ in range(2):
        assert np.allclose(normalize(np.array([3.0, 4.0], "float32")), [0.6, 0.8])
    assert "towhee.np_normalize" in repr(normalize.get_op())


def test_a_picture(tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = str(tmp_path / "red.png")
    image.new("RGB", (5, 4), (255, 0, 0)).save(path)
    found = ops.image_decode.cv2()(path)
    assert found.shape == (4, 5, 3) and found.mode == "BGR" and (found[0, 0] == [0, 0, 255]).all()
    rgb = ops.image_decode.cv2_rgb()(path)
    assert rgb.mode == "RGB" and (rgb[0, 0] == [255, 0, 0]).all()


def test_errors():
    with pytest.raises(RuntimeError, match="Loading operator with error"):
        ops.towhee.np_normalize(no_such_argument=1).get_op()
    with pytest.raises(RuntimeError):
        ops.image_decode.cv2()("/no/such/picture.jpg")


def test_insert_and_search_in_pipelines(tmp_path):
    store = str(tmp_path / "ann.db")
    unit = np.eye(4, dtype="float32")
    insert = (
        pipe.input("name", "vec")
        .map("vec", "vec", ops.towhee.np_normalize())
        .map(("vec", "name"), "id", ops.ann_insert.sqlite(store, 4))
        .output("id")
    )
    ids = [q.get()[0] for q in insert.batch([(f"n{i}", 3 * unit[i]) for i in range(4)])]
    insert.flush()
    assert ids == [1, 2, 3, 4]
    search = (
        pipe.input("vec")
        .flat_map("vec", "hits", ops.ann_search.sqlite(store, limit=2))
        .map("hits", ("id", "score", "name"), lambda hit: hit)
        .output("id", "score", "name")
    )
    rows = search(unit[2] + 0.5 * unit[1]).to_list()
    assert [(row[0], row[2]) for row in rows] == [(3, "n2"), (2, "n1")]


def test_a_source_for_a_loader(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(str(number))
    p = pipe.input("path").map("path", "n", lambda p: int(Path(p).read_text())).output("n")
    loader = DataLoader(ops.data_source.glob(str(tmp_path / "*.txt")), batch_size=2)
    assert [[q.get() for q in p.batch(batch)] for batch in loader] == [[[0], [1]], [[2]]]
