"""How requests become values and values answers."""

from .models import BYTES, JSON, NDARRAY, TEXT, IOBase, IOType

__all__ = ["BYTES", "JSON", "NDARRAY", "TEXT", "IOBase", "IOType"]
