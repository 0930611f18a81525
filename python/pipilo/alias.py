"""Lets programs written for Towhee find pipilo under the name `towhee`.

    import pipilo
    pipilo.as_towhee()
    from towhee import pipe, ops

or, without touching the program, `python -m pipilo.towhee PROGRAM`. Each module of Towhee's that
has a counterpart is that counterpart (MODULES), or a view of names that live elsewhere here (VIEWS).
Importing any other gives a ModuleNotFoundError that says so.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MODULES", "VIEWS", "as_towhee"]

# Towhee's module -> pipilo's: one object under two names.
MODULES = {
    "towhee._types": "pipilo.types",
    "towhee.data_loader": "pipilo.data_loader",
    "towhee.datacollection": "pipilo.datacollection",
    "towhee.datacollection.data_collection": "pipilo.datacollection.data_collection",
    "towhee.datacollection.entity": "pipilo.datacollection.entity",
    "towhee.hub": "pipilo.hub",
    "towhee.operator": "pipilo.operator",
    "towhee.operator.base": "pipilo.operator.base",
    "towhee.operator.nop": "pipilo.operator.nop",
    "towhee.runtime.auto_config": "pipilo.auto_config.auto_config",
    "towhee.runtime.auto_pipes": "pipilo.auto_pipes.auto_pipes",
    "towhee.runtime.data_queue": "pipilo.data_queue",
    "towhee.runtime.node_config": "pipilo.auto_config.node_config",
    "towhee.runtime.runtime_conf": "pipilo.auto_config.runtime_conf",
    "towhee.runtime.time_profiler": "pipilo.visualizer.time_profiler",
    "towhee.serve": "pipilo.serve",
    "towhee.serve.api_service": "pipilo.serve.api_service",
    "towhee.serve.http": "pipilo.serve.http",
    "towhee.serve.http.server": "pipilo.serve.http.server",
    "towhee.serve.io": "pipilo.serve.io",
    "towhee.tools.data_visualizer": "pipilo.visualizer.data_visualizer",
    "towhee.tools.graph_visualizer": "pipilo.visualizer.graph_visualizer",
    "towhee.tools.profilers": "pipilo.visualizer.profilers",
    "towhee.tools.visualizer": "pipilo.visualizer.visualizer",
    "towhee.types": "pipilo.types",
    "towhee.types.arg": "pipilo.types.arg",
    "towhee.types.audio_frame": "pipilo.types.audio_frame",
    "towhee.types.image": "pipilo.types.image",
    "towhee.types.image_utils": "pipilo.types.image_utils",
    "towhee.types.video_frame": "pipilo.types.video_frame",
}

# Towhee's module -> its names -> "module:name" or "module", looked up when asked for.
VIEWS: dict[str, dict[str, str]] = {
    "towhee": {
        "AutoConfig": "pipilo.auto_config:AutoConfig",
        "AutoPipes": "pipilo.auto_pipes:AutoPipes",
        "DataCollection": "pipilo.datacollection:DataCollection",
        "DataLoader": "pipilo.data_loader:DataLoader",
        "__version__": "pipilo:__version__",
        "_types": "pipilo.types",
        "accelerate": "pipilo.auto_config:accelerate",
        "api_service": "pipilo.serve.api_service",
        "build_docker_image": "pipilo.not_here:build_docker_image",
        "build_pipeline_model": "pipilo.not_here:build_pipeline_model",
        "datacollection": "pipilo.datacollection",
        "dataset": "pipilo.not_here:dataset",
        "ops": "pipilo.ops:ops",
        "pipe": "pipilo.graph:Pipeline",
        "register": "pipilo.register:register",
        "types": "pipilo.types",
    },
    "towhee.pipelines": {},
    "towhee.runtime": {
        "AcceleratorConf": "pipilo.auto_config:AcceleratorConf",
        "AutoConfig": "pipilo.auto_config:AutoConfig",
        "AutoPipes": "pipilo.auto_pipes:AutoPipes",
        "accelerate": "pipilo.auto_config:accelerate",
        "get_sys_config": "pipilo.auto_config:get_sys_config",
        "ops": "pipilo.ops:ops",
        "pipe": "pipilo.graph:Pipeline",
        "register": "pipilo.register:register",
    },
    "towhee.runtime.dag_repr": {
        "DAGRepr": "pipilo.dag:DAGRepr",
        "NodeRepr": "pipilo.dag:NodeRepr",
    },
    "towhee.runtime.factory": {
        "_OperatorWrapper": "pipilo.ops:_OperatorWrapper",
        "ops": "pipilo.ops:ops",
    },
    "towhee.runtime.hub_ops": {"ops": "pipilo.ops:ops"},
    "towhee.runtime.node_repr": {"NodeRepr": "pipilo.dag:NodeRepr"},
    "towhee.runtime.operator_manager": {
        "OperatorLoader": "pipilo.operator.loader:OperatorLoader",
        "OperatorPool": "pipilo.operator.pool:OperatorPool",
        "OperatorRegistry": "pipilo.register:OperatorRegistry",
    },
    "towhee.runtime.operator_manager.operator_loader": {
        "OperatorLoader": "pipilo.operator.loader:OperatorLoader",
    },
    "towhee.runtime.operator_manager.operator_pool": {
        "OperatorPool": "pipilo.operator.pool:OperatorPool",
    },
    "towhee.runtime.operator_manager.operator_registry": {
        "OperatorRegistry": "pipilo.register:OperatorRegistry",
    },
    "towhee.runtime.pipeline": {"Pipeline": "pipilo.graph:Pipeline"},
    "towhee.runtime.runtime_pipeline": {"RuntimePipeline": "pipilo.graph:RuntimePipeline"},
    "towhee.tools": {"visualizers": "pipilo.visualizer.visualizer"},
    "towhee.utils": {},
    "towhee.utils.cv2_utils": {"cv2": "cv2"},
    "towhee.utils.log": {"engine_log": "pipilo.log:engine_log"},
    "towhee.utils.pil_utils": {
        "PILImage": "PIL.Image",
        "from_pil": "pipilo.types.image_utils:from_pil",
        "to_pil": "pipilo.types.image_utils:to_pil",
    },
    "towhee.utils.serializer": {
        "TritonParser": "pipilo.serve.wire:Decoder",
        "TritonSerializer": "pipilo.serve.wire:Encoder",
        "from_json": "pipilo.serve.wire:from_json",
        "to_json": "pipilo.serve.wire:to_json",
    },
    "towhee.utils.thirdparty": {},
    "towhee.utils.thirdparty.fastapi_utils": {"fastapi": "fastapi"},
    "towhee.utils.thirdparty.uvicorn_util": {"uvicorn": "uvicorn"},
}


def _resolve(target: str) -> Any:
    module, _, name = target.partition(":")
    found = import_module(module)
    return getattr(found, name) if name else found


class _View(ModuleType):
    """A module whose names live elsewhere."""

    def __getattr__(self, name: str) -> Any:
        target = VIEWS[self.__name__].get(name)
        if target is None:
            full = f"{self.__name__}.{name}"
            if full in MODULES or full in VIEWS:
                return import_module(full)
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} in pipilo")
        value = _resolve(target)
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *VIEWS[self.__name__]})


class _Loader(Loader):
    """Gives the counterpart as it is, without executing anything twice."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        target = MODULES.get(spec.name)
        if target is None:
            view = _View(spec.name, f"{spec.name}, as pipilo has it.")
            view.__path__ = []
            view.__all__ = list(VIEWS[spec.name])  # type: ignore[attr-defined]
            return view
        module = import_module(target)
        spec.loader_state = (module.__spec__, module.__loader__)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the alias's spec into a module that has its own.
        state = module.__spec__.loader_state if module.__spec__ else None
        if state is not None:
            module.__spec__, module.__loader__ = state


class _Finder(MetaPathFinder):
    loader = _Loader()

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != "towhee" and not fullname.startswith("towhee."):
            return None
        if fullname not in MODULES and fullname not in VIEWS:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: towhee is pipilo here, which has no counterpart "
                "(docs/migration.md)",
                name=fullname,
            )
        is_package = fullname in VIEWS or hasattr(import_module(MODULES[fullname]), "__path__")
        return ModuleSpec(fullname, self.loader, is_package=is_package)


def as_towhee() -> None:
    """From now on `import towhee` gives pipilo, in this process. A second call changes nothing.

    RuntimeError where Towhee itself has been imported before.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    there = sys.modules.get("towhee")
    if there is not None:
        raise RuntimeError(f"towhee is already imported, from {there.__file__}")
    sys.meta_path.insert(0, _Finder())
