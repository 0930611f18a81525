"""Runs a pipeline so that it shows what it does.

A pipeline of the same steps is built in which every column has a name of its own and all of them are
put out: so one ordinary run gives the data of every edge. For the profiler each operator is wrapped
in something that notes the times of its calls; a native operator then runs one row at a time, on the
thread that calls the pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..dag import DAGRepr, operator_name
from ..data_queue import ColumnType, DataQueue, Empty
from ..datacollection import DataCollection
from ..ops import _OperatorWrapper
from ..rebuild import add_step, called_by
from .time_profiler import Event, TimeProfiler
from .visualizer import Visualizer

__all__ = ["run_debug"]

Pattern = str | Sequence[str] | None


def run_debug(
    pipeline: Any,
    inputs: tuple[Any, ...],
    batch: bool,
    profiler: bool,
    tracer: bool,
    include: Pattern,
    exclude: Pattern,
) -> Visualizer:
    """Runs `pipeline` with `inputs` (with `batch` once for each item of the first).

    include, exclude: patterns of names of the nodes to trace.
    """
    dag = DAGRepr(pipeline.dag)
    names = [node.name for node in dag.nodes.values()]
    traced = _chosen(names, include, exclude)
    shown = _Shown(dag, profiler)
    runs = list(inputs[0]) if batch else [inputs]
    if batch and len(shown.inputs) == 1:
        runs = [(item,) for item in runs]
    results, records, collections = [], [], []
    for run in runs:
        record = TimeProfiler(True)
        record.inputs = run
        queue = shown.call(run, record)
        columns = _columns(queue)
        results.append(shown.result(columns))
        records.append(record)
        if tracer:
            collections.append(shown.collection(columns, traced))
    return Visualizer(
        result=results if batch else results[0],
        time_profiler=records if profiler else None,
        nodes=dag.to_dict()["nodes"],
        trace_nodes=traced,
        node_collection=collections or None,
    )


def _chosen(names: Iterable[str], include: Pattern, exclude: Pattern) -> list[str]:
    def matches(patterns: Pattern, name: str) -> bool:
        listed = [patterns] if isinstance(patterns, str) else patterns or ()
        return any(re.search(pattern, name) for pattern in listed)

    chosen = [name for name in names if not include or matches(include, name)]
    return [name for name in chosen if not matches(exclude, name)]


def _columns(queue: DataQueue) -> dict[str, Any]:
    """Name -> the items of a stream, or the value of a SCALAR column."""
    rows = queue.to_list()
    found: dict[str, Any] = {}
    for index, (name, kind) in enumerate(zip(queue.schema, queue.type_schema)):
        if kind is ColumnType.QUEUE:
            found[name] = [row[index] for row in rows if row[index] is not Empty()]
        else:
            found[name] = rows[0][index] if rows else Empty()
    return found


class _Timed:
    """An operator that notes the times of its calls in the record of the run that goes on."""

    def __init__(self, shown: _Shown, uid: str, operator: Any):
        self._shown, self._uid, self._operator = shown, uid, operator

    def __call__(self, *args: Any) -> Any:
        record = self._shown.record.record
        record(self._uid, Event.process_in)
        try:
            return self._operator(*args)
        finally:
            record(self._uid, Event.process_out)
            record(self._uid, Event.queue_out)
            record(self._uid, Event.queue_in)


class _Shown:
    """The pipeline that puts out every column, and which column is what."""

    def __init__(self, dag: Any, timed: bool):
        self.dag = dag
        self.record = TimeProfiler(False)
        self._timed_nodes: list[str] = []
        self._making = TimeProfiler(timed)  # of the operators; part of the first run's record
        self._scopes: dict[str, dict[str, str]] = {}  # uid -> name -> the column's own name
        self._made = 0
        self._pipes: dict[str, Any] = {}
        self._all: list[str] = []
        for uid in dag.top_sort:
            self._add(uid, timed)
        last = dag.top_sort[-1]
        self.inputs = [self._scopes["_input"][n] for n in self.dag.nodes["_input"].outputs]
        self._pipeline = self._pipes[last].output(*self._all)

    def _own(self, name: str) -> str:
        self._made += 1
        own = f"{name}__{self._made}"
        self._all.append(own)
        return own

    def _add(self, uid: str, timed: bool) -> None:
        from ..pipe import pipe

        node = self.dag.nodes[uid]
        before = self.dag.before(uid)
        if uid == "_input":
            scope = {name: self._own(name) for name in node.outputs}
            self._pipes[uid] = pipe.input(*scope.values())
        elif uid == "_output":
            scope = dict(self._scopes[before[0]])
            self._pipes[uid] = self._pipes[before[0]]
        elif node.iter_info.type == "concat":
            scope = {}
            for other in before:
                scope.update(self._scopes[other])
            first, *rest = (self._pipes[other] for other in before)
            self._pipes[uid] = first.concat(*rest)
        else:
            front = self._scopes[before[0]]
            new = {name: self._own(name) for name in node.outputs}
            scope = {**front, **new}
            called = called_by(node)
            if timed:
                called = self._timed(uid, called)
            self._pipes[uid] = add_step(
                self._pipes[before[0]],
                node,
                tuple(front[name] for name in node.inputs),
                tuple(new[name] for name in node.outputs),
                tuple(front[name] for name in node.by()),
                called,
            )
        self._scopes[uid] = scope

    def _timed(self, uid: str, called: Any) -> _Timed:
        if isinstance(called, _OperatorWrapper):
            self._making.record(uid, Event.init_in)
            called = called.get_op()
            self._making.record(uid, Event.init_out)
        self._timed_nodes.append(uid)
        return _Timed(self, uid, called)

    def call(self, inputs: tuple[Any, ...], record: TimeProfiler) -> DataQueue:
        """Runs it once; `record` gets the events."""
        self.record = record
        record.time_record.extend(self._making.time_record)
        self._making.reset()
        record.record(Event.pipe_name, Event.pipe_in)
        for uid in self._timed_nodes:
            record.record(uid, Event.queue_in)
        result = self._pipeline(*inputs)
        record.record(Event.pipe_name, Event.pipe_out)
        return result

    def _queue(self, edge: int, scope: dict[str, str], columns: dict[str, Any]) -> DataQueue:
        """The data of one edge."""
        data = self.dag.edges[edge]["data"]
        contents = []
        for name, kind in data:
            found = columns[scope[name]]
            if kind is ColumnType.QUEUE and not isinstance(found, list):
                found = [] if found is Empty() else [found]
            contents.append(found)
        return DataQueue.from_columns([n for n, _ in data], [k for _, k in data], contents)

    def result(self, columns: dict[str, Any]) -> DataQueue:
        last = self.dag.nodes["_output"]
        return self._queue(last.out_edges[0], self._scopes["_output"], columns)

    def collection(self, columns: dict[str, Any], traced: list[str]) -> dict[str, Any]:
        """Node name -> what NodeVisualizer shows."""
        found: dict[str, Any] = {}
        nodes = self.dag.nodes
        for uid in self.dag.top_sort:
            node = nodes[uid]
            if node.name not in traced:
                continue
            before = self.dag.before(uid)
            fronts = [self._scopes[other] for other in before] or [self._scopes[uid]]
            found[node.name] = {
                "type": node.iter_info.type,
                "operator": operator_name(vars(node.op_info)),
                "in": [
                    DataCollection(self._queue(edge, front, columns))
                    for edge, front in zip(node.in_edges, fronts)
                ],
                "out": [
                    DataCollection(self._queue(edge, self._scopes[uid], columns))
                    for edge in node.out_edges
                ],
                "op_input": node.inputs,
                "op_output": node.outputs,
                "next": [nodes[other].name for other in node.next_nodes],
                "previous": [nodes[other].name for other in before] or None,
            }
        return found
