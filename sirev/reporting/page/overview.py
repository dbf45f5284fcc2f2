"""A page of several studies: a comparison of all, then a part per study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sirev.reporting.facts import Facts
from sirev.reporting.headline import judgements
from sirev.reporting.observed import (
    QUESTIONS,
    Judgement,
    as_shown,
    gain_in_words,
    observation_lines,
    outcomes_of,
    verdict_in_words,
)
from sirev.reporting.page.cards import SIGNS, headline_class, verdict_class, verdicts_as_html
from sirev.reporting.page.head import about_as_html
from sirev.reporting.page.markup import escaped, with_minus
from sirev.reporting.page.page import NO_TABLES, figures_as_html, whole_page
from sirev.reporting.sections.run_rows import RunData, Study
from sirev.reporting.sections.verdicts import no_verdict

_SCRIPTS = ("theme.js",)


@dataclass(frozen=True)
class Part:
    """A study on the page.

    `name` is unique on the page. `figures` are as for `render_page`; without any, they are on the study's own page, which
    `command` writes.
    """

    name: str
    study: Study
    facts: Facts
    figures: list[dict[str, Any]]
    command: str


def render_overview(
    title: str,
    lead: str,
    figures: list[dict[str, Any]],
    parts: Sequence[Part],
    tables_html: str,
    missing: Sequence[str] = (),
    grid_html: str = "",
) -> str:
    """The whole page: a sweep's grid, a row per study and method, the figures of all, a part per study, the tables.

    `figures` are as for `render_page`; `missing` are sentences on data that the store lacks.
    """
    nav = {"grid": "Grid"} if grid_html else {}
    nav |= {"verdicts": "Overview", "figures": "Figures"} if parts else {"figures": "Figures"}
    nav |= {**{f"study-{part.name}": part.name for part in parts}, "tables": "Tables"}
    gone = "".join(f"<li>{escaped(line)}</li>" for line in missing)
    head = f'<h1>{escaped(title)}</h1><p class="subtitle">{escaped(lead)}</p>' + (f"<ul>{gone}</ul>" if gone else "")
    sections = [_section("grid", "The grid", grid_html)] if grid_html else []
    sections += [_section("verdicts", "Progress or regress?", _headlines(parts))] if parts else []
    sections.append(_section("figures", "All side by side" if parts else "Figures", _figures(figures)))
    sections += [_section(f"study-{part.name}", part.facts.title, _part(part)) for part in parts]
    sections.append(_section("tables", "Tables", tables_html or NO_TABLES))
    return whole_page(title, nav, "\n\n".join([head, *sections]), _SCRIPTS)


def _section(name: str, title: str, content: str) -> str:
    of = escaped(name)
    return f'<section id="{of}" aria-labelledby="{of}-title">\n<h2 id="{of}-title">{escaped(title)}</h2>\n{content}\n</section>'


def _figures(figures: list[dict[str, Any]]) -> str:
    return f'<div class="figures">\n{figures_as_html(figures)}\n</div>'


def _headlines(parts: Sequence[Part]) -> str:
    """A row per study and method: the word, pass@1 and the observations, pooled over seeds if there are several."""
    rows: list[str] = []
    for part in parts:
        link = f'<a href="#study-{escaped(part.name)}">{escaped(part.name)}</a>'
        found = [_row(part.study, run, judgement) for run, judgement in judgements(part.study)]
        found = found or [f'<td class="label none" colspan="{len(_COLUMNS) - 1}">{escaped(no_verdict(part.study))}</td>']
        begins = ' class="begins"' if rows else ""
        rows.append(f'<tr{begins}><th scope="rowgroup" class="label" rowspan="{len(found)}">{link}</th>{found[0]}</tr>')
        rows += [f"<tr>{row}</tr>" for row in found[1:]]
    heads = "".join(f'<th scope="col" class="label">{escaped(name)}</th>' for name in _COLUMNS)
    return (
        '<div class="table headlines"><div class="scroll" tabindex="0" role="region" aria-label="Verdicts of all studies"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></div>"
    )


_COLUMNS = ("study", "method", "verdict, observations as in the paper", "pass@1, M_1 → M_T", *QUESTIONS.values())


def _row(study: Study, run: RunData, judgement: Judgement) -> str:
    word = headline_class(judgement)
    shown = f"{SIGNS.get(word, '?')} {verdict_in_words(judgement)}"
    lines = [as_shown(line) for line in observation_lines(study, run, judgement)]
    results = "".join(
        f'<td class="label {verdict_class(line.result)}" title="{escaped(line.evidence)}">{_toned(line.result)}</td>'
        for line in lines
    )
    return (
        f'<td class="label">{escaped(run["method"])}</td><td class="label {verdict_class(word)}">{_toned(shown)}</td>'
        f'<td class="label">{with_minus(gain_in_words(outcomes_of(judgement).get("pass_at_1")))}</td>{results}'
    )


def _toned(text: str) -> str:
    return f'<b class="tone">{escaped(text)}</b>'


def _part(part: Part) -> str:
    figures = [{**figure, "name": f"{part.name}-{figure['name']}"} for figure in part.figures]
    drawn = f"<h3>Figures</h3>{_figures(figures)}" if figures else ""
    holds = "answers" if figures else "figures and answers"
    command = f'<p class="notes">A page of its own, with its {holds}: <code>{escaped(part.command)}</code></p>'
    return f"{about_as_html(part.facts)}{verdicts_as_html(part.study)}{drawn}{command}"
