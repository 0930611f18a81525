"""debug: the profiler, the tracer, and the graph as a table."""

import json

import pytest

from pipilo import Empty, ops, pipe, register
from pipilo.visualizer import Visualizer, show_graph


def branches():
    start = pipe.input("a").flat_map("a", "x", lambda a: a)
    doubled = start.map("x", "y", lambda x: 2 * x, {"name": "double"})
    kept = start.filter("x", "x", "x", lambda x: x > 1)
    return doubled.concat(kept).output("a", "x", "y")


def rows(collection):
    return [list(vars(entity).values()) for entity in collection]


def test_neither():
    with pytest.raises(ValueError, match="You should set at least one"):
        branches().debug([1])


def test_tracer():
    v = branches().debug([1, 2, 3], tracer=True)
    assert v.profiler is None and v.time_profiler is None
    assert v.result.to_list() == branches()([1, 2, 3]).to_list()
    run = v.tracer[0]
    assert len(v.tracer) == 1
    assert run.nodes == ["_input", "lambda-0", "double", "lambda-2", "concat-3", "_output"]
    node = run["double"]
    assert node.name == "double" and node.op_input == ("x",)
    assert node.previous_node == ["lambda-0"] and node.next_node == ["concat-3"]
    assert [rows(edge) for edge in node.inputs] == [
        [[[1, 2, 3], 1], [[1, 2, 3], 2], [[1, 2, 3], 3]]
    ]
    out = node.outputs[0]
    assert [entity.y for entity in out] == [2, 4, 6]
    concat = run["concat"]
    assert len(concat.inputs) == 2
    kept = [entity.x for entity in concat.inputs[1] if entity.x is not Empty()]
    assert kept == [2, 3]
    assert [n.name for n in run["lambda"]] == ["lambda-0", "lambda-2"]
    assert run["_input"].previous_node is None and run["_output"].next_node == []
    with pytest.raises(KeyError, match="does not match"):
        run["zz"]


@pytest.mark.parametrize(
    "include, exclude, nodes",
    [
        (["double"], None, ["double"]),
        ("lambda", None, ["lambda-0", "lambda-2"]),
        (None, ["put", "concat"], ["lambda-0", "double", "lambda-2"]),
        (["lambda", "double"], "2", ["lambda-0", "double"]),
    ],
)
def test_chosen_nodes(include, exclude, nodes):
    v = branches().debug([1], tracer=True, include=include, exclude=exclude)
    assert v.tracer.nodes == nodes


def test_profiler(tmp_path, capsys):
    v = branches().debug([1, 2, 3], profiler=True)
    assert v.tracer is None and v.result.size == 3
    report = {r["node"]: r for r in v.profiler.node_report.values()}
    assert report["lambda-0(flat_map)"]["ncalls"] == 1
    assert report["double(map)"]["ncalls"] == 3
    assert report["lambda-2(filter)"]["ncalls"] == 3
    assert report["_input(map)"]["ncalls"] == 0
    total, mean, longest, shortest = v.profiler.timing
    assert total >= longest >= mean >= shortest > 0
    v.profiler.show()
    v.profiler[0].show()
    text = capsys.readouterr().out
    assert "double(map)" in text and "Total count: 1" in text
    v.profiler.dump(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())
    assert {event["ph"] for event in events} == {"M", "b", "e", "B", "E"}
    assert all("ts" in event or event["ph"] == "M" for event in events)
    calls = [e for e in events if e["name"] == "call_op" and e["tid"] == "double(map)"]
    assert len(calls) == 6


def test_batch():
    p = pipe.input("a").map("a", "b", lambda a: a + 1).output("a", "b")
    v = p.debug([1, 2, 3], batch=True, profiler=True, tracer=True)
    assert [q.to_list() for q in v.result] == [[[1, 2]], [[2, 3]], [[3, 4]]]
    assert len(v.tracer) == len(v.profiler) == 3
    assert v.profiler.max() in v.profiler.pipes_profiler
    assert [r.seconds for r in v.profiler.sort()] == sorted(r.seconds for r in v.profiler)
    assert v.tracer[1]["lambda"].inputs[0][0].a == 2
    two = pipe.input("a", "b").map(("a", "b"), "c", lambda a, b: a + b).output("c")
    v = two.debug([(1, 2), [3, 4]], batch=True, tracer=True)
    assert [q.get() for q in v.result] == [[3], [7]]


def test_operators_and_nested_pipelines():
    made = []

    @register(name="test_visual/add")
    class Add:
        def __init__(self, by):
            made.append(by)
            self.by = by

        def __call__(self, x):
            return x + self.by

    inner = pipe.input("n").map("n", "n", lambda n: 10 * n).output("n")
    p = pipe.input("a").map("a", "b", ops.test_visual.add(2)).map("b", "c", inner).output("c")
    v = p.debug(1, profiler=True, tracer=True)
    assert v.result.get() == [30]
    report = {r["node"].split("-")[0]: r for r in v.profiler.node_report.values()}
    assert report["test"]["ncalls"] == 1
    assert any("lambda" in name for name in v.tracer.nodes)


def test_every_iteration():
    p = (
        pipe.input("a")
        .flat_map("a", "x", lambda a: a)
        .map("x", "t", lambda x: 1000 * x)
        .window("x", "w", 2, 2, sum)
        .time_window("x", "v", "t", 2, 2, sum)
        .window_all("x", "s", sum)
        .reduce("x", "r", sum)
        .map(("x", "s"), "x", lambda x, s: x / s)
        .output("w", "v", "s", "r", "x")
    )
    v = p.debug([0, 1, 2], profiler=True, tracer=True)
    assert v.result.to_list() == p([0, 1, 2]).to_list()
    assert v.result.type_schema == p([1]).type_schema


def test_errors_come_as_ever():
    p = pipe.input("a").map("a", "b", lambda a: 1 / a).output("b")
    with pytest.raises(
        RuntimeError, match="Node-lambda-0 runs failed, error msg: division by zero"
    ):
        p.debug(0, profiler=True)


def test_json():
    v = branches().debug([1, 2], profiler=True, tracer=True)
    back = Visualizer.from_json(v.to_json())
    assert back.result.to_list() == [[[1, 2], 2, 2], [[1, 2], Empty(), 4]]
    assert back.profiler.timing == v.profiler.timing
    assert rows(back.tracer[0]["double"].outputs[0]) == rows(v.tracer[0]["double"].outputs[0])
    assert list(back.nodes) == list(v.nodes)


def test_tables(capsys):
    v = branches().debug([1, 2], tracer=True)
    v.tracer.show()
    v.tracer.show(limit=-1)
    v.tracer[0]["double"].show_inputs()
    v.tracer[0]["double"].show_outputs()
    assert "double" in capsys.readouterr().out
    show_graph(branches())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "node",
        "op_inputs",
        "op_outputs",
        "node_inputs",
        "node_outputs",
        "next",
        "iter_param",
    ]
    assert any("double(map)" in line and "y (Q)" in line for line in lines)
