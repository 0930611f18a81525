"""What Towhee answers, pipilo answers: the recorded cases of tests/python/golden."""

import ast
import json
import sys
from pathlib import Path

import pytest

import pipilo

GOLDEN = Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))

from answer import answer
from cases import CASES

ANSWERS = {entry["name"]: entry for entry in json.loads((GOLDEN / "answers.json").read_text())}
SEEN = {
    "AutoConfig": pipilo.AutoConfig,
    "ColumnType": pipilo.ColumnType,
    "DataCollection": pipilo.DataCollection,
    "DataLoader": pipilo.DataLoader,
    "DataQueue": pipilo.DataQueue,
    "Empty": pipilo.Empty,
    "ops": pipilo.ops,
    "pipe": pipilo.pipe,
}

# Where pipilo answers otherwise, and why: docs/pipelines.md, docs/migration.md.
DIFFERS = {
    "map-19": (
        "a stream that is overwritten stays a stream, whether or not the step reads it",
        [{"rows": "[[3]]", "types": {"x": "QUEUE"}}],
    ),
    "map-25": (
        "a pipeline without inputs runs once, instead of not at all",
        [{"rows": "[[1]]", "types": {"b": "SCALAR"}}],
    ),
    "reduce-2": (
        "rows that a reduce function leaves unread are not lost",
        [{"rows": "[[1, 1], [1, 1]]", "types": {"x": "QUEUE", "w": "SCALAR"}}],
    ),
    "reduce-7": (
        "rows beside an empty column are not lost",
        [{"rows": "[[1, []], [2, []]]", "types": {"x": "QUEUE", "w": "SCALAR"}}],
    ),
}


def test_the_answers_are_those_of_the_cases():
    asked = [(n, c, calls if calls is None else list(map(repr, calls))) for n, c, calls in CASES]
    assert asked == [(e["name"], e["code"], e["calls"]) for e in ANSWERS.values()]
    assert len(asked) >= 200


@pytest.mark.parametrize("name", ANSWERS)
def test_case(name):
    entry = ANSWERS[name]
    calls = entry["calls"]
    if calls is not None:
        calls = [eval(call) if "range" in call else _literal(call) for call in calls]
    found = answer(entry["code"], calls, SEEN)
    assert len(found) == len(entry["answers"])
    if name in DIFFERS:
        assert found == DIFFERS[name][1]
        assert found != entry["answers"], "no difference any more"
        return
    for mine, towhees in zip(found, entry["answers"]):
        if "error" in towhees:
            assert mine.get("error", {}).get("type") == towhees["error"]["type"], mine
            assert mine["error"]["text"].startswith(towhees["error"]["text"]), mine
        else:
            assert mine == towhees


def _literal(call: str):
    return (Ellipsis,) if call == "(Ellipsis,)" else ast.literal_eval(call)
