"""pipilo's vectors are those of Pillow and ONNX Runtime, whatever the picture is like.

248 photographs are made from real ones: every size, aspect, quality, chroma subsampling and format
that is common. The originals, several of them of 13 megapixels, are among them.
"""
import itertools
import json
import random

import numpy as np
import pytest
from PIL import Image

from reference import (PHOTOS, cosines, embed, new_session, open_rgb, pipilo, resize_and_crop,
                       vectors)

SEED = 20240
MADE = 217  # beside the originals
# Shorter edge in pixels, and how often: small ones are enlarged, those above 1024 make --fast work.
EDGES = [(24, 60, 1), (60, 256, 3), (256, 640, 8), (640, 1024, 3), (1024, 1400, 2)]
ASPECTS = [1, 4 / 3, 3 / 2, 16 / 9, 3 / 4, 2 / 3, 9 / 16, 3, 1 / 3]


def cut(rng, image):
    """A part of the photograph, resized to one of EDGES."""
    low, high, _ = rng.choices(EDGES, [weight for *_, weight in EDGES])[0]
    short, aspect = rng.randint(low, high), rng.choice(ASPECTS)
    width, height = round(short * max(aspect, 1)), round(short * max(1 / aspect, 1))
    share = rng.uniform(0.5, 1) * min(image.width / width, image.height / height)
    box_w, box_h = width * share, height * share
    left, top = rng.uniform(0, image.width - box_w), rng.uniform(0, image.height - box_h)
    box = (left, top, left + box_w, top + box_h)
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=2)


def save(rng, image, folder, number):
    """In one of the formats photographs come in."""
    kind = rng.choices(["jpeg", "progressive", "grey", "png", "webp", "lossless"],
                       [12, 4, 2, 2, 2, 1])[0]
    quality = rng.choice([35, 60, 75, 85, 90, 95])
    path = folder / f"{number:03}-{kind}"
    if kind == "png":
        mode = rng.choice(["RGB", "L", "P"])
        image = image.quantize(64, method=Image.Quantize.FASTOCTREE) if mode == "P" else image.convert(mode)
        image.save(path := path.with_suffix(".png"), compress_level=1)
    elif kind in ("webp", "lossless"):
        image.save(path := path.with_suffix(".webp"), quality=quality if kind == "webp" else 0,
                   lossless=kind == "lossless", method=0)
    else:
        image = image.convert("L") if kind == "grey" else image
        image.save(path := path.with_suffix(".jpg"), quality=quality,
                   subsampling=rng.choice(["4:4:4", "4:2:2", "4:2:0"]),
                   progressive=kind == "progressive", optimize=rng.random() < 0.2)
    return path


@pytest.fixture(scope="module")
def session():
    return new_session()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Paths in pipilo's order, which is the byte order of their names."""
    folder = tmp_path_factory.mktemp("photos")
    originals = sorted(p for p in PHOTOS.iterdir() if p.suffix in (".jpg", ".png"))
    rng = random.Random(SEED)
    for i, original in enumerate(originals):
        image = Image.open(original)
        image.draft("RGB", (1400, 1400))
        image = image.convert("RGB")
        for number in range(i, MADE, len(originals)):
            save(rng, cut(rng, image), folder, number)
        (folder / f"original-{original.name}").symlink_to(original)
    paths = sorted(folder.iterdir())
    assert len(paths) >= 200
    return paths


@pytest.fixture(scope="module")
def expected(session, photos):
    return vectors(session, photos)


@pytest.fixture(scope="module")
def exact(photos, tmp_path_factory):
    """The rows and vectors of one run with the defaults."""
    out = tmp_path_factory.mktemp("exact") / "exact.npy"
    return embed(out, [photos[0].parent], "--exif", "ignore")


def worst(cosine, paths):
    order = np.argsort(cosine)[:3]
    return ", ".join(f"{paths[i].name} {cosine[i]:.7f}" for i in order)


def test_one_row_a_photo_in_order(photos, exact):
    _, rows = exact
    assert [row["source"] for row in rows] == [str(p) for p in photos]
    assert all(row["status"] == "ok" and row["code"] is None for row in rows)
    for path, row in zip(photos, rows):
        with Image.open(path) as image:
            assert (row["width"], row["height"]) == image.size, path


def test_exact_vectors_are_the_reference(photos, exact, expected):
    cosine = cosines(exact[0], expected)
    print(f"\n{len(photos)} photos, worst cosine {cosine.min():.9f}: {worst(cosine, photos)}")
    assert cosine.min() >= 0.99999, worst(cosine, photos)
    # Not the direction alone.
    assert np.abs(exact[0] - expected).max() <= 1e-3 * np.abs(expected).max()


def test_fast_vectors_are_near(photos, exact, expected, tmp_path):
    fast, _ = embed(tmp_path / "fast.npy", [photos[0].parent], "--exif", "ignore", "--fast")
    cosine = cosines(fast, expected)
    reduced = ~(fast == exact[0]).all(axis=1)
    print(f"\n{reduced.sum()} decoded at a reduced scale, mean of these {cosine[reduced].mean():.6f}, "
          f"worst {cosine.min():.6f}: {worst(cosine, photos)}")
    # Where no scale of at least 2.25 times the target is below full size, nothing changes.
    assert reduced.sum() >= 20
    assert cosine.mean() >= 0.999 and cosine[reduced].mean() >= 0.998
    assert cosine.min() >= 0.995, worst(cosine, photos)


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    """One photograph under each of the eight orientations, as JPEG, PNG and WebP."""
    folder = tmp_path_factory.mktemp("turned")
    with Image.open(PHOTOS / "china.jpg") as image:
        image = image.convert("RGB").resize((420, 280))
    for orientation, suffix in itertools.product(range(1, 9), ["jpg", "png", "webp"]):
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(folder / f"{orientation}.{suffix}", quality=90, exif=exif)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("exif", ["apply", "ignore"])
def test_orientation(session, turned, exif, tmp_path):
    got, rows = embed(tmp_path / "turned.npy", turned, "--exif", exif)
    cosine = cosines(got, vectors(session, turned, exif))
    assert cosine.min() >= 0.99999, worst(cosine, turned)
    for path, row in zip(turned, rows):
        # The upright picture's, whatever the vector was made from.
        assert (row["width"], row["height"]) == open_rgb(path, "apply").size, path
    upright = [i for i, path in enumerate(turned) if path.stem == "1"]
    sideways = [i for i, path in enumerate(turned) if path.stem in ("3", "6", "8")]
    # The orientations differ at all, so that the comparison says something.
    if exif == "apply":
        assert cosines(got[sideways], got[np.repeat(upright, 3)]).max() < 0.99


@pytest.mark.parametrize("options", [["--threads", "1"], ["--threads", "2"], ["--batch", "1"],
                                     ["--batch", "4"]], ids=" ".join)
def test_same_bits_however_it_is_computed(photos, exact, options, tmp_path):
    few = slice(0, 61)  # no multiple of the batch
    got, _ = embed(tmp_path / "few.npy", photos[few], "--exif", "ignore", *options)
    assert got.tobytes() == exact[0][few].tobytes()


def test_order_is_input_order(photos, exact, tmp_path):
    # Large and small ones mixed, one of them twice: the small ones are ready first.
    order = [247, 3, 230, 5, 3, 240, 0, 100, 247]
    got, rows = embed(tmp_path / "order.npy", [photos[i] for i in order], "--exif", "ignore")
    assert [row["source"] for row in rows] == [str(photos[i]) for i in order]
    assert got.tobytes() == exact[0][order].tobytes()


def test_normalized_vectors_have_length_one(photos, exact, tmp_path):
    got, _ = embed(tmp_path / "unit.npy", photos[:20], "--exif", "ignore", "--normalize")
    assert np.abs(np.linalg.norm(got.astype(np.float64), axis=1) - 1).max() < 1e-6
    assert cosines(got, exact[0][:20]).min() > 1 - 1e-9


def resized_by_pipilo(paths, call):
    """uint8 arrays that a pipeline with one operator gives for each path."""
    text = f"pipe.input('path').map('path', 'pixels', ops.image_resize({call})).output('pixels')"
    lines = pipilo("run", text, *paths).splitlines()
    return [np.array(json.loads(line)["pixels"], np.uint8) for line in lines]


@pytest.mark.parametrize("call, pillow", [
    ("size=256, crop=224", resize_and_crop),
    ("width=97, height=61, filter='bilinear'",
     lambda image: np.asarray(image.resize((97, 61), Image.Resampling.BILINEAR))),
    ("width=97, height=311, filter='lanczos'",
     lambda image: np.asarray(image.resize((97, 311), Image.Resampling.LANCZOS))),
], ids=["model input", "bilinear", "lanczos"])
def test_pixels_are_pillows(photos, turned, call, pillow):
    # WebP is decoded by another version of its library in Pillow.
    paths = [p for p in photos if p.suffix in (".jpg", ".png")][::16] + turned[::3]
    for path, got in zip(paths, resized_by_pipilo(paths, call), strict=True):
        wanted = pillow(open_rgb(path, "apply"))
        assert got.shape == wanted.shape and (got == wanted).all(), path
