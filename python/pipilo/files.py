"""`embed_to`: pictures to vectors in a file, row by row, as `pipilo embed` does it; `merge`: shards to one.

    pipilo.embed_to('photos.db', 'photos', 'efficientnet-lite0', resume=True)

The rows go from the core to the file; Python counts them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from . import _core
from .embedding import EmbedConfig
from .ops import ops
from .pipe import pipe

__all__ = ["Written", "embed_to", "merge"]

_WRITERS = {
    ".db": "write_sqlite",
    ".sqlite": "write_sqlite",
    ".npy": "write_npy",
    ".jsonl": "write_jsonl",
}

Place = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class Written(NamedTuple):
    """Rows that one call has written, and how many of them are errors."""

    rows: int
    errors: int


def _names_of(places: Place | Iterable[Place]) -> Iterable[Place]:
    """The names one by one; one alone is a list of one."""
    return [places] if isinstance(places, (str, bytes, os.PathLike)) else places


def embed_to(
    out: Place,
    inputs: Place | Iterable[Place],
    model: Place,
    *,
    resume: bool = False,
    shard: str | None = None,
    force: bool = False,
    update: bool = False,
    on_error: str = "row",
    **settings: Any,
) -> Written:
    """One row for each picture of `inputs`, in order, in the file `out`: .db, .sqlite, .npy or .jsonl.

    `inputs` is a name or names as `pipilo embed` takes them: files, folders, patterns, tar archives.
    `resume` keeps what is written whatever ends the call or the process, and goes on where one that
    was ended left off; `shard='I/N'` takes every Nth input from the Ith on; `force` replaces an `out`
    that is there, `update` adds to it; `on_error='stop'` ends it at the first bad picture. `dtype`
    ('f16') and `thumbnails` are those of the command line, other settings those of `EmbedConfig`.

    Where it fails it raises what docs/errors.md names: FileExistsError for an `out` that is there,
    RuntimeError where another run writes to it, ValueError for inputs or settings that are not those
    of the run to be resumed, OSError for a full disk. What was written is then kept with `resume`, as
    it is after Ctrl-C.
    """
    path = os.fsdecode(out)
    writer = _WRITERS.get(os.path.splitext(path)[1].lower())
    if writer is None:
        raise ValueError(f"{path!r} ends in none of {', '.join(_WRITERS)}")
    kept = {name: settings.pop(name) for name in ("dtype", "thumbnails") if name in settings}
    how = asdict(EmbedConfig(os.fsdecode(model), **settings))
    spec = how.pop("model")
    names = [os.fsdecode(name) for name in _names_of(inputs)]
    which = {"tables": path} if resume or shard else {"update": path} if update else {}
    read = ops.read_dir(shard=shard, **which)
    write = getattr(ops, writer)(
        path,
        model=spec,
        resume=resume,
        shard=shard,
        force=force,
        update=update,
        on_error=on_error,
        **how,
        **kept,
    )
    pipeline = (
        pipe.input("inputs")
        .flat_map("inputs", ("source", "picture", "item"), read)
        .map("picture", "vector", ops.image_embedding.timm(spec, **how))
        .map(("item", "picture", "vector"), "row", write)
        .output("row")
    )
    run = pipeline._core.start((names,), False, False)
    rows = errors = 0
    try:
        for (row,) in run:
            rows += 1
            errors += not isinstance(row, int)
    finally:
        run.close()
    return Written(rows, errors)


def merge(out: Place, shards: Place | Iterable[Place], *, force: bool = False) -> int:
    """Makes `out` of all the shards that `embed_to` or `pipilo embed` made with shard='I/N', given in any
    order: the file that one run over all inputs would have written, with what stands beside it, as
    `pipilo merge` does. Gives how many rows it has.

    `out` and the shards are one kind of file; `force` replaces an `out` that is there. Rows are read and
    written one by one, and the shards stay as they are. Where it fails, and after Ctrl-C, nothing is left
    of `out`: FileNotFoundError for a shard that is missing or not finished, ValueError for one given
    twice or made of other inputs or by another model, FileExistsError for an `out` that is there.
    """
    names = tuple(os.fsencode(name) for name in _names_of(shards))
    return _core.merge(os.fsencode(out), names, force)
