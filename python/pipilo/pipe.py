"""Pipelines: `pipe` builds them step by step, a RuntimePipeline runs them.

    p = pipe.input('x').map('x', 'y', lambda x: x + 1).output('y')
    p(1).get()                                                     # [2]

Steps run in the C core. Python functions are called by the thread that called the pipeline; native
operators work on the core's own threads meanwhile, without the interpreter's lock.
"""

from __future__ import annotations

from . import _core
from .data_queue import ColumnType, DataQueue
from .ops import _OperatorWrapper
from .steps import (
    FILTER,
    FLAT_MAP,
    MAP,
    REDUCE,
    TIME_WINDOW,
    WINDOW,
    WINDOW_ALL,
    Step,
    base_name,
    columns,
    input_columns,
    walk,
)

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
    from typing import Any

    Schema = str | Sequence[str]

__all__ = ["Pipeline", "RuntimePipeline", "pipe"]

_TIMM = "image_embedding.timm"


class Pipeline:
    """A pipe under construction. Every method gives a new one and leaves this one as it is."""

    __slots__ = ("_last",)

    def __init__(self, last: Step):
        self._last = last

    def __reduce__(self) -> tuple[Any, ...]:
        from .pickling import reduce_pipe

        return reduce_pipe(self)

    @classmethod
    def input(cls, *schema: str) -> Pipeline:
        """Begins a pipe with its input columns, all SCALAR."""
        return cls(Step("input", outputs=columns(schema)))

    def map(
        self, input_schema: Schema, output_schema: Schema, fn: Any, config: Any = None
    ) -> Pipeline:
        """One call a row: `fn(*values)` gives the row's outputs."""
        return self._add(MAP, input_schema, output_schema, fn, config)

    def flat_map(
        self, input_schema: Schema, output_schema: Schema, fn: Any, config: Any = None
    ) -> Pipeline:
        """One call a row; each item of what `fn` gives becomes a row. The outputs are QUEUE columns."""
        return self._add(FLAT_MAP, input_schema, output_schema, fn, config)

    def filter(
        self,
        input_schema: Schema,
        output_schema: Schema,
        filter_columns: Schema,
        fn: Any,
        config: Any = None,
    ) -> Pipeline:
        """Keeps the rows for which `fn` of the filter columns is true."""
        by = columns(filter_columns)
        return self._add(FILTER, input_schema, output_schema, fn, config, by)

    def window(
        self,
        input_schema: Schema,
        output_schema: Schema,
        size: int,
        step: int,
        fn: Any,
        config: Any = None,
    ) -> Pipeline:
        """One call for `size` rows, each beginning `step` rows after the last, with a list a column."""
        return self._add(WINDOW, input_schema, output_schema, fn, config, (), size, step)

    def time_window(
        self,
        input_schema: Schema,
        output_schema: Schema,
        timestamp_col: str,
        size: int,
        step: int,
        fn: Any,
        config: Any = None,
    ) -> Pipeline:
        """As `window`, by the milliseconds in `timestamp_col`; size and step are seconds."""
        by = columns(timestamp_col)
        return self._add(TIME_WINDOW, input_schema, output_schema, fn, config, by, size, step)

    def window_all(
        self, input_schema: Schema, output_schema: Schema, fn: Any, config: Any = None
    ) -> Pipeline:
        """One call with everything, a list a column. The outputs are SCALAR columns."""
        return self._add(WINDOW_ALL, input_schema, output_schema, fn, config)

    def reduce(
        self, input_schema: Schema, output_schema: Schema, fn: Any, config: Any = None
    ) -> Pipeline:
        """One call with an iterator a column. The outputs are SCALAR columns."""
        if isinstance(fn, RuntimePipeline):
            raise RuntimeError("Reduce node doesn't support pipeline fn")
        return self._add(REDUCE, input_schema, output_schema, fn, config)

    def concat(self, *pipes: Pipeline) -> Pipeline:
        """Joins branches of one input; where a name stands in several, the last pipe wins."""
        if not pipes:
            raise ValueError("The parameter of concat cannot be None.")
        for other in pipes:
            if not isinstance(other, Pipeline):
                raise ValueError(f"{other} is invalid, the parameter of concat must be Pipeline.")
        return type(self)(Step("concat", (self._last, *(other._last for other in pipes))))

    def output(self, *output_schema: str, config_kws: Any = None) -> RuntimePipeline:
        """Closes the pipe: names are checked, operators made, models loaded."""
        return RuntimePipeline(self._last, columns(output_schema), config_kws)

    @property
    def dag(self) -> dict[str, dict[str, Any]]:
        """Its steps by an id: inputs, outputs, op_info, iter_info, config, next_nodes."""
        from .steps_dag import dag_of

        return dag_of(self._last)

    def _add(
        self,
        kind: int,
        inputs: Schema,
        outputs: Schema,
        fn: Any,
        config: Any,
        by: tuple[str, ...] = (),
        size: int = 0,
        step: int = 0,
    ) -> Pipeline:
        if not isinstance(fn, (RuntimePipeline, _OperatorWrapper)) and not callable(fn):
            raise ValueError(
                "Unknown operator, please make sure it is lambda, callable or operator with ops."
            )
        made = Step(
            kind, (self._last,), columns(inputs), columns(outputs), by, size, step, fn, config
        )
        return type(self)(made)


pipe = Pipeline


# --- closing a pipe --------------------------------------------------------------------------


def _identity(value: Any) -> Any:
    return value


def _together(*values: Any) -> tuple[Any, ...]:
    return values


class _Builder:
    """Turns steps into the core's pipe. One for each closed pipeline."""

    def __init__(self) -> None:
        self.pool: Any = None
        self.index = 0
        self._hidden = 0
        self._made: dict[str, _core.Callable] = {}  # by step: a second pipe calls the same
        self._embedding: dict[str, tuple] = {}  # the arguments of those that take a model, by step

    def close(self, last: Step, names: tuple[str, ...]) -> _core.Pipeline:
        """The pipeline up to `last`. Models of timm's that are not here yet are exported first."""
        try:
            return self.build(last).output(names)
        except RuntimeError as error:
            if not self._embedding or not isinstance(error.__cause__, FileNotFoundError):
                raise
            from .export.first_use import export_missing

            found = {uid: export_missing(error, *call) for uid, call in self._embedding.items()}
            if not any(found.values()):
                raise
        for uid, call in found.items():
            if call is not None:
                self._made[uid] = _core.native_callable(_TIMM, *call)
        self.index = 0
        return self.build(last).output(names)

    def build(self, last: Step, start: _core.Pipe | None = None) -> _core.Pipe:
        """The pipe up to `last`; with `start`, a pipe that has the input's columns, behind that."""
        made: dict[int, _core.Pipe] = {}
        steps = walk(last)
        if start is None:
            start = _core.pipe_input(input_columns(steps))
        for step in steps:
            if step.kind == "input":
                made[id(step)] = start
            elif step.kind == "concat":
                made[id(step)] = _core.pipe_concat([made[id(p)] for p in step.parents])
                self.index += 1
            else:
                made[id(step)] = self._step(made[id(step.parents[0])], step)
        return made[id(last)]

    def _step(self, before: _core.Pipe, step: Step) -> _core.Pipe:
        self._check(step)
        if isinstance(step.fn, RuntimePipeline):
            return self._nested(before, step, step.fn)
        called = self._made.get(step.uid)
        if called is None:
            called = self._made[step.uid] = self._called(step)
        self.index += 1
        # Without an output column flat_map fails when it runs, as in Towhee.
        outputs = self._hide(1) if step.kind == FLAT_MAP and not step.outputs else step.outputs
        return before.step(
            step.kind, step.inputs, outputs, step.by, step.size, step.step, called, step.name()
        )

    @staticmethod
    def _check(step: Step) -> None:
        if step.kind == FILTER and len(step.inputs) != len(step.outputs):
            raise ValueError(
                "The node is is not valid, the length of inputs if not equal to outputs."
            )
        if step.kind in (WINDOW, TIME_WINDOW):
            for number in (step.size, step.step):
                if not isinstance(number, int) or isinstance(number, bool):
                    raise ValueError(
                        f"The iteration param is not valid, the [{number}] is not an integer."
                    )
                if number <= 0:
                    raise ValueError(f"The iteration param is not valid, the [{number}]<=0.")
        if step.config is not None:
            from .auto_config import NodeConfig

            NodeConfig.of(step.config, "")

    # A function, an operator object or a native operator.
    def _called(self, step: Step) -> _core.Callable:
        fn = step.fn
        outputs = len(step.outputs)
        if not isinstance(fn, _OperatorWrapper):
            return _core.python_callable(base_name(fn), step.kind, outputs, fn, None, None)
        from .operator.native import native_name
        from .register import OperatorRegistry

        native = native_name(fn.name)
        if native is not None and OperatorRegistry.resolve(fn.name) is None:
            args, kws = tuple(fn.init_args or ()), dict(fn.init_kws or {})
            if native == _TIMM:
                self._embedding[step.uid] = (args, kws)
            return _core.native_callable(native, args, kws)
        return self._pooled(step, fn)

    def _pooled(self, step: Step, fn: _OperatorWrapper) -> _core.Callable:
        """An operator object: one for all runs, or one for each run, as its shared type says."""
        from .auto_config import NodeConfig, set_runtime_config
        from .operator.loader import load_operator
        from .operator.pool import OperatorPool, shared_kind

        if self.pool is None:
            self.pool = OperatorPool()
        pool, key, outputs = self.pool, step.uid, len(step.outputs)

        name = step.name() or f"{fn.name}-{self.index}"
        config = NodeConfig.of(step.config, name)

        def make() -> Any:
            with set_runtime_config(config):
                return load_operator(fn.name, fn.init_args, fn.init_kws, fn.tag, fn.is_latest)

        try:
            first = pool.take(key, make)
        except Exception as error:
            raise RuntimeError(
                f"Node-{name} runs failed, error msg: Create {name} operator {fn.name}:{fn.tag} "
                f"with args {fn.init_args} and kws {fn.init_kws} failed, err: {error}"
            ) from error
        if shared_kind(first) == "Shareable":
            return _core.python_callable(fn.name, step.kind, outputs, first, None, None)
        pool.give_back(key, first)

        def take() -> Any:
            return pool.take(key, make)

        def give(operator: Any) -> None:
            pool.give_back(key, operator)

        return _core.python_callable(fn.name, step.kind, outputs, None, take, give)

    # A pipeline as function is inlined; what its outputs become is settled by further steps.
    def _nested(self, before: _core.Pipe, step: Step, nested: RuntimePipeline) -> _core.Pipe:
        nested._check_open()
        inner, have, want = nested._core, len(nested._names), len(step.outputs)
        self.index += len(inner.nodes())
        if step.kind == FILTER:
            test = self._hide(1)
            before = before.step(MAP, step.by, test, (), 0, 0, inner, None)
            keep = _core.python_callable("filter", FILTER, want, bool, None, None)
            return before.step(FILTER, step.inputs, step.outputs, test, 0, 0, keep, step.name())
        cut = (step.kind if step.kind != FLAT_MAP else MAP, step.inputs)
        rest = (step.by, step.size, step.step, inner, None)
        if step.kind != FLAT_MAP and have >= want and (have == 1 or want != 1):
            return before.step(*cut, step.outputs, *rest)
        hidden = self._hide(have)
        before = before.step(*cut, hidden, *rest)
        kind = FLAT_MAP if step.kind == FLAT_MAP else MAP
        fn = _identity if have == 1 else _together
        called = _core.python_callable("nop", kind, want, fn, None, None)
        return before.step(kind, hidden, step.outputs, (), 0, 0, called, None)

    def _hide(self, count: int) -> tuple[str, ...]:
        """Names of columns that nobody else has."""
        self._hidden += count
        return tuple(f"_pipilo_{self._hidden - i}" for i in range(count))


# --- running ---------------------------------------------------------------------------------


class RuntimePipeline:
    """A closed pipeline. Call it with one value per input column; any thread may, at once."""

    def __init__(self, last: Step, names: tuple[str, ...], config: Any = None):
        builder = _Builder()
        self._last = last
        self._names = names
        self._config = config
        self._core = builder.close(last, names)
        self._builder = builder
        self._many: _core.Pipeline | None = None  # the same steps over a stream of inputs
        self._types = tuple(
            ColumnType.SCALAR if scalar else ColumnType.QUEUE for scalar in self._core.scalars()
        )
        self._call = self._core.call
        self._inputs = input_columns(walk(last))

    @classmethod
    def from_text(cls, text: str) -> RuntimePipeline:
        """The pipeline that a text stands for, as `pipilo run` takes it. Nothing in it is evaluated.

        ValueError where it is wrong, with the line and column of what is; RuntimeError where an operator
        of it cannot be made. More steps than the interpreter takes in one expression, a thousand or so,
        are written with names: `a = pipe.input(..)...` and, on the next line, `a.map(..)...`.

        >>> RuntimePipeline.from_text("pipe.input('x').output('x')")(1).get()
        [1]
        """
        from .text import from_text

        return from_text(text)

    def __reduce__(self) -> tuple[Any, ...]:
        from .pickling import reduce

        return reduce(self)

    def __call__(self, *inputs: Any) -> DataQueue:
        """Runs it: a sealed DataQueue. RuntimeError where a node fails, with its exception as cause.

        >>> pipe.input('x').map('x', 'y', lambda x: x + 1).output('x', 'y')(1).get()
        [1, 2]
        """
        return DataQueue.from_columns(self._names, self._types, self._call(*inputs))

    def batch(self, batch_inputs: Iterable[Any], on_error: str = "raise") -> list[DataQueue]:
        """One result for each input, in their order. Inputs are read and let go as in `stream`; the
        results are all kept, for they are what is asked for."""
        return list(self.stream(batch_inputs, on_error))

    def stream(self, batch_inputs: Iterable[Any], on_error: str = "raise") -> Iterator[DataQueue]:
        """The results of `batch` one after the other, while inputs are still being read.

        With one input column each item is its value, with several a tuple or list. Memory is bounded:
        inputs are read as results are taken. With `on_error='row'` a failed input gives a result that
        holds the exception where its value would be.
        """
        from .batch import stream

        return stream(self, batch_inputs, on_error)

    async def acall(self, *inputs: Any) -> DataQueue:
        """`await p.acall(x)`: as a call, on another thread."""
        from .batch import acall

        return await acall(self, inputs)

    def abatch(self, batch_inputs: Iterable[Any], on_error: str = "raise") -> AsyncIterator[DataQueue]:
        """`async for result in p.abatch(inputs)`: as `stream`, on another thread.

        Canceled, it does not wait: the thread ends the stream behind the result it is at."""
        from .batch import abatch

        return abatch(self, batch_inputs, on_error)

    def preload(self) -> _Graph:
        """Operators are made when the pipeline is closed, so this only gives its nodes' names."""
        return _Graph(self)

    def flush(self) -> None:
        """Calls `flush()` of the operators that have one."""
        pool = self._builder.pool
        if pool is not None:
            pool.flush()
        for step in walk(self._last):
            if isinstance(step.fn, RuntimePipeline):
                step.fn.flush()
            elif not isinstance(step.fn, _OperatorWrapper):
                flush = getattr(step.fn, "flush", None)
                if callable(flush):
                    flush()

    def close(self) -> None:
        """Lets its operators and models go. A call afterwards raises RuntimeError."""

        self._call = self._closed
        self._core = self._many = None
        self._builder = _Builder()

    def _closed(self, *inputs: Any) -> Any:
        raise RuntimeError("The pipeline is closed")

    def _check_open(self) -> None:
        if self._core is None:
            self._closed()

    def __enter__(self) -> RuntimePipeline:
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.close()

    def debug(
        self,
        *inputs: Any,
        batch: bool = False,
        profiler: bool = False,
        tracer: bool = False,
        include: Any = None,
        exclude: Any = None,
    ) -> Any:
        """Runs it and says what the nodes did: a Visualizer."""
        if not profiler and not tracer:
            raise ValueError(
                "You should set at least one of `profiler` or `tracer` to `True` when debug."
            )
        from .visualizer.debug import run_debug

        return run_debug(self, inputs, batch, profiler, tracer, include, exclude)

    @property
    def dag(self) -> dict[str, dict[str, Any]]:
        from .steps_dag import dag_of

        return dag_of(self._last, self._names)

    @property
    def dag_repr(self) -> Any:
        """Its nodes and edges: a DAGRepr."""
        from .dag import DAGRepr

        return DAGRepr(self.dag)


    def _over_a_stream(self) -> _core.Pipeline | None:
        """A pipeline of the same steps whose one input is an iterator of rows, or None.

        Many inputs then go through each step in one turn, and a model's batches are filled. It means
        the same where every step is a map: each row in gives one row out, in order.
        """
        if self._many is None and self._inputs and self._names and _only_maps(self._last):
            source = _core.pipe_input((_SOURCE,))
            rows = _core.python_callable("input", FLAT_MAP, len(self._inputs), iter, None, None)
            start = source.step(
                FLAT_MAP, (_SOURCE,), self._inputs, (), 0, 0, rows, "_input"
            )
            self._many = self._builder.build(self._last, start).output(self._names)
        return self._many


_SOURCE = "_pipilo_source"


def _only_maps(last: Step) -> bool:
    for step in walk(last):
        if isinstance(step.kind, str):
            continue
        if step.kind != MAP or not step.inputs:
            return False
        if isinstance(step.fn, RuntimePipeline) and not _only_maps(step.fn._last):
            return False
    return True


class _Graph:
    """The nodes of a pipeline, as `preload` gives them."""

    def __init__(self, pipeline: RuntimePipeline):
        self._nodes = pipeline.dag_repr.nodes
        self.data_queues: list[DataQueue] = []
