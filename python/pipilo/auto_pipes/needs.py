"""Says what a built-in pipeline lacks on this machine, before it is built."""

from __future__ import annotations

from typing import Any

from ..operator.loader import find_factory

__all__ = ["Config", "need"]


def need(pipeline: str, *operators: str, instead: str = "") -> None:
    """RuntimeError that names each of `operators` (`category.name`) which cannot be loaded."""
    missing = []
    for name in operators:
        try:
            find_factory(name.replace(".", "/").replace("_", "-"))
        except (RuntimeError, ImportError):
            missing.append(name)
    if missing:
        names = ", ".join(missing)
        raise RuntimeError(
            f"the pipeline {pipeline} needs operators that are not here: {names}. Register them "
            f"(@register(name='category/name')) or put their folders in place{instead}"
        )


class Config:
    """A pipeline's settings: the class's attributes, or what is given. TypeError for others."""

    def __init__(self, **values: Any):
        fields = self.fields()
        unknown = values.keys() - fields.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        self.__dict__.update({**fields, **values})

    @classmethod
    def fields(cls) -> dict[str, Any]:
        """The settings with their defaults, in their order."""
        return {
            name: value
            for kind in reversed(cls.__mro__[:-2])
            for name, value in vars(kind).items()
            if not name.startswith("_")
        }

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({values})"
