"""What raises, with which text and cause."""

import pytest

import pipilo
from pipilo import ops, pipe


def test_a_function_that_raises():
    p = pipe.input("x").map("x", "y", lambda x: 1 / x).output("y")
    with pytest.raises(RuntimeError) as caught:
        p(0)
    text = str(caught.value)
    assert text.startswith(
        "Node-lambda-0 runs failed, error msg: division by zero, Traceback (most recent call last):")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert p(2).get() == [0.5]


def test_an_error_that_no_output_sees_raises_too():
    p = pipe.input("x").flat_map("x", "y", range).map("y", "z", lambda y: 1 // (y - 2))
    with pytest.raises(RuntimeError, match="Node-lambda-1"):
        p.window_all("z", "s", len).output("s")(5)
    with pytest.raises(RuntimeError, match="Node-lambda-1"):
        p.output("x")(5)


def test_too_few_values():
    with pytest.raises(RuntimeError) as caught:
        pipe.input("x").map("x", ("a", "b"), lambda x: (x,)).output("a", "b")(1)
    assert isinstance(caught.value.__cause__, IndexError)


@pytest.mark.parametrize("outputs", ["y", ()])
def test_flat_map_of_nothing_to_iterate(outputs):
    with pytest.raises(RuntimeError):
        pipe.input("x").flat_map("x", outputs, lambda x: x).output("x")(1)


def test_a_generator_that_raises():
    def numbers(n):
        yield from range(n)
        raise KeyError("end")

    for p in (pipe.input("n").map("n", "y", numbers), pipe.input("n").flat_map("n", "y", numbers)):
        with pytest.raises(RuntimeError) as caught:
            p.output("y")(3)
        assert isinstance(caught.value.__cause__, KeyError)


def test_wrong_number_of_inputs():
    with pytest.raises(AssertionError) as caught:
        pipe.input("x").output("x")(1, 2)
    assert str(caught.value) == ""


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: pipe.input("a-b"), "the error schema: \\[a-b\\]"),
        (lambda: pipe.input("a").map(1, "b", len), "schema"),
        (lambda: pipe.input("a").map("a", "b", 3), "Unknown operator, please make sure"),
        (lambda: pipe.input("a").output("zz"),
         r"The DAG Nodes inputs \{'zz'\} is not valid, which is not declared: \{'zz'\}."),
        (lambda: pipe.input("a").filter("a", ("b", "c"), "a", bool).output("b"),
         "The node is is not valid, the length of inputs if not equal to outputs."),
        (lambda: pipe.input("a").window("a", "b", 0, 1, sum).output("b"),
         r"The iteration param is not valid, the \[0\]<=0."),
        (lambda: pipe.input("a").concat(), "The parameter of concat cannot be None."),
        (lambda: pipe.input("a").concat(1), "is invalid, the parameter of concat must be Pipeline."),
    ],
)
def test_bad_graphs(build, text):
    with pytest.raises(ValueError, match=text):
        build()


def test_reduce_takes_no_pipeline():
    inner = pipe.input("x").output("x")
    with pytest.raises(RuntimeError, match="Reduce node doesn't support pipeline fn"):
        pipe.input("a").reduce("a", "b", inner)


def test_an_operator_that_cannot_be_made():
    with pytest.raises(RuntimeError, match="runs failed, error msg: Create .* failed, err: "):
        pipe.input("a").map("a", "b", ops.no.such_thing(1)).output("b")


def test_keyboard_interrupt_goes_through():
    def stop(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipe.input("x").map("x", "y", stop).output("y")(1)
    with pytest.raises(SystemExit):
        pipe.input("x").map("x", "y", lambda x: exit(3)).output("y")(1)


def test_names():
    class Thing:
        def __call__(self, x):
            raise ValueError("no")

    def function(x):
        raise ValueError("no")

    for fn, name in ((Thing(), "Thing-1"), (function, "function-1")):
        p = pipe.input("x").map("x", "x", lambda x: x).map("x", "y", fn).output("y")
        with pytest.raises(RuntimeError, match=f"Node-{name} runs failed"):
            p(1)
    p = pipe.input("x").map("x", "y", function, config={"name": "mine"}).output("y")
    with pytest.raises(RuntimeError, match="Node-mine runs failed"):
        p(1)


# What the library says has 447 bytes and a node's name 63: an odd number of bytes each, so that
# characters of two bytes never end there.
def test_texts_that_are_cut_end_with_a_character():
    def fail(x):
        raise ValueError("é" * 300)

    p = pipe.input("x").map("x", "y", fail, config={"name": "ü" * 40}).output("y")
    name = "ü" * 31
    assert p._core.nodes()[-1] == name
    for call in (lambda: p(1), lambda: p.batch([1])):
        with pytest.raises(RuntimeError) as caught:
            call()
        assert str(caught.value).startswith(f"Node-{name} runs failed, error msg: {'é' * 300}, Trace")
        assert str(caught.value.__cause__) == "é" * 300
    good, bad = (result.get()[0] for result in
                 pipe.input("x").map("x", "y", lambda x: x or fail(x), config={"name": "ü" * 40})
                 .output("y").batch([1, 0], on_error="row"))
    assert good == 1 and str(bad.__cause__) == "é" * 300


def test_the_name_of_a_function_that_is_cut():
    def function(x):
        return x

    function.__name__ = "f" + "ü" * 40
    p = pipe.input("x").map("x", "y", function).output("y")
    assert p._core.nodes()[-1] == "f" + "ü" * 24 + "-0"


def test_names_of_files_in_any_bytes():
    pytest.importorskip("numpy")
    path = "/no/such/\udcff\udce9.png"
    p = pipe.input("x").map("x", "v", ops.image_embedding.timm("null:8")).output("v")
    for call in (lambda: p(path), lambda: p.batch([path])):
        with pytest.raises(RuntimeError, match="/no/such/\ufffd\ufffd.png") as caught:
            call()
        assert isinstance(caught.value.__cause__, FileNotFoundError)
    rows = [result.get()[0] for result in p.batch([path] * 2, on_error="row")]
    assert ["/no/such/\ufffd\ufffd.png" in str(row) for row in rows] == [True] * 2
    with pytest.raises(RuntimeError, match="/no/such/\ufffd\ufffd.png"):
        pipilo.embed([path], "null:8", on_error="raise")
    # Cut by the library itself, inside a character.
    for length in range(400, 404):
        assert isinstance(p.batch(["/" + "é" * length], on_error="row")[0].get()[0], RuntimeError)
    with pytest.raises((OSError, RuntimeError), match="/no/such/\ufffd"):
        pipilo.embed([], "/no/such/\udcff")
