"""What can be said of a node: its name, its device, and settings for a Triton server.

pipilo reads the name and the device. The server settings are carried, checked and shown, and have no
effect here: a model's batches and streams are the engine's own affair.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "AcceleratorConf",
    "NodeConfig",
    "ServerConf",
    "TowheeConfig",
    "TritonClientConf",
    "TritonServerConf",
]


class _Settings:
    """Named values with defaults in `_defaults`; `_needed` ones must be given.

    ValueError for what is missing or of another kind than `_kinds` says. As in Towhee, where pydantic
    does this, whole numbers may be text and unknown names are ignored, or kept where `_open`.
    """

    _defaults: ClassVar[dict[str, Any]] = {}
    _needed: tuple[str, ...] = ()
    _kinds: ClassVar[dict[str, type]] = {}
    _open = False

    def __init__(self, **values: Any):
        missing = [name for name in self._needed if name not in values]
        if missing:
            raise ValueError(f"{type(self).__name__}: {', '.join(missing)} is needed")
        for name, value in {**self._defaults, **values}.items():
            if self._open or name in self._defaults or name in self._needed:
                self.__dict__[name] = self._checked(name, value)

    def _checked(self, name: str, value: Any) -> Any:
        kind = self._kinds.get(name)
        if kind is None or (value is None and self._defaults.get(name, "") is None):
            return value
        try:
            if kind is int:
                return int(value) if isinstance(value, str) else operator.index(value)
            if isinstance(value, kind):
                return value
        except (TypeError, ValueError):
            pass
        article = "a whole number" if kind is int else "text"
        raise ValueError(f"{type(self).__name__}: {name} is {article}, not {value!r}")

    def dict(self) -> dict[str, Any]:
        """The values as a dict, nested ones too."""
        return {
            name: value.dict() if isinstance(value, _Settings) else value
            for name, value in self.__dict__.items()
        }

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({values})"


def _made(kind: type, value: Any) -> Any:
    return kind(**value) if isinstance(value, Mapping) else value


class TritonServerConf(_Settings):
    """preferred_batch_size: list of int, or None."""

    _defaults: ClassVar[dict[str, Any]] = {"preferred_batch_size": None}


class ServerConf(_Settings):
    """device_ids, max_batch_size, batch_latency_micros, num_instances_per_device, triton."""

    _defaults: ClassVar[dict[str, Any]] = {
        "device_ids": None,
        "max_batch_size": None,
        "batch_latency_micros": None,
        "num_instances_per_device": None,
        "triton": None,
    }
    _kinds: ClassVar[dict[str, type]] = {
        "max_batch_size": int,
        "batch_latency_micros": int,
        "num_instances_per_device": int,
    }

    def __init__(self, **values: Any):
        super().__init__(**values)
        self.triton = _made(TritonServerConf, self.triton or {})


class TritonClientConf(_Settings):
    """model_name: str; inputs, outputs: lists of str."""

    _needed = ("model_name", "inputs", "outputs")
    _kinds: ClassVar[dict[str, type]] = {"model_name": str}


class AcceleratorConf(_Settings):
    """type: 'triton' or 'mock' (ValueError for others); params: a TritonClientConf or None."""

    _needed = ("type",)
    _defaults: ClassVar[dict[str, Any]] = {"params": None}

    def __init__(self, **values: Any):
        super().__init__(**values)
        if self.type not in ("triton", "mock"):
            raise ValueError(f"Unknown accelerator: {self.type}")
        self.params = _made(TritonClientConf, self.params)

    def is_triton(self) -> bool:
        return self.type == "triton"

    def is_mock(self) -> bool:
        return self.type == "mock"

    @property
    def triton(self) -> TritonClientConf:
        return self.params


class NodeConfig(_Settings):
    """name: str; device: int, -1 for the CPU; acc_info; server; and whatever else is given."""

    _needed = ("name",)
    _defaults: ClassVar[dict[str, Any]] = {"device": -1, "acc_info": None, "server": None}
    _kinds: ClassVar[dict[str, type]] = {"name": str, "device": int}
    _open = True

    def __init__(self, **values: Any):
        super().__init__(**values)
        self.acc_info = _made(AcceleratorConf, self.acc_info)
        self.server = _made(ServerConf, self.server)

    @classmethod
    def of(cls, config: Any, name: str) -> NodeConfig:
        """From a step's `config=` (a dict, a TowheeConfig or None); `name` where it has none."""
        given = getattr(config, "config", config) or {}
        if not isinstance(given, Mapping):
            raise ValueError(f"A step's config is a dict or a TowheeConfig, not {given!r}")
        return cls(**{"name": name, **given})


class TowheeConfig:
    """A step's configuration as AutoConfig makes it; `+` or `|` joins two, the right one wins."""

    def __init__(self, config: dict[str, Any]):
        self._config = config

    @property
    def config(self) -> dict[str, Any]:
        return self._config

    @classmethod
    def set_local_config(cls, device: int) -> TowheeConfig:
        return cls({"device": device})

    @classmethod
    def set_triton_config(
        cls,
        device_ids: list[int] | None,
        num_instances_per_device: int | None,
        max_batch_size: int | None,
        batch_latency_micros: int | None,
        preferred_batch_size: list[int] | None,
    ) -> TowheeConfig:
        server = {
            "device_ids": device_ids,
            "num_instances_per_device": num_instances_per_device,
            "max_batch_size": max_batch_size,
            "batch_latency_micros": batch_latency_micros,
            "triton": {"preferred_batch_size": preferred_batch_size},
        }
        return cls({"server": server})

    def __add__(self, other: TowheeConfig) -> TowheeConfig:
        return TowheeConfig({**self._config, **other.config})

    __or__ = __add__

    def __repr__(self) -> str:
        return f"TowheeConfig({self._config})"
