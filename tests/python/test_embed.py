"""embed: one row for each picture, whatever the pictures come as."""

import io
import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pipilo
from pipilo import EmbedConfig, Embedder, Embeddings, Empty, embed, embed_stream, ops, pipe

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")

DEPS = Path(os.environ.get("PIPILO_DEPS", ".deps"))
REAL = DEPS / "models" / "efficientnet-lite0"
PHOTOS = sorted((DEPS / "photos").glob("*"), key=lambda path: path.stat().st_size)[:6]
MODEL = "null:16"


def picture(seed, size=(40, 30)):
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), "uint8")
    return Image.fromarray(pixels)


def encoded(image, kind="png"):
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    for seed in range(8):
        picture(seed).save(path / f"{seed}.png")
    return path


@pytest.fixture(scope="module")
def vectors():
    """Of the same pictures by a pipeline, one by one."""
    p = pipe.input("x").map("x", "v", ops.image_embedding.timm(MODEL)).output("v")
    return np.stack([p(np.asarray(picture(seed))).get()[0] for seed in range(8)])


def test_what_a_picture_may_be(folder, vectors):
    paths = [folder / f"{seed}.png" for seed in range(8)]
    pictures = [picture(seed) for seed in range(8)]
    for given in (
        paths,
        map(str, paths),
        [path.read_bytes() for path in paths],
        [bytearray(path.read_bytes()) for path in paths],
        [memoryview(path.read_bytes()) for path in paths],
        pictures,
        [np.asarray(one) for one in pictures],
        np.stack([np.asarray(one) for one in pictures]),
        [paths[0], encoded(pictures[1]), pictures[2], np.asarray(pictures[3]), *paths[4:]],
        folder,
        str(folder),
        str(folder / "*.png"),
    ):
        found = embed(given, MODEL)
        assert isinstance(found, Embeddings) and len(found) == 8
        assert np.array_equal(found.vectors, vectors)
        assert found.status == ["ok"] * 8 and found.errors == {}


def test_one_alone(folder, vectors):
    path = folder / "3.png"
    for given in (path, path.read_bytes(), picture(3), np.asarray(picture(3))):
        assert np.array_equal(embed(given, MODEL).vectors, vectors[3:4])


@pytest.mark.skipif(not REAL.is_dir() or not PHOTOS, reason="there is no model in .deps")
def test_a_real_model():
    p = pipe.input("x").map("x", "v", ops.image_embedding.timm(str(REAL))).output("v")
    found = embed(PHOTOS, REAL)
    assert found.dim == 1280 and found.vectors.shape == (len(PHOTOS), 1280)
    for row, path in enumerate(PHOTOS):
        assert found.vectors[row].tobytes() == p(path).get()[0].tobytes()


def test_the_settings_reach_the_model(folder):
    plain, unit = embed(folder, MODEL), embed(folder, MODEL, normalize=True)
    lengths = np.linalg.norm(plain.vectors, axis=1, keepdims=True)
    assert np.allclose(unit.vectors, plain.vectors / lengths, atol=1e-6)
    assert unit.fingerprint != plain.fingerprint and len(plain.fingerprint) == 16
    turned = picture(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    turned.save(out, "jpeg", quality=100, exif=exif)
    applied, ignored = (embed([out.getvalue()], MODEL, exif=e) for e in ("apply", "ignore"))
    assert not np.array_equal(applied.vectors, ignored.vectors)
    with pytest.raises((ValueError, RuntimeError), match="precision"):
        embed(folder, MODEL, precision="f8")
    with pytest.raises((OSError, RuntimeError), match="no-such-model"):
        embed(folder, "no-such-model")


def test_bad_pictures_are_rows(folder):
    whole = (folder / "0.png").read_bytes()
    given = [whole, b"no picture", "/no/such.png", None, Empty(), 7, object(), whole[:300], whole,
             [whole], "a\0b"]
    found = embed(iter(given), MODEL)
    assert len(found) == len(given)
    assert [row.vector is not None for row in found] == [i in (0, 8) for i in range(len(given))]
    assert found.status[0] == "ok" and found.status[2] == "not_found"
    assert "/no/such.png" in found.errors[2] and set(found.errors) == {*range(11)} - {0, 8}
    assert np.isnan(found.vectors[[1, 2, 3]]).all() and not np.isnan(found.vectors[[0, 8]]).any()
    assert found[-1].error == found.errors[10] and found[-3].vector is not None
    assert "11 rows, 9 failed, dim 16" in repr(found)


def test_names_in_any_bytes(tmp_path):
    name = os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff\xe9.png")
    assert embed([name, name], MODEL).errors[1].count("\ufffd") == 2
    picture(1).save(name)
    found = embed(tmp_path, MODEL)
    assert found.sources == [name] and found.status == ["ok"]


def test_what_is_no_picture_nor_many(folder):
    """Their lines or rows are not taken for pictures."""
    with open(folder / "0.png", "rb") as file:
        for given in (file, io.BytesIO(file.read())):
            with pytest.raises(TypeError, match="an open file is no picture"):
                embed(given, MODEL)
    with pytest.raises(TypeError, match=r"an array of shape \(30, 40\) is no picture"):
        embed(np.zeros((30, 40), "uint8"), MODEL)


def test_a_folder_names_its_rows_and_counts_what_it_skips(folder, tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("a.png", "below/b.png", ".hidden.png", "note.txt"):
        (tmp_path / name).write_bytes((folder / "0.png").read_bytes())
    (tmp_path / "lost.png").symlink_to(tmp_path / "nowhere")
    before = pipilo.stats()
    found = embed(tmp_path, MODEL)
    after = pipilo.stats()
    assert found.sources == [str(tmp_path / "a.png"), str(tmp_path / "below/b.png")]
    for kind, count in (("hidden", 1), ("other", 1), ("irregular", 1), ("unchanged", 0)):
        assert after[f"skipped_{kind}"] - before[f"skipped_{kind}"] == count, kind
    assert embed([tmp_path / "a.png"], MODEL).sources is None


def test_nothing_to_embed(tmp_path):
    for given in ([], iter(()), tmp_path):
        found = embed(given, MODEL)
        assert len(found) == 0 and found.vectors.shape == (0, 16) and list(found) == []
        assert [len(part) for part in embed_stream(given, MODEL)] == [0]


def test_on_error_raise(folder):
    with pytest.raises(RuntimeError, match="no/such.png") as caught:
        embed([folder / "0.png", "/no/such.png"], MODEL, on_error="raise")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert len(embed(folder, MODEL, on_error="raise")) == 8
    with pytest.raises(ValueError):
        embed(folder, MODEL, on_error="never")


def test_on_error_raise_names_the_file(folder, tmp_path):
    for given in ("/no/such/dir", "/no/such/*.png", "/no/such.tar"):
        with pytest.raises(RuntimeError) as caught:
            embed(given, MODEL, on_error="raise")
        assert given in str(caught.value) and isinstance(caught.value.__cause__, FileNotFoundError)
    bad = tmp_path / os.fsdecode(b"b\xff.png")
    (tmp_path / "a.png").write_bytes((folder / "0.png").read_bytes())
    bad.write_bytes(b"no picture")
    with pytest.raises(RuntimeError, match="error msg: .*/b\ufffd.png: the 10 bytes"):
        embed(tmp_path, MODEL, on_error="raise")
    parts = embed_stream(tmp_path, MODEL, rows=1, on_error="raise")
    assert next(parts).status == ["ok"]
    with pytest.raises(RuntimeError, match="b\ufffd.png"):
        next(parts)
    assert embed(tmp_path, MODEL).errors == {1: "the 10 bytes are not a picture of a known format"}
    assert pipilo.stats()["runs"] == 0


def test_an_iterable_that_raises(folder):
    def pictures():
        yield folder / "0.png"
        raise KeyError("inputs")

    runs = pipilo.stats()["runs"]
    for on_error in ("row", "raise"):
        with pytest.raises(KeyError, match="inputs"):
            embed(pictures(), MODEL, on_error=on_error)
    assert pipilo.stats()["runs"] == runs


def test_a_list_among_the_pictures_raises(folder):
    given = [folder / "0.png", [folder / "1.png"], folder / "2.png"]
    with pytest.raises(RuntimeError, match="Node-.*timm.* a list of pictures") as caught:
        embed(given, MODEL, on_error="raise")
    assert isinstance(caught.value.__cause__, ValueError)
    assert embed(given, MODEL).status == ["ok", "invalid_argument", "ok"]
    parts = embed_stream(given, MODEL, rows=1, on_error="raise")
    assert next(parts).status == ["ok"]
    with pytest.raises(RuntimeError, match="a list of pictures"):
        next(parts)


@pytest.mark.parametrize("explicit", [True, False])
def test_an_iterable_keeps_the_cause_of_its_error(explicit):
    def pictures():
        yield b""
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError as error:
            if explicit:
                raise KeyError("mine") from error
            raise KeyError("mine")  # noqa: B904

    with pytest.raises(KeyError, match="mine") as caught:
        embed(pictures(), MODEL)
    assert isinstance(caught.value.__context__, ZeroDivisionError)
    assert isinstance(caught.value.__cause__, ZeroDivisionError) == explicit


def test_a_model_folder_in_any_bytes(folder, vectors, tmp_path):
    assert np.array_equal(embed(folder, os.fsencode(MODEL)).vectors, vectors)
    assert EmbedConfig(os.fsencode(MODEL)) == EmbedConfig(MODEL)
    if REAL.is_dir() and PHOTOS:
        link = os.fsencode(tmp_path) + b"/m\xff"
        os.symlink(REAL.resolve(), link)
        expected = embed(PHOTOS[:1], REAL).vectors
        for model in (link, os.fsdecode(link), Path(os.fsdecode(link))):
            assert np.array_equal(embed(PHOTOS[:1], model).vectors, expected)


# On two cores: each of many threads would touch memory of its own for the first time at some time, and
# what /proc/self/status counts may be off by some pages a core; this count is exact.
ANONYMOUS = """
import os
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
def anonymous():
    with open('/proc/self/smaps_rollup') as rolled:
        return int(next(line for line in rolled if line.startswith('Anonymous:')).split()[1])
"""

GROWTH = ANONYMOUS + """
import itertools, pipilo
embedder = pipilo.Embedder(pipilo.EmbedConfig('null:2048'))
embedder(itertools.repeat(b'', 2000))
pipilo.trim()  # what was freed is not held
before = anonymous()
found = embedder(itertools.repeat(b'', 9000))
assert found.vectors.nbytes == 9000 * 2048 * 4
pipilo.trim()
print(1024 * (anonymous() - before) / found.vectors.nbytes)
"""


# 9000 rows are a little more than a power of two, where doubling takes almost twice as much.
def test_vectors_take_no_more_memory_than_they_are():
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    assert 0.9 < float(done.stdout) < 1.25


def test_parts(folder, vectors):
    parts = list(embed_stream(folder, MODEL, rows=3))
    assert [len(part) for part in parts] == [3, 3, 2]
    assert np.array_equal(np.concatenate([part.vectors for part in parts]), vectors)
    assert parts[1].sources[0] == str(folder / "3.png")
    assert [len(part) for part in embed_stream(folder, MODEL, rows=4)] == [4, 4]
    with pytest.raises(ValueError):
        embed_stream(folder, MODEL, rows=0)


def test_inputs_are_read_as_rows_are_taken(folder):
    pulled = itertools.count()
    data = (folder / "0.png").read_bytes()
    parts = embed_stream((data for _ in zip(range(10**6), pulled)), MODEL, rows=10)
    next(parts)
    assert next(pulled) < 10_000
    parts.close()
    assert pipilo.stats()["runs"] == 0


def test_an_embedder_in_threads(folder, vectors):
    import threading

    embedder = Embedder(EmbedConfig(MODEL))
    same = []

    def work():
        same.append(np.array_equal(embedder(folder).vectors, vectors))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 6


def test_vectors_are_memory_of_the_core(folder):
    found = embed(folder, MODEL)
    array = found.vectors
    assert array.base is not None and not array.flags.writeable and array.flags.c_contiguous
    copy, values = array.copy(), pipilo.stats()["values"]
    del found
    assert np.array_equal(array, copy)
    del array
    assert pipilo.stats()["values"] < values


def test_pickled(folder):
    given = [*sorted(folder.iterdir()), "/no/such.png"]
    for found in (embed(given, MODEL), embed(folder, MODEL), embed([b"", b""], MODEL)):
        again = pickle.loads(pickle.dumps(found))
        assert again.vectors.tobytes() == found.vectors.tobytes()
        for name in ("status", "errors", "sources", "dim", "fingerprint"):
            assert getattr(again, name) == getattr(found, name)


def test_names_in_any_bytes_pickled(tmp_path):
    name = os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff\xe9.png")
    picture(1).save(name)
    found = embed(tmp_path, MODEL)
    assert found.sources == [name]
    assert pickle.loads(pickle.dumps(found)).sources == [name]


SOAK = ANONYMOUS + """
import json, sys, numpy, pipilo
count, model = int(sys.argv[1]), sys.argv[2]
made = numpy.random.default_rng(1)
def pictures():
    for _ in range(count):
        height, width = made.integers(40, 120, 2)
        yield made.integers(0, 256, (height, width, 3), numpy.uint8)
series, rows = [], 0
for part in pipilo.embed_stream(pictures(), model, rows=count // 100):
    assert not part.errors and not numpy.isnan(part.vectors).any()
    rows += len(part)
    series.append(anonymous())
assert rows == count and pipilo.stats()['model_loads'] == 1
json.dump(series, sys.stdout)
"""


def test_memory_is_flat():
    """5,000 generated pictures; with PIPILO_SOAK=full 50,000 and the real model."""
    full = os.environ.get("PIPILO_SOAK") == "full"
    if full and not REAL.is_dir():
        pytest.skip("there is no model in .deps")
    words = ["50000", str(REAL)] if full else ["5000", "null:64"]
    done = subprocess.run([sys.executable, "-c", SOAK, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    series = json.loads(done.stdout)
    tenths = [sorted(series[i : i + 10])[5] for i in range(0, 100, 10)]
    print(f"{words[0]} pictures, anonymous memory in kB, the median of each tenth: {tenths}")
    assert max(tenths) - tenths[1] < 1024, tenths


def interrupted(code):
    """What a program prints that interrupts itself."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("endless", "most"),
    [
        ("pipilo.embed(pictures(), 'null:16')", 10),
        ("pipilo.embed(pictures(), 'null:16', on_error='raise')", 10),
        ("list(pipilo.embed_stream(pictures(), 'null:16', rows=2))", 10),
        # Rows are worked on until the next look at signals: a small part of a million.
        ("many(folders)", 100_000),
    ],
)
def test_ctrl_c(endless, most, folder, tmp_path):
    """Rows that are begun after the signal. Of pictures they are those that were asked for, of folders
    those whose hidden file was passed over."""
    (tmp_path / ".hidden.png").touch()
    picture(0, (8, 8)).save(tmp_path / "a.png")
    code = f"""
import itertools, os, signal, threading, pipilo
from pipilo import ops, pipe
pipilo.set_threads(2)
path, folders = {str(folder / "0.png")!r}, [{str(tmp_path)!r}] * 1_000_000
many = pipe.input('x').flat_map('x', ('s', 'i', 't'), ops.read_dir()).map(
    'i', 'v', ops.image_embedding.timm('null:16')).output('v')
asked, at = 0, None
def pictures():
    global asked
    for asked in itertools.count(1):
        yield path
def rows():
    return asked + pipilo.stats()['skipped_hidden']
def interrupt():
    global at
    while rows() < 50:
        pass
    os.kill(os.getpid(), signal.SIGINT)
    at = rows()
thread = threading.Thread(target=interrupt)
thread.start()
try:
    {endless}
except KeyboardInterrupt:
    begun = rows()
    thread.join()
    print('interrupted', max(0, begun - at))
"""
    word, begun = interrupted(code)
    assert word == "interrupted" and 0 <= int(begun) < most
