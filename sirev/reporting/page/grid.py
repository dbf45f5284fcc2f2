"""The grid of a sweep on a page: a row per study and a column per method, with word, pass@1 and seeds in a cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sirev.listing import count_text
from sirev.reporting.observed import ends_in_words
from sirev.reporting.page.cards import SIGNS, headline_class, verdict_class
from sirev.reporting.page.markup import escaped, with_minus
from sirev.reporting.page.words import explained
from sirev.reporting.sweeps.cells import GridCell, grid_cells, late_in_words
from sirev.reporting.sweeps.swept_studies import SweptStudy
from sirev.reporting.tables import points

Columns = Mapping[str, Callable[[SweptStudy], str]]


def grid_as_html(studies: Sequence[SweptStudy], labels: Columns, parts: Mapping[int, str], notes: Sequence[str]) -> str:
    """The grid as an HTML table.

    `labels` are the columns that tell studies apart; `parts`: `id` of a study -> name of its part on the page.
    """
    cells = grid_cells(studies)
    methods = list(dict.fromkeys(cell.method for cell in cells))
    at = {(id(cell.of), cell.method): cell for cell in cells}
    columns = labels or {"study": lambda of: of.title}
    heads = "".join(f'<th scope="col" class="label">{escaped(name)}</th>' for name in (*columns, *methods))
    rows = "".join(
        f"<tr>{_names(of, columns, parts.get(id(of)))}{''.join(_cell(at.get((id(of), one)), one) for one in methods)}</tr>"
        for of in studies
    )
    said = "".join(f"<p>{escaped(note)}</p>" for note in notes)
    return (
        '<div class="table cells"><div class="scroll" tabindex="0" role="region" aria-label="The grid of the sweep"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<div class="notes">{said}</div></div>'
    )


def _names(of: SweptStudy, columns: Columns, part: str | None) -> str:
    first, *others = [escaped(say(of)) for say in columns.values()]
    link = f'<a href="#study-{escaped(part)}">{first}</a>' if part else first
    return f'<th scope="row" class="label">{link}</th>' + "".join(f'<td class="label">{other}</td>' for other in others)


def _cell(cell: GridCell | None, method: str) -> str:
    """A cell. On a narrow page it shows the name of its method."""
    of_method = f'data-method="{escaped(method)}"'
    if cell is None:
        return f'<td class="label none" {of_method}>not in the grid</td>'
    if cell.judgement is None or cell.change is None:
        why = f"<br><small>{escaped(cell.why)}</small>" if cell.why else ""
        return f'<td class="label none" {of_method}>{escaped(cell.word)}{why}</td>'
    word = headline_class(cell.judgement)
    moved = f"{ends_in_words(cell.change)} ({points(cell.change['difference'])})"
    seeds = f"{cell.alike} of {count_text(cell.judged, 'seed')} alike"
    seeds = "; ".join(filter(None, [seeds, cell.stopped, late_in_words(cell)]))
    claimed = f"claim: {cell.claim['claim']}" if cell.claim and cell.claim["claim"] else "no claim"
    return (
        f'<td class="label {verdict_class(word)}" {of_method}><b class="tone"{explained(word)}>{SIGNS.get(word, "?")} '
        f"{escaped(cell.word)}</b><br>{with_minus(moved)}<br><small>{escaped(seeds)}<br>{escaped(claimed)}</small></td>"
    )
