"""A folder of photographs to vectors, and the nearest to one of them. Cells as in a notebook.

    python examples/python/folder_search.py MODEL FOLDER

MODEL is what `pipilo embed -m` takes, or a model of timm's where timm is installed.
"""

# %% What there is
import sys
import tempfile
from pathlib import Path

from pipilo import ops, pipe

MODEL, FOLDER = sys.argv[1], Path(sys.argv[2])
photos = sorted(str(path) for path in FOLDER.iterdir() if path.suffix in (".jpg", ".png"))
print(f"{len(photos)} photographs")

# %% Pictures to vectors, each kept with its path
# `stream` reads its inputs as its results are taken, so the folder may be of any size. With
# on_error='row' a picture that cannot be read gives its exception, and the others are not lost.
store = Path(tempfile.mkdtemp()) / "photos.db"
embed = (
    pipe.input("path")
    .map("path", "vec", ops.image_embedding.timm(MODEL))
    .map("vec", "vec", ops.towhee.np_normalize())
    .map(("vec", "path"), "id", ops.ann_insert.sqlite(str(store)))
    .output("path", "id")
)
for result in embed.stream(photos, on_error="row"):
    path, number = result.get()
    if isinstance(number, Exception):
        print(f"{path} has no vector: {number.__cause__ or number}")
embed.flush()

# %% The three nearest to the first
search = (
    pipe.input("path")
    .map("path", "vec", ops.image_embedding.timm(MODEL))
    .flat_map("vec", "hit", ops.ann_search.sqlite(str(store), limit=3))
    .map("hit", ("id", "score", "path"), lambda hit: hit)
    .output("score", "path")
)
print(f"nearest to {Path(photos[0]).name}:")
for score, path in search(photos[0]).to_list():
    print(f"{score:.4f} {Path(path).name}")

# %% Steps of your own between pipilo's
thumbnail = (
    pipe.input("path")
    .map("path", "img", ops.image_decode.cv2_rgb())
    .map("img", ("height", "width"), lambda img: img.shape[:2])
    .map("img", "brightness", lambda img: float(img.mean()) / 255)
    .output("width", "height", "brightness")
)
width, height, brightness = thumbnail(photos[0]).get()
print(f"{width} x {height} pixels, brightness {brightness:.2f}")
