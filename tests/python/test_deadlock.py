"""Graphs in which Towhee hangs for ever: they end, with the right rows, on 1, 2 and 8 threads.

Towhee's nodes hold a thread each while they wait on bounded queues: with more nodes than threads, and
more rows than the queues take, none can move. Here a step that cannot move gives its thread back, and
a column that everybody waits for grows. Each graph runs in a process of its own, which is killed
where it does not end.
"""

import subprocess
import sys

import pytest

BEGIN = """
import sys
import pipilo
from pipilo import ops, pipe
pipilo.set_threads(int(sys.argv[1]))

def twelve_maps(p, column, step=lambda x: x + 1):
    for _ in range(12):
        p = p.map(column, column, step)
    return p
"""

# Each leaves in `found` and `expected` what is compared.
GRAPHS = {
    "flat_map and twelve maps": """
p = twelve_maps(pipe.input('n').flat_map('n', 'x', range), 'x').output('x')
found = [x for x, in p(100_000).to_list()]
expected = list(range(12, 100_012))
""",
    "flat_map and twelve maps, half of them native": """
import numpy
p = pipe.input('n').flat_map('n', 'x', lambda n: (numpy.array([3.0 * i, 4.0 * i]) for i in range(1, n + 1)))
for _ in range(6):
    p = p.map('x', 'y', ops.towhee.np_normalize()).map('y', 'x', lambda y: y * 2)
found = [round(float(x[0] + 2 * x[1]), 9) for x, in p.output('x')(30_000).to_list()]
expected = [4.4] * 30_000
""",
    "a nested pipeline and twelve maps": """
nested = pipe.input('x').flat_map('x', 'y', range).map('y', 'z', lambda y: -y).output('z')
one = twelve_maps(pipe.input('n').map('n', 'x', nested), 'x')
found = [one.output('x')(1).get(), one.output('x')(100_000).to_list()[-1]]
expected = [[12], [-99_987]]
""",
    "pipelines nested three deep": """
inner = pipe.input('a').map('a', 'b', lambda a: a + 1).output('b')
middle = twelve_maps(pipe.input('a').map('a', 'b', inner), 'b').output('b')
outer = twelve_maps(pipe.input('a').map('a', 'b', middle), 'b').output('b')
found, expected = outer(0).get(), [25]
""",
    "window_all beside a column that passes by": """
p = pipe.input('n').flat_map('n', 'x', range).window_all('x', 's', sum).map(
    ('x', 's'), 'y', lambda x, s: s - x).output('y')
result = p(1_000_000)
found = [result.size, result.get(), result.get()]
expected = [1_000_000, [499_999_500_000], [499_999_499_999]]
""",
    "window_all beside a column that passes by, native": """
import numpy
vector = numpy.array([3.0, 4.0])
p = pipe.input('n').flat_map('n', 'v', lambda n: (vector for _ in range(n))).map(
    'v', 'u', ops.towhee.np_normalize()).window_all('u', 'count', len).output('v', 'count')
result = p(200_000)
found = [result.size, result.get()[1], result.get()[0] is vector]
expected = [200_000, 200_000, True]
""",
    "reduce beside a filter, joined": """
a = pipe.input('n').flat_map('n', 'x', range)
evens = a.filter('x', 'e', 'x', lambda x: x % 2 == 0)
total = twelve_maps(a, 'x').reduce('x', 't', sum)
result = evens.concat(total).output('e', 't')(100_000)
found = [result.size, result.get()]
expected = [50_000, [0, sum(range(12, 100_012))]]
""",
}


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("graph", GRAPHS)
def test_ends(graph, threads):
    if "numpy" in GRAPHS[graph]:
        pytest.importorskip("numpy")
    code = BEGIN + GRAPHS[graph] + "\nassert found == expected, (found[:3], expected[:3])\n"
    code += "del found, expected\nassert pipilo.stats()['runs'] == 0\n"
    done = subprocess.run([sys.executable, "-c", code, str(threads)], capture_output=True, text=True,
                          timeout=600, check=False)
    assert done.returncode == 0, done.stderr


def test_a_graph_of_a_batch_on_one_thread():
    """Runs side by side, each with native steps, and no thread of the pool but one."""
    code = BEGIN + """
import numpy
p = pipe.input('n').flat_map('n', 'x', lambda n: [numpy.array([1.0, i]) for i in range(n)])
for _ in range(6):
    p = p.map('x', 'x', ops.towhee.np_normalize()).map('x', 'x', lambda x: x)
p = p.window_all('x', 'c', len).output('c')
assert [r.get() for r in p.batch([200] * 100)] == [[200]] * 100
"""
    for threads in ("1", "2", "8"):
        subprocess.run([sys.executable, "-c", code, threads], timeout=600, check=True)
