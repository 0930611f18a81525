"""Pixels beside Pillow's: decoded, turned, resized, cropped and normalised (docs/images.md).

tests/tools/pixels.c is pipilo's side: a line asks, pixels answer. What the two agree on is compared
byte for byte; where pipilo differs on purpose or another decoder is at work, the test says by how much.
"""
import ctypes
import ctypes.util
import io
import os
import pathlib
import shutil
import struct
import subprocess
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PIPILO_BUILD_ROOT", ROOT / "build/test"))
TOOL = BUILD / "tests/unit/image/pixels"
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR,
           "lanczos": Image.Resampling.LANCZOS}
ORIENTATION = 0x0112


class Refused(Exception):
    pass


class Pixels:
    """A running tests/tools/pixels."""

    def __init__(self, **environment):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=os.environ | environment)

    def ask(self, verb, path, *words, exif="exif", speed="exact"):
        line = " ".join(str(w) for w in (verb, exif, speed, path, *words)) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        head = self.process.stdout.readline().decode().split()
        assert head, "the tool ended"
        if head[0] != "ok":
            raise Refused(head[1], " ".join(head[2:]))
        width, height, size = (int(word) for word in head[1:4])
        data = self.process.stdout.read(size)
        if verb == "tensor":
            return np.frombuffer(data, np.float32).reshape(3, height, width)
        if verb == "probe":
            return width, height, head[4:]
        return np.frombuffer(data, np.uint8).reshape(height, width, 3)


APART = {"PIPILO_ISOLATE": "1", "PIPILO_TIME_LIMIT": "600",
         "PIPILO_DECODER": str(BUILD / "src/image/pipilo-decoder")}


@pytest.fixture(scope="module", params=[{}, APART], ids=["here", "apart"])
def pipilo(request):
    tool = Pixels(**request.param)
    yield tool
    tool.process.stdin.close()
    assert tool.process.wait(10) == 0


def photo(width, height, seed=0):
    """Something with edges, slopes and noise."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 17 + y / 31), np.cos(x / 7) * np.sign(np.sin(y / 23)), np.sin(y * x / 900)]
    noise = np.random.default_rng(seed).normal(0, 10, (height, width, 3))
    pixels = 128 + 100 * np.stack(waves, -1) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def with_alpha(image):
    alpha = Image.linear_gradient("L").resize(image.size)
    image = image.convert("RGBA")
    image.putalpha(alpha)
    return image


def pillow(path, exif="exif"):
    with warnings.catch_warnings(), Image.open(path) as image:
        warnings.simplefilter("ignore")
        return (ImageOps.exif_transpose(image) if exif == "exif" else image).convert("RGB")


def save(folder, name, image, **options):
    path = folder / name
    image.save(path, **options)
    return path


def grey16():
    return Image.fromarray(np.arange(64 * 48, dtype=np.uint16).reshape(48, 64) * 21)


P = photo(150, 101)
SAME = {
    "rgb.jpg": (P, {"quality": 92}),
    "444.jpg": (P, {"subsampling": 0}),
    "422.jpg": (P, {"subsampling": 1}),
    "progressive.jpg": (P, {"progressive": True}),
    "grey.jpg": (P.convert("L"), {}),
    "cmyk.jpg": (P.convert("CMYK"), {}),
    "restarts.jpg": (P, {"restart_marker_rows": 1}),
    "rgb.png": (P, {}),
    "rgba.png": (with_alpha(P), {}),
    "grey.png": (P.convert("L"), {}),
    "grey_alpha.png": (with_alpha(P).convert("LA"), {}),
    "bits1.png": (P.convert("1"), {}),
    "palette.png": (P.quantize(200), {}),
    "palette2.png": (P.quantize(4), {"bits": 2}),
    "palette4.png": (P.quantize(16), {"bits": 4}),
    "palette_clear.png": (P.quantize(50), {"transparency": 3}),
    "rgb_clear.png": (P, {"transparency": (10, 20, 30)}),
    "animated.png": (P, {"save_all": True, "append_images": [photo(150, 101, 9)]}),
    "lossy.webp": (P, {"quality": 80}),
    "lossless.webp": (P, {"lossless": True}),
    "alpha.webp": (with_alpha(P), {"quality": 70}),
    "alpha_lossless.webp": (with_alpha(P), {"lossless": True, "exact": True}),
    "animated.webp": (P, {"save_all": True, "append_images": [photo(150, 101, 9)]}),
    "palette.gif": (P.quantize(256), {}),
    "few.gif": (P.quantize(3), {}),
    "grey.gif": (P.convert("L"), {}),
    "flat.gif": (P, {"interlace": 0}),
    "clear.gif": (P.quantize(60), {"transparency": 7}),
    "animated.gif": (P, {"save_all": True, "append_images": [photo(150, 101, 9)]}),
    "rgb.bmp": (P, {}),
    "rgba.bmp": (with_alpha(P), {}),
    "grey.bmp": (P.convert("L"), {}),
    "bits1.bmp": (P.convert("1"), {}),
    "palette.bmp": (P.quantize(256), {}),
    "rgb.tif": (P, {}),
    "lzw.tif": (P, {"compression": "tiff_lzw"}),
    "deflate.tif": (P, {"compression": "tiff_adobe_deflate"}),
    "grey.tif": (P.convert("L"), {}),
    "bits1.tif": (P.convert("1"), {"compression": "group4"}),
    "palette.tif": (P.quantize(99), {}),
    "cmyk.tif": (P.convert("CMYK"), {}),
    "rgba.tif": (with_alpha(P), {}),
    "lossless.jp2": (P, {"irreversible": False}),
}


@pytest.mark.parametrize("name", SAME)
def test_every_kind_of_picture(pipilo, tmp_path, name):
    image, options = SAME[name]
    path = save(tmp_path, name, image, **options)
    ours = pipilo.ask("pixels", path)
    assert np.array_equal(ours, np.asarray(pillow(path)))
    width, height, words = pipilo.ask("probe", path)
    assert (width, height) == image.size
    assert words[0] == {"jpg": "jpeg", "tif": "tiff"}.get(path.suffix[1:], path.suffix[1:])
    assert words[4][4] == str(int(name.startswith("animated")))


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_resize_of_any_size(pipilo, tmp_path, filter, suffix):
    rng = np.random.default_rng(len(filter) + len(suffix))
    for i in range(12):
        width, height = (int(n) for n in rng.integers(1, 420, 2))
        path = save(tmp_path, f"a.{suffix}", photo(width, height, i))
        image = pillow(path)
        for to in rng.integers(1, 330, (4, 2)):
            to = tuple(int(n) for n in to)
            ours = pipilo.ask("resize", path, *to, filter)
            assert np.array_equal(ours, np.asarray(image.resize(to, FILTERS[filter]))), (image.size, to)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(pipilo, tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = save(tmp_path, f"a.{suffix}", photo(211, 97), exif=exif)
    for mode in ("exif", "ignore"):
        image = pillow(path, mode)
        assert np.array_equal(pipilo.ask("pixels", path, exif=mode), np.asarray(image))
        for to in ((60, 44), (31, 90), (300, 20)):
            ours = pipilo.ask("resize", path, *to, "bicubic", exif=mode)
            assert np.array_equal(ours, np.asarray(image.resize(to, Image.Resampling.BICUBIC)))
        box = (9, 5, 9 + 40, 5 + 60)
        ours = pipilo.ask("crop", path, 9, 5, 40, 60, exif=mode)
        assert np.array_equal(ours, np.asarray(image.crop(box)))


def shortest_and_crop(image, size, crop, filter):
    """torchvision's Resize(size) and CenterCrop(crop)."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    to = (size, int(size * long / short)) if width <= height else (int(size * long / short), size)
    image = image.resize(to, FILTERS[filter])
    left, top = round((to[0] - crop) / 2), round((to[1] - crop) / 2)
    return np.asarray(image.crop((left, top, left + crop, top + crop)))


@pytest.mark.parametrize("filter", FILTERS)
def test_tensor(pipilo, tmp_path, filter):
    rng = np.random.default_rng(3)
    for i in range(20):
        width, height = (int(n) for n in rng.integers(30, 700, 2))
        path = save(tmp_path, "a.jpg", photo(width, height, i))
        window = shortest_and_crop(pillow(path), 73, 64, filter)
        scaled = window.astype(np.float32) / np.float32(255)
        expected = (scaled - np.float32(0.5)) / np.float32(0.25)
        ours = pipilo.ask("tensor", path, 73, 64, filter)
        assert np.array_equal(ours, expected.transpose(2, 0, 1))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_crops_of_jpegs(pipilo, tmp_path, subsampling, progressive):
    """Only the rows and columns of a crop are decoded; its edges must not show it."""
    rng = np.random.default_rng(subsampling)
    for i in range(8):
        width, height = (int(n) for n in rng.integers(1, 300, 2))
        path = save(tmp_path, "a.jpg", photo(width, height, i), subsampling=subsampling,
                    progressive=progressive)
        image = pillow(path)
        for _ in range(6):
            left, top = int(rng.integers(width)), int(rng.integers(height))
            size = int(rng.integers(1, width - left + 1)), int(rng.integers(1, height - top + 1))
            ours = pipilo.ask("crop", path, left, top, *size)
            expected = image.crop((left, top, left + size[0], top + size[1]))
            assert np.array_equal(ours, np.asarray(expected)), (image.size, left, top, size)
        short = min(image.size)
        for crop in (1, short // 3 + 1, short):
            expected = shortest_and_crop(image, short, crop, "bicubic").astype(np.float32)
            ours = pipilo.ask("tensor", path, short, crop, "bicubic")
            expected = (expected / np.float32(255) - np.float32(0.5)) / np.float32(0.25)
            assert np.array_equal(ours, expected.transpose(2, 0, 1)), (image.size, crop)


def test_fast_is_near(pipilo, tmp_path):
    for suffix in ("jpg", "webp"):
        path = save(tmp_path, f"a.{suffix}", photo(1600, 1200))
        exact = pipilo.ask("tensor", path, 146, 128, "bicubic").ravel()
        fast = pipilo.ask("tensor", path, 146, 128, "bicubic", speed="fast").ravel()
        assert not np.array_equal(exact, fast)
        assert exact @ fast / np.linalg.norm(exact) / np.linalg.norm(fast) > 0.995


def test_16_bits_give_their_upper_8(pipilo, tmp_path):
    """Pillow clips a 16-bit grey picture at 255, which leaves it white; of RGB it takes the upper 8."""
    upper = (np.asarray(grey16()) >> 8).astype(np.uint8)
    for name in ("grey16.png", "grey16.tif"):
        ours = pipilo.ask("pixels", save(tmp_path, name, grey16()))
        assert np.array_equal(ours, np.repeat(upper[..., None], 3, -1))

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    samples = np.random.default_rng(2).integers(0, 65536, (20, 30, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    path = tmp_path / "rgb16.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n"
                     + chunk(b"IHDR", struct.pack(">IIBBBBB", 30, 20, 16, 2, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    assert np.array_equal(pipilo.ask("pixels", path), np.asarray(pillow(path)))


def test_profile_is_ignored(pipilo, tmp_path):
    from PIL import ImageCms
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for suffix in ("jpg", "png", "webp", "tif"):
        path = save(tmp_path, f"a.{suffix}", P, icc_profile=profile)
        assert np.array_equal(pipilo.ask("pixels", path), np.asarray(pillow(path)))
        assert pipilo.ask("probe", path)[2][4][2] == "1"


def save_by_vips(source, target):
    """JPEG XL, which Pillow cannot write, by the library that pipilo reads it with."""
    vips = ctypes.CDLL("libvips.so.42")
    vips.vips_init(b"test")
    vips.vips_image_new_from_file.restype = ctypes.c_void_p
    image = vips.vips_image_new_from_file(str(source).encode(), None)
    assert image
    return vips.vips_image_write_to_file(ctypes.c_void_p(image), str(target).encode(), None)


@pytest.mark.parametrize("suffix", ["avif", "heic", "jxl"])
def test_near_where_decoders_differ(pipilo, tmp_path, suffix):
    """Other decoders upsample colour in their own way: near the original is what can be asked."""
    smooth = Image.radial_gradient("L").resize((200, 120))
    original = Image.merge("RGB", (smooth, ImageOps.invert(smooth), smooth.rotate(180)))
    png, path = save(tmp_path, "a.png", original), tmp_path / f"a.{suffix}"
    if suffix == "avif":
        original.save(path, quality=95)
    elif suffix == "heic":
        if shutil.which("heif-enc") is None:
            pytest.skip("heif-enc is not installed")
        subprocess.run(["heif-enc", "-q", "95", "-o", path, png], check=True, capture_output=True)
    elif save_by_vips(png, path) != 0:
        pytest.skip("libvips cannot write it")
    ours = pipilo.ask("pixels", path)
    assert ours.shape == (120, 200, 3)
    assert np.abs(ours.astype(int) - np.asarray(original)).mean() < 3
    assert pipilo.ask("probe", path)[2][0] == suffix


@pytest.mark.parametrize("name", ["rgb.jpg", "progressive.jpg", "rgb.png", "lossy.webp", "palette.gif",
                                  "rgb.bmp"])
def test_truncation_is_an_error_where_pillow_says_so(pipilo, tmp_path, name):
    image, options = SAME[name]
    whole = save(tmp_path, name, image, **options).read_bytes()
    path = tmp_path / ("cut" + name)
    for part in range(1, 40):
        data = whole[:len(whole) * part // 40]
        path.write_bytes(data)
        with pytest.raises(Exception):
            Image.open(io.BytesIO(data)).convert("RGB")
        for ask in (("pixels",), ("tensor", 60, 40, "bicubic")):
            with pytest.raises(Refused) as caught:
                pipilo.ask(ask[0], path, *ask[1:])
            assert caught.value.args[0] in ("truncated", "corrupt", "unsupported_format")
        assert part < 20 or caught.value.args[0] == "truncated"


def test_hostile_pictures(pipilo, tmp_path):
    def refused(name, data):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(Refused) as caught:
            pipilo.ask("pixels", path)
        return caught.value.args

    assert refused("empty.jpg", b"")[0] == "truncated"
    assert refused("text.jpg", b"this is a text, whatever its name says\n" * 9)[0] == "unsupported_format"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    assert refused("a.svg", svg)[0] == "unsupported_format"
    code, message = refused("bomb.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
                            + struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0) + b"\0" * 40)
    assert code == "limit_exceeded" and "60000 x 60000" in message
    with pytest.raises(Refused) as caught:
        pipilo.ask("pixels", tmp_path)
    assert caught.value.args[0] == "io_error"
    with pytest.raises(Refused) as caught:
        pipilo.ask("pixels", tmp_path / "nothing.jpg")
    assert caught.value.args[0] == "not_found"
