"""pipilo's logger, `pipilo`. It says nothing unless the program asks for it."""

from __future__ import annotations

import logging

__all__ = ["engine_log"]

engine_log = logging.getLogger("pipilo")
engine_log.addHandler(logging.NullHandler())
