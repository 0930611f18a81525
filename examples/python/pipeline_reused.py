"""One pipeline for all pictures: what Towhee's authors advise instead of pipeline_per_image.py.

    python -m pipilo.towhee examples/python/pipeline_reused.py MODEL FOLDER [ROUNDS]
"""

import glob
import sys

from memory import Memory
from towhee import ops, pipe

model, folder, rounds = sys.argv[1], sys.argv[2], int((sys.argv + ["1"])[3])

p_search = (
    pipe.input("img")
    .map("img", "vec", ops.image_embedding.timm(model))
    .output("vec")
)

memory = Memory()
for path in sorted(glob.glob(folder + "/*.*")) * rounds:
    p_search(path).get()
    memory.say_now_and_then()
memory.say()
