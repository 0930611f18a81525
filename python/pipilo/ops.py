"""`ops`: names operators, of any category, before anything is loaded.

    ops.image_decode.cv2('rgb')     the operator `image-decode/cv2` with one init argument

What the name stands for is looked up when the operator is first needed: among what was registered,
then among pipilo's own operators, then in the local operator folders (`operator/loader.py`).
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ops"]


class _OperatorWrapper:
    """An operator by name with its init arguments; loaded at the first call or by `get_op`."""

    def __init__(
        self,
        name: str,
        init_args: tuple | None = None,
        init_kws: dict[str, Any] | None = None,
        tag: str = "main",
        latest: bool = False,
    ):
        self._name = name.replace(".", "/").replace("_", "-")
        self._init_args = init_args
        self._init_kws = init_kws
        self._tag = tag
        self._latest = latest
        self._op: Any = None

    @property
    def name(self) -> str:
        """The name with `/` between its parts and `-` for `_`."""
        return self._name

    @property
    def tag(self) -> str:
        return self._tag

    @property
    def init_args(self) -> tuple | None:
        return self._init_args

    @property
    def init_kws(self) -> dict[str, Any] | None:
        return self._init_kws

    @property
    def is_latest(self) -> bool:
        return self._latest

    def revision(self, tag: str = "main") -> _OperatorWrapper:
        """Asks for the version `tag` of a local operator folder. Returns itself."""
        self._tag = tag
        return self

    def latest(self) -> _OperatorWrapper:
        """Asks for the operator's files to be read anew. Returns itself."""
        self._latest = True
        return self

    def get_op(self) -> Any:
        """The operator instance, loaded at the first call. RuntimeError where that fails."""
        if self._op is None:
            self.preload_op()
        return self._op

    def preload_op(self) -> None:
        """Loads the operator. RuntimeError with the reason where that fails."""
        from .operator.loader import load_operator

        try:
            self._op = load_operator(
                self._name, self._init_args, self._init_kws, self._tag, self._latest
            )
        except Exception as error:
            raise RuntimeError(f"Loading operator with error:{error}") from error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.get_op()(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_op": None}

    def __repr__(self) -> str:
        given = [repr(value) for value in self._init_args or ()]
        given += [f"{name}={value!r}" for name, value in (self._init_kws or {}).items()]
        return f"<operator {self._name}({', '.join(given)})>"


class _Ops:
    """Any attribute is a part of an operator's name; a call makes the operator.

    >>> ops.towhee.np_normalize(axis=1)
    <operator towhee/np-normalize(axis=1)>
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[str, ...] = ()):
        self._parts = parts

    def __getattr__(self, part: str) -> _Ops:
        if part.startswith("__"):
            raise AttributeError(part)
        return _Ops((*self._parts, part))

    def __call__(self, *args: Any, **kwargs: Any) -> _OperatorWrapper:
        if not self._parts:
            raise TypeError("ops is called by name: ops.category.name(..)")
        return _OperatorWrapper(".".join(self._parts), args, kwargs)

    def __dir__(self) -> list[str]:
        from .operator.loader import known_operators

        depth = len(self._parts)
        names = (tuple(name.replace("-", "_").split("/")) for name in known_operators())
        return sorted({n[depth] for n in names if len(n) > depth and n[:depth] == self._parts})

    def __repr__(self) -> str:
        return f"<{'.'.join(('ops', *self._parts))}>"


ops = _Ops()
