"""AutoConfig: ready configurations, and those of pipelines that are known by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .node_config import TowheeConfig

__all__ = ["AutoConfig"]


class AutoConfig:
    """Not to be instantiated; its methods are its use.

    >>> (AutoConfig.LocalGPUConfig(1) + AutoConfig.TritonGPUConfig()).config["device"]
    1
    """

    _REGISTERED_CONFIG: ClassVar[dict[str, Callable[..., Any]]] = {}

    def __init__(self) -> None:
        raise OSError(
            "AutoConfig is not instantiated: use AutoConfig.LocalCPUConfig() and the like"
        )

    @staticmethod
    def register(config: Callable[..., Any]) -> Callable[..., Any]:
        """Makes a class the configuration of the pipeline whose file is being loaded."""
        from ..auto_pipes.loader import current_name

        name = current_name()
        if name is not None:
            AutoConfig._REGISTERED_CONFIG[name] = config
        return config

    @staticmethod
    def load_config(name: str, *args: Any, **kwargs: Any) -> Any:
        """The configuration of the pipeline `name`: built in, a Python file, or `author/name`.

        None where the pipeline has none. RuntimeError where there is no such pipeline.
        """
        from ..auto_pipes.loader import load_pipeline

        known = AutoConfig._REGISTERED_CONFIG
        if name not in known:
            load_pipeline(name)
        return known[name](*args, **kwargs) if name in known else None

    @staticmethod
    def LocalCPUConfig() -> TowheeConfig:
        """The CPU."""
        return TowheeConfig.set_local_config(device=-1)

    @staticmethod
    def LocalGPUConfig(device: int = 0) -> TowheeConfig:
        """A GPU by number."""
        return TowheeConfig.set_local_config(device=device)

    @staticmethod
    def TritonCPUConfig(
        num_instances_per_device: int = 1,
        max_batch_size: int | None = None,
        batch_latency_micros: int | None = None,
        preferred_batch_size: list[int] | None = None,
    ) -> TowheeConfig:
        """Settings for a Triton server on a CPU; carried, without effect here."""
        return TowheeConfig.set_triton_config(
            None,
            num_instances_per_device,
            max_batch_size,
            batch_latency_micros,
            preferred_batch_size,
        )

    @staticmethod
    def TritonGPUConfig(
        device_ids: list[int] | None = None,
        num_instances_per_device: int = 1,
        max_batch_size: int | None = None,
        batch_latency_micros: int | None = None,
        preferred_batch_size: list[int] | None = None,
    ) -> TowheeConfig:
        """Settings for a Triton server on GPUs ([0] unless given); carried, without effect here."""
        return TowheeConfig.set_triton_config(
            [0] if device_ids is None else device_ids,
            num_instances_per_device,
            max_batch_size,
            batch_latency_micros,
            preferred_batch_size,
        )


for _name in ("LocalCPUConfig", "LocalGPUConfig", "TritonCPUConfig", "TritonGPUConfig"):
    AutoConfig._REGISTERED_CONFIG[_name] = getattr(AutoConfig, _name)
