"""BibTeX references: those of references.bib, and the one of sirev itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from sirev.reporting.latex import escape

HEAD = "% Written by sirev report methods."
"""The first line of the methods and of their bibliography, which marks files that later ones may replace."""
SIREV_KEY = "sirev"
"""The key of sirev's own reference."""
PAPER_KEY = "wu2024progress"
"""The key of the paper's reference."""
_ENTRY = re.compile(r"^@\w+\{(\w+),.*?^\}$", re.M | re.S)


@cache
def references() -> dict[str, str]:
    """Key -> BibTeX entry, for all references except sirev's."""
    text = files("sirev.reporting.papers").joinpath("references.bib").read_text(encoding="utf-8")
    return {entry[1]: entry[0] for entry in _ENTRY.finditer(text)}


def bibliography(keys: Iterable[str], versions: Iterable[str]) -> str:
    """A BibTeX file of these references, sorted by key. `versions` are those of sirev."""
    wanted = sorted(set(keys))
    return "\n\n".join([HEAD, *(_own(versions) if key == SIREV_KEY else references()[key] for key in wanted)]) + "\n"


def _own(versions: Iterable[str]) -> str:
    named = escape(", ".join(versions) or "unknown")
    return (
        f"@misc{{{SIREV_KEY},\n  title = {{sirev: did a self-improving language model make progress or regress?}},\n"
        f"  author = {{{{sirev contributors}}}},\n  note = {{Version {named}}}\n}}"
    )
