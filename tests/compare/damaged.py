#!/usr/bin/env python3
"""Pictures that are cut off or changed: good ones of every format, each cut at many points and with
bytes flipped, and others' test pictures as they are.

usage: tests/compare/damaged.py OUT [--points N] [--others FOLDER]

A file is called FORMAT-KIND-HOW.FORMAT, HOW being whole, cut-NN or flip-NN; others' keep their names.
The same words make the same files.
"""
import argparse
import ctypes
import io
import os
import pathlib
import random
import shutil
import subprocess
import tempfile

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PHOTOS = pathlib.Path(os.environ.get("PIPILO_DEPS", ROOT / ".deps")) / "photos"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".j2k", ".avif",
            ".heic", ".jxl", ".mpo", ".jfif"}


def photo(name, size=(96, 64)):
    with Image.open(PHOTOS / name) as image:
        whole = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    whole.info.clear()  # a colour profile would be most of such a small file
    return whole


def encoded(image, kind, **how):
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def turned(orientation):
    data = Image.Exif()
    data[274] = orientation
    return data.tobytes()


def by_libvips(image, suffix):
    """As pipilo's own library writes it; None where it cannot."""
    vips = ctypes.CDLL("libvips.so.42")
    vips.vips_init(b"test")
    vips.vips_image_new_from_file.restype = ctypes.c_void_p
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "a.png"), pathlib.Path(folder, "a" + suffix)
        image.save(source)
        opened = vips.vips_image_new_from_file(str(source).encode(), None)
        if vips.vips_image_write_to_file(ctypes.c_void_p(opened), str(target).encode(), None) != 0:
            return None
        return target.read_bytes()


def by_heif_enc(image):
    if shutil.which("heif-enc") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "a.png"), pathlib.Path(folder, "a.heic")
        image.save(source)
        subprocess.run(["heif-enc", "-q", "60", source, "-o", target], check=True, capture_output=True)
        return target.read_bytes()


def samples():
    """Good pictures, {name: bytes}, a kind of each format that is read in its own way."""
    rgb, other = photo("china.jpg"), photo("flower.jpg")
    grey16 = Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257)
    made = {
        "jpg-420": encoded(rgb, "JPEG", quality=85),
        "jpg-444": encoded(rgb, "JPEG", quality=90, subsampling=0),
        "jpg-grey": encoded(rgb.convert("L"), "JPEG"),
        "jpg-cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "jpg-progressive": encoded(rgb, "JPEG", progressive=True),
        "jpg-restarts": encoded(rgb, "JPEG", restart_marker_blocks=2, exif=turned(6)),
        "png-rgb": encoded(rgb, "PNG"),
        "png-alpha": encoded(rgb.convert("RGBA"), "PNG"),
        "png-palette": encoded(rgb.quantize(16), "PNG", bits=4, transparency=3),
        "png-grey16": encoded(grey16, "PNG"),
        "png-animated": encoded(rgb, "PNG", save_all=True, append_images=[other]),
        "webp-lossy": encoded(rgb, "WEBP", quality=80),
        "webp-lossless": encoded(rgb.convert("RGBA"), "WEBP", lossless=True),
        "webp-animated": encoded(rgb, "WEBP", save_all=True, append_images=[other], quality=70),
        "gif-plain": encoded(rgb.quantize(64), "GIF", interlace=0),
        "gif-interlaced": encoded(rgb.quantize(64), "GIF", interlace=1),
        "gif-animated": encoded(rgb.quantize(64), "GIF", save_all=True, append_images=[other.quantize(64)]),
        "bmp-rgb": encoded(rgb, "BMP"),
        "bmp-palette": encoded(rgb.quantize(200), "BMP"),
        "bmp-bits": encoded(rgb.convert("1"), "BMP"),
        "tif-raw": encoded(rgb, "TIFF"),
        "tif-lzw": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "tif-deflate": encoded(rgb, "TIFF", compression="tiff_adobe_deflate"),
        "tif-jpeg": encoded(rgb, "TIFF", compression="jpeg"),
        "tif-fax": encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "jp2-lossless": encoded(rgb, "JPEG2000", irreversible=False),
        "jp2-lossy": encoded(rgb, "JPEG2000", irreversible=True, quality_layers=[30]),
        "avif-lossy": encoded(rgb, "AVIF", quality=60),
        "heic-lossy": by_heif_enc(rgb),
        "jxl-lossy": by_libvips(rgb, ".jxl"),
    }
    return {name: data for name, data in made.items() if data is not None}


def damage(name, data, points):
    """The picture whole, cut at `points` points, and with bytes flipped at as many places."""
    yield f"{name}-whole", data
    chance = random.Random(name)
    for point in range(points):
        yield f"{name}-cut-{point:02}", data[:len(data) * point // points]
    for point in range(points):
        changed = bytearray(data)
        # One byte, or a handful within the same stretch of the file.
        for _ in range(1 if point % 2 == 0 else 4):
            at = (len(data) * point + chance.randrange(len(data))) // points
            changed[at] ^= chance.randrange(1, 256)
        yield f"{name}-flip-{point:02}", bytes(changed)


def write(folder, points):
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, data in samples().items():
        suffix = name.split("-")[0]
        for damaged, content in damage(name, data, points):
            (folder / f"{damaged}.{suffix}").write_bytes(content)
            count += 1
    return count


def write_others(folder, others):
    """Pictures by others under names of one folder, by suffix."""
    count = 0
    for path in sorted(others.rglob("*")):
        if path.is_file() and path.suffix.lower() in SUFFIXES:
            # An MPO is a JPEG of several pictures; in a folder pipilo knows it by that suffix.
            name = "-".join(path.relative_to(others).parts).replace(".mpo", ".mpo.jpg")
            shutil.copy(path, folder / f"other-{name}")
            count += 1
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--points", type=int, default=32)
    parser.add_argument("--others", type=pathlib.Path)
    options = parser.parse_args()
    made = write(options.out, options.points)
    copied = write_others(options.out, options.others) if options.others else 0
    print(f"{made} files made and {copied} copied to {options.out}")


if __name__ == "__main__":
    main()
