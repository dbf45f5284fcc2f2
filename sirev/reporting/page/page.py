"""Assembly of the page: one HTML file without network access or foreign scripts.

Text from models, tasks and recipes is untrusted. Text shown at once is escaped. Text of the explorer is gzip in base64, whose
alphabet can't close an element, and becomes text nodes only.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from sirev.reporting.facts import Facts
from sirev.reporting.page.cards import verdicts_as_html
from sirev.reporting.page.head import head_as_html
from sirev.reporting.page.markup import escaped
from sirev.reporting.sections.run_rows import Study

_STYLES = ("page.css", "head.css", "explorer.css", "print.css")
SCRIPTS = ("theme.js", "data.js", "highlight.js", "answers.js", "explorer.js", "votes.js", "audit.js", "controls.js")
"""Parts of one script, in this order, wrapped in one function."""
WIDE, WIDEST = 520.0, 612.0
"""Widths of a figure, in points: beyond `WIDE` it takes both columns of a page under 1,500 pixels, beyond `WIDEST` of any."""


def render_page(
    comparison: Study,
    *,
    facts: Facts,
    tables_html: str,
    figures: list[dict[str, Any]],
    explorer: dict[str, Any],
    missing: Sequence[str] = (),
    mends: Sequence[str] = (),
) -> str:
    """The whole page.

    comparison: a study. missing: the gaps of the store, a line each; mends: the commands that fill them. tables_html: from
    `tables_as_html`. figures: {"name", "title", "alt", "light", "dark"}; the last two are whole SVG files as text ("dark" may be
    left out; "light" is None if there is nothing to draw). explorer: from `explorer_data`.
    """
    main = Template(_part("study.html")).substitute(
        head=head_as_html(facts, missing, mends),
        verdicts=verdicts_as_html(comparison),
        figures=figures_as_html(figures),
        tables=tables_html or NO_TABLES,
    )
    after = f"{_part('help.html')}\n\n{_data(explorer, comparison, lost=bool(missing))}"
    title = ": ".join(filter(None, (facts.title, facts.subtitle)))
    nav = {"verdicts": "Verdicts", "figures": "Figures", "tables": "Tables", "explorer": "Explorer"}
    return whole_page(title, nav, main, SCRIPTS, after, _KEYS)


_KEYS = '    <button type="button" id="keys" aria-label="Keyboard" aria-haspopup="dialog">?</button>\n'
NO_TABLES = '<p class="none">No tables.</p>'


def whole_page(title: str, nav: Mapping[str, str], main: str, scripts: Sequence[str], after: str = "", tools: str = "") -> str:
    """A page around its main part.

    `nav`: id of a section -> its name in the navigation; `scripts` are the parts of the script; `after` follows the main part;
    `tools` are further buttons.
    """
    script = "(() => {\n'use strict';\n" + "\n".join(_part(name) for name in scripts) + "\n})();"
    page = Template(_part("template.html")).substitute(
        title=escaped(f"{title}, sirev"),
        nav="".join(f'<a href="#{escaped(name)}">{escaped(text)}</a>' for name, text in nav.items()),
        keys=tools,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style="\n".join(_part(name) for name in _STYLES),
        main=main,
        after=after,
    )
    # UTF-8 can't encode a lone surrogate.
    return page.encode("utf-8", "replace").decode("utf-8")


def _part(name: str) -> str:
    # Browsers hash the script with \n as line ends.
    return files(__package__).joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n").strip()


def figures_as_html(figures: list[dict[str, Any]]) -> str:
    """The figures, each SVG as a separate image: scripts in it do not run, and ids and styles do not clash."""
    parts = []
    for figure in figures:
        alt, light = escaped(figure["alt"]), figure["light"]
        name, caption = escaped(figure["name"]), escaped(figure["title"])
        head = f'<figcaption><a href="#figure-{name}">{caption}</a></figcaption>'
        if light is None:
            parts.append(f'<figure id="figure-{name}">{head}<p class="none">{alt}</p></figure>')
            continue
        dark = figure.get("dark") or light
        images = "".join(
            f'<img class="{theme}" alt="{alt}" loading="lazy" src="data:image/svg+xml;base64,{_base64(svg.encode())}">'
            for theme, svg in (("for-light", light), ("for-dark", dark))
        )
        size = _size(light)
        parts.append(f'<figure id="figure-{name}"{size}>{head}<div class="picture">{images}</div></figure>')
    return "\n".join(parts) or '<p class="none">No figures.</p>'


def _size(svg: str) -> str:
    """The class attribute of a figure that is too wide for half of the page; "" for others."""
    found = re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)
    width = float(found[1]) if found else 0.0
    return ' class="wide widest"' if width > WIDEST else ' class="wide"' if width > WIDE else ""


def _data(explorer: dict[str, Any], comparison: Study, *, lost: bool) -> str:
    ids = [run.get("id") for run in comparison.get("runs") or []]
    study = hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]  # key of the reader's votes in the browser
    index = {**explorer["index"], "kind": comparison.get("answers") or "text", "study": study, "lost": lost}
    parts = [("explorer-index", index), *((f"explorer-{i}", chunk) for i, chunk in enumerate(explorer["chunks"]))]
    return "\n".join(f'<script type="application/octet-stream" id="{name}">{_packed(data)}</script>' for name, data in parts)


def _packed(data: Any) -> str:
    """JSON as gzip in base64, the same bytes for the same data. Lone surrogates become escapes."""
    return _base64(gzip.compress(json.dumps(data, separators=(",", ":")).encode(), compresslevel=6, mtime=0))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
