"""The data that went into nodes and came out of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..datacollection.table import show

__all__ = ["DataVisualizer", "NodeVisualizer", "PipeVisualizer"]


class NodeVisualizer:
    """One node in one run. `inputs`, `outputs`: a DataCollection for each edge."""

    def __init__(self, name: str, data: Mapping[str, Any]):
        self._name = name
        self._data = data

    @property
    def name(self) -> str:
        return self._name

    @property
    def inputs(self) -> list[Any]:
        return self._data["in"]

    @property
    def outputs(self) -> list[Any]:
        return self._data["out"]

    @property
    def previous_node(self) -> list[str] | None:
        """The names of the nodes in front; None for `_input`."""
        return self._data.get("previous")

    @property
    def next_node(self) -> list[str] | None:
        """The names of the nodes behind."""
        return self._data.get("next")

    @property
    def op_input(self) -> Any:
        """The columns the operator is called with."""
        return self._data["op_input"]

    def show_inputs(self) -> None:
        self._show(inputs=True)

    def show_outputs(self) -> None:
        self._show(outputs=True)

    def show(self) -> None:
        self._show(inputs=True, outputs=True)

    def _show(self, inputs: bool = False, outputs: bool = False) -> None:
        about = [
            ["NodeName", self._name],
            ["NodeType", self._data.get("type")],
            ["InputSchema", self._data.get("op_input")],
            ["OutputSchema", self._data.get("op_output")],
            ["Operator", self._data.get("operator")],
        ]
        headers, cells = ["NodeInfo"], [{"headers": ["item", "info"], "data": about}]
        sides = []
        if inputs:
            sides.append(("Inputs", self.previous_node or ["PipeInput"], self.inputs))
        if outputs:
            sides.append(("Outputs", self.next_node or ["PipeOutput"], self.outputs))
        for title, neighbours, edges in sides:
            headers.append(title)
            tables = [edge.prepare_table_data(-1) for edge in edges]
            cells.append({"headers": neighbours, "data": [tables]})
        show({"headers": headers, "data": [cells]})


class PipeVisualizer:
    """One run: node by name."""

    def __init__(self, nodes: Mapping[str, Any], node_collection: Mapping[str, Any]):
        self._nodes = nodes
        self._collection = node_collection

    @property
    def nodes(self) -> list[str]:
        """The names of the nodes whose data were kept."""
        return list(self._collection)

    def show(self) -> None:
        for name, data in self._collection.items():
            NodeVisualizer(name, data).show()

    def __getitem__(self, name: str) -> Any:
        """The node whose name matches the pattern, or a list where several do. KeyError."""
        found = [node for node in self.nodes if re.search(name, node)]
        if not found:
            raise KeyError(
                f"Node {name} does not match any existing nodes. This pipeline contains following "
                f"nodes: {self.nodes}"
            )
        made = [NodeVisualizer(node, self._collection[node]) for node in found]
        return made[0] if len(made) == 1 else made


class DataVisualizer:
    """Several runs."""

    def __init__(self, nodes: Mapping[str, Any], node_collection_list: Sequence[Mapping[str, Any]]):
        self._visualizers = [PipeVisualizer(nodes, run) for run in node_collection_list]

    def show(self, limit: int = 1) -> None:
        """Shows the first `limit` runs; all where it is below 1."""
        for run in self._visualizers[:limit] if limit > 0 else self._visualizers:
            run.show()

    def __getitem__(self, idx: Any) -> Any:
        return self._visualizers[idx]

    def __len__(self) -> int:
        return len(self._visualizers)

    @property
    def visualizers(self) -> list[PipeVisualizer]:
        return self._visualizers

    @property
    def nodes(self) -> list[str]:
        return self._visualizers[0].nodes
