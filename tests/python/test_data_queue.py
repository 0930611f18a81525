"""DataQueue: rows over columns, open and sealed, from one thread and from several."""

import copy
import pickle
import threading

import pytest

from pipilo.data_queue import ColumnType, DataQueue, Empty

S, Q = ColumnType.SCALAR, ColumnType.QUEUE


def queue(*kinds, **options):
    return DataQueue([(name, kind) for name, kind in zip("abcdef", kinds)], **options)


def test_empty_is_one_object():
    assert Empty() is Empty()
    assert repr(Empty()) == str(Empty()) == "Empty()"
    assert copy.deepcopy(Empty()) is Empty()
    assert pickle.loads(pickle.dumps(Empty())) is Empty()
    assert bool(Empty())


def test_column_types():
    assert (Q.value, S.value) == (1, 2)
    assert str(S) == "ColumnType.SCALAR"


@pytest.mark.parametrize(
    "kinds, rows, open_size, sealed",
    [
        ([Q], [(1,), (2,)], 2, [[1], [2]]),
        ([S, Q], [("s", 1), ("t", 2)], 2, [["t", 1], ["t", 2]]),
        ([S, S], [("s", Empty())], 0, [["s", Empty()]]),
        ([S, S], [("s", "t")], 1, [["s", "t"]]),
        ([S, Q], [("s", Empty())], 0, [["s", Empty()]]),
        ([S, S, Q], [("s", Empty(), 1), ("s", Empty(), 2)], 0, None),
        ([Q, Q], [(1, Empty()), (2, Empty())], 0, [[1, Empty()], [2, Empty()]]),
        ([Q, Q], [(Empty(), Empty())], 0, []),
        ([S, Q], [(Empty(), 1)], 0, [[Empty(), 1]]),
        ([Q], [(None,)], 1, [[None]]),
        ([S], [(None,)], 1, [[None]]),
        ([], [()], 0, []),
    ],
)
def test_sizes_and_rows(kinds, rows, open_size, sealed):
    q = queue(*kinds)
    for row in rows:
        assert q.put(row)
    if kinds:
        assert q.size == open_size
    q.seal()
    if sealed is None:
        sealed = [["s", Empty(), 1], ["s", Empty(), 2]]
    if kinds:
        assert q.size == len(sealed)
        assert q.to_list() == sealed
        assert q.size == 0 and q.get() is None


def test_a_row_of_scalars_is_taken_once():
    q = queue(S, S)
    q.put((1, 2))
    assert q.get() == [1, 2]
    assert q.size == 0
    q.seal()
    assert q.size == 0


def test_scalars_do_not_come_back_after_the_stream_ended():
    q = queue(S, Q)
    q.put(("s", 1))
    assert q.get() == ["s", 1]
    q.seal()
    assert q.size == 0


def test_put_dict_and_get_dict():
    q = queue(S, Q, Q)
    assert q.put_dict({"a": 1, "b": 2, "c": 3, "other": 4})
    assert q.put_dict({"b": 5, "c": 6})
    assert q.get_dict() == {"a": 1, "b": 2, "c": 3}
    assert q.get_dict(["b", "zz"]) == {"b": 5}
    q.seal()
    assert q.get_dict() is None


def test_batches():
    q = queue(S, Q, Q)
    assert q.batch_put([["s", "ignored"], [1, 2, 3], [4]])
    assert q.size == 1
    assert q.batch_put_dict({"b": [], "zz": [1]})  # nothing to put
    assert q.batch_put_dict({"c": [5]})
    q.seal()
    assert q.batch_put_dict({"zz": [1]})
    assert not q.batch_put_dict({"b": [1]})
    assert q.to_list(kv_format=True) == [
        {"a": "s", "b": 1, "c": 4},
        {"a": "s", "b": 2, "c": 5},
        {"a": "s", "b": 3, "c": Empty()},
    ]


def test_wrong_width():
    with pytest.raises(AssertionError):
        queue(S, Q).put((1,))
    with pytest.raises(AssertionError):
        queue(S, Q).batch_put([[1]])


def test_to_list_wants_a_sealed_queue():
    with pytest.raises(RuntimeError, match="The queue is not sealed"):
        queue(Q).to_list()


def test_seal_and_clear():
    q = queue(Q)
    q.put((1,))
    assert not q.sealed
    q.clear_and_seal()
    assert q.sealed and q.size == 0 and q.get() is None
    assert q.put((2,)) is False
    q.seal()
    assert q.size == 0


def test_schema():
    q = queue(S, Q)
    assert q.schema == ["a", "b"]
    assert q.type_schema == [S, Q]
    assert q.col_type("b") is Q
    assert q.col_size == 2
    with pytest.raises(ValueError):
        q.col_type("zz")
    assert "a: SCALAR" in repr(q)


def test_from_columns():
    q = DataQueue.from_columns(["a", "b"], [S, Q], ["s", [1, 2]])
    assert q.sealed and q.size == 2
    assert q.to_list() == [["s", 1], ["s", 2]]
    assert DataQueue.from_columns(["a", "b"], [S, Q], ["s", []]).to_list() == [["s", Empty()]]
    assert DataQueue.from_columns([], [], []).to_list() == []


def test_kept_data_is_read_again_and_not_shared():
    q = queue(S, Q, keep_data=True)
    q.put(("s", [1]))
    q.put(("s", [2]))
    q.get()[1].append(9)
    assert q.get()[1] == [2]
    q.seal()
    q.reset_size()
    assert q.size == 2
    assert q.to_list() == [["s", [1]], ["s", [2]]]


def test_a_full_queue_waits():
    q = queue(Q, max_size=3)
    done = []

    def write():
        for number in range(20):
            q.put((number,))
        q.seal()
        done.append(True)

    thread = threading.Thread(target=write)
    thread.start()
    seen = []
    while (row := q.get()) is not None:
        assert q.size <= 3
        seen.append(row[0])
    thread.join(240)
    assert done and seen == list(range(20))


def test_a_waiting_writer_sees_the_seal():
    q = queue(Q, max_size=1)
    q.put((1,))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(q.put((2,))))
    thread.start()
    q.seal()
    thread.join(240)
    assert answers == [False]
    assert q.to_list() == [[1]]


def test_a_larger_bound_lets_a_writer_go_on():
    q = queue(Q, max_size=1)
    q.put((1,))
    thread = threading.Thread(target=lambda: q.put((2,)))
    thread.start()
    q.max_size = 0
    thread.join(240)
    assert not thread.is_alive() and q.size == 2 and q.max_size == 0


def test_many_writers_and_readers_lose_nothing():
    q = queue(Q, max_size=7)
    seen, lock = [], threading.Lock()

    def write(base):
        for number in range(500):
            q.put((base + number,))

    def read():
        while (row := q.get()) is not None:
            with lock:
                seen.append(row[0])

    writers = [threading.Thread(target=write, args=(1000 * n,)) for n in range(4)]
    readers = [threading.Thread(target=read) for _ in range(4)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join(240)
    q.seal()
    for thread in readers:
        thread.join(240)
    assert sorted(seen) == sorted(1000 * n + i for n in range(4) for i in range(500))
