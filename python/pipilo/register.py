"""The registry: operators made known by name with `@register`."""

from __future__ import annotations

import types

TYPE_CHECKING = False  # typing itself is slow to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

__all__ = ["OperatorRegistry", "normal_name", "register"]

ANONYMOUS = "anon"


def normal_name(name: str) -> str:
    """`ns_a/op_b` -> `ns-a/op-b`; without a slash the namespace is `anon`. ValueError for others.

    >>> normal_name("add_operator"), normal_name("my_ns/add")
    ('anon/add-operator', 'my-ns/add')
    """
    parts = name.replace("_", "-").split("/")
    if len(parts) > 2 or not all(parts):
        raise ValueError(f"an operator is named `name` or `namespace/name`, not {name!r}")
    return "/".join(parts if len(parts) == 2 else [ANONYMOUS, *parts])


def _as_class(function: Callable[..., Any]) -> type:
    """A class without arguments whose instances call `function`."""
    return type(
        getattr(function, "__name__", type(function).__name__),
        (),
        {
            "__call__": lambda self, *args, **kwargs: function(*args, **kwargs),
            "__doc__": function.__doc__,
            "__module__": getattr(function, "__module__", __name__),
        },
    )


class OperatorRegistry:
    """Names and what makes the operator: a class, or what is called with the init arguments."""

    REGISTRY: ClassVar[dict[str, Any]] = {}

    @staticmethod
    def resolve(name: str) -> Any | None:
        """What is registered as `name`, `anon/name` or `builtin/name`; None for nothing."""
        for key in (name, f"{ANONYMOUS}/{name}", f"builtin/{name}"):
            found = OperatorRegistry.REGISTRY.get(key)
            if found is not None:
                return found
        return None

    @staticmethod
    def register(
        name: Any = None, input_schema: Any = None, output_schema: Any = None, flag: Any = None
    ) -> Any:
        """Makes a class or function an operator: `@register`, `@register()`, `@register(name=..)`.

        `_` in a name becomes `-`, and the part before a `/` is the namespace: `name='my/add_one'` is
        `ops.my.add_one`. A dot is no slash: `name='my.add'` cannot be reached. A function becomes a
        class without arguments and stays known as `<name>_func`. `input_schema`, `output_schema` and
        `flag` are accepted and have no effect. ValueError for a name with more than one slash.

        >>> @register(name="doc/twice")
        ... def twice(x):
        ...     return 2 * x
        >>> OperatorRegistry.resolve("doc/twice")()(4)
        8
        """
        if callable(name):
            return OperatorRegistry.register()(name)

        def decorate(operator: Any) -> Any:
            key = normal_name(operator.__name__ if name is None else name)
            if isinstance(operator, types.FunctionType):
                OperatorRegistry.REGISTRY[key + "_func"] = operator
            if not isinstance(operator, type):
                operator = _as_class(operator)
            if not hasattr(operator, "shared_type"):
                from .operator.base import SharedType

                operator.shared_type = SharedType.Shareable
            OperatorRegistry.REGISTRY[key] = operator
            return operator

        return decorate

    @staticmethod
    def op_names() -> list[str]:
        """The registered names."""
        return list(OperatorRegistry.REGISTRY)


register = OperatorRegistry.register
