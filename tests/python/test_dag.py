"""Graphs as dicts: read, checked, run, and written; what the name towhee reaches inside of."""

import copy
import gc
import json
import weakref

import pytest

from pipilo import ColumnType, pipe, register
from pipilo.dag import DAGRepr
from pipilo.graph import Pipeline, RuntimePipeline

NOP = {"operator": "NOPNodeOperator", "type": "built_in"}


def node(inputs, outputs, fn=None, kind="map", param=None, after=None, **more):
    op = NOP if fn is None else {"operator": fn, "type": "callable"}
    if isinstance(fn, str):
        op = {
            "operator": fn,
            "type": "hub",
            "init_args": None,
            "init_kws": {"by": 2},
            "tag": "main",
        }
    iteration = {"type": kind, "param": param}
    return {
        "inputs": inputs,
        "outputs": outputs,
        "op_info": op,
        "iter_info": iteration,
        "next_nodes": after,
        **more,
    }


def graph(**nodes):
    return {
        "_input": node(("a",), ("a",), after=["one"]),
        "one": node(("a",), ("b",), len, after=["_output"]),
        "_output": node(("a", "b"), ("a", "b")),
        **nodes,
    }


@register(name="test_dag/add")
class Add:
    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return x + self.by


def test_nodes_and_edges():
    dag = DAGRepr.from_dict(graph())
    assert [n.name for n in dag.nodes.values()] == [
        "_input",
        "builtin_function_or_method-0",
        "_output",
    ]
    assert dag.top_sort == ["_input", "one", "_output"]
    scalar = ColumnType.SCALAR
    assert [edge["data"] for edge in dag.edges.values()] == [
        [("a", scalar)],
        [("a", scalar)],
        [("a", scalar), ("b", scalar)],
        [("a", scalar), ("b", scalar)],
    ]
    assert json.loads(dag.to_json())["nodes"]["one"]["op_input"] == ["a"]


def test_only_what_is_read_goes_along():
    p = pipe.input("a", "b", "c").map("a", "d", len).map("d", "d", str).output("d", "c")
    edges = [[n for n, _ in e["data"]] for e in p.dag_repr.edges.values()]
    assert edges == [["a", "b", "c"], ["a", "c"], ["c", "d"], ["c", "d"], ["d", "c"]]


@pytest.mark.parametrize(
    "nodes, text",
    [
        ({"one": node(("zz",), ("b",), len, after=["_output"])}, "not declared: {'zz'}"),
        ({"_output": node(("zz",), ("zz",))}, "not declared: {'zz'}"),
        (
            {"one": node(("a",), ("b", "c"), len, "filter", {"filter_by": ("a",)}, ["_output"])},
            "length of inputs",
        ),
        (
            {"one": node(("a",), ("b",), len, "window", {"size": 0, "step": 1}, ["_output"])},
            r"the \[0\]<=0",
        ),
        ({"one": node(("a",), ("b",), len, after=["one"])}, "circle"),
    ],
)
def test_bad_graphs(nodes, text):
    with pytest.raises(ValueError, match=text):
        DAGRepr(graph(**nodes))


def test_a_pipeline_from_a_graph():
    p = RuntimePipeline(graph(one=node(("a",), ("b",), "test-dag/add", after=["_output"])), 4)
    assert p(1).get() == [1, 3]
    assert [q.get() for q in p.batch([2, 3])] == [[2, 4], [3, 5]]
    assert p.dag_repr.top_sort[0] == "_input"


def test_operators_are_made_late_and_go_with_the_pipeline():
    alive = weakref.WeakSet()

    @register(name="test_dag/counted")
    class Counted:
        def __init__(self, by):
            alive.add(self)

        def __call__(self, x):
            return x

    p = RuntimePipeline(graph(one=node(("a",), ("b",), "test-dag/counted", after=["_output"])))
    assert not alive
    graph_of_p = p.preload()
    assert len(alive) == 1
    assert [n.name for n in graph_of_p._nodes.values()][1] == "test-dag/counted-0"
    assert list(graph_of_p.data_queues) == [0, 1, 2, 3]
    assert set(p._operator_pool._all_ops) == {"_input", "_output", *p._operator_pool._all_ops}
    pool = weakref.ref(p._operator_pool)
    p(1)
    del p, graph_of_p
    gc.collect()
    assert pool() is None and not alive


def test_an_operator_that_cannot_be_made():
    bad = graph(one=node(("a",), ("b",), "test-dag/none", after=["_output"]))
    p = RuntimePipeline(bad)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="Create .* operator test-dag/none:main"):
            p.preload()
    with pytest.raises(AttributeError):
        Pipeline.input("a").output("a").no_such_thing  # noqa: B018


def test_every_step_survives_a_graph():
    p = (
        Pipeline.input("a")
        .flat_map("a", "x", lambda a: a)
        .map("x", "t", lambda x: 1000 * x)
        .filter("x", "f", "x", lambda x: x)
        .window("x", "w", 2, 2, sum)
        .time_window("x", "v", "t", 2, 2, sum)
        .window_all("x", "s", sum)
        .reduce("x", "r", sum)
    )
    p = p.concat(p.map("x", "n", lambda x: -x, {"name": "mine"}))
    p = p.output("f", "w", "v", "s", "r", "n")
    again = RuntimePipeline(copy.deepcopy(p.dag))
    assert again([0, 1, 2]).to_list() == p([0, 1, 2]).to_list()
    assert "mine" in [n.name for n in again.preload()._nodes.values()]


@pytest.mark.parametrize(
    "step",
    [
        lambda p, q: p.map("x", "y", q),
        lambda p, q: p.flat_map("x", "y", _listing()),
        lambda p, q: p.filter("x", "y", "x", q),
        lambda p, q: p.window("x", "y", 2, 1, _summing()),
        lambda p, q: p.window_all("x", "y", _summing()),
    ],
)
def test_nested_pipelines_are_put_in_place(step):
    nested = pipe.input("n").map("n", "m", lambda n: n % 2).output("m")
    p = step(pipe.input("a").flat_map("a", "x", lambda a: a), nested).output("x", "y")
    dag = p.dag_repr
    assert all(n.op_info.type != "pipeline" for n in dag.nodes.values())
    again = RuntimePipeline(p.dag)
    assert again([1, 2, 3]).to_list() == p([1, 2, 3]).to_list()
    kinds = [kind for _, kind in dag.edges[len(dag.edges) - 1]["data"]]
    assert kinds == p([1, 2, 3]).type_schema


def _listing():
    return pipe.input("n").map("n", "m", lambda n: [n] * n).output("m")


def _summing():
    return pipe.input("n").map("n", "m", sum).output("m")
