"""The head of the page: facts about the study, missing data, and how to read the page."""

from __future__ import annotations

from collections.abc import Sequence

from sirev.reporting.facts import Facts
from sirev.reporting.page.markup import definitions, escaped
from sirev.reporting.page.words import glossary


def head_as_html(facts: Facts, missing: Sequence[str], mends: Sequence[str]) -> str:
    """The title and a line on the study, with missing data; all other facts are folded."""
    return f"<h1>{escaped(facts.title)}</h1>{_subtitle(facts)}{_missing(missing, mends)}{_opened(facts, glossary())}"


def about_as_html(facts: Facts) -> str:
    """The head of one of several studies, below its title."""
    return _subtitle(facts) + _opened(facts)


def _subtitle(facts: Facts) -> str:
    said = ": ".join(filter(None, [facts.subtitle, facts.line]))
    return f'<p class="subtitle">{escaped(said)}</p>' if said else ""


def _opened(facts: Facts, further: str = "") -> str:
    known = {"all-facts": ("Data, sampling, training", facts.rows), "more-facts": ("Runs, store, versions", facts.more)}
    parts = "".join(
        f'<details class="{name}"><summary>{title}</summary>{definitions(rows)}</details>'
        for name, (title, rows) in known.items()
        if rows
    )
    return f'<section class="facts" aria-label="About this study">{parts}{further}</section>'


def _missing(missing: Sequence[str], mends: Sequence[str]) -> str:
    if not missing:
        return ""
    lines = "".join(f"<li>{escaped(line)}</li>" for line in missing)
    commands = "".join(f"<li><code>{escaped(command)}</code></li>" for command in mends)
    return (
        '<section class="missing-data" role="note" aria-label="Missing data"><p><b>This page is incomplete: the store that it '
        f"was made from lacks some answers.</b> They were sampled; the explorer can't show them.</p><ul>{lines}</ul>"
        + (f"<p>To bring them back:</p><ul>{commands}</ul>" if commands else "")
        + "</section>"
    )
