"""A pipeline as Towhee's dag: a dict of nodes, checked, with the columns that go along each edge.

The C core plans and runs pipelines; this only describes them: for `preload`, `show_graph`, the
visualizer, and for programs that hand RuntimePipeline such a dict. A node is

    uid: {"inputs": names, "outputs": names,
          "iter_info": {"type": "map", "param": None},
          "op_info": {"operator", "type", "init_args", "init_kws", "tag", "latest"},
          "config": dict, TowheeConfig or None, "next_nodes": uids or None}

between `_input` and `_output`. op_info's type is 'hub', 'lambda', 'callable', 'built_in', or
'pipeline' with the nested pipeline's nodes under "dag".
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from .auto_config.node_config import NodeConfig
from .data_queue import ColumnType
from .flatten import INPUT, OUTPUT, flatten, order, predecessors

__all__ = ["DAGRepr", "NodeRepr", "operator_name"]

Q, S = ColumnType.QUEUE, ColumnType.SCALAR
# What a step makes of its output columns, where it does not depend on the inputs.
MAKES = {"flat_map": Q, "window": Q, "time_window": Q, "window_all": S, "reduce": S}


class NodeRepr:
    """One node. `inputs`, `outputs`: names; `in_edges`, `out_edges`: keys of DAGRepr.edges."""

    def __init__(self, uid: str, node: Mapping[str, Any], name: str):
        op = node["op_info"]
        self.uid = uid
        self.inputs = tuple(node["inputs"] or ())
        self.outputs = tuple(node["outputs"] or ())
        self.iter_info = SimpleNamespace(
            type=node["iter_info"]["type"], param=node["iter_info"]["param"]
        )
        self.op_info = SimpleNamespace(
            operator=op.get("operator"),
            type=op.get("type"),
            init_args=op.get("init_args"),
            init_kws=op.get("init_kws"),
            tag=op.get("tag"),
            latest=op.get("latest", False),
        )
        self.config = NodeConfig.of(node.get("config"), name)
        if uid in (INPUT, OUTPUT):
            self.config.name = uid
        self.next_nodes = list(node["next_nodes"] or ())
        self.in_edges: list[int] = []
        self.out_edges: list[int] = []

    @property
    def name(self) -> str:
        return self.config.name

    def by(self) -> tuple[str, ...]:
        """The columns a filter tests, or the one with the time."""
        param = self.iter_info.param or {}
        named = param.get("filter_by", param.get("timestamp_col", ()))
        return (named,) if isinstance(named, str) else tuple(named)

    def __repr__(self) -> str:
        return f"<NodeRepr {self.name} ({self.iter_info.type}) {self.inputs} -> {self.outputs}>"


def operator_name(op: Mapping[str, Any]) -> str:
    """What a node is called by its operator: the function's name, the class's, or the hub's."""
    operator = op.get("operator")
    if op.get("type") == "lambda":
        return "lambda"
    if op.get("type") == "callable":
        is_function = isinstance(operator, types.FunctionType)
        return operator.__name__ if is_function else type(operator).__name__
    return operator if isinstance(operator, str) else type(operator).__name__


class DAGRepr:
    """nodes: uid -> NodeRepr. edges: number -> {"data": [(name, ColumnType)]}."""

    def __init__(self, dag: Mapping[str, Mapping[str, Any]]):
        """ValueError for a graph that is not one from `_input` to `_output`, for columns that no
        node gives, for a filter of unequal widths, for sizes and steps below 1."""
        self.dag_dict = flatten(dag)
        self.top_sort = order(self.dag_dict)
        if self.top_sort[0] != INPUT:
            raise ValueError("The DAG is not valid, it does not started with `_input`.")
        if self.top_sort[-1] != OUTPUT:
            raise ValueError("The DAG is not valid, it does not ended with `_output`.")
        self.nodes: dict[str, NodeRepr] = {}
        index = 0
        for uid, node in self.dag_dict.items():
            concat = node["iter_info"]["type"] == "concat"
            name = "concat" if concat else operator_name(node["op_info"])
            self.nodes[uid] = NodeRepr(uid, node, f"{name}-{index}")
            index += uid not in (INPUT, OUTPUT)
        self.edges: dict[int, dict[str, Any]] = {}
        self._before = predecessors(self.dag_dict)
        self._scopes = self._all_scopes()
        self._number_edges()

    @classmethod
    def from_dict(cls, dag: Mapping[str, Mapping[str, Any]]) -> DAGRepr:
        return cls(dag)

    def before(self, uid: str) -> list[str]:
        """The nodes that lead to `uid`; for a concat the last one's columns win."""
        return self._before[uid]

    # --- columns -------------------------------------------------------------------------------

    def _all_scopes(self) -> dict[str, dict[str, ColumnType]]:
        """The columns behind each node with their types, in the order they come up."""
        scopes: dict[str, dict[str, ColumnType]] = {}
        for uid in self.top_sort:
            node = self.nodes[uid]
            scope: dict[str, ColumnType] = {}
            for other in self._before[uid]:  # the last pipe's columns win
                scope.update(scopes[other])
            if uid == INPUT:
                scope = dict.fromkeys(node.outputs or node.inputs, S)
            elif node.iter_info.type == "concat":
                node.inputs = node.outputs = tuple(scope)
            else:
                check(node, scope)
                kinds = [scope[name] for name in node.inputs]
                for name in node.outputs:
                    kind = MAKES.get(node.iter_info.type)
                    if kind is None:
                        kind = Q if Q in [*kinds, scope.get(name)] else S
                    if uid != OUTPUT:
                        scope[name] = kind
            scopes[uid] = scope
        return scopes

    def _needed(self) -> dict[str, set[str]]:
        """The columns that each node, or one behind it, reads."""
        needed: dict[str, set[str]] = {}
        for uid in reversed(self.top_sort):
            node = self.nodes[uid]
            later = set().union(*(needed[n] for n in node.next_nodes))
            if node.iter_info.type == "concat":
                needed[uid] = later
            else:
                needed[uid] = (later - set(node.outputs)) | set(node.inputs) | set(node.by())
        return needed

    def _edge(self, columns: Iterable[tuple[str, ColumnType]]) -> int:
        number = len(self.edges)
        data = list(columns)
        self.edges[number] = {"data": data, "schema": dict(data)}
        return number

    def _number_edges(self) -> None:
        needed = self._needed()
        first = self.nodes[INPUT]
        first.in_edges = [self._edge(self._scopes[INPUT].items())]
        for uid in self.top_sort[:-1]:
            scope = self._scopes[uid]
            for other in self.nodes[uid].next_nodes:
                columns = [(n, kind) for n, kind in scope.items() if n in needed[other]]
                number = self._edge(columns)
                self.nodes[uid].out_edges.append(number)
                self.nodes[other].in_edges.append(number)
        last = self.nodes[OUTPUT]
        scope = self._scopes[OUTPUT]
        last.out_edges = [self._edge((name, scope[name]) for name in last.inputs)]

    # --- as data -------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Names, types and numbers only: what JSON can hold, but for the nodes' parameters."""
        edges = {
            number: [{"name": name, "type": kind.name} for name, kind in edge["data"]]
            for number, edge in self.edges.items()
        }
        return {"edges": edges, "nodes": {uid: _as_dict(n) for uid, n in self.nodes.items()}}

    def to_json(self, **kws: Any) -> str:
        return json.dumps(self.to_dict(), **kws)


def _as_dict(node: NodeRepr) -> dict[str, Any]:
    return {
        "name": node.name,
        "iter_info": {"type": node.iter_info.type, "param": node.iter_info.param},
        "op_info": {"operator": operator_name(vars(node.op_info)), "type": node.op_info.type},
        "next_nodes": node.next_nodes,
        "inputs": node.in_edges,
        "outputs": node.out_edges,
        "op_input": node.inputs,
        "op_output": node.outputs,
    }


def check(node: NodeRepr, scope: Mapping[str, Any]) -> None:
    """ValueError for a node that does not fit the columns in front of it."""
    kind, param = node.iter_info.type, node.iter_info.param or {}
    declared(node.inputs, scope)
    if kind == "filter" and len(node.inputs) != len(node.outputs):
        # Towhee's words, as they are.
        raise ValueError("The node is is not valid, the length of inputs if not equal to outputs.")
    declared(node.by(), scope)
    sizes = {"window": ("size", "step"), "time_window": ("time_range_sec", "time_step_sec")}
    for name in sizes.get(kind, ()):
        if param[name] <= 0:
            raise ValueError(f"The iteration param is not valid, the [{param[name]}]<=0.")


def declared(names: Sequence[str], scope: Mapping[str, Any]) -> None:
    unknown = {name for name in names if name not in scope}
    if unknown:
        raise ValueError(
            f"The DAG Nodes inputs {set(names)} is not valid, which is not declared: {unknown}."
        )
