"""What functions that set something for the whole process give: `memory` and `decoding`."""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Settings"]


class Settings:
    """They hold from now on, or until the end of a `with`, which brings back what was before."""

    def __init__(self, bring_back: Callable[[], None]):
        self._bring_back = bring_back

    def __enter__(self) -> Settings:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bring_back()
