"""Makes the pictures of the benchmark: parts of real photographs, 500x375, JPEG quality 90.

usage: pictures.py PHOTOS FOLDER COUNT        the same files every time; done once
"""
import pathlib
import random
import sys

from PIL import Image

SIZE = (500, 375)


def main(photos, folder, count):
    folder = pathlib.Path(folder)
    if len(list(folder.glob("*.jpg"))) == count:
        return
    folder.mkdir(parents=True, exist_ok=True)
    originals = sorted(p for p in pathlib.Path(photos).iterdir() if p.suffix in (".jpg", ".png"))
    rng = random.Random(1)
    for i, original in enumerate(originals):
        image = Image.open(original).convert("RGB")
        largest = min(image.width / SIZE[0], image.height / SIZE[1])
        for number in range(i, count, len(originals)):
            scale = largest * rng.uniform(0.5, 1)
            width, height = SIZE[0] * scale, SIZE[1] * scale
            left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
            part = image.resize(SIZE, Image.Resampling.BICUBIC, reducing_gap=2,
                                box=(left, top, left + width, top + height))
            part.save(folder / f"{number:03}.jpg", quality=90)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
