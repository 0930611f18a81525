"""Makes the pictures of the benchmark: parts of real photographs as JPEGs of quality 90.

usage: pictures.py PHOTOS FOLDER COUNT        500x375; the same files every time; done once
"""
import os
import pathlib
import random
import sys

from PIL import Image

SIZE = (500, 375)


def machine():
    """The processor by its own name, and how many cores there are to use."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines()
                  if line.startswith("model name")), "unknown")
    return {"cpu": model, "cores": len(os.sched_getaffinity(0))}


def large_enough(path, size):
    with Image.open(path) as image:
        return min(image.width / size[0], image.height / size[1]) >= 1


def make(photos, folder, count, size=SIZE):
    """`count` pictures of a size; what is larger than SIZE only of photographs that have it."""
    folder = pathlib.Path(folder)
    if len(list(folder.glob("*.jpg"))) != count:
        folder.mkdir(parents=True, exist_ok=True)
        originals = sorted(p for p in pathlib.Path(photos).iterdir() if p.suffix in (".jpg", ".png"))
        if size != SIZE:
            originals = [p for p in originals if large_enough(p, size)]
        rng = random.Random(1)
        for i, original in enumerate(originals):
            cut(Image.open(original).convert("RGB"), folder, range(i, count, len(originals)), size, rng)
    return [os.fspath(p) for p in sorted(folder.glob("*.jpg"))]


def cut(image, folder, numbers, size, rng):
    largest = min(image.width / size[0], image.height / size[1])
    smallest = 0.5 if size == SIZE else 1 / largest
    for number in numbers:
        scale = largest * rng.uniform(smallest, 1)
        width, height = size[0] * scale, size[1] * scale
        left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
        part = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2,
                            box=(left, top, left + width, top + height))
        part.save(folder / f"{number:03}.jpg", quality=90)


if __name__ == "__main__":
    make(sys.argv[1], sys.argv[2], int(sys.argv[3]))
