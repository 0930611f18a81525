"""Image, VideoFrame, AudioFrame, arg and to_image_color."""

import copy
import pickle
import sys

import pytest

np = pytest.importorskip("numpy")

from pipilo.types import AudioFrame, Image, VideoFrame, arg, to_image_color


def pixels(channels=3):
    shape = (4, 5, channels) if channels else (4, 5)
    return np.random.default_rng(3).integers(0, 256, shape, "uint8")


def test_image():
    data = pixels()
    image = Image(data, "BGR")
    assert (image.width, image.height, image.channel, image.mode) == (5, 4, 3, "BGR")
    assert np.shares_memory(image, data)
    assert str(image) == "Image shape=(4, 5, 3) mode=BGR"
    assert Image(pixels(0), "GRAY").channel == 1
    assert Image(data).mode is None and "None" in str(Image(data))
    assert image[1:3].mode == (image + 1).mode == image.copy().mode == "BGR"


@pytest.mark.parametrize(
    "value, names",
    [
        (Image(pixels(), "RGB"), ["mode"]),
        (VideoFrame(pixels(), "RGB", 40, 1), ["mode", "timestamp", "key_frame"]),
        (AudioFrame(pixels(0), 16000, 5, "mono"), ["sample_rate", "timestamp", "layout"]),
    ],
)
def test_attributes_survive(value, names):
    for other in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), value[:2]):
        assert type(other) is type(value)
        assert [getattr(other, n) for n in names] == [getattr(value, n) for n in names]
    assert all(getattr(value, n) is not None for n in names)
    assert str(getattr(value, names[-1])) in str(value)


def test_defaults():
    frame = VideoFrame(pixels())
    assert (frame.mode, frame.timestamp, frame.key_frame) == (None, None, 0)
    assert AudioFrame(pixels(0)).layout is None


def test_arg():
    class Op:
        @arg(1, to_image_color("RGB"))
        def __call__(self, image, more=0):
            return image.mode, more

    assert Op()(Image(pixels(), "BGR"), more=3) == ("RGB", 3)


def test_orders_of_channels():
    rgb = pixels()
    image = Image(rgb, "RGB")
    assert (to_image_color("BGR")(image) == rgb[..., ::-1]).all()
    rgba = to_image_color("rgba")(image)
    assert rgba.mode == "RGBA" and (rgba[..., 3] == 255).all()
    assert (to_image_color("RGB")(rgba) == rgb).all()
    assert to_image_color("RGB")(image) is image
    assert to_image_color("RGB")(rgb) is rgb
    gray = to_image_color("GRAY")(image)
    assert gray.mode == "GRAY" and gray.shape == (4, 5)
    assert (to_image_color("RGB")(gray)[..., 1] == gray).all()


def test_the_same_as_opencv():
    cv2 = pytest.importorskip("cv2")
    for source in ("RGB", "BGR", "RGBA", "BGRA"):
        image = Image(pixels(len(source)), source)
        for target in ("RGB", "BGR", "RGBA", "BGRA", "GRAY"):
            if source == target:
                continue
            flag = getattr(cv2, f"COLOR_{source}2{target}")
            assert (to_image_color(target)(image) == cv2.cvtColor(np.asarray(image), flag)).all()


def test_unknown_conversions(monkeypatch):
    image = Image(pixels(), "RGB")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ImportError, match="opencv"):
        to_image_color("HSV")(image)


def test_pillow():
    pytest.importorskip("PIL")
    from pipilo.types.image_utils import from_pil, to_pil

    rgb = pixels()
    picture = to_pil(Image(rgb, "RGB"))
    assert picture.mode == "RGB" and (from_pil(picture) == rgb).all()
    assert (np.asarray(to_pil(Image(rgb[..., ::-1], "BGR"))) == rgb).all()
    assert to_pil(Image(pixels(0), "GRAY")).mode == "L"
    assert from_pil(picture).mode == "RGB"
