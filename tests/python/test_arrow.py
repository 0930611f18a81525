"""Arrow in and out, against pyarrow, nanoarrow and the letter of the C data interface."""

import ctypes
import gc
import io
import subprocess
import sys
import threading
import weakref

import pytest

import pipilo
from pipilo import DataQueue, embed, embed_stream, ops, pipe, to_arrow

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")
Image = pytest.importorskip("PIL.Image")

MODEL = "null:16"


def png(seed):
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (9, 11, 3), "uint8")
    Image.fromarray(pixels).save(out, "png")
    return out.getvalue()


PICTURES = [png(seed) for seed in range(20)]


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arrow")
    for seed, data in enumerate(PICTURES):
        (folder / f"{seed:02}.png").write_bytes(data)
    return [str(path) for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def found():
    return embed([*PICTURES[:3], b"bad", *PICTURES[3:]], MODEL)


# --- out -------------------------------------------------------------------------------------


def check(table, found):
    assert table.schema.equals(pa.schema([
        pa.field("embedding", pa.list_(pa.float32(), 16)),
        pa.field("status", pa.string(), nullable=False),
        pa.field("error", pa.string()),
    ]))
    assert table["status"].to_pylist() == found.status
    assert table["error"].to_pylist() == [found.errors.get(row) for row in range(len(found))]
    vectors = table["embedding"].to_pylist()
    for row in range(len(found)):
        if row in found.errors:
            assert vectors[row] is None
        else:
            assert np.array_equal(np.float32(vectors[row]), found.vectors[row])


def test_pyarrow(found):
    check(pa.table(found), found)
    check(pa.Table.from_batches([pa.record_batch(found)]), found)
    check(pa.RecordBatchReader.from_stream(found).read_all(), found)
    array = pa.array(found)
    array.validate(full=True)
    assert array.field(0).null_count == 1 and array.null_count == 0
    assert pa.table(found).slice(2, 5)["error"].to_pylist()[1] == found.errors[3]


def test_nanoarrow(found):
    na = pytest.importorskip("nanoarrow")
    array = na.Array(found)
    assert [row["status"] for row in array.iter_py()] == found.status
    view = na.c_array(found).view()
    assert view.child(0).null_count == 1 and view.child(0).child(0).length == 21 * 16


def test_nothing_is_copied(found):
    values = pa.record_batch(found).column(0).values
    assert values.buffers()[1].address == found.vectors.ctypes.data


def test_no_rows():
    empty = embed([], MODEL)
    assert pa.table(empty).num_rows == 0 and len(pa.array(empty)) == 0
    check(pa.table(empty), empty)


def test_only_failures():
    bad = embed([b"x"] * 70, MODEL)
    table = pa.table(bad)
    table.validate(full=True)
    assert table["embedding"].null_count == 70


def test_parquet_by_parts(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    given = PICTURES * 10
    given[57] = b"bad"
    path = tmp_path / "vectors.parquet"
    parts = embed_stream(given, MODEL, rows=33)
    first = next(parts)
    with pq.ParquetWriter(path, pa.schema(first)) as writer:
        writer.write_table(pa.table(first))
        for part in parts:
            writer.write_table(pa.table(part))
    read = pq.read_table(path)
    assert read.num_rows == 200 and read["status"].to_pylist().count("ok") == 199
    assert read["embedding"].to_pylist()[57] is None


def test_it_outlives_its_maker():
    gc.collect()
    before = pipilo.stats()["values"]
    table = pa.table(embed(PICTURES, MODEL))
    expected = embed(PICTURES, MODEL).vectors.copy()
    gc.collect()
    assert np.array_equal(np.stack(table["embedding"].to_numpy()), expected)
    column = table["embedding"]
    del table
    done = []
    thread = threading.Thread(target=lambda: done.append(len(column)))
    thread.start()
    thread.join()
    del column
    assert done == [20] and pipilo.stats()["values"] == before


class Schema(ctypes.Structure):
    pass


class Array(ctypes.Structure):
    pass


SCHEMA_RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(Schema))
ARRAY_RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(Array))
Schema._fields_ = [
    ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_char_p),
    ("flags", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("children", ctypes.POINTER(ctypes.POINTER(Schema))), ("dictionary", ctypes.c_void_p),
    ("release", SCHEMA_RELEASE), ("private_data", ctypes.c_void_p),
]
Array._fields_ = [
    ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(Array))), ("dictionary", ctypes.c_void_p),
    ("release", ARRAY_RELEASE), ("private_data", ctypes.c_void_p),
]
pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
pointer_of.restype, pointer_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def moved(kind, source):
    """The struct taken over by its bytes, as a consumer in C does it."""
    copy = kind()
    ctypes.pointer(copy)[0] = source
    ctypes.memmove(ctypes.byref(copy), ctypes.byref(source), ctypes.sizeof(kind))
    source.release = type(source.release)(0)
    return copy


def test_children_are_released_one_by_one():
    result = embed(PICTURES, MODEL)
    expected = result.vectors.copy()
    schema_capsule, array_capsule = result.__arrow_c_array__()
    schema = moved(Schema, Schema.from_address(pointer_of(schema_capsule, b"arrow_schema")))
    array = moved(Array, Array.from_address(pointer_of(array_capsule, b"arrow_array")))
    del result, schema_capsule, array_capsule
    gc.collect()
    assert schema.format == b"+s" and schema.n_children == array.n_children == 3
    lists, kind = moved(Array, array.children[0].contents), moved(Schema, schema.children[0].contents)
    array.release(ctypes.byref(array))
    schema.release(ctypes.byref(schema))
    assert not array.release and not schema.release
    numbers = moved(Array, lists.children[0].contents)
    lists.release(ctypes.byref(lists))
    assert kind.format == b"+w:16" and kind.name == b"embedding" and kind.flags == 2
    data = ctypes.cast(numbers.buffers[1], ctypes.POINTER(ctypes.c_float * (20 * 16))).contents
    assert np.array_equal(np.frombuffer(data, "float32").reshape(20, 16), expected)
    thread = threading.Thread(target=lambda: numbers.release(ctypes.byref(numbers)))
    thread.start()
    thread.join()
    kind.release(ctypes.byref(kind))
    assert not numbers.release and not kind.release


def test_capsules_that_nobody_takes(found):
    for make in ("__arrow_c_schema__", "__arrow_c_array__", "__arrow_c_stream__"):
        for _ in range(100):
            getattr(found, make)()
    assert '"arrow_array_stream"' in repr(found.__arrow_c_stream__(None))
    check(pa.table(found), found)


# --- in --------------------------------------------------------------------------------------


def columns_of(values, kinds):
    yield from (pa.array(values, kind) for kind in kinds)
    plain = pa.array(values, kinds[0])
    yield pa.chunked_array([plain[:7], plain[7:7], plain[7:]])
    yield pa.table({"picture": plain})
    yield pa.record_batch({"picture": plain})
    yield pa.RecordBatchReader.from_batches(
        pa.schema([("picture", kinds[0])]),
        (pa.record_batch({"picture": plain[i : i + 3]}) for i in range(0, len(plain), 3)),
    )
    yield pa.array([values[0], None, *values], kinds[0])[2:]
    yield pa.array([values[0], None, *values], kinds[-1])[2:]
    yield pa.StructArray.from_arrays([pa.array([*values[:3], *values], kinds[0])], ["p"])[3:]


def test_columns_of_pictures():
    expected = embed(PICTURES, MODEL).vectors
    for column in columns_of(PICTURES, [pa.binary(), pa.large_binary(), pa.binary_view()]):
        assert np.array_equal(embed(column, MODEL).vectors, expected)


def test_columns_of_paths(paths):
    expected = embed(PICTURES, MODEL).vectors
    for column in columns_of(paths, [pa.string(), pa.large_string(), pa.string_view()]):
        assert np.array_equal(embed(column, MODEL).vectors, expected)


def test_nulls_are_rows():
    for kind in (pa.binary(), pa.binary_view()):
        result = embed(pa.array([PICTURES[0], None, b"", PICTURES[1], b"x" * 12, b"x" * 13], kind),
                       MODEL)
        assert [status == "ok" for status in result.status] == [1, 0, 0, 1, 0, 0]
    rows = pa.array([{"p": PICTURES[0]}, None, {"p": None}])
    assert [status == "ok" for status in embed(rows, MODEL).status] == [1, 0, 0]
    assert "NUL" in embed(pa.array(["a\0b"]), MODEL).errors[0]


def test_other_columns_are_refused():
    for column in (pa.array([1, 2]), pa.array(["a", "b"]).dictionary_encode(),
                   pa.table({"a": [b"x"], "b": [b"y"]})):
        with pytest.raises(TypeError, match="one of binary or string"):
            embed(column, MODEL)


def test_what_only_looks_like_arrow():
    class Wrong:
        def __arrow_c_array__(self, requested_schema=None):
            return self.given

    taken = pa.array(PICTURES).__arrow_c_array__()
    pa.Array._import_from_c_capsule(*taken)
    for given, kind in ((None, TypeError), ((1, 2), TypeError), (taken[::-1], TypeError),
                        (taken, ValueError)):
        wrong = Wrong()
        wrong.given = given
        with pytest.raises(kind):
            embed(wrong, MODEL)


def test_a_stream_that_fails():
    def batches():
        yield pa.record_batch({"p": pa.array(PICTURES)})
        raise ValueError("the disk is gone")

    reader = pa.RecordBatchReader.from_batches(pa.schema([("p", pa.binary())]), batches())
    with pytest.raises(OSError, match="the disk is gone"):
        embed(reader, MODEL)


def test_a_reader_that_is_interrupted():
    """pyarrow makes a text of what the reader raised."""
    def batches():
        yield pa.record_batch({"p": pa.array(PICTURES)})
        raise KeyboardInterrupt

    for on_error in ("row", "raise"):
        reader = pa.RecordBatchReader.from_batches(pa.schema([("p", pa.binary())]), batches())
        with pytest.raises(KeyboardInterrupt):
            embed(reader, MODEL, on_error=on_error)


def test_a_schema_that_takes_long():
    """get_schema is getchar() of the C library: it waits for what another Python thread writes."""
    code = """
import ctypes, os, sys, threading, pipilo
sys.setswitchinterval(1000)  # the other thread runs when this one gives up the GIL, and not before
read, write = os.pipe()
os.dup2(read, 0)
begun = threading.Event()
def other():
    begun.wait()
    os.write(write, b"x")
threading.Thread(target=other).start()
call = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def release(stream):
    ctypes.c_void_p.from_address(stream + 3 * 8).value = None
functions = [ctypes.CDLL(None).getchar, call(0), call(lambda stream: None), call(release)]
stream = (ctypes.c_void_p * 5)(*[ctypes.cast(f, ctypes.c_void_p).value for f in functions])
new = ctypes.pythonapi.PyCapsule_New
new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
class Column:
    def __arrow_c_stream__(self, requested_schema=None):
        begun.set()
        return new(ctypes.addressof(stream), b"arrow_array_stream", None)
try:
    pipilo.embed(Column(), "null:16")
except OSError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.stdout == "the Arrow stream failed: no reason\n", done.stderr


def test_a_column_lives_until_its_rows_are_done():
    memory = np.frombuffer(b"".join(PICTURES), "uint8").copy()
    gone = weakref.ref(memory)
    ends = np.cumsum([0, *map(len, PICTURES)], dtype="int32")
    column = pa.Array.from_buffers(
        pa.binary(), 20, [None, pa.py_buffer(ends), pa.py_buffer(memory)])
    parts = embed_stream(column, MODEL, rows=2)
    del column, memory
    assert next(parts).status == ["ok", "ok"] and gone() is not None
    assert sum(map(len, parts)) == 18
    pipilo.stats()
    gc.collect()
    assert gone() is None


def test_pictures_are_not_copied():
    code = """
import numpy, pyarrow as pa, resource, pipilo
pipilo.embed([b'x'], 'null:16').vectors
data = numpy.ones(200 << 20, 'uint8')
ends = numpy.array([0, 100 << 20, 200 << 20], 'int32')
column = pa.Array.from_buffers(pa.binary(), 2, [None, pa.py_buffer(ends), pa.py_buffer(data)])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert pipilo.embed(column, 'null:16').status == ['unsupported_format'] * 2
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 50_000  # kB; a copy of one would be 100,000


# --- results of pipelines --------------------------------------------------------------------


def test_results_of_a_pipeline():
    p = (
        pipe.input("name", "picture")
        .map("picture", "vec", ops.image_embedding.timm(MODEL))
        .map("vec", ("norm", "size", "big"), lambda v: (np.linalg.norm(v), len(v), v[0] > 1))
        .output("name", "vec", "norm", "size", "big", "picture")
    )
    inputs = [(f"n{i}", data) for i, data in enumerate(PICTURES)]
    table = pa.table(to_arrow(p.batch(inputs)))
    assert table.schema.types == [pa.string(), pa.list_(pa.float32(), 16), pa.float64(), pa.int64(),
                                  pa.bool_(), pa.binary()]
    rows = [p(*one).get() for one in inputs]
    for i, row in enumerate(rows):
        got = [column[i].as_py() for column in table.columns]
        assert got[0] == row[0] and got[5] == row[5] and got[2:5] == [float(row[2]), row[3], row[4]]
        assert np.array_equal(np.float32(got[1]), row[1])


def test_a_queue_gives_arrow_and_keeps_its_rows():
    p = pipe.input("a").flat_map("a", "b", range).filter("b", "c", "b", lambda b: b > 1).output(
        "a", "b", "c")
    rows = p(4)
    assert rows.get() == [4, 0, 2]
    assert pa.table(rows).to_pydict() == {"a": [4] * 3, "b": [1, 2, 3], "c": [3, None, None]}
    assert pa.array(rows).to_pylist()[0] == {"a": 4, "b": 1, "c": 3}
    assert pa.schema(rows).names == ["a", "b", "c"]
    assert rows.size == 3


def test_failed_rows():
    p = pipe.input("x").map("x", "y", lambda x: 1 / x).output("x", "y")
    table = pa.table(to_arrow(p.stream([1, 0, 4], on_error="row")))
    assert table.to_pydict() == {"x": [1, 0, 4], "y": [1.0, None, 0.25],
                                 "error": [None, "division by zero", None]}


def test_exceptions_without_a_text():
    def fails(x):
        raise KeyError

    p = pipe.input("x").map("x", "y", fails).output("y")
    table = pa.table(to_arrow(p.stream([1, 2], on_error="row")))
    assert table.to_pydict() == {"y": [None, None], "error": ["KeyError", "KeyError"]}


def test_a_column_called_error():
    p = pipe.input("error").map("error", "y", lambda x: 1 / x).output("error", "y")
    table = to_arrow(p.stream([1, 0], on_error="row"))
    assert table.names == ("error", "y", "error_2")
    assert pa.table(table).to_pydict() == {"error": [1, 0], "y": [1.0, None],
                                           "error_2": [None, "division by zero"]}


def test_what_is_wrong_with_a_column_is_said_in_words():
    same = pipe.input("x").output("x")
    for values, what in (
        ([np.zeros(3, "f4"), np.zeros(4, "f8"), 5, True],
         "column x .* bools, vectors of 3 float32, vectors of 4 float64, whole numbers"),
        ([np.zeros((2, 2), "i2")], r"column x holds a ndarray of int16 and shape \(2, 2\)"),
        ([np.zeros(3, "c8")], r"column x holds a ndarray of complex64 and shape \(3,\)"),
        ([1, 1 << 70], f"column x: {1 << 70} is no number of 64 bits"),
    ):
        with pytest.raises((TypeError, OverflowError), match=what):
            to_arrow(same.stream(values))


def test_mixed_and_missing_values():
    same = pipe.input("x").output("x")

    def column(values):
        return pa.table(to_arrow(same.stream(values)))["x"]

    assert column([1, 2.5, None]).to_pylist() == [1.0, 2.5, None]
    assert column([None, None]).type == pa.null()
    assert column([np.int16([1, 2]), None]).type == pa.list_(pa.int16(), 2)
    assert column([np.arange(6.0)[::2]]).to_pylist() == [[0, 2, 4]]
    assert column([True, None, False]).to_pylist() == [True, None, False]
    assert len(to_arrow([])) == 0
    for values in ([1, "a"], [object()], [np.ones((2, 2))], [np.ones(2), np.ones(3)]):
        with pytest.raises(TypeError, match="column x"):
            column(values)
    with pytest.raises(OverflowError):
        column([1 << 70])


def test_results_of_different_columns():
    a, b = pipe.input("a").output("a"), pipe.input("b").output("b")
    with pytest.raises(ValueError, match="different columns"):
        to_arrow([a(1), b(1)])
    assert isinstance(a(1), DataQueue)
