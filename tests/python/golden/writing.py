"""How a case is written, and what several of them share (see cases.py)."""

from __future__ import annotations

CASES: list[tuple[str, str, list[tuple] | None]] = []


def case(group: str, code: str, *calls: tuple) -> None:
    """A pipeline and what it is called with."""
    number = sum(name.startswith(group + "-") for name, _, _ in CASES)
    CASES.append((f"{group}-{number}", code, list(calls)))


def value(group: str, code: str) -> None:
    """An expression and its value."""
    case(group, code)
    name, code, _ = CASES.pop()
    CASES.append((name, code, None))


def stream(rest: str) -> str:
    """A pipeline over `a`, whose items are the stream `x`."""
    return "pipe.input('a').flat_map('a', 'x', lambda a: a)" + rest


TWO = (
    "(lambda p: p.flat_map('a', 'x', lambda a: a)"
    ".concat(p.flat_map('b', 'y', lambda b: b)))(pipe.input('a', 'b'))"
)
TIMED = "pipe.input('a').flat_map('a', 'x', lambda a: a).map('x', 't', lambda x: x * 1000)"
