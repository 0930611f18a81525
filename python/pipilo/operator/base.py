"""The classes that operators written in Python derive from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum, Flag, auto
from typing import Any

__all__ = ["NNOperator", "Operator", "OperatorFlag", "PyOperator", "SharedType"]


class SharedType(Enum):
    """Whether one instance may serve several runs of a pipeline.

    NotShareable: one run at a time, then the next. NotReusable: one run, then no more. Shareable: all
    runs at once, from several threads.
    """

    NotShareable = 1
    NotReusable = 2
    Shareable = 3


class OperatorFlag(Flag):
    """Accepted by `register` and without effect, as in Towhee."""

    EMPTYFLAG = auto()
    STATELESS = auto()
    REUSEABLE = auto()


class Operator(ABC):
    """An operator: arguments at construction, data at the call.

    >>> class Add(PyOperator):
    ...     def __init__(self, factor):
    ...         super().__init__()
    ...         self.factor = factor
    ...
    ...     def __call__(self, number):
    ...         return self.factor + number
    >>> Add(2)(3)
    5
    """

    _key = ""
    _device_id = -1  # the CPU

    @abstractmethod
    def __init__(self) -> None:
        from pipilo.auto_config import get_sys_config

        config = get_sys_config()
        if config is not None:
            self._device_id = config.device_id

    @abstractmethod
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    @property
    def key(self) -> str:
        """The node this instance works for."""
        return self._key

    @key.setter
    def key(self, value: str) -> None:
        self._key = value

    @property
    def shared_type(self) -> SharedType:
        return SharedType.NotShareable

    def flush(self) -> None:
        """Called by the pipeline's `flush()`: write out what is still held back."""


class PyOperator(Operator):
    """An operator without a machine learning framework."""

    def __init__(self) -> None:
        super().__init__()


class NNOperator(Operator):
    """An operator over a neural network. One instance serves all runs."""

    def __init__(self, framework: str = "pytorch") -> None:
        super().__init__()
        self.framework = framework
        self.operator_name = type(self).__name__
        self.model = None
        self.model_card = None
        self._trainer = None

    @property
    def shared_type(self) -> SharedType:
        return SharedType.Shareable

    def save_model(self, *args: Any, **kwargs: Any) -> Any:
        """Writes the model to a file; for the deriving class to define."""
        raise NotImplementedError

    def supported_model_names(self) -> list[str]:
        """The names of models it takes; for the deriving class to define."""
        raise NotImplementedError

    @property
    def trainer(self) -> Any:
        """What `setup_trainer` of the deriving class stored in `_trainer`."""
        if self._trainer is None:
            self.setup_trainer()
        return self._trainer

    @trainer.setter
    def trainer(self, trainer: Any) -> None:
        self._trainer = trainer

    def setup_trainer(self, *args: Any, **kwargs: Any) -> None:
        """pipilo does not train. A deriving class may define it and set `_trainer`."""
        raise NotImplementedError("pipilo runs models, it does not train them: train with torch")

    def train(self, *args: Any, resume_checkpoint_path: str | None = None, **kwargs: Any) -> None:
        """Sets the trainer up with the arguments and runs it."""
        self.setup_trainer(*args, **kwargs)
        self.trainer.train(resume_checkpoint_path)
