"""Several studies on one page: all side by side first, then a part for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sirev.metrics.comparison.contents import StudyVerdict
from sirev.reporting.facts import Facts
from sirev.reporting.observed import verdict_in_words
from sirev.reporting.page.cards import SIGNS, verdict_class, verdicts_as_html
from sirev.reporting.page.markup import definitions, escaped
from sirev.reporting.page.page import NO_TABLES, figures_as_html, whole_page
from sirev.reporting.sections.run_rows import Study
from sirev.reporting.sections.verdicts import no_verdict

_SCRIPTS = ("theme.js",)


@dataclass(frozen=True)
class Part:
    """A study on the page: `name` is unique on it, `figures` as `render_page` takes them, `command` writes its own page."""

    name: str
    study: Study
    facts: Facts
    figures: list[dict[str, Any]]
    command: str


def render_overview(
    title: str, lead: str, figures: list[dict[str, Any]], parts: Sequence[Part], tables_html: str, missing: Sequence[str] = ()
) -> str:
    """The whole page: a line for each study, the figures of all (as `render_page` takes them), each study's part, the tables."""
    nav = {"verdicts": "Overview", "figures": "Figures"} if parts else {"figures": "Figures"}
    nav |= {**{f"study-{part.name}": part.name for part in parts}, "tables": "Tables"}
    gone = "".join(f"<li>{escaped(line)}</li>" for line in missing)
    head = f'<h1>{escaped(title)}</h1><p class="subtitle">{escaped(lead)}</p>' + (f"<ul>{gone}</ul>" if gone else "")
    sections = [_section("verdicts", "Progress or regress?", _headlines(parts))] if parts else []
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
    """A line for each study: what is said of each method and seed."""
    rows = []
    for part in parts:
        several = len({one["seed"] for one in part.study["verdicts"]}) > 1
        said = "".join(_headline(one, several) for one in part.study["verdicts"])
        words = f"<ul>{said}</ul>" if said else f'<p class="none">{escaped(no_verdict(part.study))}</p>'
        rows.append(f'<li><a class="who" href="#study-{escaped(part.name)}">{escaped(part.name)}</a>{words}</li>')
    return f'<ul class="headlines">{"".join(rows)}</ul>'


def _headline(verdict: StudyVerdict, several: bool) -> str:
    word = verdict["verdict"]
    who = f"{verdict['method']}, seed {verdict['seed']}" if several else verdict["method"]
    shown = f"{SIGNS.get(word, '')} {verdict_in_words(verdict)}".strip()
    return f'<li class="{verdict_class(word)}"><span class="who">{escaped(who)}</span> <b class="word">{escaped(shown)}</b></li>'


def _part(part: Part) -> str:
    figures = [{**figure, "name": f"{part.name}-{figure['name']}"} for figure in part.figures]
    command = (
        f'<p class="notes">Its answers, problem by problem, are on a page of its own: <code>{escaped(part.command)}</code></p>'
    )
    return (
        f'<p class="subtitle">{escaped(part.facts.subtitle)}</p><div class="facts">{definitions(part.facts.rows)}</div>'
        f"<h3>Verdicts</h3>{verdicts_as_html(part.study)}<h3>Figures</h3>{_figures(figures)}{command}"
    )
