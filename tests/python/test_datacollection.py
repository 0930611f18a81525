"""DataCollection, Entity, and the tables they are shown as."""

import doctest

import pytest

import pipilo.datacollection.data_collection
import pipilo.datacollection.entity
import pipilo.datacollection.table
from pipilo.data_queue import ColumnType, DataQueue
from pipilo.datacollection import DataCollection, Entity
from pipilo.datacollection.table import as_html, as_text, describe


@pytest.fixture
def collection():
    names, types = ["a", "b"], [ColumnType.SCALAR, ColumnType.QUEUE]
    return DataCollection(DataQueue.from_columns(names, types, ["x", [[1], [2]]]))


@pytest.mark.parametrize(
    "module",
    [
        pipilo.datacollection.data_collection,
        pipilo.datacollection.entity,
        pipilo.datacollection.table,
    ],
)
def test_docs(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def test_collection(collection):
    assert len(collection) == 2
    assert repr(collection) == (
        "<DataCollection Schema[a: ColumnType.SCALAR, b: ColumnType.QUEUE] SIZE 2>"
    )
    assert collection[0].a == "x" and collection[1]["b"] == [2]
    assert [e.b for e in collection] == [e.b for e in collection.to_list()] == [[1], [2]]
    collection[0] = Entity(a=1, b=2)
    assert collection[0].b == 2


def test_copies(collection):
    assert collection.copy()[0] is collection[0]
    assert collection.copy(True)[0] is not collection[0]
    assert collection.copy(True)[0].b == [1]


def test_joining_and_dicts(collection):
    both = collection + collection
    assert len(both) == 4 and len(collection) == 2
    as_dict = collection.to_dict()
    assert as_dict == {
        "schema": ["a", "b"],
        "type_schema": ["SCALAR", "QUEUE"],
        "iterable": [["x", [1]], ["x", [2]]],
    }
    assert DataCollection.from_dict(as_dict).to_dict() == as_dict


def test_entity():
    entity = Entity.from_dict({"a": 1})
    entity.combine(Entity(b=2), Entity(a=3))
    assert (entity.a, entity["b"], str(entity)) == (3, 2, "{'a': 3, 'b': 2}")
    assert repr(entity) == "<Entity dict_keys(['a', 'b'])>"
    with pytest.raises(AttributeError):
        entity["zz"]
    with pytest.raises(AttributeError):
        entity.zz  # noqa: B018


def test_show(collection, capsys):
    collection.show(limit=1)
    text = capsys.readouterr().out
    assert text.count("\n") == 5 and "| x | [1] |" in text
    collection.show(limit=-1, tablefmt="plain")
    assert capsys.readouterr().out.splitlines()[-1] == "x  [2]"
    collection.show(tablefmt="html")
    assert capsys.readouterr().out.startswith("<table>")
    with pytest.raises(ValueError):
        collection.show(tablefmt="gird")


def test_nothing_to_show(capsys):
    DataCollection(DataQueue.from_columns([], [], [])).show()
    DataCollection(DataQueue.from_columns(["a"], [ColumnType.QUEUE], [[]])).show()
    assert "| a |" in capsys.readouterr().out


def test_values_in_tables():
    np = pytest.importorskip("numpy")
    assert describe(np.arange(4, dtype="float32")) == "[0, 1, 2, ...]\nndarray float32 (4,)"
    assert describe(b"12345") == "5 bytes"
    assert describe(list(range(20))).endswith("... 20 items]")
    nested = {"headers": ["outer"], "data": [[{"headers": ["in"], "data": [[1]]}]]}
    assert "| in |" in as_text(nested)
    assert as_html(nested).count("<table>") == 2
    assert len(as_text({"headers": ["a"], "data": [["x" * 500]]}).splitlines()[0]) < 60


def test_pictures_in_html():
    np = pytest.importorskip("numpy")
    pytest.importorskip("PIL")
    from pipilo.types import Image

    picture = Image(np.zeros((400, 300, 3), "uint8"), "BGR")
    assert "data:image/png;base64," in as_html({"headers": ["p"], "data": [[picture]]})
