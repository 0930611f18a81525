"""A pipeline for every picture, dropped after it: the program that runs out of memory with Towhee.

    python -m pipilo.towhee examples/python/pipeline_per_image.py MODEL FOLDER [ROUNDS]

It is written for Towhee and imports towhee; pipilo runs it as it is. MODEL is what
ops.image_embedding.timm takes, such as lambda_resnet50ts. pipeline_reused.py is the other way.
"""

import glob
import sys

from memory import Memory
from towhee import ops, pipe

model, folder, rounds = sys.argv[1], sys.argv[2], int((sys.argv + ["1"])[3])


def pipeline(path):
    p_search = (
        pipe.input("img")
        .map("img", "vec", ops.image_embedding.timm(model))
        .output("vec")
    )
    res = p_search(path).get()
    del p_search
    return res


memory = Memory()
for path in sorted(glob.glob(folder + "/*.*")) * rounds:
    pipeline(path)
    memory.say_now_and_then()
memory.say()
