"""Data frames of rows and of CSV; pandas or polars is imported on first use."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, get_args

from sirev.errors import BadInput
from sirev.extras import install_command
from sirev.suggest import suggest

Library = Literal["pandas", "polars"]


def data_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], library: Library = "pandas") -> Any:
    """A DataFrame of rows; columns that a row lacks are missing values, and integers with missing ones stay integers.

    Raises BadInput if the library is unknown or not installed.
    """
    loaded = _loaded(library)
    values = {column: [row.get(column) for row in rows] for column in columns}
    if library == "polars":
        return loaded.DataFrame(values, strict=False)  # a column may mix integers and floats
    gaps = {column: loaded.Series(found, dtype=_integers(found)) for column, found in values.items() if _has_gaps(found)}
    return loaded.DataFrame({**values, **gaps}, columns=list(columns))


def _has_gaps(values: Sequence[Any]) -> bool:
    """Whether values are integers and None, of which pandas by itself makes floats, exact up to 2**53 only."""
    return {type(value) for value in values} == {int, type(None)}


def _integers(values: Sequence[int | None]) -> str:
    """The dtype of integers with gaps: pandas' own, or Python's integers beyond its 64 bits."""
    return "Int64" if all(value is None or -(2**63) <= value < 2**63 for value in values) else "object"


def frame_of_csv(text: str, words: Iterable[str], counts: Iterable[str]) -> Any:
    """A pandas.DataFrame of CSV with a header; empty cells are missing values. BadInput if pandas is not installed.

    `words` are columns of text (a model may be called 010 or NA), `counts` columns of integers.
    """
    types = {**dict.fromkeys(words, str), **dict.fromkeys(counts, "Int64")}
    return _loaded("pandas").read_csv(io.StringIO(text), dtype=types, keep_default_na=False, na_values=[""])


def _loaded(library: str) -> Any:
    known = list(get_args(Library))
    if library not in known:
        raise BadInput(f"as_: unknown {library!r}{suggest(str(library), known)}")
    try:
        return import_module(library)
    except ImportError:
        command = install_command("frames") if library == "pandas" else "pip install polars"
        raise BadInput(f"a data frame needs {library}, which is not installed: {command}") from None
