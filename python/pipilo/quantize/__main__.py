"""python -m pipilo.quantize MODEL PICTURE... -o DIR: makes the copy that `pipilo models quantize` measures.

Messages and exit statuses are those of the command line.
"""

from __future__ import annotations

import logging
import signal
import sys
import warnings

from ..export import STATUS, ExportError
from ..export.place import say
from ..export.words import Parser
from . import MOST, quantize


def main(words: list[str] | None = None) -> int:
    """The exit status."""
    parser = Parser(
        prog="python -m pipilo.quantize",
        description="Makes an int8 copy of a model: an ONNX file and a card.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL", help="as `pipilo embed -m` takes it")
    parser.add_argument("pictures", metavar="PICTURE", nargs="+", help="files, folders, archives")
    parser.add_argument("-o", "--out", metavar="DIR", required=True, help="the new model's folder")
    parser.add_argument("--most", metavar="N", type=int, default=MOST, help="pictures to look at")
    parser.add_argument("--keep", metavar="N", type=int, default=0, help="convolutions left at f32")
    parser.add_argument("--reduce-range", action="store_true", help="weights of 7 bits")
    parser.add_argument("--force", action="store_true", help="replace a model that is there")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what is fatal")
    wanted = vars(parser.parse_args(words))
    # What the quantizer says on its way is for its own authors.
    warnings.simplefilter("ignore")
    logging.getLogger().setLevel(logging.ERROR)
    # The command that started this passes on that it was stopped: what is half made goes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        quantize(wanted.pop("model"), wanted.pop("pictures"), wanted.pop("out"), **wanted)
    except ExportError as error:
        say(str(error))
        return STATUS[error.code]
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
