"""Cases of whole streams, joined branches, nesting, errors, batches and queues (see cases.py)."""

from writing import TIMED, TWO, case, stream, value

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
case("nested", TIMED + f".time_window('x', 'w', 't', 2, 2, {_sum}).output('w')", ([0, 1, 2, 3],))

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
value("batch", _plain.format("pipe.input('a').output('a').batch([1, Empty(), 2])"))
value(
    "batch",
    _plain.format(
        "pipe.input('a').map('a', ('b', 'c'), lambda x: (x, Empty()) if x % 2 else (Empty(), x))"
        ".map('b', 'd', lambda b: -b).output('a', 'b', 'c', 'd').batch([1, 2, 3])"
    ),
)
value(
    "batch",
    _plain.format(
        "pipe.input('a').map('a', ('b', 'c'), lambda x: Empty() if x % 2 else (x, x))"
        ".output('a').batch([2, 1])"
    ),
)
value("batch", _plain.format("pipe.input('a', 'b').output('b', 'a').batch(['xy', range(2)])"))
value("batch", "pipe.input('a', 'b').output('a').batch([{'a': 1, 'b': 2}])")
value("batch", _plain.format("pipe.input('a').map('a', (), lambda x: x).output().batch([1, 2])"))
value(
    "batch",
    "pipe.input('a').map('a', 'b', lambda x: x).map('b', 'c', lambda x: 1 / x).output('c')"
    ".batch([1, 0])",
)

# --- config ------------------------------------------------------------------------------------

_named = "pipe.input('a').map('a', 'b', lambda x: 1 / x, config={}).output('b')"
for config in (
    "None",
    "{}",
    "{'name': 'mine'}",
    "{'name': 'mine', 'else': 1}",
    "{'device': '1'}",
    "AutoConfig.LocalGPUConfig(1)",
    "type(AutoConfig.LocalCPUConfig())({'name': 'mine'})",
    "{'server': {'zz': 1}}",
    "{'device': 'first'}",
    "{'device': 1.5}",
    "{'name': 5}",
    "{'name': None}",
    "{'acc_info': {'type': 'cuda', 'params': None}}",
    "{'server': {'max_batch_size': 'many'}}",
    "'mine'",
    "5",
):
    case("config", _named.replace("{}", config), (0,), (2,))

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
