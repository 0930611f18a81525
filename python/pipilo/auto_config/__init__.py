"""Configurations: of a node, of a pipeline that is known by name, of the run."""

from .auto_config import AutoConfig
from .node_config import (
    AcceleratorConf,
    NodeConfig,
    ServerConf,
    TowheeConfig,
    TritonClientConf,
    TritonServerConf,
)
from .runtime_conf import (
    RuntimeConf,
    SysConf,
    accelerate,
    get_accelerator,
    get_sys_config,
    set_runtime_config,
)

__all__ = [
    "AcceleratorConf",
    "AutoConfig",
    "NodeConfig",
    "RuntimeConf",
    "ServerConf",
    "SysConf",
    "TowheeConfig",
    "TritonClientConf",
    "TritonServerConf",
    "accelerate",
    "get_accelerator",
    "get_sys_config",
    "set_runtime_config",
]
