"""Sizes, durations and ages in readable form."""

from __future__ import annotations

import re

from sirev.errors import BadInput

_SIZES = {"B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KIB": 2.0**10, "MIB": 2.0**20, "GIB": 2.0**30, "TIB": 2.0**40}
AGES = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def size_text(size: float) -> str:
    """Bytes in the largest decimal unit with a value of at least one: "3.5 MB"."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return f"{size:.0f} B"


def short_count(count: int) -> str:
    """A count with three digits: 7,473, 1.15M."""
    for scale, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= scale:
            value = count / (1e3 if unit == "k" else scale)
            return f"{value:.3g}{unit}" if value < 1000 else f"{value:,.0f}{unit}"
    return f"{count:,}"


def time_taken(seconds: float) -> str:
    """A duration: "3.5 s", "14 min", "2 h 5 min"."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def time_left(seconds: float) -> str:
    """An estimated time left: "8 s left", "about 3 min left", "about 2 h left", "about 3 days left"."""
    if seconds < 90:
        return f"{seconds:.0f} s left"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min left"
    hours = seconds / 3600
    return f"about {hours:.0f} h left" if hours < 48 else f"about {hours / 24:.0f} days left"


def time_in_all(hours: float) -> str:
    """An estimated total time: "about 8 min in all", "about 2 h in all", "about 3.1 days in all"."""
    if hours < 1:
        return f"about {max(1, round(60 * hours))} min in all"
    return f"about {hours:,.0f} h in all" if hours < 48 else f"about {hours / 24:,.1f} days in all"


def size_of(option: str, text: str | None) -> int | None:
    """Bytes of "50GB", "200 MiB" or "1000"; BadInput, naming the option, for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    unit = found[2].upper() or "B" if found else ""
    unit = unit if unit.endswith("B") else f"{unit}B"
    if found is None or unit not in _SIZES:
        raise BadInput(f"{option} {text}: expected a size such as 50GB, 800MB or 2TiB")
    return int(float(found[1]) * _SIZES[unit])


def age_of(option: str, text: str | None) -> float | None:
    """Seconds of "30d", "12h", "2w" or "90m"; BadInput, naming the option, for anything else."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([mhdw])", text.strip())
    if found is None:
        raise BadInput(f"{option} {text}: expected an age such as 30d, 12h, 2w or 90m")
    return float(found[1]) * AGES[found[2]]
