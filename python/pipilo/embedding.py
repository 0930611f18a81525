"""`embed`: pictures to vectors by a model, one row for each, and what comes out of it.

    found = pipilo.embed(paths, model='efficientnet-lite0')
    found.vectors                    # numpy float32 [rows, dim], over the core's memory
    found.errors                     # {row: why it failed}
    pyarrow.table(found)             # struct {embedding, status, error}, without a copy

Pictures are read, decoded and embedded in one run of the C core while further inputs are still being
read, so memory holds the vectors and a bounded number of pictures.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass
from operator import index
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _core
from .arrow_rows import ArrowRows
from .data_queue import Empty
from .ops import ops
from .pipe import RuntimePipeline, pipe

if TYPE_CHECKING:
    from numpy import ndarray

__all__ = ["EmbedConfig", "Embedder", "Embedding", "Embeddings", "embed", "embed_stream"]

_ALL = (1 << 62) - 1  # rows: as many as there are
_OK = "ok"


@dataclass(frozen=True)
class EmbedConfig:
    """How pictures become vectors. It compares by content, hashes and pickles: see `shared`.

    model: whatever `pipilo embed -m` takes. precision: 'f32', 'bf16' or 'auto', the fastest that was
    measured to be safe. fast: decode JPEG and WebP at a reduced size; vectors differ slightly. exif:
    'apply' or 'ignore' a photo's orientation. normalize: vectors of length 1. device: None is 'CPU'.
    batch: pictures in one inference, 0: what the engine likes best. threads: inferences at the same
    time, 0: one a core.
    """

    model: str
    precision: str = "f32"
    fast: bool = False
    exif: str = "apply"
    normalize: bool = False
    device: str | None = None
    batch: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", os.fsdecode(self.model))


class Embedding(NamedTuple):
    """One row: its vector, or None and the reason."""

    vector: ndarray | None
    status: str  # 'ok' or the error's name, as in docs/errors.md
    error: str | None


class Embeddings(ArrowRows):
    """The rows of an embedding, one for each input, in order.

    It gives Arrow without a copy (`__arrow_c_array__`, `__arrow_c_stream__`): a struct of `embedding`,
    fixed_size_list<float32>[dim] and null where the row failed, `status` and `error`, strings.
    """

    def __init__(self, table: _core.Table, dim: int, fingerprint: str, has_sources: bool = False):
        self._table = table
        self.dim = dim  # numbers a vector
        self.fingerprint = fingerprint  # of what fixes the vectors: 16 hex digits
        self._has_sources = has_sources
        self._kept: dict[str, Any] = {}

    def _once(self, name: str, make: Any) -> Any:
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    @property
    def vectors(self) -> ndarray:
        """float32 [rows, dim], read-only, over the memory the core filled. A failed row is NaN."""
        return self._once("vectors", lambda: self._table.vectors(0))

    @property
    def status(self) -> list[str]:
        """'ok' or the name of its error, for each row."""
        return self._once("status", lambda: self._table.texts(1))

    @property
    def errors(self) -> dict[int, str]:
        """What was wrong, by row; empty where every picture was good."""
        return self._once("errors", self._find_errors)

    def _find_errors(self) -> dict[int, str]:
        texts = enumerate(self._table.texts(2))
        return {row: text for row, text in texts if text is not None}

    @property
    def sources(self) -> list[str] | None:
        """Where each row came from, for inputs named by a folder, pattern or archive; else None."""
        if not self._has_sources:
            return None
        return self._once("sources", lambda: self._table.texts(3))

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, row: int) -> Embedding:
        row = index(row)
        status = self.status[row]
        if status == _OK:
            return Embedding(self.vectors[row], status, None)
        return Embedding(None, status, self.errors[row % len(self)])

    def __iter__(self) -> Iterator[Embedding]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        return f"<Embeddings of {len(self)} rows, {len(self.errors)} failed, dim {self.dim}>"

    def __reduce__(self) -> tuple[Any, ...]:
        state = (self.vectors, self.status, self.errors, self.sources, self.dim, self.fingerprint)
        return _restore, state


def _restore(
    vectors: ndarray,
    status: list[str],
    errors: dict[int, str],
    sources: list[str] | None,
    dim: int,
    fingerprint: str,
) -> Embeddings:
    """Embeddings again from what was pickled."""
    good = (vectors[row] if text == _OK else None for row, text in enumerate(status))
    columns: list[tuple[str, str, bool, Iterable[Any]]] = [
        ("embedding", f"+w:{dim}:f", True, good),
        ("status", "u", False, status),
        ("error", "u", True, (errors.get(row) for row in range(len(status)))),
    ]
    if sources is not None:
        # Names of files may be any bytes, and are no strings of Arrow: this column is not lent out.
        names = [s if s is None else s.encode("utf-8", "surrogateescape") for s in sources]
        columns.append(("source", "z", True, names))
    table = _core.make_table(tuple(columns), 3)
    return Embeddings(table, dim, fingerprint, sources is not None)


# --- inputs ----------------------------------------------------------------------------------


class _SourceFailed(BaseException):
    """The iterable that gives the pictures raised. No Exception, so that it ends the run at once."""


class _Pictures:
    """The inputs as the first step reads them, lent to the run as those of batch.py."""

    def __init__(self, items: Iterable[Any]):
        self._items = items
        self.error: Exception | None = None

    def rows(self) -> Generator[Any, None, None]:
        empty = Empty()
        try:
            for item in self._items:
                # A row of its own, which says that this is no picture.
                yield None if item is empty else item
        except Exception as error:
            self.error = error
            raise _SourceFailed from error


def _is_place(pictures: Any) -> bool:
    """A name alone: a folder, a pattern, an archive, a file."""
    return isinstance(pictures, (str, os.PathLike))


def _items_of(pictures: Any) -> Iterable[Any]:
    """The pictures one by one; one alone is a list of one."""
    if type(pictures).__module__.startswith("PIL."):  # which gives Arrow too, of its pixels
        return (pictures,)
    if hasattr(pictures, "__arrow_c_stream__") or hasattr(pictures, "__arrow_c_array__"):
        return _core.arrow_items(pictures)
    if hasattr(pictures, "read"):
        raise TypeError(f"an open file is no picture: give its name or its bytes, not {pictures!r}")
    if getattr(pictures, "ndim", 0) == 2:
        raise TypeError(
            f"an array of shape {tuple(pictures.shape)} is no picture: one is uint8 [height, width, 3]"
        )
    alone = isinstance(pictures, (bytes, bytearray, memoryview))
    if alone or getattr(pictures, "ndim", 0) == 3 or not hasattr(pictures, "__iter__"):
        return (pictures,)
    return pictures


# --- embedding -------------------------------------------------------------------------------


class Embedder:
    """A model with its settings, loaded, to be called any number of times; any thread may, at once."""

    def __init__(self, config: EmbedConfig):
        self.config = config
        settings = {name: value for name, value in asdict(config).items() if name != "model"}
        vector = ops.image_embedding.timm(config.model, **settings)
        self._items = (
            pipe.input("pictures")
            .flat_map("pictures", "picture", iter)
            .map("picture", "vector", vector)
            .output("vector")
        )
        self._places = (
            pipe.input("places")
            .flat_map("places", ("source", "picture", "item"), ops.read_dir())
            .map("picture", "vector", vector)
            .output("source", "vector")
        )
        info = _core.model_info(
            config.model,
            config.precision,
            config.exif,
            config.device,
            config.fast,
            config.normalize,
        )
        self.dim: int = info["dim"]
        self.fingerprint: str = info["fingerprint"]

    def __call__(self, pictures: Any, on_error: str = "row") -> Embeddings:
        """One row for each picture, in order. What `pictures` may be: see `embed`."""
        return next(self.stream(pictures, _ALL, on_error))

    def stream(
        self, pictures: Any, rows: int = 1024, on_error: str = "row"
    ) -> Iterator[Embeddings]:
        """The same in parts of `rows` rows, while inputs are still being read; the last may be shorter.

        For more vectors than fit into memory. There is at least one part, of no rows without inputs.
        """
        if on_error not in ("raise", "row"):
            raise ValueError(f"on_error is 'raise' or 'row', not {on_error!r}")
        if rows < 1:
            raise ValueError(f"a part has one row or more, not {rows}")
        return self._stream(pictures, rows, on_error == "raise")

    def _stream(self, pictures: Any, rows: int, strict: bool) -> Iterator[Embeddings]:
        place = _is_place(pictures)
        source = _Pictures(() if place else _items_of(pictures))
        left = source.rows()
        pipeline: RuntimePipeline = self._places if place else self._items
        # Where rows have a source, a failure has to say it, so that it is taken from its row.
        given = os.fspath(pictures) if place else _core.lend(left)
        run = pipeline._core.start((given,), strict and not place, False)
        try:
            table = run.gather(self.dim, rows, strict)
            yield Embeddings(table, self.dim, self.fingerprint, place)
            while len(table) == rows:
                table = run.gather(self.dim, rows, strict)
                if len(table) > 0:
                    yield Embeddings(table, self.dim, self.fingerprint, place)
        except _SourceFailed:
            pass
        finally:
            run.close()
            del left  # whatever keeps this frame, such as a traceback
        # Behind the `except`: the error keeps the cause and the context it came with.
        if source.error is not None:
            raise source.error

    def __repr__(self) -> str:
        return f"<Embedder {self.config}>"

    def __reduce__(self) -> tuple[Any, ...]:
        from .sharing import shared

        return shared, (self.config,)


def embed(
    pictures: Any,
    model: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    *,
    precision: str = "f32",
    fast: bool = False,
    exif: str = "apply",
    normalize: bool = False,
    device: str | None = None,
    batch: int = 0,
    threads: int = 0,
    on_error: str = "row",
) -> Embeddings:
    """One row for each picture, in order: a vector, or what was wrong.

    `pictures` is an iterable of paths, encoded pictures (bytes and what else has a buffer of bytes),
    arrays uint8 [height, width, 3] in RGB and PIL's pictures, in any mixture; or an Arrow column,
    chunked column, stream or one-column table of binary (pictures, which are not copied) or string
    (paths); or one name: a folder, a pattern, a tar archive, a file, as `pipilo embed` takes it.

    The settings are those of `EmbedConfig`. With `on_error='raise'` the first bad picture raises
    RuntimeError. A model that is not there, or a wrong setting, always raises; so does the iterable
    itself. TypeError for an open file and an array of two dimensions. Ctrl-C ends it at once.
    """
    config = EmbedConfig(
        os.fsdecode(model), precision, fast, exif, normalize, device, batch, threads
    )
    return Embedder(config)(pictures, on_error)


def embed_stream(
    pictures: Any,
    model: str | bytes | os.PathLike[str] | os.PathLike[bytes],
    *,
    rows: int = 1024,
    on_error: str = "row",
    **settings: Any,
) -> Iterator[Embeddings]:
    """As `embed`, in parts of `rows` rows: for more vectors than fit into memory."""
    config = EmbedConfig(os.fsdecode(model), **settings)
    return Embedder(config).stream(pictures, rows, on_error)
