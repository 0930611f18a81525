"""python -m pipilo.export timm:NAME [-o DIR] [--checkpoint FILE | --random] [--force] [-q]

What `pipilo export` runs. Messages and exit statuses are those of the command line.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import warnings

from . import STATUS, ExportError, export
from .place import say
from .words import Parser


def _parse(words: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m pipilo.export",
        description="Makes a model of one that timm has: an ONNX file and a card.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="timm:NAME", help="such as timm:resnet50")
    parser.add_argument("-o", "--out", metavar="DIR", help="default: NAME in the model home")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--checkpoint", metavar="FILE", help="weights that torch saved")
    weights.add_argument("--random", action="store_true", help="weights that mean nothing, for tests")
    parser.add_argument("--force", action="store_true", help="replace a model that is there")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what is fatal")
    # For first_use.py: a model that is there is good, and a failure goes to stdout as JSON.
    parser.add_argument("--for-ops", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(words)


def _name(model: str) -> str:
    kind, colon, name = model.partition(":")
    if kind != "timm" or not colon or not name:
        raise ExportError("invalid_argument", f"{model!r} is no timm:NAME, such as timm:resnet50")
    return name


def _hush() -> None:
    """What torch and its helpers say on the way to ONNX is for their own authors."""
    warnings.simplefilter("ignore")
    for noisy in ("torch.onnx", "onnxscript", "onnx_ir", "timm"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def main(words: list[str] | None = None) -> int:
    """The exit status."""
    wanted = _parse(words)
    _hush()
    try:
        folder = export(
            _name(wanted.model),
            wanted.out,
            checkpoint=wanted.checkpoint,
            random=wanted.random,
            force=wanted.force,
            keep=wanted.for_ops,
            quiet=wanted.quiet or wanted.for_ops,
        )
    except ExportError as error:
        if wanted.for_ops:
            print(json.dumps({"code": error.code, "message": str(error)}), flush=True)
        else:
            say(str(error))
        return STATUS[error.code]
    except KeyboardInterrupt:
        return 130
    if not wanted.quiet:
        name = os.path.basename(folder) if wanted.out is None else wanted.out
        print(f"the model is in {folder}\n\nnext: pipilo models show {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
