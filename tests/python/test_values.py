"""Values between Python and the native side: what is translated, what is shared."""

import os
from pathlib import Path

import pytest

import pipilo
from pipilo import Empty, ops, pipe

numpy = pytest.importorskip("numpy")

DEPS = Path(os.environ.get("PIPILO_DEPS", ".deps"))
PHOTOS = sorted((DEPS / "photos").glob("*.jpg"), key=lambda path: path.stat().st_size)
NORM = pipe.input("x").map("x", "y", ops.towhee.np_normalize()).output("x", "y")
EMBED = pipe.input("x").map("x", "y", ops.image_embedding.timm("null:8")).output("x", "y")

needs_photo = pytest.mark.skipif(not PHOTOS, reason="there are no photographs in .deps")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_vectors_share_memory(dtype):
    given = numpy.arange(1, 13, dtype=dtype).reshape(3, 4)
    same, made = NORM(given).get()
    assert same is given
    assert made.dtype == given.dtype
    assert made.shape == given.shape
    assert not made.flags.owndata
    assert not made.flags.writeable
    assert numpy.allclose(made, given / numpy.linalg.norm(given, axis=0))


def test_one_array_for_every_reader():
    seen = []
    p = (
        pipe.input("x").map("x", "y", ops.towhee.np_normalize())
        .map("y", (), seen.append).map("y", (), seen.append).output("y")
    )
    result = p(numpy.array([3.0, 4.0])).get()[0]
    assert seen[0] is seen[1] is result


def test_arrays_that_are_no_block_are_copied():
    given = numpy.arange(12, dtype="f4").reshape(3, 4)
    for view in (given[:, 1], given.T, given[::2, ::-1]):
        assert numpy.allclose(NORM(view).get()[1], view / numpy.linalg.norm(view, axis=0))


@pytest.mark.parametrize("value", ["text", b"bytes", 3, 2.5, True, None, (1, "a"), {1: 2}, 2**70])
def test_what_is_no_vector_is_an_error(value):
    with pytest.raises(RuntimeError, match="np_normalize"):
        NORM(value)
    p = pipe.input("x").map("x", "y", ops.towhee.np_normalize()).output("x", "y")
    same, error = p.batch([value], on_error="row")[0].get()
    assert same is value
    assert isinstance(error, RuntimeError)


def test_native_values_come_out_as_they_went_in():
    thing = object()
    p = pipe.input("x").map("x", "y", lambda x: [x, {"k": x}]).output("y")
    assert p(thing).get()[0][0] is thing
    text = "a\udcff\N{SNOWMAN}"
    assert pipe.input("x").output("x")(text).get()[0] is text


def test_lists_reach_native_operators():
    given = [numpy.array([3.0, 4.0]), numpy.array([6.0, 8.0])]
    p = pipe.input("x").flat_map("x", "v", lambda x: x).map(
        "v", "n", ops.towhee.np_normalize()).window_all("n", "all", list).output("all")
    assert [list(map(float, v)) for v in p(given).get()[0]] == [[0.6, 0.8]] * 2


def test_time_of_any_kind():
    p = pipe.input("x").flat_map("x", "t", lambda x: x).time_window("t", "w", "t", 3, 3, list)
    runtime = p.output("w")
    for kind in (int, float, numpy.int64, numpy.float32):
        times = [kind(t) for t in (0, 1000, 2000, 8000)]
        assert runtime(times).to_list() == [[times[:3]], [times[3:]]]


@needs_photo
def test_pictures_in_every_guise():
    path = str(PHOTOS[0])
    data = PHOTOS[0].read_bytes()
    expected = EMBED(path).get()[1]
    picture = pipe.input("x").map("x", "y", ops.image_decode.cv2()).output("y")(path).get()[0]
    assert (picture.mode, picture.dtype, picture.ndim) == ("BGR", numpy.uint8, 3)
    rgb = numpy.ascontiguousarray(picture[:, :, ::-1])
    guises = [PHOTOS[0], data, bytearray(data), memoryview(data), picture, rgb]
    try:
        from PIL import Image
    except ImportError:
        pass
    else:
        with Image.open(path) as opened:
            opened.load()
            guises.append(opened)
    for guise in guises:
        same, made = EMBED(guise).get()
        assert same is guise
        assert made.dtype == numpy.float32
        assert numpy.array_equal(made, expected)


@needs_photo
def test_a_picture_is_made_once():
    seen = []
    p = (
        pipe.input("x").map("x", "i", ops.image_decode())
        .map("i", (), seen.append).map("i", "j", lambda i: seen.append(i) or i)
        .map("j", "v", ops.image_embedding.timm("null:8")).output("i", "v")
    )
    picture, vector = p(str(PHOTOS[0])).get()
    assert seen[0] is seen[1] is picture
    assert isinstance(picture, pipilo.types.Image)
    assert numpy.array_equal(vector, EMBED(str(PHOTOS[0])).get()[1])


def test_a_missing_file_is_a_file_error():
    with pytest.raises(RuntimeError) as caught:
        EMBED("no-such-file.jpg")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_an_unknown_model_fails_when_the_pipeline_is_closed():
    with pytest.raises(RuntimeError, match="^Node-image_embedding.timm-0 runs failed, error msg: "):
        pipe.input("x").map("x", "y", ops.image_embedding.timm("no-such-model")).output("y")


def test_empty_is_one():
    assert pipe.input("x").map("x", "y", lambda x: Empty()).output("x", "y")(1).get()[1] is Empty()
