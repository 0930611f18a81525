"""What gives the rows of a table of the core as Arrow."""

from __future__ import annotations

from . import _core


class ArrowRows:
    """Rows in `_table` for whoever takes Arrow, without a copy."""

    _table: _core.Table

    def __arrow_c_schema__(self) -> object:
        """The Arrow type of its rows, a struct, as a capsule."""
        return self._table.__arrow_c_schema__()

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Its rows as one Arrow array, as capsules. A requested schema is not followed."""
        return self._table.__arrow_c_array__(requested_schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Its rows as a stream of Arrow arrays, as a capsule. A requested schema is not followed."""
        return self._table.__arrow_c_stream__(requested_schema)
