"""What an operator may ask while it is made: the device, and Triton in its place."""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

from .node_config import AcceleratorConf, NodeConfig

__all__ = [
    "RuntimeConf",
    "SysConf",
    "accelerate",
    "get_accelerator",
    "get_sys_config",
    "set_runtime_config",
]


class SysConf:
    """device_id: int, -1 for the CPU."""

    def __init__(self, device_id: int = -1):
        self._device_id = device_id

    @property
    def device_id(self) -> int:
        return self._device_id


class RuntimeConf:
    """A node's SysConf and AcceleratorConf."""

    def __init__(self, sys_conf: SysConf | None = None, acc: AcceleratorConf | None = None):
        self._sys_config = sys_conf
        self._accelerator = acc

    @property
    def sys_config(self) -> SysConf | None:
        return self._sys_config

    @property
    def accelerator(self) -> AcceleratorConf | None:
        return self._accelerator

    @staticmethod
    def from_node_config(node_conf: NodeConfig) -> RuntimeConf:
        return RuntimeConf(SysConf(node_conf.device), node_conf.acc_info)


_current: contextvars.ContextVar[RuntimeConf] = contextvars.ContextVar("pipilo_runtime_conf")
_NONE = RuntimeConf()


@contextlib.contextmanager
def set_runtime_config(node_conf: NodeConfig) -> Iterator[None]:
    """While it lasts, operators that are made see this node's configuration."""
    token = _current.set(RuntimeConf.from_node_config(node_conf))
    try:
        yield
    finally:
        _current.reset(token)


def get_sys_config() -> SysConf | None:
    """The node's, or None outside of a node."""
    return _current.get(_NONE).sys_config


def get_accelerator() -> AcceleratorConf | None:
    """The node's, or None."""
    return _current.get(_NONE).accelerator


def accelerate(model: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a model's class. Within Triton Towhee puts a client in its place; here, where the
    node asks for that, RuntimeError: pipilo runs models itself."""

    @functools.wraps(model)
    def make(*args: Any, **kwargs: Any) -> Any:
        accelerator = get_accelerator()
        if accelerator is None:
            return model(*args, **kwargs)
        if accelerator.is_mock():
            return lambda data: data
        raise RuntimeError("pipilo does not hand models to a Triton server: drop acc_info")

    return make
