"""A pipeline's result as a table of entities."""

from .data_collection import DataCollection
from .entity import Entity

__all__ = ["DataCollection", "Entity"]
