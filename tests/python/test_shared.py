"""Pipelines and configurations that pickle; one embedder for a process."""

import copy
import multiprocessing
import os
import pickle
import threading
from pathlib import Path

import pytest

import pipilo
from pipilo import EmbedConfig, RuntimePipeline, ops, pipe, shared

np = pytest.importorskip("numpy")

DEPS = Path(os.environ.get("PIPILO_DEPS", ".deps"))
PHOTOS = [str(p) for p in sorted((DEPS / "photos").glob("*"), key=lambda p: p.stat().st_size)[:4]]
CONFIG = EmbedConfig("null:16", normalize=True)
TEXT = "pipe.input('p').map('p', 'v', ops.image_embedding.timm('null:16', normalize=True)).output('v')"

pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning")


def add_one(x):
    return x + 1


def pipeline(model="null:16"):
    return pipe.input("p").map("p", "v", ops.image_embedding.timm(model)).output("v")


# --- pickling --------------------------------------------------------------------------------


def test_a_native_pipeline():
    inner = pipe.input("v").map("v", "n", ops.towhee.np_normalize()).output("n")
    left = pipe.input("x").map("x", "y", inner)
    p = left.concat(pipe.input("x").map("x", "z", ops.towhee.np_normalize(axis=0), {"name": "w"}))
    p = p.output("x", "y", "z")
    again = pickle.loads(pickle.dumps(p))
    vector = np.float32([3, 4])
    assert again(vector).get()[1].tobytes() == p(vector).get()[1].tobytes()
    assert again.dag.keys() == p.dag.keys() and again.preload()._nodes.keys() == p.preload()._nodes.keys()
    assert copy.deepcopy(p)(vector).get()[1][0] == np.float32(0.6)


def test_a_function_of_a_module():
    p = pipe.input("x").map("x", "y", add_one).output("y")
    assert pickle.loads(pickle.dumps(p))(1).get() == [2]


def test_lambdas_are_refused_by_name():
    def local(x):
        return x

    for fn, name in ((lambda x: x, "lambda"), (local, "local")):
        with pytest.raises(pickle.PicklingError, match=f"{name}.*top level"):
            pickle.dumps(pipe.input("x").map("x", "y", fn).output("y"))
    with pytest.raises(pickle.PicklingError, match="named-step"):
        pickle.dumps(pipe.input("x").map("x", "y", local, {"name": "named-step"}).output("y"))
    nested = pipe.input("x").map("x", "y", lambda x: x).output("y")
    with pytest.raises(pickle.PicklingError, match="lambda"):
        pickle.dumps(pipe.input("x").map("x", "y", nested).output("y"))


def test_cloudpickle_takes_lambdas():
    cloudpickle = pytest.importorskip("cloudpickle")
    p = pipe.input("x").map("x", "y", lambda x: x * 3).output("y")
    assert pickle.loads(cloudpickle.dumps(p))(2).get() == [6]


def test_a_closed_pipeline():
    with pipeline() as p:
        pass
    with pytest.raises(pickle.PicklingError, match="closed"):
        pickle.dumps(p)


# --- configurations --------------------------------------------------------------------------


def test_a_configuration():
    again = pickle.loads(pickle.dumps(CONFIG))
    assert again == CONFIG and hash(again) == hash(CONFIG)
    assert EmbedConfig(Path("a/b")) == EmbedConfig("a/b")
    with pytest.raises(AttributeError):
        CONFIG.model = "other"


def test_one_for_a_process():
    assert shared(CONFIG) is shared(EmbedConfig("null:16", normalize=True))
    assert shared(CONFIG) is not shared(EmbedConfig("null:16"))
    assert pickle.loads(pickle.dumps(shared(CONFIG))) is shared(CONFIG)
    assert shared(TEXT) is shared(TEXT)
    with pytest.raises(TypeError):
        shared(3)


def test_one_for_all_threads():
    config = EmbedConfig("null:24")
    found, gate = [], threading.Barrier(8)

    def work():
        gate.wait()
        found.append(shared(config))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1 and len(found) == 8


def test_what_fails_is_tried_again(tmp_path):
    config = EmbedConfig(str(tmp_path / "model"))
    for _ in range(2):
        with pytest.raises((OSError, RuntimeError)):
            shared(config)


def by_config(paths):
    loads = pipilo.stats()["model_loads"]
    vectors = [shared(CONFIG)([path]).vectors[0] for path in paths]
    return os.getpid(), pipilo.stats()["model_loads"] - loads, np.stack(vectors)


def by_text(paths):
    return [shared(TEXT)(path).get()[0] for path in paths]


def by_pipeline(job):
    p, path = job
    return p(path).get()[0]


@pytest.mark.skipif(not PHOTOS, reason="there are no photographs in .deps")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers(method):
    expected = shared(CONFIG)(PHOTOS).vectors
    with multiprocessing.get_context(method).Pool(2) as pool:
        results = pool.map_async(by_config, [PHOTOS] * 6, chunksize=1).get(240)
        for _, _, vectors in results:
            assert np.array_equal(vectors, expected)
        loads = {}
        for process, count, _ in results:
            loads[process] = loads.get(process, 0) + count
        assert set(loads.values()) <= {0, 1} and os.getpid() not in loads
        assert np.array_equal(pool.map_async(by_text, [PHOTOS]).get(240)[0], expected)
        plain = pool.map_async(by_pipeline, [(pipeline(), path) for path in PHOTOS]).get(240)
        whole = pool.map_async(shared(CONFIG), [PHOTOS]).get(240)[0]
    assert np.array_equal(np.stack(plain), pipilo.embed(PHOTOS, "null:16").vectors)
    assert np.array_equal(whole.vectors, expected)


def test_a_fork_while_another_thread_makes_one():
    """A lock that is held at the fork is not held for ever in the child."""
    from pipilo import sharing

    with sharing._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if shared(CONFIG).dim == 16 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# --- the text of a pipeline ------------------------------------------------------------------


def test_from_text():
    cases = {
        "pipe.input('x').output('x')": [5],
        "pipe.input('x').window('x', 'y', 2, 1, pipe.input('a').output('a')).output('y')": [[5]],
        "a = pipe.input('x')\nb = a.concat(a)\nb.output('x', 'x')": [5, 5],
        "pipe.input('x') \\\n    .output('x')": [5],
        "pipe.input('x')\n    .output('x')\n": [5],
    }
    for text, expected in cases.items():
        assert RuntimePipeline.from_text(text)(5).get() == expected, text
    operator = "ops.towhee.np_normalize(axis=0).revision('a').latest()"
    p = RuntimePipeline.from_text(f"pipe.input('x').map('x', 'y', {operator}).output('y')")
    assert p(np.float32([3, 4])).get()[0].tolist() == np.float32([0.6, 0.8]).tolist()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "ends with"),
        ("pipe.input('x')", "ends with"),
        ("__import__('os').system('true')", "cannot be called"),
        ("pipe.input(open('x'))", "cannot be called"),
        ("pipe.__class__", "has no __class__"),
        ("pipe.input('x').dag", "has no dag"),
        ("ops.__class__", "has no __class__"),
        ("pipe.input('x').map('x', 'y', lambda x: x).output('y')", "line 1, column"),
        ("pipe.input('x').map('x', 'y', print).output('y')", "there is no print"),
        ("pipe.input(*['x']).output('x')", "written out"),
        ("pipe.input('x').map('x').output('y')", "argument"),
        ("import os", "only `name"),
        ("pipe.input(", "line 1"),
        ("pipe.input('x').output('y')", "not declared"),
        ("[1, 2][0]", "is wanted"),
        ("pipe.input(**{'x': 1}).output('x')", "line 1, column 1: arguments are written out"),
        ("pipe.input('x').map('x', 'y', ops.towhee.np_normalize(**{'axis': 0})).output('y')",
         "line 1, column 31: arguments are written out"),
        ("\n\npipe.input('a-b').output('x')", "line 3, column 1: Schema can only"),
        ("\n\n  pipe.input('x', none)", "line 3, column 19: there is no none"),
        ("\n pipe.input('x')\n   .map('x', 'y', none)", "line 3, column 19: there is no none"),
        ("\n\n  a = none", "line 3, column 7: there is no none"),
        ("\n\n  a = = 1", "line 3, column 7: invalid"),
        ("a = pipe.input('x')\na.map('z', 'z', ops.towhee.np_normalize()).output('z')",
         "line 2, column 1: .* not declared"),
    ],
)
def test_text_that_is_wrong(text, what):
    with pytest.raises(ValueError, match=what.replace("(", r"\(")):
        RuntimePipeline.from_text(text)


def test_what_is_no_text_and_an_operator_that_is_not_there():
    for given in (5, b"pipe.input('x').output('x')", None):
        with pytest.raises(TypeError, match="text of a pipeline"):
            RuntimePipeline.from_text(given)
    with pytest.raises(RuntimeError, match="no operator none.such"):
        RuntimePipeline.from_text("pipe.input('x').map('x', 'y', ops.none.such()).output('y')")


def test_a_long_text():
    def text(steps, front="pipe.input('x')"):
        return front + ".map('x', 'x', ops.towhee.np_normalize())" * steps

    p = RuntimePipeline.from_text(text(600) + ".output('x')")
    assert p(np.float32([3, 4])).get()[0].tolist() == np.float32([0.6, 0.8]).tolist()
    with pytest.raises(ValueError, match="nested too deeply"):
        RuntimePipeline.from_text(text(5000) + ".output('x')")
    named = "\n".join(["a = pipe.input('x')"] + [f"a = {text(500, 'a')}"] * 3 + ["a.output('x')"])
    assert len(RuntimePipeline.from_text(named).preload()._nodes) == 1502


def test_a_long_pipeline_pickles():
    front = pipe.input("x")
    for _ in range(1500):
        front = front.map("x", "x", add_one)
    half = pickle.loads(pickle.dumps(front))
    p = half.concat(half.map("x", "y", add_one)).output("x", "y")
    for again in (pickle.loads(pickle.dumps(p)), copy.deepcopy(p), pickle.loads(pickle.dumps(p, 0))):
        assert again(1).get() == [1501, 1502]
        assert again.dag.keys() == p.dag.keys()
