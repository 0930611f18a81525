"""A folder as folders are: what cannot be read is a row that says why, the rest is as if alone.

tests/cli/test_junk.py holds what the command says about such a folder; here the good rows are
compared with the real model's reference, the bomb is a whole one, and valgrind looks on.
"""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from reference import PHOTOS, PROGRAM, cosines, embed, new_session, open_rgb, tensor

SUPPRESSIONS = pathlib.Path(__file__).with_name("valgrind.supp")

# What is in the folder; None: a good row.
WANTED = {
    "animated.webp": None,
    "bomb.png": "limit_exceeded",
    "cmyk.jpg": None,
    "deep-grey.png": None,
    "deep.png": None,
    "empty.jpg": "truncated",
    "good.jpg": None,
    "photo.heic": None,
    "text.jpg": "unsupported_format",
    "truncated.jpg": "truncated",
    "zeros.png": "unsupported_format",
}


def png(width, height, depth, color, compressed):
    """A PNG file around image data that are compressed already."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", compressed)
            + chunk(b"IEND", b""))


def bomb(side):
    """A valid, black, 8-bit grey PNG of side x side: 3.6 GB from 3.6 MB at 60,000."""
    per_flush = side // 100
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    # After a full flush the coder starts anew: the same input gives the same bytes each time.
    rows = deflate.compress(bytes((side + 1) * per_flush)) + deflate.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    adler = (side * (side + 1) % 65521) << 16 | 1
    return png(side, side, 8, 0, b"\x78\x01" + rows * (side // per_flush) + end
               + struct.pack(">I", adler))


def deep(image):
    """A 16-bit RGB PNG whose upper bytes are the image's."""
    pixels = np.asarray(image).astype(np.uint16) << 8 | np.arange(image.width * 3).reshape(-1, 3) % 256
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(image.width, image.height, 16, 2, zlib.compress(rows, 1))


def fill(folder, side):
    """The folder, with good pictures `side` pixels high; what each good one shows, as Pillow sees it."""
    folder.mkdir()
    with Image.open(PHOTOS / "flower.jpg") as image:
        photo = image.convert("RGB").resize((side * 3 // 2, side))
    photo.info.clear()  # its colour profile, which libpng refuses to write
    photo.save(folder / "good.jpg", quality=92)
    whole = (folder / "good.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[:len(whole) * 2 // 3])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("this is a text, not a picture\n" * 20)
    (folder / "zeros.png").write_bytes(bytes(4096))
    (folder / "bomb.png").write_bytes(bomb(60_000))
    photo.convert("CMYK").save(folder / "cmyk.jpg", quality=92)
    (folder / "deep.png").write_bytes(deep(photo))
    grey = np.asarray(photo.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(folder / "deep-grey.png")
    frames = [photo, photo.transpose(Image.Transpose.FLIP_TOP_BOTTOM), photo.convert("L")]
    frames[0].save(folder / "animated.webp", save_all=True, append_images=frames[1:], quality=80)
    (folder / "loop").symlink_to(folder)
    (folder / "self.jpg").symlink_to("self.jpg")
    (folder / "nowhere.jpg").symlink_to("gone.jpg")
    os.mkfifo(folder / "pipe.jpg")
    shows = {name: open_rgb(folder / name)
             for name in ("animated.webp", "cmyk.jpg", "deep.png", "good.jpg")}
    # Pillow cuts 16-bit grey off at 255; the stated policy is the upper 8 bits.
    shows["deep-grey.png"] = Image.fromarray((grey >> 8).astype(np.uint8)).convert("RGB")
    if shutil.which("heif-enc"):
        shows["photo.heic"] = add_heic(folder, photo)
    return shows


def add_heic(folder, photo):
    """Gives the picture the HEIC shows, by the library's own decoder where that is there."""
    photo.save(source := folder.parent / "heic-source.png")
    subprocess.run(["heif-enc", "-q", "90", source, "-o", folder / "photo.heic"], check=True,
                   capture_output=True)
    decoder = shutil.which("heif-convert") or shutil.which("heif-dec")
    if decoder is None:
        return photo
    shown = folder.parent / "heic-shown.png"
    subprocess.run([decoder, folder / "photo.heic", shown], check=True, capture_output=True)
    return open_rgb(shown)


def check_rows(rows, array, folder, shows):
    """One row each where there is a file, in order, and what is wrong with it."""
    names = [name for name in sorted(WANTED) if name in shows or WANTED[name]]
    assert [row["source"] for row in rows] == [str(folder / name) for name in names]
    for name, row, vector in zip(names, rows, array):
        assert row["code"] == WANTED[name], row
        assert row["status"] == ("error" if WANTED[name] else "ok")
        if WANTED[name]:
            assert np.isnan(vector).all() and row["message"] and "\n" not in row["message"]
        else:
            assert np.isfinite(vector).all() and (row["width"], row["height"]) == shows[name].size
    return names


def test_good_rows_are_right_and_the_bomb_is_refused(tmp_path):
    folder = tmp_path / "folder"
    shows = fill(folder, 400)
    array, rows = embed(tmp_path / "out.npy", [folder], status=1)
    names = check_rows(rows, array, folder, shows)

    session, good = new_session(), [name for name in names if not WANTED[name]]
    wanted = [session.run(["embedding"], {"input": tensor(shows[name])})[0][0] for name in good]
    cosine = dict(zip(good, cosines(array[[names.index(name) for name in good]], wanted)))
    assert min(cosine.values()) >= 0.99999, cosine


def test_memory_does_not_follow_what_a_header_claims(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for i in range(8):
        (folder / f"{i}.png").write_bytes(bomb(60_000))
    run = subprocess.run([PROGRAM, "embed", folder, "-m", "null:64", "-o", tmp_path / "out.npy", "--json"],
                         capture_output=True, text=True, timeout=240)
    summary = json.loads(run.stdout)
    assert run.returncode == 1 and summary["errors"] == {"limit_exceeded": 8}
    assert summary["peak_memory"] < 64e6, summary


def test_the_rows_around_are_as_if_alone(tmp_path):
    folder = tmp_path / "folder"
    shows = fill(folder, 300)
    array, rows = embed(tmp_path / "all.npy", [folder], status=1)
    names = check_rows(rows, array, folder, shows)
    for name in shows:
        alone, _ = embed(tmp_path / f"{name}.npy", [folder / name])
        assert alone[0].tobytes() == array[names.index(name)].tobytes(), name


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_valgrind_finds_nothing(tmp_path):
    folder = tmp_path / "folder"
    shows = fill(folder, 64)
    log = tmp_path / "valgrind.log"
    run = subprocess.run(
        ["valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect",
         "--error-exitcode=99", f"--log-file={log}", f"--suppressions={SUPPRESSIONS}",
         PROGRAM, "embed", folder, "-m", "null:64", "-o", tmp_path / "out.npy", "--quiet"],
        capture_output=True, text=True, timeout=800)
    assert run.returncode == 1, log.read_text()
    assert "ERROR SUMMARY: 0 errors" in log.read_text()
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    check_rows(rows, np.load(tmp_path / "out.npy"), folder, shows)
