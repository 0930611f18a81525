"""ops: names, where they lead, and what is said when they lead nowhere."""

import csv
import pickle
import sqlite3

import pytest

from pipilo.hub import get_operator, set_local_dir
from pipilo.operator import loader
from pipilo.ops import ops
from pipilo.register import register


@pytest.fixture(autouse=True)
def no_native(monkeypatch):
    """These tests need no extension."""
    monkeypatch.setattr(loader, "_native", lambda name: None)
    monkeypatch.setattr("pipilo.operator.native.native_operators", lambda: ("image_decode.cv2",))


def test_properties():
    op = ops.my_space.my_op("a", 1, c=[2])
    assert (op.name, op.init_args, op.init_kws) == ("my-space/my-op", ("a", 1), {"c": [2]})
    assert (op.tag, op.is_latest) == ("main", False)
    assert op.revision("v2") is op and op.tag == "v2"
    assert op.revision().tag == "main"
    assert op.latest() is op and op.is_latest
    assert ops.single().name == "single"
    assert ops.a.b.c().name == "a/b/c"
    assert "my-space/my-op" in repr(op)


def test_ops_is_no_operator_itself():
    with pytest.raises(TypeError):
        ops()
    with pytest.raises(AttributeError):
        ops.__wrapped__  # noqa: B018
    assert "cv2" in dir(ops.image_decode) and "image_decode" in dir(ops)


def test_registered_is_loaded_at_the_first_call_only():
    made = []

    @register(name="test_ops/counted")
    class Counted:
        def __init__(self, by=1):
            made.append(by)
            self.by = by

        def __call__(self, x):
            return x + self.by

    op = ops.test_ops.counted(by=4)
    assert made == []
    assert op(1) == 5 and op(2) == 6 and made == [4]
    assert op.get_op() is op.get_op()
    again = pickle.loads(pickle.dumps(op))
    assert again.name == op.name and again.init_kws == {"by": 4}


def test_unknown_operator_says_what_there_is():
    with pytest.raises(RuntimeError, match="Loading operator with error:Load operator failed") as e:
        ops.image_decode.cv3()(b"")
    assert "image_decode.cv2" in str(e.value) and "@register" in str(e.value)
    assert e.value.__cause__ is not None


def test_constructor_errors_are_kept():
    @register(name="test_ops/strict")
    class Strict:
        def __init__(self, needed):
            pass

    with pytest.raises(RuntimeError, match="needed") as e:
        ops.test_ops.strict().get_op()
    assert isinstance(e.value.__cause__, TypeError)


# --- folders ---------------------------------------------------------------------------------


def folder(root, name, init=None, module=None, requirements=None):
    path = root / name
    path.mkdir(parents=True)
    for file, text in {
        "__init__.py": init,
        f"{name}.py": module,
        "requirements.txt": requirements,
    }.items():
        if text is not None:
            (path / file).write_text(text)
    return path


def test_local_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_OP_CACHE", str(tmp_path))
    folder(
        tmp_path,
        "add_it",
        init="from .add_it import AddIt\ndef add_it(by): return AddIt(by)\n",
        module="class AddIt:\n    def __init__(self, by): self.by = by\n"
        "    def __call__(self, x): return x + self.by\n",
    )
    op = ops.local.add_it(3)
    assert op(4) == 7 and op.name == "local/add-it"


def test_legacy_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_OP_CACHE", str(tmp_path))
    folder(
        tmp_path,
        "old_form",
        init="",
        module="from towhee.operator import PyOperator\n"
        "class OldForm(PyOperator):\n"
        "    def __init__(self): super().__init__()\n"
        "    def __call__(self, x): return -x\n",
    )
    assert ops.local.old_form()(4) == -4


def test_folder_without_its_operator(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_OP_CACHE", str(tmp_path))
    folder(tmp_path, "hollow", init="x = 1\n")
    with pytest.raises(RuntimeError, match="__init__.py defines hollow"):
        ops.local.hollow().get_op()


def test_requirements_are_named_not_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("TEST_OP_CACHE", str(tmp_path))
    folder(tmp_path, "needy", init="import no_such_module_at_all\n", requirements="nothing\n")
    with pytest.raises(RuntimeError, match="requirements.txt"):
        ops.local.needy().get_op()


def test_versions(tmp_path, monkeypatch):
    monkeypatch.setenv("TOWHEE_HOME", str(tmp_path))
    for tag in ("main", "v1_0"):
        root = tmp_path / "operators" / "towhee" / "my-tag" / "versions"
        folder(root, tag, init=f"def my_tag():\n    return lambda: {tag!r}\n")
    assert ops.my_tag()() == "main"
    assert ops.my_tag().revision("v1.0")() == "v1_0"
    assert ops.towhee.my_tag().latest()() == "main"


def test_a_changed_folder_is_read_again(tmp_path, monkeypatch):
    import os

    monkeypatch.setenv("TEST_OP_CACHE", str(tmp_path))
    path = folder(tmp_path, "moving", init="def moving(): return lambda: 1\n")
    assert ops.local.moving()() == 1
    (path / "__init__.py").write_text("def moving(): return lambda: 2\n")
    os.utime(path / "__init__.py", ns=(1, 1))
    assert ops.local.moving()() == 2


def test_hub_paths(tmp_path, monkeypatch):
    monkeypatch.delenv("TEST_OP_CACHE", raising=False)
    with pytest.raises(FileNotFoundError, match="TEST_OP_CACHE"):
        get_operator("local/x")
    for bad in ("x", "a/b/c", "/b"):
        with pytest.raises(ValueError, match="Incorrect operator format"):
            get_operator(bad)
    monkeypatch.setattr("pipilo.hub._home", None)
    set_local_dir(tmp_path)
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        get_operator("a/b")
    monkeypatch.setattr("pipilo.hub._home", None)


# --- operators that come with pipilo -----------------------------------------------------------


def test_sources(tmp_path):
    for name in ("b.txt", "a.txt", "c.csv"):
        (tmp_path / name).write_text("")
    found = ops.data_source.glob(str(tmp_path / "*.txt"))()
    assert [p.rsplit("/", 1)[1] for p in found] == ["a.txt", "b.txt"]
    with open(tmp_path / "rows.csv", "w", newline="") as file:
        csv.writer(file).writerows([[1, "x,y"], [2, "z"]])
    assert list(ops.data_source.csv_reader(str(tmp_path / "rows.csv"))()) == [
        ["1", "x,y"],
        ["2", "z"],
    ]
    assert list(ops.data_source.csv_reader(str(tmp_path / "rows.csv"), delimiter="|")())[1] == [
        "2,z"
    ]


def test_ann_over_sqlite(tmp_path):
    np = pytest.importorskip("numpy")
    path = str(tmp_path / "ann.db")
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((500, 8)).astype("float32")
    insert = ops.ann_insert.sqlite(path, 8)
    assert [insert(v, f"p{i}", {"n": i}) for i, v in enumerate(vectors)][:3] == [1, 2, 3]
    insert.get_op().flush()
    query = rng.standard_normal(8)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = {
        "COSINE": np.argsort(-(unit @ (query / np.linalg.norm(query)))),
        "IP": np.argsort(-(vectors @ query)),
        "L2": np.argsort(np.linalg.norm(vectors - query, axis=1)),
    }
    for metric, order in expected.items():
        hits = ops.ann_search.sqlite(path, limit=4, metric_type=metric)(query)
        assert [hit[0] - 1 for hit in hits] == order[:4].tolist()
        assert hits[0][2] == f"p{order[0]}" and hits[0][3] == {"n": int(order[0])}
    nearest = ops.ann_search.sqlite(path, 1, "L2")(vectors[7])[0]
    assert nearest[0] == 8 and nearest[1] == 0
    with pytest.raises(ValueError, match="8"):
        ops.ann_search.sqlite(path)(np.ones(9))
    with pytest.raises(ValueError):
        insert(np.ones(9))
    with pytest.raises(RuntimeError, match="no such file"):
        ops.ann_search.sqlite(str(tmp_path / "none.db")).get_op()
    with pytest.raises(RuntimeError, match="vectors of 8"):
        ops.ann_insert.sqlite(path, 9).get_op()


@pytest.mark.parametrize("op", ["milvus_client", "faiss_index"])
def test_clients_that_are_not_installed(op, monkeypatch, tmp_path):
    import sys

    client = {"milvus_client": "pymilvus", "faiss_index": "faiss"}[op]
    monkeypatch.setitem(sys.modules, client, None)
    args = (str(tmp_path), 4) if op == "faiss_index" else ("127.0.0.1", "19530", "c")
    with pytest.raises(RuntimeError, match="pip install"):
        getattr(ops.ann_insert, op)(*args).get_op()


@pytest.mark.parametrize("bits, numbers", [(32, "<f4"), (16, "<f2")])
def test_ann_search_reads_a_store_of_pictures(tmp_path, bits, numbers):
    np = pytest.importorskip("numpy")
    path = tmp_path / "photos.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    db.execute("INSERT INTO meta VALUES('vector', ?)", (f"float{bits} little-endian",))
    db.execute("CREATE TABLE rows(row INTEGER PRIMARY KEY, source TEXT NOT NULL, vector BLOB)")
    for row in range(10):
        vector = None if row == 3 else np.eye(10, dtype=numbers)[row].tobytes()
        db.execute("INSERT INTO rows VALUES(?, ?, ?)", (row, f"{row}.jpg", vector))
    db.commit()
    db.close()
    search = ops.ann_search.sqlite(str(path), limit=2)
    hits = search(np.eye(10)[4] + 0.1 * np.eye(10)[7])
    assert [(number, source) for number, _, source in hits] == [(4, "4.jpg"), (7, "7.jpg")]
    with pytest.raises(ValueError, match="row 0 has 10 values, the query 9"):
        search(np.ones(9))


def test_registered_names_win_over_shipped_ones():
    @register(name="data_source/glob")
    class Mine:
        def __call__(self):
            return ["mine"]

    try:
        assert ops.data_source.glob()() == ["mine"]
    finally:
        from pipilo.register import OperatorRegistry

        del OperatorRegistry.REGISTRY["data-source/glob"]
