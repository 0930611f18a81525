"""Between colour orders, and between Image and Pillow's images."""

from __future__ import annotations

from typing import Any

import numpy as np

from .image import Image

__all__ = ["from_pil", "to_image_color", "to_pil"]

ORDERS = {"RGB": "RGB", "BGR": "BGR", "RGBA": "RGBA", "BGRA": "BGRA"}
# As OpenCV: ITU-R BT.601 in fixed point of 15 bits.
GRAY_WEIGHTS = {"R": 9798, "G": 19235, "B": 3735}
GRAY_SHIFT = 15


def to_image_color(img: Any, target_mode: str) -> Any:
    """`img` in the mode `target_mode`: uint8 (height, width[, channels]), a new Image.

    What has no `mode`, or the wanted one, comes back as it is. Errors as `types.to_image_color`.
    """
    mode = getattr(img, "mode", None)
    if mode is None or mode.upper() == target_mode.upper():
        return img
    source, target = mode.upper(), target_mode.upper()
    pixels = np.asarray(img)
    if source in ORDERS and target in ORDERS:
        return Image(_reorder(pixels, source, target), target)
    if source in ORDERS and target == "GRAY" and pixels.dtype == np.uint8:
        return Image(_gray(pixels, source), target)
    if source == "GRAY" and target in ORDERS:
        return Image(_from_gray(pixels, target), target)
    return Image(_by_opencv(pixels, source, target), target)


def _opaque(pixels: np.ndarray) -> int | float:
    return np.iinfo(pixels.dtype).max if pixels.dtype.kind in "ui" else 1.0


def _reorder(pixels: np.ndarray, source: str, target: str) -> np.ndarray:
    out = np.empty((*pixels.shape[:2], len(target)), pixels.dtype)
    for index, channel in enumerate(target):
        if channel in source:
            out[..., index] = pixels[..., source.index(channel)]
        else:
            out[..., index] = _opaque(pixels)
    return out


def _gray(pixels: np.ndarray, source: str) -> np.ndarray:
    total = np.full(pixels.shape[:2], 1 << (GRAY_SHIFT - 1), np.uint32)
    for channel, weight in GRAY_WEIGHTS.items():
        total += pixels[..., source.index(channel)].astype(np.uint32) * np.uint32(weight)
    return (total >> GRAY_SHIFT).astype(np.uint8)


def _from_gray(pixels: np.ndarray, target: str) -> np.ndarray:
    out = np.empty((*pixels.shape[:2], len(target)), pixels.dtype)
    out[...] = pixels.reshape(*pixels.shape[:2], 1)
    if target.endswith("A"):
        out[..., 3] = _opaque(pixels)
    return out


def _by_opencv(pixels: np.ndarray, source: str, target: str) -> np.ndarray:
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise ImportError(
            f"from {source} to {target} takes OpenCV: pip install opencv-python-headless"
        ) from error
    flag = getattr(cv2, f"COLOR_{source}2{target}", None)
    if flag is None:
        raise ValueError(f"Can not convert image from {source} to {target}.")
    return cv2.cvtColor(pixels, flag)


def from_pil(pil_img: Any) -> Image:
    """A Pillow image as an Image of its mode; a copy."""
    return Image(np.array(pil_img), pil_img.mode)


def to_pil(img: Image) -> Any:
    """An Image as a Pillow image of the same mode (GRAY is Pillow's L); BGR is reordered.

    ImportError without Pillow.
    """
    from PIL import Image as PILImage

    mode = (img.mode or "").upper()
    if mode in ("BGR", "BGRA"):
        img = to_image_color(img, mode.replace("BGR", "RGB"))
        mode = img.mode
    names = {"GRAY": "L", "HSV": "HSV", "": None}
    picture = PILImage.fromarray(np.asarray(img))
    wanted = names.get(mode, mode)
    return picture if wanted in (None, picture.mode) else picture.convert(wanted)
