"""What Towhee's tests and some programs reach for inside of pipelines: only under the name towhee.

`towhee.pipe` makes, and `towhee.runtime.runtime_pipeline.RuntimePipeline` is, a RuntimePipeline that
can be made of a dag (dag.py) too, shows its nodes, and the operators it holds. It runs like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .dag import DAGRepr
from .data_queue import DataQueue
from .operator.nop import NOPNodeOperator
from .operator.pool import OperatorPool
from .pipe import Pipeline as PipiloPipeline
from .pipe import RuntimePipeline as PipiloRuntimePipeline
from .rebuild import as_pipe
from .steps import columns

__all__ = ["Graph", "Pipeline", "RuntimePipeline"]


class Graph:
    """`_nodes`: uid -> NodeRepr. `data_queues`: the edges, as queues that are empty: rows go through
    the C core, not through these."""

    def __init__(self, dag: DAGRepr):
        self._nodes = dag.nodes
        self.data_queues = {n: DataQueue(edge["data"]) for n, edge in dag.edges.items()}


class RuntimePipeline(PipiloRuntimePipeline):
    """As pipilo's; or from a dag, whose operators are then made by `preload` or the first call.

    max_workers is read and has no effect: threads are the core's.
    """

    def __init__(self, dag: Any, max_workers: Any = None, config: Any = None):
        if isinstance(dag, (Mapping, DAGRepr)):
            self._graph = dag if isinstance(dag, DAGRepr) else DAGRepr(dag)
        else:
            super().__init__(dag, max_workers, config)

    def __getattr__(self, name: str) -> Any:
        # Only what was made of a dag lacks anything, and only until it is built.
        graph = self.__dict__.pop("_graph", None)
        if graph is None:
            raise AttributeError(f"a pipeline has no {name!r}")
        try:
            super().__init__(as_pipe(graph)._last, graph.nodes["_output"].inputs)
        except BaseException:
            self._graph = graph
            raise
        return getattr(self, name)

    def __call__(self, *inputs: Any) -> DataQueue:
        self._core  # noqa: B018 - builds what was made of a dag
        return super().__call__(*inputs)

    @property
    def dag_repr(self) -> DAGRepr:
        return self.__dict__.get("_graph") or DAGRepr(self.dag)

    @property
    def _operator_pool(self) -> OperatorPool:
        builder = self._builder
        if builder.pool is None:
            builder.pool = OperatorPool()
        return builder.pool

    def preload(self) -> Graph:
        """Makes the operators and gives the nodes. RuntimeError where an operator cannot be made."""
        for end in ("_input", "_output"):
            self._operator_pool.take(end, NOPNodeOperator)
        return Graph(self.dag_repr)


class Pipeline(PipiloPipeline):
    """As pipilo's; its `output` gives the RuntimePipeline of this module."""

    __slots__ = ()

    def output(self, *output_schema: str, config_kws: Any = None) -> RuntimePipeline:
        return RuntimePipeline(self._last, columns(output_schema), config_kws)
