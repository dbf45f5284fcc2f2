"""The page's head: what the study was, what the store lacks for it, and how to read what follows."""

from __future__ import annotations

from collections.abc import Sequence

from sirev.reporting.facts import Facts
from sirev.reporting.page.markup import definitions, escaped
from sirev.reporting.page.words import glossary


def head_as_html(facts: Facts, missing: Sequence[str], mends: Sequence[str]) -> str:
    """The title with the study in a line; all other facts open on request."""
    said = [facts.subtitle, facts.line]
    subtitle = f'<p class="subtitle">{escaped(": ".join(filter(None, said)))}</p>' if any(said) else ""
    rows = definitions(facts.rows)
    known = f'<details class="all-facts"><summary>Data, sampling, training</summary>{rows}</details>' if rows else ""
    more = (
        f'<details class="more-facts"><summary>Runs, store, versions</summary>{definitions(facts.more)}</details>'
        if facts.more
        else ""
    )
    return (
        f"<h1>{escaped(facts.title)}</h1>{subtitle}{_missing(missing, mends)}"
        f'<section class="facts" aria-label="About this study">{known}{more}{glossary()}</section>'
    )


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
