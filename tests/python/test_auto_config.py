"""AutoConfig, node configurations, and what an operator sees of them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipilo import ops, pipe, register
from pipilo.auto_config import (
    AcceleratorConf,
    AutoConfig,
    NodeConfig,
    TowheeConfig,
    accelerate,
    get_sys_config,
    set_runtime_config,
)
from pipilo.operator import PyOperator


def test_ready_made():
    assert AutoConfig.LocalCPUConfig().config == {"device": -1}
    assert AutoConfig.LocalGPUConfig().config == {"device": 0}
    assert AutoConfig.load_config("LocalGPUConfig", 2).config == {"device": 2}
    server = {
        "device_ids": None,
        "num_instances_per_device": 1,
        "max_batch_size": None,
        "batch_latency_micros": None,
        "triton": {"preferred_batch_size": None},
    }
    assert AutoConfig.TritonCPUConfig().config == {"server": server}
    assert AutoConfig.TritonGPUConfig().config == {"server": {**server, "device_ids": [0]}}
    with pytest.raises(EnvironmentError):
        AutoConfig()


def test_joining():
    local, triton = AutoConfig.LocalGPUConfig(), AutoConfig.TritonGPUConfig([1])
    for joined in (local + triton, local | triton):
        assert isinstance(joined, TowheeConfig)
        assert joined.config["device"] == 0
        assert joined.config["server"]["device_ids"] == [1]
    assert (local + AutoConfig.LocalCPUConfig()).config == {"device": -1}
    assert local.config == {"device": 0}


def test_node_config():
    config = NodeConfig.of(AutoConfig.TritonGPUConfig(preferred_batch_size=[8]), "n-0")
    assert config.name == "n-0" and config.device == -1
    assert config.server.triton.preferred_batch_size == [8]
    assert config.server.num_instances_per_device == 1
    assert NodeConfig.of(None, "n-1").dict() == {
        "name": "n-1",
        "device": -1,
        "acc_info": None,
        "server": None,
    }
    assert NodeConfig.of({"name": "mine", "anything": 3}, "n-1").anything == 3
    with pytest.raises(ValueError):
        NodeConfig()
    assert not hasattr(NodeConfig.of({"server": {"zz": 1}}, "n").server, "zz")
    assert NodeConfig.of({"device": "3", "server": {"max_batch_size": None}}, "n").device == 3
    for wrong in ({"device": "first"}, {"device": 1.5}, {"device": None}, {"name": 5}, {"name": None},
                  {"server": {"max_batch_size": "many"}}, "name", 5, ["name"]):
        with pytest.raises(ValueError, match="not "):
            NodeConfig.of(wrong, "n")
    with pytest.raises(ValueError, match="Unknown accelerator: cuda"):
        AcceleratorConf(type="cuda", params=None)


def test_operators_see_the_device():
    class Op(PyOperator):
        def __call__(self):
            return self._device_id

    assert get_sys_config() is None and Op()() == -1
    with set_runtime_config(NodeConfig.of({"device": 3}, "n")):
        assert get_sys_config().device_id == 3 and Op()() == 3
    assert get_sys_config() is None


@pytest.mark.parametrize("base", [object, PyOperator])
def test_operators_in_a_pipeline_see_their_nodes_device(base):
    @register(name="test_auto_config/device")
    class Device(base):
        def __init__(self):
            self.device = get_sys_config().device_id

        def __call__(self, x):
            return self.device

    step = pipe.input("x").map("x", "d", ops.test_auto_config.device(), config={})
    assert step.output("d")(0).get() == [-1]
    for config in ({"device": 3}, AutoConfig.LocalGPUConfig(3)):
        p = pipe.input("x").map("x", "d", ops.test_auto_config.device(), config=config).output("d")
        assert p(0).get() == [3]
        assert [result.get() for result in p.batch([0, 1])] == [[3], [3]]
        with ThreadPoolExecutor(4) as pool:
            assert {p_result.get()[0] for p_result in pool.map(p, range(20))} == {3}


def test_accelerate():
    @accelerate
    class Model:
        def __call__(self, x):
            return x + 1

    assert Model()(1) == 2
    mock = NodeConfig.of({"acc_info": {"type": "mock", "params": None}}, "n")
    with set_runtime_config(mock):
        assert Model()(1) == 1
    params = {"model_name": "m", "inputs": ["a"], "outputs": ["b"]}
    triton = NodeConfig.of({"acc_info": {"type": "triton", "params": params}}, "n")
    assert triton.acc_info.triton.model_name == "m"
    with set_runtime_config(triton), pytest.raises(RuntimeError, match="Triton"):
        Model()
