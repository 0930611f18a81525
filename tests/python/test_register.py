"""register: what gets which name."""

import pytest

from pipilo.operator import NNOperator, Operator, OperatorFlag, PyOperator, SharedType
from pipilo.operator.nop import NOPNodeOperator
from pipilo.operator.pool import OperatorPool
from pipilo.register import OperatorRegistry, register


def test_forms():
    @register
    def bare_function(x):
        return x + 1

    @register()
    class CalledClass:
        def __call__(self, x):
            return x + 2

    @register(name="test_reg/named_op", flag=OperatorFlag.STATELESS, output_schema=["x"])
    class Named(PyOperator):
        def __init__(self, by):
            super().__init__()
            self.by = by

        def __call__(self, x):
            return x + self.by

    resolve = OperatorRegistry.resolve
    assert resolve("bare-function")()(1) == 2
    assert resolve("anon/bare-function_func")(1) == 2
    assert resolve("CalledClass")()(1) == 3
    assert resolve("test-reg/named-op")(3)(1) == 4
    assert resolve("test_reg/named_op") is None
    assert "anon/bare-function" in OperatorRegistry.op_names()
    assert CalledClass.shared_type is SharedType.Shareable
    assert Named(1).shared_type is SharedType.NotShareable


def test_a_dot_is_no_slash():
    @register(name="test_reg.dotted")
    def dotted(x):
        return x

    assert OperatorRegistry.resolve("test-reg/dotted") is None
    assert OperatorRegistry.resolve("test-reg.dotted") is not None


@pytest.mark.parametrize("name", ["a/b/c", "/a", "a/", ""])
def test_bad_names(name):
    with pytest.raises(ValueError):
        register(name=name)(lambda x: x)


def test_base_classes():
    with pytest.raises(TypeError):
        Operator()
    assert [kind.name for kind in SharedType] == ["NotShareable", "NotReusable", "Shareable"]

    class Net(NNOperator):
        def __call__(self):
            return self.framework

    net = Net()
    assert net() == "pytorch" and net.shared_type is SharedType.Shareable
    net.key = "k"
    assert net.key == "k" and net.flush() is None
    with pytest.raises(NotImplementedError):
        net.train()
    nop = NOPNodeOperator()
    assert nop(1) == 1 and nop(1, 2) == (1, 2) and nop() == ()


@pytest.mark.parametrize(
    "kind, made", [("Shareable", 1), ("NotShareable", 2), ("NotReusable", 3), (None, 1)]
)
def test_pool(kind, made):
    class Op:
        count = 0

        def __init__(self):
            Op.count += 1
            self.flushed = 0
            if kind:
                self.shared_type = SharedType[kind]

        def flush(self):
            self.flushed += 1

    pool = OperatorPool()
    first, second = pool.take("n", Op), pool.take("n", Op)
    pool.give_back("n", first)
    third = pool.take("n", Op)
    assert Op.count == made
    assert (first is second) == (made == 1)
    assert (first is third) == (made < 3)
    for operator in (second, third):
        pool.release_op(operator)
    pool.flush()
    assert third.flushed == (0 if kind == "NotReusable" else 1)
    pool.clear()
    assert len(pool) == 0
