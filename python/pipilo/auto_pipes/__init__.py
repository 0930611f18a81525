"""Pipelines that are known by name."""

from .auto_pipes import AutoPipes

__all__ = ["AutoPipes"]
