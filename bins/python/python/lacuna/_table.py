"""Tables: a pandas.DataFrame where pandas is installed, else a dict of arrays."""

from __future__ import annotations

from typing import Any


def table(columns: dict[str, Any]) -> Any:
    """The columns as one table."""
    try:
        import pandas
    except ImportError:
        return columns
    return pandas.DataFrame(columns)
