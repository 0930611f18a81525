"""What Towhee has at its top and pipilo does not: each says why when it is called."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["build_docker_image", "build_pipeline_model", "dataset"]


def build_docker_image(*args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: pipilo makes no Triton images."""
    raise NotImplementedError(
        "pipilo makes no Triton images: it runs models itself; see `pipilo` for its commands"
    )


def build_pipeline_model(*args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: pipilo makes no Triton model repositories."""
    raise NotImplementedError("pipilo makes no Triton model repositories: it runs models itself")


def dataset(*args: Any, **kwargs: Any) -> NoReturn:
    """NotImplementedError: data sets are torchvision's, and pipilo does not train."""
    raise NotImplementedError("pipilo does not train: take data sets from torchvision")
