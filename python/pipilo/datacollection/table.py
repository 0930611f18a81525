"""Tables for people: plain text for terminals, HTML for notebooks.

A table is `{"headers": names, "data": rows}`; a cell may itself be a table.
"""

from __future__ import annotations

import base64
import html
import io
from typing import Any

__all__ = ["as_html", "as_text", "show"]

WIDEST = 40  # characters of a cell's line
LONGEST = 8  # items of a list that are shown
THUMBNAIL = 128  # pixels of a picture's longer side


def show(table: dict[str, Any], tablefmt: str | None = None) -> None:
    """Prints the table, or displays it where this is a notebook. ValueError for another format."""
    if tablefmt is None:
        tablefmt = "html" if in_notebook() else "grid"
    if tablefmt == "html":
        text = as_html(table)
        if in_notebook():
            from IPython.display import HTML, display

            display(HTML(text))
            return
    elif tablefmt in ("grid", "plain"):
        text = as_text(table, grid=tablefmt == "grid")
    else:
        raise ValueError(f"tablefmt is {tablefmt!r}, not 'html', 'grid' or 'plain'")
    print(text)


def in_notebook() -> bool:
    """Whether this runs under IPython."""
    try:
        get_ipython()  # type: ignore[name-defined]
    except NameError:
        return False
    return True


def is_table(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"headers", "data"}


# --- text ----------------------------------------------------------------------------------------


def as_text(table: dict[str, Any], grid: bool = True) -> str:
    """The table in characters, with lines around the cells if `grid`.

    >>> print(as_text({"headers": ["a", "word"], "data": [[1, "x"]]}))
    +---+------+
    | a | word |
    +===+======+
    | 1 | x    |
    +---+------+
    """
    headers = [str(h) for h in table["headers"]]
    rows = [[_lines(cell, grid) for cell in row] for row in table["data"]]
    rows = [row + [[""]] * (len(headers) - len(row)) for row in rows]
    widths = [
        max([len(header)] + [len(line) for row in rows for line in row[column]])
        for column, header in enumerate(headers)
    ]
    if not grid:
        lines = ["  ".join(h.ljust(w) for h, w in zip(headers, widths)).rstrip()]
        lines += ["  ".join("-" * w for w in widths)]
        lines += [line for row in rows for line in _row(row, widths, "", "  ", "")]
        return "\n".join(lines)
    rule, heavy = ("+" + "+".join(c * (w + 2) for w in widths) + "+" for c in "-=")
    lines = [rule, *_row([[h] for h in headers], widths, "| ", " | ", " |"), heavy]
    for row in rows:
        lines += [*_row(row, widths, "| ", " | ", " |"), rule]
    return "\n".join(lines)


def _row(
    cells: list[list[str]], widths: list[int], left: str, middle: str, right: str
) -> list[str]:
    height = max((len(cell) for cell in cells), default=1)
    lines = []
    for index in range(height):
        parts = [cell[index] if index < len(cell) else "" for cell in cells]
        text = middle.join(part.ljust(width) for part, width in zip(parts, widths))
        lines.append(f"{left}{text}{right}".rstrip() if not right else f"{left}{text}{right}")
    return lines


def _lines(cell: Any, grid: bool) -> list[str]:
    if is_table(cell):
        return as_text(cell, grid).split("\n")
    return [_short(line) for line in describe(cell).split("\n")]


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 3] + "..."


def describe(value: Any) -> str:
    """A value in a few characters: arrays by type, shape and first numbers, lists cut short."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        head = ", ".join(f"{number:.4g}" for number in value.reshape(-1)[:3].tolist())
        more = ", ..." if value.size > 3 else ""
        return f"[{head}{more}]\n{type(value).__name__} {value.dtype} {tuple(value.shape)}"
    if isinstance(value, (bytes, bytearray)):
        return f"{len(value)} bytes"
    if isinstance(value, (list, tuple)):
        left, right = "[]" if isinstance(value, list) else ("(", ",)"[len(value) != 1 :])
        items = [_short(describe(item)).replace("\n", " ") for item in value[:LONGEST]]
        more = [f"... {len(value)} items"] if len(value) > LONGEST else []
        return left + ", ".join(items + more) + right
    return str(value)


# --- HTML ----------------------------------------------------------------------------------------


def as_html(table: dict[str, Any]) -> str:
    """The table as HTML; pictures (uint8 arrays with a `mode`) as small PNGs where Pillow is there.

    >>> as_html({"headers": ["a"], "data": [["<b>"]]})
    '<table><tr><th>a</th></tr><tr><td>&lt;b&gt;</td></tr></table>'
    """
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table["headers"])
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>"
        for row in table["data"]
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(cell: Any) -> str:
    if is_table(cell):
        return as_html(cell)
    picture = _picture(cell) if getattr(cell, "mode", None) and hasattr(cell, "shape") else None
    return picture or html.escape(describe(cell)).replace("\n", "<br>")


def _picture(image: Any) -> str | None:
    try:
        from PIL import Image
    except ImportError:
        return None
    from ..types import to_image_color

    if str(image.dtype) != "uint8":
        return None
    small = Image.fromarray(to_image_color("RGB")(image))
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    out = io.BytesIO()
    small.save(out, "PNG")
    return f'<img src="data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}">'
