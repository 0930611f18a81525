"""A pipeline's nodes and columns as a table."""

from __future__ import annotations

from typing import Any

from ..datacollection.table import as_text

__all__ = ["GraphVisualizer"]

HEADERS = ["node", "op_inputs", "op_outputs", "node_inputs", "node_outputs", "next", "iter_param"]


class GraphVisualizer:
    """Over a DAGRepr. A column is followed by (Q) for QUEUE or (S) for SCALAR."""

    def __init__(self, dag_repr: Any):
        self._dag = dag_repr

    def rows(self) -> list[list[str]]:
        """A row a node, in the order data flow."""
        return [self._row(self._dag.nodes[uid]) for uid in self._dag.top_sort]

    def _row(self, node: Any) -> list[str]:
        def columns(edges: list[int], wanted: Any = None) -> str:
            found = {}
            for number in edges:
                found.update(self._dag.edges[number]["data"])
            return ", ".join(
                f"{name} ({kind.name[0]})"
                for name, kind in found.items()
                if wanted is None or name in wanted
            )

        return [
            f"{node.name}({node.iter_info.type})",
            columns(node.in_edges, node.inputs),
            columns(node.out_edges, node.outputs),
            columns(node.in_edges),
            columns(node.out_edges),
            ", ".join(self._dag.nodes[uid].name for uid in node.next_nodes),
            str(node.iter_info.param or ""),
        ]

    def show(self) -> None:
        print(as_text({"headers": HEADERS, "data": self.rows()}, grid=False))
