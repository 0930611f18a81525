"""Pipelines: `pipe` builds them step by step, a RuntimePipeline runs them.

    p = pipe.input('x').map('x', 'y', lambda x: x + 1).output('y')
    p(1).get()                                                     # [2]

Steps run in the C core. Python functions are called by the thread that called the pipeline; native
operators work on the core's own threads meanwhile, without the interpreter's lock.
"""

from __future__ import annotations

import os
from types import FunctionType

from . import _core
from .data_queue import ColumnType, DataQueue
from .ops import _OperatorWrapper

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
    from typing import Any

    Schema = str | Sequence[str]

__all__ = ["Pipeline", "RuntimePipeline", "pipe"]

_MAP, _FLAT_MAP, _FILTER, _WINDOW, _TIME_WINDOW, _WINDOW_ALL, _REDUCE = range(7)
_TIMM = "image_embedding.timm"
_ITERATIONS = ("map", "flat_map", "filter", "window", "time_window", "window_all", "reduce")


def _columns(schema: Any) -> tuple[str, ...]:
    """The column names of a schema: a name, or a tuple or list of names."""
    names = (schema,) if isinstance(schema, str) else schema
    if not isinstance(names, (tuple, list)):
        raise ValueError(f"A schema is a name or a tuple of names, not {schema!r}")
    for name in names:
        if not (isinstance(name, str) and name.isascii() and name.isidentifier()):
            raise ValueError(
                "Schema can only consist of letters, numbers, and underscores, "
                f"the error schema: [{name}]"
            )
    return tuple(names)


class _Step:
    """One step of a pipe and the way to it; never changed."""

    __slots__ = ("kind", "parents", "inputs", "outputs", "by", "size", "step", "fn", "config", "uid")

    def __init__(
        self,
        kind: str | int,
        parents: tuple[_Step, ...] = (),
        inputs: tuple[str, ...] = (),
        outputs: tuple[str, ...] = (),
        by: tuple[str, ...] = (),
        size: int = 0,
        step: int = 0,
        fn: Any = None,
        config: Any = None,
    ):
        self.kind = kind
        self.parents = parents
        self.inputs = inputs
        self.outputs = outputs
        self.by = by
        self.size = size
        self.step = step
        self.fn = fn
        self.config = config
        self.uid = os.urandom(16).hex() if kind != "input" else "_input"

    def name(self) -> str | None:
        """The name its configuration gives it, if any."""
        config = getattr(self.config, "config", self.config)  # a TowheeConfig's
        return config.get("name") if config else None


def _base_name(fn: Any) -> str:
    """What a node is called after, before its number."""
    if isinstance(fn, _OperatorWrapper):
        return fn.name
    name = fn.__name__ if isinstance(fn, FunctionType) else type(fn).__name__
    return "lambda" if name == "<lambda>" else name


def _walk(last: _Step) -> list[_Step]:
    """The steps up to `last`, each once, those before it first."""
    order: list[_Step] = []
    seen: set[int] = set()
    stack = [(last, False)]
    while stack:
        step, ready = stack.pop()
        if ready:
            order.append(step)
        elif id(step) not in seen:
            seen.add(id(step))
            stack.append((step, True))
            stack.extend((parent, False) for parent in reversed(step.parents))
    return order


class Pipeline:
    """A pipe under construction. Every method gives a new one and leaves this one as it is."""

    __slots__ = ("_last",)

    def __init__(self, last: _Step):
        self._last = last

    def __reduce__(self) -> tuple[Any, ...]:
        from .pickling import reduce_pipe

        return reduce_pipe(self)

    @classmethod
    def input(cls, *schema: str) -> Pipeline:
        """Begins a pipe with its input columns, all SCALAR."""
        return cls(_Step("input", outputs=_columns(schema)))

    def map(
        self, input_schema: Schema, output_schema: Schema, fn: Any, config: Any = None
    ) -> Pipeline:
        """One call a row: `fn(*values)` gives the row's outputs."""
        return self._add(_MAP, input_schema, output_schema, fn, config)

    def flat_map(
        self, input_schema: Schema, output_schema: Schema, fn: Any, config: Any = None
    ) -> Pipeline:
        """One call a row; each item of what `fn` gives becomes a row. The outputs are QUEUE columns."""
        return self._add(_FLAT_MAP, input_schema, output_schema, fn, config)

    def filter(
        self,
        input_schema: Schema,
        output_schema: Schema,
        filter_columns: Schema,
        fn: Any,
        config: Any = None,
    ) -> Pipeline:
        """Keeps the rows for which `fn` of the filter columns is true."""
        by = _columns(filter_columns)
        return self._add(_FILTER, input_schema, output_schema, fn, config, by)

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
        return self._add(_WINDOW, input_schema, output_schema, fn, config, (), size, step)

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
        by = _columns(timestamp_col)
        return self._add(_TIME_WINDOW, input_schema, output_schema, fn, config, by, size, step)

    def window_all(
        self, input_schema: Schema, output_schema: Schema, fn: Any, config: Any = None
    ) -> Pipeline:
        """One call with everything, a list a column. The outputs are SCALAR columns."""
        return self._add(_WINDOW_ALL, input_schema, output_schema, fn, config)

    def reduce(
        self, input_schema: Schema, output_schema: Schema, fn: Any, config: Any = None
    ) -> Pipeline:
        """One call with an iterator a column. The outputs are SCALAR columns."""
        if isinstance(fn, RuntimePipeline):
            raise RuntimeError("Reduce node doesn't support pipeline fn")
        return self._add(_REDUCE, input_schema, output_schema, fn, config)

    def concat(self, *pipes: Pipeline) -> Pipeline:
        """Joins branches of one input; where a name stands in several, the last pipe wins."""
        if not pipes:
            raise ValueError("The parameter of concat cannot be None.")
        for other in pipes:
            if not isinstance(other, Pipeline):
                raise ValueError(f"{other} is invalid, the parameter of concat must be Pipeline.")
        return type(self)(_Step("concat", (self._last, *(other._last for other in pipes))))

    def output(self, *output_schema: str, config_kws: Any = None) -> RuntimePipeline:
        """Closes the pipe: names are checked, operators made, models loaded."""
        return RuntimePipeline(self._last, _columns(output_schema), config_kws)

    @property
    def dag(self) -> dict[str, dict[str, Any]]:
        """Its steps by an id: inputs, outputs, op_info, iter_info, config, next_nodes."""
        return _dag(self._last)

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
        made = _Step(
            kind, (self._last,), _columns(inputs), _columns(outputs), by, size, step, fn, config
        )
        return type(self)(made)


pipe = Pipeline


# --- closing a pipe --------------------------------------------------------------------------


def _identity(value: Any) -> Any:
    return value


def _together(*values: Any) -> tuple[Any, ...]:
    return values


def _input_columns(steps: list[_Step]) -> tuple[str, ...]:
    """The columns of the one input, which branches may have written down each for itself."""
    inputs = [step.outputs for step in steps if step.kind == "input"]
    for columns in inputs:
        unknown = set(columns) - set(inputs[-1])
        if unknown:
            raise ValueError(
                f"The DAG Nodes inputs {set(columns)} is not valid, "
                f"which is not declared: {unknown}."
            )
    return inputs[-1]


class _Builder:
    """Turns steps into the core's pipe. One for each closed pipeline."""

    def __init__(self) -> None:
        self.pool: Any = None
        self.index = 0
        self._hidden = 0
        self._made: dict[str, _core.Callable] = {}  # by step: a second pipe calls the same
        self._embedding: dict[str, tuple] = {}  # the arguments of those that take a model, by step

    def close(self, last: _Step, names: tuple[str, ...]) -> _core.Pipeline:
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

    def build(self, last: _Step, start: _core.Pipe | None = None) -> _core.Pipe:
        """The pipe up to `last`; with `start`, a pipe that has the input's columns, behind that."""
        made: dict[int, _core.Pipe] = {}
        steps = _walk(last)
        if start is None:
            start = _core.pipe_input(_input_columns(steps))
        for step in steps:
            if step.kind == "input":
                made[id(step)] = start
            elif step.kind == "concat":
                made[id(step)] = _core.pipe_concat([made[id(p)] for p in step.parents])
                self.index += 1
            else:
                made[id(step)] = self._step(made[id(step.parents[0])], step)
        return made[id(last)]

    def _step(self, before: _core.Pipe, step: _Step) -> _core.Pipe:
        self._check(step)
        if isinstance(step.fn, RuntimePipeline):
            return self._nested(before, step, step.fn)
        called = self._made.get(step.uid)
        if called is None:
            called = self._made[step.uid] = self._called(step)
        self.index += 1
        # Without an output column flat_map fails when it runs, as in Towhee.
        outputs = self._hide(1) if step.kind == _FLAT_MAP and not step.outputs else step.outputs
        return before.step(
            step.kind, step.inputs, outputs, step.by, step.size, step.step, called, step.name()
        )

    @staticmethod
    def _check(step: _Step) -> None:
        if step.kind == _FILTER and len(step.inputs) != len(step.outputs):
            raise ValueError(
                "The node is is not valid, the length of inputs if not equal to outputs."
            )
        if step.kind in (_WINDOW, _TIME_WINDOW):
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
    def _called(self, step: _Step) -> _core.Callable:
        fn = step.fn
        outputs = len(step.outputs)
        if not isinstance(fn, _OperatorWrapper):
            return _core.python_callable(_base_name(fn), step.kind, outputs, fn, None, None)
        from .operator.native import native_name
        from .register import OperatorRegistry

        native = native_name(fn.name)
        if native is not None and OperatorRegistry.resolve(fn.name) is None:
            args, kws = tuple(fn.init_args or ()), dict(fn.init_kws or {})
            if native == _TIMM:
                self._embedding[step.uid] = (args, kws)
            return _core.native_callable(native, args, kws)
        return self._pooled(step, fn)

    def _pooled(self, step: _Step, fn: _OperatorWrapper) -> _core.Callable:
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
    def _nested(self, before: _core.Pipe, step: _Step, nested: RuntimePipeline) -> _core.Pipe:
        nested._check_open()
        inner, have, want = nested._core, len(nested._names), len(step.outputs)
        self.index += len(inner.nodes())
        if step.kind == _FILTER:
            test = self._hide(1)
            before = before.step(_MAP, step.by, test, (), 0, 0, inner, None)
            keep = _core.python_callable("filter", _FILTER, want, bool, None, None)
            return before.step(_FILTER, step.inputs, step.outputs, test, 0, 0, keep, step.name())
        cut = (step.kind if step.kind != _FLAT_MAP else _MAP, step.inputs)
        rest = (step.by, step.size, step.step, inner, None)
        if step.kind != _FLAT_MAP and have >= want and (have == 1 or want != 1):
            return before.step(*cut, step.outputs, *rest)
        hidden = self._hide(have)
        before = before.step(*cut, hidden, *rest)
        kind = _FLAT_MAP if step.kind == _FLAT_MAP else _MAP
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

    def __init__(self, last: _Step, names: tuple[str, ...], config: Any = None):
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
        self._inputs = _input_columns(_walk(last))

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
        for step in _walk(self._last):
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
        return _dag(self._last, self._names)

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
            rows = _core.python_callable("input", _FLAT_MAP, len(self._inputs), iter, None, None)
            start = source.step(
                _FLAT_MAP, (_SOURCE,), self._inputs, (), 0, 0, rows, "_input"
            )
            self._many = self._builder.build(self._last, start).output(self._names)
        return self._many


_SOURCE = "_pipilo_source"


def _only_maps(last: _Step) -> bool:
    for step in _walk(last):
        if isinstance(step.kind, str):
            continue
        if step.kind != _MAP or not step.inputs:
            return False
        if isinstance(step.fn, RuntimePipeline) and not _only_maps(step.fn._last):
            return False
    return True


class _Graph:
    """The nodes of a pipeline, as `preload` gives them."""

    def __init__(self, pipeline: RuntimePipeline):
        self._nodes = pipeline.dag_repr.nodes
        self.data_queues: list[DataQueue] = []


# --- what a pipeline looks like --------------------------------------------------------------


def _dag(last: _Step, outputs: tuple[str, ...] | None = None) -> dict[str, dict[str, Any]]:
    """The steps as Towhee's dag (see dag.py)."""
    steps = _walk(last)
    followers: dict[str, list[str]] = {step.uid: [] for step in steps}
    for step in steps:
        for parent in step.parents:
            followers[parent.uid].append(step.uid)
    nodes = {
        step.uid: {
            "inputs": step.outputs if step.kind == "input" else step.inputs,
            "outputs": step.outputs,
            "iter_info": _iter_info(step),
            "op_info": _op_info(step),
            "config": step.config,
            "next_nodes": followers[step.uid] or None,
        }
        for step in steps
    }
    if outputs is not None:
        nodes[last.uid]["next_nodes"] = [*followers[last.uid], "_output"]
        nodes["_output"] = {
            "inputs": outputs,
            "outputs": outputs,
            "iter_info": {"type": "map", "param": None},
            "op_info": _NOTHING,
            "config": None,
            "next_nodes": None,
        }
    return nodes


_NOTHING = {
    "operator": "NOPNodeOperator",
    "type": "built_in",
    "init_args": None,
    "init_kws": None,
    "tag": None,
    "latest": False,
}


def _op_info(step: _Step) -> dict[str, Any]:
    fn = step.fn
    if isinstance(step.kind, str):
        return dict(_NOTHING)
    if isinstance(fn, RuntimePipeline):
        return {**_NOTHING, "operator": fn, "type": "pipeline", "dag": fn.dag}
    if isinstance(fn, _OperatorWrapper):
        return {
            "operator": fn.name,
            "type": "hub",
            "init_args": fn.init_args,
            "init_kws": fn.init_kws,
            "tag": fn.tag,
            "latest": fn.is_latest,
        }
    kind = "lambda" if _base_name(fn) == "lambda" else "callable"
    return {**_NOTHING, "operator": fn, "type": kind}


def _iter_info(step: _Step) -> dict[str, Any]:
    if isinstance(step.kind, str):
        return {"type": "concat" if step.kind == "concat" else "map", "param": None}
    param: dict[str, Any] | None = None
    if step.kind == _FILTER:
        param = {"filter_by": step.by}
    elif step.kind == _WINDOW:
        param = {"size": step.size, "step": step.step}
    elif step.kind == _TIME_WINDOW:
        param = {
            "time_range_sec": step.size,
            "time_step_sec": step.step,
            "timestamp_col": step.by[0],
        }
    return {"type": _ITERATIONS[step.kind], "param": param}
