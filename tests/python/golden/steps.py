"""Cases of single steps: map, flat_map, filter, window, time_window (see cases.py)."""

from writing import TIMED, TWO, case, stream

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
        TIMED + f".time_window('x', 'w', 't', {_size}, {_step}, list).output('w')",
        (list(_seconds),),
    )
case(
    "time_window",
    TIMED + ".time_window('x', 'x', 't', 2, 2, sum).output('x', 't')",
    ([0, 1, 2, 3, 4],),
)
case("time_window", TIMED + ".time_window('t', 'w', 't', 2, 2, list).output('w')", ([0, 1, 2],))
case(
    "time_window",
    TIMED
    + ".time_window(('x', 't'), ('p', 'q'), 't', 2, 2, lambda x, t: (sum(x), sum(t))).output('p', 'q')",
    ([0, 1, 2],),
)
case(
    "time_window",
    TIMED + ".time_window(('a', 'x'), 'w', 't', 2, 2, lambda a, x: (len(a), x)).output('w')",
    ([0, 1, 2],),
)
case(
    "time_window",
    TWO + ".map('y', 't', lambda y: y * 1000).time_window('x', 'w', 't', 2, 2, list).output('w')",
    ([1, 2, 3], [0, 1, 2, 3]),
    ([1, 2, 3, 4, 5], [0, 1, 2]),
)
