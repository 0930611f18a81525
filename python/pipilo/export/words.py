"""The command lines of the programs that make models: wrong words end as those of `pipilo` do."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from . import STATUS
from .place import say

__all__ = ["Parser"]


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        say(f"{message}; `{self.prog} --help` shows what there is")
        sys.exit(STATUS["invalid_argument"])
