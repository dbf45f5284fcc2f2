"""pandas data frames of rows and of CSV; pandas is loaded when one is asked for."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from sirev.errors import BadInput


def data_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """A pandas.DataFrame of rows; BadInput where pandas is not installed."""
    return _pandas().DataFrame.from_records([dict(row) for row in rows], columns=list(columns))


def frame_of_csv(text: str) -> Any:
    """A pandas.DataFrame of CSV with a header, empty cells as missing values; BadInput where pandas is not installed."""
    return _pandas().read_csv(io.StringIO(text))


def _pandas() -> Any:
    try:
        return import_module("pandas")
    except ImportError:
        raise BadInput("to_pandas needs pandas, which is not installed: pip install pandas") from None
