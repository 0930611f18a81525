"""Visualizer: what `pipeline.debug(..)` gives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..data_queue import ColumnType, DataQueue
from ..datacollection import DataCollection
from .data_visualizer import DataVisualizer
from .graph_visualizer import GraphVisualizer
from .profilers import PerformanceProfiler
from .time_profiler import TimeProfiler

__all__ = ["Visualizer", "show_graph"]


def show_graph(pipeline: Any) -> None:
    """Prints the pipeline's nodes with the columns in front of and behind each."""
    GraphVisualizer(pipeline.dag_repr).show()


class Visualizer:
    """The result of a run (or the list of several), its times, and its nodes' data.

    result          what the call gave
    profiler        a PerformanceProfiler, or None without `profiler=True`
    tracer          a DataVisualizer, or None without `tracer=True`
    nodes           the nodes as dicts, by uid
    time_profiler   the records the profiler reads
    """

    def __init__(
        self,
        result: Any = None,
        time_profiler: Sequence[TimeProfiler] | None = None,
        nodes: Mapping[str, Any] | None = None,
        trace_nodes: Sequence[str] | None = None,
        node_collection: Sequence[Mapping[str, Any]] | None = None,
    ):
        self._result = result
        self._time_profiler = list(time_profiler) if time_profiler else None
        self._nodes = dict(nodes or {})
        self._trace_nodes = list(trace_nodes or ())
        self._collection = list(node_collection) if node_collection else None
        self._profiler: PerformanceProfiler | None = None
        self._tracer: DataVisualizer | None = None

    @property
    def result(self) -> Any:
        return self._result

    @property
    def nodes(self) -> dict[str, Any]:
        return self._nodes

    @property
    def time_profiler(self) -> list[TimeProfiler] | None:
        return self._time_profiler

    @property
    def node_collection(self) -> list[Mapping[str, Any]] | None:
        return self._collection

    @property
    def profiler(self) -> PerformanceProfiler | None:
        if self._profiler is None and self._time_profiler:
            self._profiler = PerformanceProfiler(self._time_profiler, self._nodes)
        return self._profiler

    @property
    def tracer(self) -> DataVisualizer | None:
        if self._tracer is None and self._collection:
            self._tracer = DataVisualizer(self._nodes, self._collection)
        return self._tracer

    # --- as JSON -------------------------------------------------------------------------------

    def to_json(self, **kws: Any) -> str:
        """All of it as JSON (arrays as in `serve.wire`); results are emptied by this.

        TypeError where the data hold what has no JSON.
        """
        from ..serve.wire import Encoder

        info: dict[str, Any] = {"nodes": self._nodes, "trace_nodes": self._trace_nodes}
        if self._result is not None:
            info["result"] = _stored(self._result)
        if self._time_profiler:
            info["time_record"] = [run.time_record for run in self._time_profiler]
        if self._collection:
            info["node_collection"] = [
                {
                    name: {**data, **{side: [c.to_dict() for c in data[side]] for side in SIDES}}
                    for name, data in run.items()
                }
                for run in self._collection
            ]
        return json.dumps(info, cls=Encoder, **kws)

    @staticmethod
    def from_json(info: str) -> Visualizer:
        """What `to_json` wrote."""
        from ..serve.wire import from_json

        found = from_json(info)
        collection = found.get("node_collection") or []
        for run in collection:
            for data in run.values():
                for side in SIDES:
                    data[side] = [DataCollection.from_dict(edge) for edge in data[side]]
        return Visualizer(
            result=_restored(found.get("result")),
            time_profiler=[TimeProfiler(True, record) for record in found.get("time_record", [])],
            nodes=found.get("nodes"),
            trace_nodes=found.get("trace_nodes"),
            node_collection=collection,
        )


SIDES = ("in", "out")


def _stored(result: Any) -> Any:
    if isinstance(result, list):
        return [_stored(one) for one in result]
    return DataCollection(result).to_dict()


def _restored(stored: Any) -> Any:
    if stored is None:
        return None
    if isinstance(stored, list):
        return [_restored(one) for one in stored]
    types = [ColumnType[name] for name in stored["type_schema"]]
    queue = DataQueue(list(zip(stored["schema"], types)), max_size=0)
    for row in stored["iterable"]:
        queue.put(row)
    queue.seal()
    return queue
