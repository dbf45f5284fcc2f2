"""Sizes and ages as people write them."""

from __future__ import annotations

import re

from sirev.errors import BadInput

_SIZES = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2.0**10, "MIB": 2.0**20, "GIB": 2.0**30, "TIB": 2.0**40}
AGES = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def size_text(size: float) -> str:
    """Bytes, in the largest decimal unit that leaves a number of at least one: "3.5 MB"."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size:.0f} B"


def count_text(count: int, what: str) -> str:
    """How many, with the word for one or several: 1 run, 3 runs."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def size_of(option: str, text: str | None) -> int | None:
    """Bytes of "50GB", "200 MiB" or "1000"; BadInput naming the option for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    unit = found[2].upper() or "B" if found else ""
    unit = unit if unit.endswith("B") else f"{unit}B"
    if found is None or unit not in _SIZES:
        raise BadInput(f"{option} {text}: expected a size such as 50GB, 800MB or 2TiB")
    return int(float(found[1]) * _SIZES[unit])


def age_of(option: str, text: str | None) -> float | None:
    """Seconds of "30d", "12h", "2w" or "90m"; BadInput naming the option for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", text.strip())
    if found is None:
        raise BadInput(f"{option} {text}: expected an age such as 30d, 12h, 2w or 90m")
    return float(found[1]) * AGES[found[2]]
