"""Parquet files with a fixed schema, so that no column's type depends on what its rows happen to hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from adagym.errors import require


def write_table(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    schema: Callable[[Any], Mapping[str, Any]],
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write rows so that a reader sees the old file or the new one, never a part.

    Args:
        path: The file; its folder is made if needed.
        rows: Column to value.
        schema: Given the ``pyarrow`` module, returns column to type.
        metadata: Kept in the file's schema.

    Raises:
        MissingExtra: ``pyarrow`` is not installed.
    """
    pa = require("pyarrow", "export")
    parquet = require("pyarrow.parquet", "export")
    table = pa.Table.from_pylist([dict(row) for row in rows], pa.schema(dict(schema(pa)), metadata=metadata))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    parquet.write_table(table, part, row_group_size=100)  # pictures make groups of the usual size too large
    return part.replace(path)
