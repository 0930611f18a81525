"""The C library behind pipilo. Internal: use the package."""

from collections.abc import Callable as Function, Generator, Iterable, Sequence
from typing import Any, final

version: str

@final
class Value:
    """A value of the native side that has no meaning in Python."""

@final
class Buffer:
    """The memory of a native tensor, read-only."""

@final
class Held:
    """Another object's buffer, held by the native side."""

@final
class Iterator:
    """The values of a column, one after the other."""

    def __iter__(self) -> Iterator: ...
    def __next__(self) -> Any: ...

@final
class Lent:
    """An iterator that somebody else owns."""

    def __iter__(self) -> Lent: ...
    def __next__(self) -> Any: ...

@final
class Callable:
    """What a step calls: a Python function or a native operator."""

@final
class Pipe:
    """A chain of steps; it never changes."""

    def step(
        self,
        iteration: int,
        inputs: Sequence[str],
        outputs: Sequence[str],
        by: Sequence[str],
        size: int,
        step: int,
        called: Callable | Pipeline,
        name: str | None,
        /,
    ) -> Pipe: ...
    def output(self, columns: Sequence[str], /) -> Pipeline: ...

@final
class Table:
    """Rows in the layout of Apache Arrow."""

    def __len__(self) -> int: ...
    def vectors(self, index: int, /) -> Any: ...
    def texts(self, index: int, /) -> list[str | None]: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object = None, /) -> tuple[object, object]: ...
    def __arrow_c_stream__(self, requested_schema: object = None, /) -> object: ...

@final
class ArrowChunk:
    """An Arrow array that values look at."""

@final
class ArrowItems:
    """The pictures or paths of an Arrow column, one after the other."""

    def __iter__(self) -> ArrowItems: ...
    def __next__(self) -> Value | None: ...

@final
class Run:
    """One run of a pipeline, row by row."""

    def __iter__(self) -> Run: ...
    def __next__(self) -> list[Any]: ...
    def columns(self) -> tuple[Any, ...]: ...
    def gather(self, dim: int, most: int, stops: bool = False, /) -> Table: ...
    def close(self) -> None: ...

@final
class Pipeline:
    """A closed pipeline; it never changes."""

    def call(self, *inputs: Any) -> tuple[Any, ...]: ...
    def call_rows(self, *inputs: Any) -> tuple[Any, ...]: ...
    def start(self, inputs: tuple[Any, ...], strict: bool, aligned: bool, /) -> Run: ...
    def scalars(self) -> tuple[bool, ...]: ...
    def nodes(self) -> tuple[str, ...]: ...
    def is_native(self) -> bool: ...

def set_up(
    empty: Any,
    make_array: Function[[Any], Any],
    make_image: Function[[Any, str], Any],
    node_error: Function[[str, str, str, BaseException | None], RuntimeError],
    generator: type,
    path: type,
    /,
) -> None: ...
def python_callable(
    name: str,
    iteration: int,
    outputs: int,
    call: Function[..., Any] | None,
    take: Function[[], Any] | None,
    give: Function[[Any], None] | None,
    /,
) -> Callable: ...
def native_callable(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], /) -> Callable: ...
def pipe_input(columns: Iterable[str], /) -> Pipe: ...
def pipe_concat(pipes: Iterable[Pipe], /) -> Pipe: ...
def make_table(
    columns: tuple[tuple[str, str, bool, Iterable[Any]], ...], shown: int, /
) -> Table: ...
def lend(iterator: Generator[Any, None, None], /) -> Lent: ...
def arrow_items(column: Any, /) -> ArrowItems: ...
def model_info(
    model: str | bytes,
    precision: str | None,
    exif: str | None,
    device: str | None,
    fast: bool,
    normalize: bool,
    /,
) -> dict[str, Any]: ...
def stats() -> dict[str, int]: ...
def operators() -> list[str]: ...
def models_home() -> str: ...
def model_import(
    weights: str,
    config: str,
    home: str,
    name: str,
    pool: str,
    source: str | None,
    license: str | None,
    /,
) -> str: ...
def memory_set(
    limit: int | str, soft: int | str, hard: int | str, critical: int | str, descriptor: int, /
) -> None: ...
def memory_get() -> tuple[int, int, int, int]: ...
def set_log(function: Function[[str], Any] | None, /) -> None: ...
def set_threads(count: int, /) -> None: ...
def set_engine_path(folder: str, /) -> None: ...
def trim() -> int: ...
def close() -> bool: ...
def end() -> None: ...
