"""Graphs of nodes as dicts (see dag.py): their order, and nested pipelines put in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["INPUT", "NOP", "OUTPUT", "flatten", "order", "predecessors"]

INPUT, OUTPUT = "_input", "_output"
NOP = {
    "operator": "NOPNodeOperator",
    "type": "built_in",
    "init_args": None,
    "init_kws": None,
    "tag": None,
    "latest": False,
}
# The kinds of steps that gather rows before the nested pipeline; the others act on what it gives.
GATHER = ("window", "time_window", "window_all", "reduce")


def predecessors(dag: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """uid -> the nodes that lead to it: in the order of its "parents" where it has that (for concat
    the last one's columns win), else in the dict's."""
    before: dict[str, list[str]] = {uid: [] for uid in dag}
    for uid, node in dag.items():
        for other in node["next_nodes"] or ():
            before[other].append(uid)
    for uid, node in dag.items():
        if node.get("parents"):
            before[uid] = list(node["parents"])
    return before


def order(dag: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The nodes so that data flow forward, else in the dict's order. ValueError for a circle."""
    waits = {uid: len(others) for uid, others in predecessors(dag).items()}
    done: list[str] = []
    while waits:
        ready = next((uid for uid, count in waits.items() if not count), None)
        if ready is None:
            raise ValueError("The DAG is not valid, it has a circle.")
        del waits[ready]
        done.append(ready)
        for other in dag[ready]["next_nodes"] or ():
            waits[other] -= 1
    return done


def flatten(dag: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """A copy of the dict without nested pipelines: each is replaced by its nodes, between one node
    that takes its inputs and one that gives its outputs. Its columns get names of their own."""
    flat: dict[str, dict[str, Any]] = {}
    ends: dict[str, str] = {}  # a nested pipeline's uid -> that of its last node
    for uid, node in dag.items():
        copy = {**node, "next_nodes": list(node["next_nodes"] or ())}
        if "parents" in node:
            copy["parents"] = [ends.get(other, other) for other in node["parents"]]
        if node["op_info"].get("type") != "pipeline":
            flat[uid] = copy
            continue
        ends[uid] = f"{uid}.{OUTPUT}"
        inner = flatten(node["op_info"]["dag"])
        flat.update(_placed(uid, copy, _renamed(inner, uid)))
    return flat


def _renamed(dag: dict[str, dict[str, Any]], uid: str) -> dict[str, dict[str, Any]]:
    """The nested nodes with their columns renamed after the node they stand for."""
    mark = "".join(c if c.isalnum() else "_" for c in uid)

    def new(names: Any) -> Any:
        return (
            f"{names}__{mark}" if isinstance(names, str) else tuple(f"{n}__{mark}" for n in names)
        )

    for node in dag.values():
        node["inputs"], node["outputs"] = new(node["inputs"] or ()), new(node["outputs"] or ())
        param = dict(node["iter_info"]["param"] or {})
        for name in ("filter_by", "timestamp_col"):
            if name in param:
                param[name] = new(param[name])
        node["iter_info"] = {**node["iter_info"], "param": param or node["iter_info"]["param"]}
    return dag


def _placed(
    uid: str, node: dict[str, Any], inner: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The nested nodes under uids of their own; the first keeps `uid`."""
    kind, param = node["iter_info"]["type"], node["iter_info"]["param"]
    as_map = {"type": "map", "param": None}
    source: Sequence[str] = node["inputs"]
    if kind == "filter":
        named = param["filter_by"]
        source = (named,) if isinstance(named, str) else tuple(named)
    last = inner[OUTPUT]
    given = tuple(last["inputs"])
    ids = {INPUT: uid, **{u: f"{uid}.{u}" for u in inner if u != INPUT}}
    placed = {
        ids[u]: {
            **n,
            "next_nodes": [ids[o] for o in n["next_nodes"] or ()],
            "parents": [ids[o] for o in n.get("parents") or ()],
        }
        for u, n in inner.items()
    }
    placed[uid]["parents"] = node.get("parents")
    placed[uid].update(
        inputs=tuple(source),
        op_info=dict(NOP),
        iter_info=node["iter_info"] if kind in GATHER else as_map,
        config=None,
    )
    end = placed[ids[OUTPUT]]
    end.update(op_info=dict(NOP), config=None, next_nodes=node["next_nodes"], inputs=given)
    end["outputs"] = tuple(node["outputs"])
    if kind == "filter":
        end["inputs"] = tuple(node["inputs"])
        end["iter_info"] = {"type": "filter", "param": {"filter_by": given}}
    else:
        end["iter_info"] = {"type": "flat_map", "param": None} if kind == "flat_map" else as_map
    return placed
