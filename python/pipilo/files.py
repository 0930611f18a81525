"""`embed_to`: pictures to vectors in a file, row by row, as `pipilo embed` does it.

    pipilo.embed_to('photos.db', 'photos', 'efficientnet-lite0', resume=True)

The rows go from the core to the file; Python counts them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from .embedding import EmbedConfig
from .ops import ops
from .pipe import pipe

__all__ = ["Written", "embed_to"]

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
    alone = isinstance(inputs, (str, bytes, os.PathLike))
    names = [os.fsdecode(name) for name in ([inputs] if alone else inputs)]
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
