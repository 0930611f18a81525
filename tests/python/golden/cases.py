"""The cases whose answers Towhee gave: what to build, and what to call it with.

A case is `(name, code, calls)`. `code` is an expression over NAMES. With calls it is a pipeline and
each call's arguments follow; with `calls` None it is a value. tools/record_towhee.py writes the
answers to answers.json, test_golden.py holds pipilo to them.
"""

from __future__ import annotations

CASES: list[tuple[str, str, list[tuple] | None]] = []


def case(group: str, code: str, *calls: tuple) -> None:
    """A pipeline and what it is called with."""
    number = sum(name.startswith(group + "-") for name, _, _ in CASES)
    CASES.append((f"{group}-{number}", code, list(calls)))


def value(group: str, code: str) -> None:
    """An expression and its value."""
    case(group, code)
    name, code, _ = CASES.pop()
    CASES.append((name, code, None))


def stream(rest: str) -> str:
    """A pipeline over `a`, whose items are the stream `x`."""
    return "pipe.input('a').flat_map('a', 'x', lambda a: a)" + rest


PAIRS = "pipe.input('a', 'b').flat_map('a', 'x', lambda a: a)"
TWO = (
    "(lambda p: p.flat_map('a', 'x', lambda a: a)"
    ".concat(p.flat_map('b', 'y', lambda b: b)))(pipe.input('a', 'b'))"
)

# --- map ---------------------------------------------------------------------------------------
case("map", "pipe.input('a').map('a', 'b', lambda x: x + 1).output('a', 'b')", (1,), (2.5,))
case("map", "pipe.input('a').map('a', 'a', lambda x: x * 2).output('a')", (3,), ("ab",))
case("map", "pipe.input('a', 'b').map(('a', 'b'), 'c', lambda x, y: x - y).output('c')", (5, 3))
case("map", "pipe.input('a').map('a', ('b', 'c'), lambda x: (x, x * 2)).output('c', 'b')", (4,))
case("map", "pipe.input('a').map('a', ('b', 'c'), lambda x: [x, 1, 2, 3]).output('b', 'c')", (4,))
case("map", "pipe.input('a').map('a', 'b', lambda x: (x, x)).output('b')", (4,))
case("map", "pipe.input('a').map('a', (), lambda x: x).output('a')", (4,))
case("map", "pipe.input('a').map((), 'b', lambda: 7).output('a', 'b')", (4,))
case("map", "pipe.input('a').map('a', 'b', lambda x: None).output('a', 'b')", (4,))
case("map", "pipe.input('a').map('a', 'b', lambda x: None).output('b')", (4,))
case("map", "pipe.input('a').map('a', 'b', lambda x: (i for i in range(x))).output('b')", (3,))
case(
    "map",
    "pipe.input('a').map('a', ('b', 'c'), lambda x: ((i, -i) for i in range(x))).output('b', 'c')",
    (3,),
)
case("map", "pipe.input('a').map('a', 'b', lambda x: {'k': x}).output('b')", (3,))
case("map", "pipe.input('a').map('a', 'b', str.upper).output('b')", ("ab",))
case("map", stream(".map('x', 'y', lambda x: x * 10).output('x', 'y')"), ([1, 2, 3],), ([],))
case("map", stream(".map('x', 'x', lambda x: x * 10).output('a', 'x')"), ([1, 2],))
case("map", stream(".map(('a', 'x'), 'y', lambda a, x: len(a) * x).output('y')"), ([1, 2, 3],))
case("map", TWO + ".map(('x', 'y'), 'z', lambda x, y: x + y).output('z')", ([1, 2, 3], [10, 20]))
case("map", TWO + ".map(('x', 'y'), 'z', lambda x, y: x + y).output('x', 'y', 'z')", ([1], [2, 3]))
case("map", stream(".map('a', 'x', len).output('x')"), ([5, 6, 7],))
case("map", "pipe.input('a').map('a', 'b', lambda x: Empty()).output('a', 'b')", (1,))
case(
    "map",
    stream(".map('x', 'y', lambda x: Empty() if x % 2 else x).output('x', 'y')"),
    ([1, 2, 3, 4],),
)
case("map", "pipe.input('a').output('a')", (None,), (Ellipsis,), ([],))
case("map", "pipe.input('a', 'b').output('b')", (1, 2))
case("map", "pipe.input('a').output()", (1,))
case("map", "pipe.input().map((), 'b', lambda: 1).output('b')", ())
case("map", "pipe.input('a').output('a', 'a')", (1,))

# --- flat_map ----------------------------------------------------------------------------------
case("flat_map", stream(".output('x')"), ([1, 2, 3],), ([],), ((4, 5),), ("word",), (b"ab",))
case("flat_map", stream(".output('x')"), ({"k": 1, "m": 2},), (range(3),))
case(
    "flat_map",
    "pipe.input('a').flat_map('a', 'x', lambda a: (i * i for i in a)).output('x')",
    ([1, 2],),
)
case("flat_map", stream(".output('a', 'x')"), ([1, 2],), ([],))
case("flat_map", stream(".flat_map('x', 'y', range).output('a', 'x', 'y')"), ([2, 0, 3],))
case("flat_map", stream(".flat_map('x', 'x', range).output('x')"), ([2, 0, 3],))
case("flat_map", stream(".flat_map('x', 'y', lambda x: []).output('x', 'y')"), ([1, 2],))
case(
    "flat_map",
    "pipe.input('a').flat_map('a', ('x', 'y'), lambda a: [(i, -i) for i in a]).output('x', 'y')",
    ([1, 2],),
    ([],),
)
case(
    "flat_map",
    "pipe.input('a').flat_map('a', ('x', 'y'), lambda a: ['pq', 'rs']).output('y', 'x')",
    (0,),
)
case(
    "flat_map",
    "pipe.input('a').flat_map('a', 'x', lambda a: [(i, -i) for i in a]).output('x')",
    ([1, 2],),
)
case("flat_map", "pipe.input('a').flat_map('a', 'a', lambda a: a).output('a')", ([1, 2],))
case(
    "flat_map",
    "pipe.input('a', 'b').flat_map(('a', 'b'), 'x', lambda a, b: [a, b]).output('b', 'x')",
    (1, 2),
)
case(
    "flat_map",
    stream(".flat_map(('a', 'x'), 'y', lambda a, x: [len(a)] * x).output('y')"),
    ([1, 2],),
)
case(
    "flat_map",
    "pipe.input('a').flat_map('a', 'x', lambda a: [None, 1, Empty(), 2]).output('x')",
    (0,),
)
case(
    "flat_map",
    stream(".map('x', 'y', lambda x: [x] * x).flat_map('y', 'z', lambda y: y).output('x', 'z')"),
    ([1, 0, 2],),
)

# --- filter ------------------------------------------------------------------------------------
case(
    "filter",
    stream(".filter('x', 'y', 'x', lambda x: x > 2).output('x', 'y')"),
    ([1, 2, 3, 4],),
    ([],),
)
case("filter", stream(".filter('x', 'x', 'x', lambda x: x > 2).output('a', 'x')"), ([1, 2, 3, 4],))
case(
    "filter",
    stream(
        ".map('x', 'z', lambda x: 10 * x).filter('x', 'x', 'x', lambda x: x > 2).output('x', 'z')"
    ),
    ([1, 2, 3, 4],),
)
case("filter", stream(".filter('x', 'y', 'x', lambda x: x > 9).output('y')"), ([1, 2],))
case("filter", stream(".filter('x', 'y', 'x', lambda x: x > 9).output('x', 'y')"), ([1, 2],))
case("filter", stream(".filter('x', 'y', 'x', lambda x: x > 9).output('a', 'y')"), ([1, 2],))
case(
    "filter",
    stream(
        ".map('x', 'z', lambda x: -x).filter(('x', 'z'), ('p', 'q'), 'x', lambda x: x % 2).output('p', 'q')"
    ),
    ([1, 2, 3],),
)
case(
    "filter",
    "pipe.input('a', 'c').filter('c', 'd', 'a', lambda a: a > 10).output('d')",
    (11, 5),
    (9, 5),
)
case(
    "filter",
    "pipe.input('a', 'c').filter('c', 'd', 'a', lambda a: a > 10).output('a', 'd')",
    (11, 5),
    (9, 5),
)
case(
    "filter",
    "pipe.input('a', 'b').filter('a', 'c', ('a', 'b'), lambda a, b: a < b).output('c')",
    (1, 2),
    (2, 1),
)
case(
    "filter",
    stream(".filter('x', 'y', 'a', lambda a: len(a) > 2).output('y')"),
    ([1, 2, 3],),
    ([1, 2],),
)
case("filter", stream(".filter('a', 'y', 'x', lambda x: x > 1).output('y')"), ([1, 2, 3],))
case(
    "filter",
    stream(".filter('x', 'y', 'x', lambda x: x).output('y')"),
    ([0, 1, "", "z", None, [], [0]],),
)
case("filter", stream(".filter('x', 'a', 'x', lambda x: x > 1).output('a')"), ([1, 2, 3],))
case(
    "filter",
    TWO + ".filter('x', 'z', 'y', lambda y: y > 1).output('z')",
    ([1, 2, 3], [1, 2]),
    ([1], [1, 2, 3]),
)
case(
    "filter",
    stream(".filter('x', 'y', 'x', lambda x: x > 1).map('y', 'z', lambda y: y * 2).output('z')"),
    ([1, 2, 3],),
)

# --- window ------------------------------------------------------------------------------------
for _size, _step in [
    (1, 1),
    (3, 2),
    (2, 1),
    (2, 5),
    (10, 1),
    (3, 3),
    (6, 6),
    (7, 7),
    (1, 2),
    (4, 3),
]:
    case(
        "window",
        stream(f".window('x', 'w', {_size}, {_step}, list).output('w')"),
        ([1, 2, 3, 4, 5, 6],),
        ([1],),
        ([],),
    )
case("window", stream(".window('x', 'w', 3, 3, sum).output('x', 'w')"), ([1, 2, 3, 4],))
case(
    "window",
    TWO + ".window(('x', 'y'), 'w', 2, 2, lambda x, y: (x, y)).output('w')",
    ([1, 2, 3], [10, 20, 30, 40, 50]),
    ([1, 2, 3], []),
)
case(
    "window",
    TWO + ".window(('x', 'y'), 'w', 3, 2, lambda x, y: (x, y)).output('w')",
    ([1], [10, 20, 30, 40, 50]),
)
case(
    "window",
    stream(".window(('a', 'x'), 'w', 2, 2, lambda a, x: (len(a), x)).output('w')"),
    ([1, 2, 3],),
)
case("window", "pipe.input('a').window('a', 'w', 2, 2, list).output('w')", (5,))
case("window", "pipe.input('a').window('a', 'w', 1, 1, list).output('a', 'w')", (5,))
case(
    "window",
    stream(".window('x', ('p', 'q'), 2, 1, lambda x: (x[0], len(x))).output('p', 'q')"),
    ([1, 2, 3],),
)
case("window", stream(".window('x', (), 2, 2, sum).output('x')"), ([1, 2, 3],))
case("window", stream(".window('x', 'x', 2, 2, sum).output('x')"), ([1, 2, 3],))
case(
    "window",
    stream(".window('x', 'x', 2, 2, sum).window('x', 'x', 2, 2, sum).output('x')"),
    ([1, 2, 3, 4, 5],),
)
case("window", stream(".window('x', 'w', 2, 2, lambda x: None).output('w')"), ([1, 2, 3],))
case(
    "window",
    stream(
        ".filter('x', 'y', 'x', lambda x: x > 2).window(('x', 'y'), 'w', 2, 2, lambda x, y: (x, y)).output('w')"
    ),
    ([1, 2, 3, 4],),
)

# --- time_window -------------------------------------------------------------------------------
_timed = "pipe.input('a').flat_map('a', 'x', lambda a: a).map('x', 't', lambda x: x * 1000)"
for _size, _step, _seconds in [
    (3, 3, range(6)),
    (3, 2, range(6)),
    (2, 3, range(6)),
    (1, 1, range(4)),
    (3, 3, [0, 1, 2, 8, 9, 10]),
    (10, 5, [7, 8, 12]),
    (10, 5, [12, 13, 18]),
    (10, 5, [0, 6, 92, 93]),
    (10, 5, [0, 1, 2, *range(92, 100)]),
    (2, 5, [0, 3, 4, 5, 13, 14, 16]),
    (3, 3, [0, 5, 1, 6, 2]),
    (3, 3, [2, 4, 5, 8, 3, 4]),
    (2, 1, [0, 1, 5, 6]),
    (5, 5, [100, 101, 106]),
    (4, 2, [3, 3, 3, 5]),
    (3, 3, [0.5, 2.999, 3.0, 3.5]),
    (3, 3, [-2, -1, 0, 1]),
    (1, 4, [0, 4, 5, 8]),
    (6, 4, [1, 2, 3, 9]),
    (3, 1, []),
]:
    case(
        "time_window",
        _timed + f".time_window('x', 'w', 't', {_size}, {_step}, list).output('w')",
        (list(_seconds),),
    )
case(
    "time_window",
    _timed + ".time_window('x', 'x', 't', 2, 2, sum).output('x', 't')",
    ([0, 1, 2, 3, 4],),
)
case("time_window", _timed + ".time_window('t', 'w', 't', 2, 2, list).output('w')", ([0, 1, 2],))
case(
    "time_window",
    _timed
    + ".time_window(('x', 't'), ('p', 'q'), 't', 2, 2, lambda x, t: (sum(x), sum(t))).output('p', 'q')",
    ([0, 1, 2],),
)
case(
    "time_window",
    _timed + ".time_window(('a', 'x'), 'w', 't', 2, 2, lambda a, x: (len(a), x)).output('w')",
    ([0, 1, 2],),
)
case(
    "time_window",
    TWO + ".map('y', 't', lambda y: y * 1000).time_window('x', 'w', 't', 2, 2, list).output('w')",
    ([1, 2, 3], [0, 1, 2, 3]),
    ([1, 2, 3, 4, 5], [0, 1, 2]),
)

# --- window_all, reduce ------------------------------------------------------------------------
case("window_all", stream(".window_all('x', 'w', sum).output('x', 'w')"), ([1, 2, 3],), ([],))
case("window_all", stream(".window_all('x', 'w', sum).output('w')"), ([1, 2, 3],), ([],))
case(
    "window_all",
    stream(".window_all('x', 's', sum).map(('x', 's'), 'r', lambda x, s: x / s).output('r')"),
    ([1, 1, 2],),
)
case(
    "window_all",
    TWO + ".window_all(('x', 'y'), 'w', lambda x, y: (x, y)).output('w')",
    ([1, 2, 3], [4]),
    ([1], []),
)
case(
    "window_all", stream(".window_all(('a', 'x'), 'w', lambda a, x: (a, x)).output('w')"), ([1, 2],)
)
case("window_all", "pipe.input('a').window_all('a', 'w', list).output('a', 'w')", (3,))
case(
    "window_all",
    stream(".window_all('x', ('p', 'q'), lambda x: (min(x), max(x))).output('p', 'q')"),
    ([3, 1, 2],),
)
case("window_all", stream(".window_all('x', (), sum).output('x')"), ([1, 2],))
case("window_all", stream(".window_all('x', 'x', sum).output('x')"), ([1, 2],))
case("window_all", stream(".window_all('x', 'w', lambda x: None).output('w')"), ([1, 2],))
case(
    "window_all",
    stream(".filter('x', 'y', 'x', lambda x: x > 9).window_all('y', 'w', sum).output('x', 'w')"),
    ([1, 2],),
)
case(
    "window_all",
    stream(".window_all('x', 'w', list).flat_map('w', 'z', lambda w: w[::-1]).output('z')"),
    ([1, 2, 3],),
)
case("reduce", stream(".reduce('x', 'w', sum).output('x', 'w')"), ([1, 2, 3],), ([],))
case("reduce", stream(".reduce('x', 'w', sum).output('w')"), ([1, 2, 3],), ([],))
case("reduce", stream(".reduce('x', 'w', next).output('x', 'w')"), ([1, 1],))
case(
    "reduce",
    TWO + ".reduce(('x', 'y'), ('p', 'q'), lambda x, y: (sum(x), sum(y))).output('p', 'q')",
    ([1] * 5, [2] * 7),
)
case("reduce", stream(".reduce('x', 'w', lambda x: list(x)[::-1]).output('w')"), ([1, 2, 3],))
case("reduce", stream(".reduce('x', (), sum).output('x')"), ([1, 2],))
case("reduce", stream(".reduce('x', 'x', sum).output('x')"), ([1, 2],))
case(
    "reduce",
    stream(".filter('x', 'y', 'x', lambda x: x > 9).reduce('y', 'w', list).output('x', 'w')"),
    ([1, 2],),
)
case(
    "reduce",
    stream(".reduce('x', 'w', sum).map(('x', 'w'), 'r', lambda x, w: x / w).output('r')"),
    ([1, 3],),
)

# --- concat ------------------------------------------------------------------------------------
_both = "(lambda p0: (lambda p1, p2: {})(p0.map('a', 'a', lambda a: a + 10), p0.map(('b', 'c'), 'b', lambda b, c: b - c)))(pipe.input('a', 'b', 'c'))"
case("concat", _both.format("p1.concat(p2).output('a', 'b', 'c')"), (1, 2, 3))
case("concat", _both.format("p2.concat(p1).output('a', 'b', 'c')"), (1, 2, 3))
case("concat", TWO + ".output('x', 'y')", ([1, 2], [1, 2, 3]), ([1, 2, 3], []), ([], []))
case("concat", TWO + ".output('a', 'y')", ([1, 2], [1, 2, 3]))
_branch = "(lambda p: {})(pipe.input('a', 'b'))"
case(
    "concat",
    _branch.format("p.map('a', 'n', len).concat(p.flat_map('b', 'y', list)).output('n', 'y')"),
    ([1], [1, 2, 3]),
)
case(
    "concat",
    _branch.format("p.map('a', 'c', len).concat(p.flat_map('b', 'c', list)).output('c')"),
    ([1], [1, 2]),
)
case(
    "concat",
    _branch.format("p.flat_map('b', 'c', list).concat(p.map('a', 'c', len)).output('c')"),
    ([1], [1, 2]),
)
case(
    "concat",
    _branch.format(
        "p.map('a', 'c', len).concat(p.map('b', 'd', len), p.map('b', 'e', sum)).output('c', 'd', 'e')"
    ),
    ([1], [1, 2]),
)
case("concat", _branch.format("p.concat(p.map('a', 'c', len)).output('a', 'b', 'c')"), ([1], [2]))
case("concat", _branch.format("p.map('a', 'c', len).concat(p).output('b', 'c')"), ([1], [2]))
case(
    "concat",
    _branch.format(
        "p.map('a', 'c', len).concat(p.map('a', 'd', sum)).map(('c', 'd'), 'e', lambda c, d: c * d).output('e')"
    ),
    ([1, 5], [2]),
)
case(
    "concat",
    _branch.format("p.flat_map('a', 'x', list).concat(p.flat_map('b', 'x', list)).output('x')"),
    ([1, 2, 3], [4]),
)
case(
    "concat", stream("") + ".concat(pipe.input('a').map('a', 'n', len)).output('x', 'n')", ([1, 2],)
)
case(
    "concat",
    _branch.format(
        "p.flat_map('a', 'x', list).concat(p.window_all('b', 'w', list)).output('x', 'w')"
    ),
    ([1, 2], 3),
)

# --- pipelines as callables --------------------------------------------------------------------
_inc = "pipe.input('n').map('n', 'n', lambda n: n + 1).output('n')"
_two = "pipe.input('n').map('n', ('p', 'q'), lambda n: (n, -n)).output('p', 'q')"
_up = "pipe.input('n').map('n', 'z', lambda n: [i + 1 for i in range(n)]).output('z')"
_flat = "pipe.input('n').flat_map('n', 'z', range).output('z')"
_sum = "pipe.input('n').map('n', 's', sum).output('s')"
case("nested", f"pipe.input('a').map('a', 'b', {_inc}).output('a', 'b')", (1,))
case("nested", f"pipe.input('a').map('a', 'a', {_inc}).map('a', 'a', {_inc}).output('a')", (1,))
case("nested", f"pipe.input('a').map('a', 'b', {_two}).output('b')", (1,))
case("nested", f"pipe.input('a').map('a', ('b', 'c'), {_two}).output('b', 'c')", (1,))
case("nested", f"pipe.input('a').flat_map('a', 'x', {_up}).output('x')", (3,))
case("nested", f"pipe.input('a').map('a', 'x', {_flat}).output('a', 'x')", (3,))
case("nested", stream(f".map('x', 'y', {_flat}).output('y')"), ([1, 2],))
case("nested", stream(f".map('x', 'y', {_inc}).output('x', 'y')"), ([1, 2],))
case("nested", stream(f".window('x', 'w', 2, 1, {_sum}).output('w')"), ([1, 2, 3],))
case("nested", stream(f".window_all('x', 'w', {_sum}).output('w')"), ([1, 2, 3],))
case(
    "nested",
    stream(
        ".filter('x', 'y', 'x', pipe.input('n').map('n', 'k', lambda n: n > 1).output('k')).output('y')"
    ),
    ([1, 2, 3],),
)
case(
    "nested",
    f"pipe.input('a').map('a', 'b', pipe.input('m').map('m', 'm', {_inc}).output('m')).output('b')",
    (1,),
)
case(
    "nested",
    "pipe.input('a').map('a', 'b', pipe.input('n').reduce('n', 's', sum).output('s')).output('b')",
    (4,),
)
case("nested", _timed + f".time_window('x', 'w', 't', 2, 2, {_sum}).output('w')", ([0, 1, 2, 3],))

# --- errors ------------------------------------------------------------------------------------
case("error", "pipe.input('a').map('a', 'b', lambda x: 1 / x).output('b')", (0,), (2,))
case(
    "error",
    "pipe.input('a').map('a', 'b', lambda x: x, {'name': 'mine'}).map('b', 'c', lambda x: x['k']).output('c')",
    ({"z": 1},),
)
case("error", "pipe.input('a').map('a', ('b', 'c'), lambda x: (x,)).output('b')", (1,))
case("error", "pipe.input('a').flat_map('a', 'b', lambda x: x).output('b')", (3,))
case("error", "pipe.input('a').map('a', 'b', len).output('b')", (3,))
case("error", "pipe.input('a').output('a')", (), (1, 2))
for _bad in [
    "pipe.input('a-b')",
    "pipe.input('1a')",
    "pipe.input('a').map('a,', 'c', len)",
    "pipe.input('a').map('a', 'c d', len)",
    "pipe.input('a').map('a', 'c', 12)",
    "pipe.input('a').map('a', 'c', 'name')",
    "pipe.input('a').map('zz', 'c', len).output('c')",
    "pipe.input('a').output('zz')",
    "pipe.input('a').window('a', 'w', 0, 1, sum).output('w')",
    "pipe.input('a').window('a', 'w', 1, 0, sum).output('w')",
    "pipe.input('a').window('a', 'w', -1, 1, sum).output('w')",
    "pipe.input('a').time_window('a', 'w', 'a', 0, 1, sum).output('w')",
    "pipe.input('a').time_window('a', 'w', 'zz', 1, 1, sum).output('w')",
    "pipe.input('a', 'b').filter(('a', 'b'), 'c', 'a', len).output('c')",
    "pipe.input('a').filter('a', 'b', 'zz', len).output('b')",
    "pipe.input('a').concat()",
    "pipe.input('a').concat(3)",
    "pipe.input('a').map('a', 'c', len).concat(pipe.input('b').map('b', 'd', len)).output('d')",
    "pipe.input('a').reduce('a', 'b', pipe.input('n').output('n'))",
    "pipe.input('a').output('a').debug(1)",
]:
    value("error", _bad)

# --- batch -------------------------------------------------------------------------------------
_plain = "[q.to_list() for q in {}]"
value(
    "batch",
    _plain.format("pipe.input('a').map('a', 'b', lambda x: x + 1).output('b').batch([1, 2, 3])"),
)
value("batch", _plain.format("pipe.input('a').output('a').batch([(1, 2), [3], 'x'])"))
value("batch", _plain.format("pipe.input('a', 'b').output('a', 'b').batch([(1, 2), [3, 4]])"))
value(
    "batch", _plain.format("pipe.input('a').flat_map('a', 'x', range).output('x').batch([2, 0, 3])")
)
value("batch", "pipe.input('a').output('a').batch([])")
value("batch", _plain.format("pipe.input('a').output('a').batch(i for i in range(3))"))
value("batch", "pipe.input('a').map('a', 'b', lambda x: 1 / x).output('b').batch([1, 0, 2])")

# --- queues and what surrounds them --------------------------------------------------------------
S, Q = "('s', ColumnType.SCALAR)", "('q', ColumnType.QUEUE)"
_queue = "(lambda q: ({}, q.size, q.seal(), q.size, q.to_list()))(DataQueue([{}]))"
for _columns, _puts in [
    (Q, "q.put((1,)), q.put((2,))"),
    (S, "q.put((1,)), q.put((2,))"),
    (f"{S}, {Q}", "q.put((1, 2)), q.put((3, 4))"),
    (f"{S}, {Q}", "q.put((1, Empty()))"),
    (f"{S}, {Q}", "q.put((Empty(), 1))"),
    (f"{S}, {Q}", "q.put((1, None)), q.put((None, 2))"),
    (f"{S}, {Q}", "q.put_dict({'q': 1}), q.put_dict({'s': 1, 'other': 2})"),
    (f"{S}, {Q}", "q.batch_put([[1, 9], [1, 2, 3]]), q.get()"),
    (f"{S}, {Q}", "q.batch_put_dict({'q': [1, 2]}), q.batch_put_dict({'s': []})"),
    (f"{S}, ('r', ColumnType.SCALAR)", "q.put((1, Empty())), q.put((Empty(), 2)), q.get()"),
    (f"{S}, ('r', ColumnType.SCALAR)", "q.put((1, Empty()))"),
    (f"{Q}, ('r', ColumnType.QUEUE)", "q.put((1, Empty())), q.put((2, 3)), q.get()"),
    (f"{S}, {Q}", "q.put((1, 2)), q.get_dict(), q.put((3, 4)), q.get_dict(['q'])"),
    (f"{S}, {Q}", "q.schema, q.type_schema, q.col_size, q.col_type('q'), q.sealed, q.max_size"),
]:
    value("queue", _queue.format(_puts, _columns))
value("queue", "(repr(Empty()), str(Empty()), Empty() is Empty(), bool(Empty()))")
value("ops", "(lambda o: (o.name, o.init_args, o.init_kws, o.tag, o.is_latest))(ops.a.b_c(1, x=2))")
value("ops", "(lambda o: (o.name, o.tag, o.is_latest))(ops.b_c().revision('v1').latest())")
value("ops", "ops.no_such_space.no_such_op()(1)")
value("ops", "len(pipe.input('a').map('a', 'b', len).map('a', 'c', len).dag)")
value(
    "table",
    "repr(DataCollection(pipe.input('a').flat_map('a', 'x', list).output('a', 'x')([1, 2])))",
)
value("table", "[str(e) for e in DataCollection(pipe.input('a').output('a')(1))]")
value("table", "DataCollection(pipe.input('a').output('a')(1)).to_dict()")
value("table", "(AutoConfig.LocalGPUConfig(1) + AutoConfig.TritonCPUConfig()).config")
value("table", "[list(DataLoader(range(5), parser=str, batch_size=2)), list(DataLoader([1, 2]))]")
value("table", "list(DataLoader(3))")
