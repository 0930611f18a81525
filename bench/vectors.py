"""Real vectors for measurements of the index: crops of photographs through the real model.

usage: vectors.py PIPILO OUT.npy CROPS ROWS

CROPS random crops (a tenth to all of a photograph's area, mirrored half of the time) are embedded;
the other rows up to ROWS are perturbed copies of those vectors: noise of 0.2 to 0.6 of their length
is added, as for pictures that were cropped, compressed or turned a little. Always the same.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
MODEL = ROOT / ".deps/models/efficientnet-lite0"


def make_crops(folder, count, random):
    photos = [Image.open(path).convert("RGB") for path in sorted((ROOT / ".deps/photos").iterdir())]
    for photo in photos:
        photo.thumbnail((1200, 1200))
    for number in range(count):
        photo = photos[number % len(photos)]
        share = random.uniform(0.1, 1) ** 0.5
        size = [max(32, int(side * share)) for side in photo.size]
        left, top = (int(random.integers(0, max(1, whole - part + 1)))
                     for whole, part in zip(photo.size, size))
        crop = photo.crop((left, top, left + size[0], top + size[1])).resize((256, 256))
        if random.random() < 0.5:
            crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        crop.save(folder / f"{number:06}.jpg", quality=90)


def perturbed(vectors, count, random):
    copies = vectors[random.integers(0, len(vectors), count)]
    noise = random.standard_normal(copies.shape, dtype=numpy.float32)
    noise *= (numpy.linalg.norm(copies, axis=1) / numpy.linalg.norm(noise, axis=1)
              * random.uniform(0.2, 0.6, count))[:, None].astype(numpy.float32)
    return copies + noise


def write_beside(out, like, rows):
    """What stands beside the vectors of a store that says it is as `like`."""
    meta = json.loads(like.with_suffix(".meta.json").read_text())
    meta |= {"rows": rows, "file_marks": "00000000" * rows}
    out.with_suffix(".meta.json").write_text(json.dumps(meta))
    with open(out.with_suffix(".jsonl"), "w", encoding="utf-8") as lines:
        for row in range(rows):
            lines.write(json.dumps({"row": row, "source": f"{row}.jpg", "status": "ok", "code": None,
                                    "message": None, "width": 256, "height": 256}) + "\n")


def make_store(program, out, crops, rows):
    random = numpy.random.default_rng(2026)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        folder = pathlib.Path(folder)
        (folder / "crops").mkdir()
        make_crops(folder / "crops", crops, random)
        subprocess.run([program, "embed", folder / "crops", "-m", MODEL, "-o", folder / "real.npy",
                        "--quiet"], check=True)
        real = numpy.load(folder / "real.npy")
        vectors = numpy.concatenate([real, perturbed(real, rows - crops, random)])
        numpy.save(out, vectors[random.permutation(rows)])
        write_beside(out, folder / "real.npy", rows)


if __name__ == "__main__":
    make_store(sys.argv[1], pathlib.Path(sys.argv[2]), *map(int, sys.argv[3:5]))
