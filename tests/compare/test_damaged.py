"""Damaged pictures: each is a row and an error with a name, and Pillow makes the same of it.

    PIPILO_DAMAGED_POINTS=32 PIPILO_OTHERS=FOLDER pytest tests/compare/test_damaged.py

cuts and changes each sample at 32 points instead of 6 and adds others' test pictures
(tools/damaged.sh does so, under ASan). docs/reliability.md says what came of it.
"""
import collections
import io
import json
import os
import pathlib
import re
import subprocess
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

import damaged
from reference import PROGRAM
from test_pixels import Pixels, Refused

POINTS = int(os.environ.get("PIPILO_DAMAGED_POINTS", 6))
OTHERS = os.environ.get("PIPILO_OTHERS")
TAIL = 40  # how many bytes are cut from the end at most, where each counts
CODES = {"truncated", "corrupt", "unsupported_format", "limit_exceeded", "out_of_memory_budget"}

# Where one reads what the other refuses, or other pixels come of it, and why. A pattern of the name;
# the first that fits counts.
WE_READ = [
    (r"\.(heic|jxl)$", "Pillow has no reader for the format"),
    (r"^avif-.*-flip", "libaom behind Pillow is stricter with a damaged frame than dav1d"),
    (r"apng-chunk_no_fctl|png_decompression_dos", "an APNG's frames, texts over 1 MiB"),
    (r"unknown_compression_method", "a colour profile, which is ignored, packed in an unknown way"),
    (r"bmp-b-bad(headersize|palettesize)|pal8oversizepal", "a header or palette of an odd size"),
    (r"bmp-[gq]-rgba?(16|32)", "bit masks that Pillow does not have"),
    (r"hopper_webp\.tif|tiff_tiled_jpeg_oob_read", "a TIFF's compression that Pillow was built without"),
    (r"invalid_header_length", "a JPEG 2000 whose boxes are not sound"),
]
PILLOW_READS = [
    (r"^png-(?!animated).*-(tail|cut)", "the checksum at the end of the picture's data is cut"),
    (r"10ct_32bit|16_bit_binary_pgm|(8|16)bit\.s\.tif|separate_planar_extra",
     "a TIFF of samples that are signed, floating or of 32 bits"),
    (r"12bit\.cropped\.tif", "a TIFF of 12 bits a sample"),
    (r"old-style-jpeg|tiff_tiled_planar", "a TIFF in tiles of planes, or with the JPEG of TIFF 6.0"),
]
OTHER_PIXELS = [
    (r"\.avif$", "another decoder, and an orientation in XMP"),
    (r"imagemagick_orientation|xmp_tags_orientation", "an orientation where only Pillow looks"),
    (r"\blab|\.Lab\.", "a TIFF in L*a*b*"),
    (r"RGBa\.tiff", "a TIFF's alpha, which Pillow divides out"),
    (r"badrle", "a run that passes the end of its row goes on in Pillow's next"),
]


def why(rules, name):
    return next((reason for pattern, reason in rules if re.search(pattern, name)), None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged") / "in"
    damaged.write(folder, POINTS)
    if OTHERS:
        damaged.write_others(folder, pathlib.Path(OTHERS))
    return folder


@pytest.fixture(scope="module")
def tool():
    tool = Pixels()
    yield tool
    tool.process.stdin.close()
    assert tool.process.wait(30) == 0


def by_pillow(data):
    """The pixels and the mode they were kept in, or the reason for none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB")), image.mode
        except Exception as error:  # whatever it is, there is no picture
            return None, f"{type(error).__name__}: {error}"


def by_pipilo(tool, path):
    try:
        return tool.ask("pixels", path), None
    except Refused as refused:
        return None, refused.args[0]


def verdict(name, theirs, mode, ours, code):
    """What the two made of a picture, and for what reason they differ; None: for none."""
    if ours is None and theirs is None:
        return "both refuse", "" if code in CODES else None
    if theirs is None:
        return "only pipilo reads", why(WE_READ, name)
    if ours is None:
        return "only Pillow reads", why(PILLOW_READS, name)
    if ours.shape == theirs.shape and (ours == theirs).all():
        return "the same pixels", ""
    # Pillow 13 opens every grey picture of 16 bits as one of these modes, and cuts it off at 255.
    reason = "16 bits of grey" if mode.startswith("I") else why(OTHER_PIXELS, name)
    return "other pixels", reason


def embed(folder, out, *words):
    run = subprocess.run([PROGRAM, "embed", folder, "-m", "null:16", "-o", out, "--json", "--force", *words],
                         capture_output=True, text=True, errors="replace", timeout=1800)
    assert run.returncode == 1, run.stderr[-2000:]
    assert "Sanitizer" not in run.stderr and "runtime error" not in run.stderr
    rows = [json.loads(line) for line in out.with_suffix(".jsonl").read_text().splitlines()]
    return rows, json.loads(run.stdout)


@pytest.mark.parametrize("words", [[], ["--fast"]])
def test_every_file_is_a_row(folder, tmp_path, words):
    rows, summary = embed(folder, tmp_path / "out.npy", *words)
    names = sorted((str(path) for path in folder.iterdir()), key=os.fsencode)
    assert [row["source"] for row in rows] == names and summary["rows"] == len(names)
    vectors = np.load(tmp_path / "out.npy")
    for row, vector in zip(rows, vectors):
        assert (row["status"] == "ok") == (row["code"] is None) == bool(np.isfinite(vector).all()), row
        if row["code"] is not None:
            assert row["code"] in CODES and row["message"] and "\n" not in row["message"], row
    whole = [row for row in rows if "-whole." in row["source"]]
    assert len(whole) >= 28 and all(row["status"] == "ok" for row in whole)


def test_pillow_makes_the_same_of_it(folder, tool):
    counts, unexplained = collections.Counter(), []
    for path in sorted(folder.iterdir()):
        if " " in path.name:  # the tool's requests are words
            continue
        what, reason = verdict(path.name, *by_pillow(path.read_bytes()), *by_pipilo(tool, path))
        counts[what] += 1
        if reason is None:
            unexplained.append((path.name, what))
    print(dict(counts))
    assert unexplained == []
    # Explanations must not become what explains everything.
    assert counts["the same pixels"] + counts["both refuse"] > 0.9 * sum(counts.values())


def test_what_ends_a_little_early(tool, tmp_path):
    unexplained = []
    for name, data in damaged.samples().items():
        if name.startswith(("heic", "jxl")):
            continue
        for cut in range(1, TAIL):
            path = tmp_path / f"{name}-tail-{cut}"
            path.write_bytes(data[:-cut])
            ours, code = by_pipilo(tool, path)
            what, reason = verdict(path.name, *by_pillow(data[:-cut]), ours, code)
            if reason is None and not (what == "other pixels" and name.startswith("avif")):
                unexplained.append((path.name, what, code))
            path.unlink()
    assert unexplained == []


@pytest.mark.parametrize("bare", [False, True])
def test_jpeg_2000_away_from_its_origin(tool, tmp_path, bare):
    """libvips would take what lies in memory behind the pixels for pixels."""
    how = {"tile_size": (32, 32), "no_jp2": bare}
    (tmp_path / "at.jp2").write_bytes(damaged.encoded(damaged.photo("china.jpg"), "JPEG2000", **how))
    assert by_pipilo(tool, tmp_path / "at.jp2")[1] is None
    for offset in ((8, 0), (0, 3)):
        data = damaged.encoded(damaged.photo("china.jpg"), "JPEG2000", offset=offset, **how)
        (tmp_path / "away.jp2").write_bytes(data)
        assert by_pipilo(tool, tmp_path / "away.jp2")[1] == "unsupported_format"
    grey = bytearray(damaged.encoded(damaged.photo("china.jpg").convert("L"), "JPEG2000", **how))
    grey[grey.index(b"\xff\x4f\xff\x51") + 43] = 3  # the distance of samples across
    (tmp_path / "away.jp2").write_bytes(grey)
    assert by_pipilo(tool, tmp_path / "away.jp2")[1] == "unsupported_format"


def test_a_reason_does_not_depend_on_threads(folder, tmp_path):
    alone, many = (embed(folder, tmp_path / f"{n}.npy", "--threads", n)[0] for n in ("1", "4"))
    assert alone == many


def test_what_ends_early_is_called_so(folder, tmp_path):
    """But for an animation, of which only the first picture must be there."""
    # By several threads: a reason is never that of another picture, though libvips keeps one for all.
    rows, _ = embed(folder, tmp_path / "out.npy", "--threads", "4")
    # libjxl does not say why it stops; nor do libheif, OpenJPEG and a TIFF's JPEG everywhere.
    vague = re.compile(r"/(jxl|heic|avif|jp2-lossy|tif-jpeg)-")
    cuts = [row for row in rows if "-cut-" in row["source"] and not vague.search(row["source"])]
    assert len(cuts) >= 20 * POINTS
    for row in cuts:
        animated = re.search(r"/(gif|png)-animated-", row["source"])
        assert row["code"] == "truncated" or (row["code"] is None and animated), row
