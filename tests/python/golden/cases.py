"""The cases whose answers Towhee gave: what to build, and what to call it with.

A case is `(name, code, calls)`. `code` is an expression over the names of answer.py. With calls it is
a pipeline and each call's arguments follow; with `calls` None it is a value. tools/record_towhee.py
writes the answers to answers.json, test_golden.py holds pipilo to them.
"""

import steps  # noqa: F401, I001 - the order is that of the answers
import joined  # noqa: F401
from writing import CASES

__all__ = ["CASES"]
