"""Tables as LaTeX: floats with booktabs rules, captions and notes, every character escaped."""

from __future__ import annotations

import itertools
import re
import unicodedata

from sirev.reporting.narrow import fit
from sirev.reporting.tables import TextTable

HEADER = "% \\usepackage[T1]{fontenc} \\usepackage{booktabs} \\usepackage{graphicx}"
"""The first line: packages for the document's preamble."""
COLUMN = 50
"""Widest table, in characters, for a column of 3 inches in footnote size, by the width of Computer Modern's digits."""
PAGE = 90
"""Widest table, in characters, for a page of LaTeX's `article` with one column, 4.8 inches, in the same size."""
_LINES = 45
"""Most lines of a table and its notes; a page of `article` has 57 in this size, and a float needs space around it."""
_FLOATS = 15
"""Tables between page breaks: LaTeX holds back no more than 18 that find no place."""

SPECIAL = {
    **{char: f"\\{char}" for char in "%&_#${}"},
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "\\": "\\textbackslash{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "\\textquotedbl{}",
    "[": "{[}",  # after \\ a bracket or star would be an option of the line break
    "]": "{]}",
    "*": "{*}",
    "`": "\\textasciigrave{}",
    "→": "$\\to$",
    "←": "$\\leftarrow$",
    "↑": "$\\uparrow$",
    "↓": "$\\downarrow$",
    "−": "$-$",
    "±": "$\\pm$",
    "×": "$\\times$",
    "·": "$\\cdot$",
    "≤": "$\\le$",
    "≥": "$\\ge$",
    "≠": "$\\ne$",
    "≈": "$\\approx$",
    "∞": "$\\infty$",
    "∩": "$\\cap$",
    "∪": "$\\cup$",
    "∈": "$\\in$",
    "Σ": "$\\Sigma$",
    "Δ": "$\\Delta$",
    "α": "$\\alpha$",
    "β": "$\\beta$",
    "–": "--",
    "—": "---",
    "…": "\\dots{}",
    "‘": "`{}",
    "’": "'{}",
    "“": "``",
    "”": "\\textquotedblright{}",
    "§": "\\S{}",
    "°": "$^\\circ$",
}
_KEPT = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ")
"""Letters that LaTeX prints unchanged, in UTF-8 with T1 fonts."""

TWICE = frozenset("-',")
"""Characters that TeX's fonts join into another one when doubled: -- is a dash."""
_MODEL = re.compile(r"\bM_(?:\{([a-z0-9+-]+)\}|([a-z0-9]+)\b)", re.ASCII | re.IGNORECASE)
MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
_ASIDE = re.compile(r"\([^()]*\)")


def latex(tables: list[TextTable], about: str = "", *, column: bool = False) -> str:
    """The tables as table environments, each with a caption and a unique label: \\label{tab:ABOUT-TITLE}.

    The first line, a comment, has the packages for the preamble. The tables fit a page with one column; with `column`, a column
    of a page with two. Wider and longer ones are cut into several, and scaled down if still too wide.
    """
    width = COLUMN if column else PAGE
    fitting = [part for table in tables for narrow in fit(table, width) for part in _shortened(narrow, width)]
    labels = _labels([f"{about} {table.title}" for table in fitting])
    made = [_table(table, label) for table, label in zip(fitting, labels, strict=True)]
    pages = ["\n\n".join(made[i : i + _FLOATS]) for i in range(0, len(made), _FLOATS)]
    return f"{HEADER}\n\n" + "\n\n\\clearpage\n\n".join(pages) + "\n"


def _shortened(table: TextTable, width: int) -> list[TextTable]:
    """The table, or several with some of its rows each, so that none is longer than a page. Notes go below the last."""
    notes = sum(-(-len(note) // width) for note in table.notes)
    parts: list[list[list[str]]] = [[]]
    lines = 0
    for row in table.rows:
        height = max(cell.count("\n") + 1 for cell in row)
        if parts[-1] and lines + height > _LINES:
            parts.append([])
            lines = 0
        parts[-1].append(row)
        lines += height
    if len(parts[-1]) > 1 and lines + notes > _LINES:
        parts.append([parts[-1].pop()])
    return [
        TextTable(
            f"{table.title} (continued)" if place else table.title,
            table.columns,
            table.labels,
            part,
            table.notes if place == len(parts) - 1 else [],
        )
        for place, part in enumerate(parts)
    ]


def _labels(titles: list[str]) -> list[str]:
    """A label per title: its letters and digits, without text in parentheses. Repeated labels are numbered from 2."""
    plain = [re.sub(r"[^a-z0-9]+", "-", _ASIDE.sub("", title.lower())).strip("-") or "table" for title in titles]
    counts = [plain[: i + 1].count(label) for i, label in enumerate(plain)]
    return [f"tab:{label}" if count == 1 else f"tab:{label}--{count}" for label, count in zip(plain, counts, strict=True)]


def escape(text: str) -> str:
    """Text escaped for LaTeX. M_t, a model of the loop, gets a subscript.

    A character that pdfLaTeX's fonts lack becomes its nearest ASCII, else its code point in brackets. White space becomes one
    space, and a hyphen that begins a number becomes a minus sign.
    """
    text = MINUS.sub("−", " ".join(text.split()))
    parts, end = [], 0
    for match in _MODEL.finditer(text):
        parts += [_characters(text[end : match.start()]), f"$M_{{{match[1] or match[2]}}}$"]
        end = match.end()
    return "".join([*parts, _characters(text[end:])])


def _characters(text: str) -> str:
    apart = [char + "{}" if char in TWICE and char == after else _character(char) for char, after in itertools.pairwise(text)]
    return "".join([*apart, *map(_character, text[-1:])])


def _character(char: str) -> str:
    if char in SPECIAL:
        return SPECIAL[char]
    if char in _KEPT or (char.isascii() and char.isprintable()):
        return char
    plain = "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii() and c.isprintable())
    return "".join(SPECIAL.get(c, c) for c in plain) or f"{{[}}U+{ord(char):04X}{{]}}"


def _table(table: TextTable, label: str) -> str:
    sides = "l" * table.labels + "r" * (len(table.columns) - table.labels)
    notes = [f"\\par {escape(note)}" for note in table.notes]
    return "\n".join(
        [
            "\\begin{table}[htbp]",
            "\\centering",
            f"\\caption{{{escape(table.title)}}}",
            f"\\label{{{label}}}",
            "\\footnotesize\\setlength{\\tabcolsep}{3pt}",
            "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%",
            f"\\begin{{tabular}}{{{sides}}}",
            "\\toprule",
            _line(table.columns, sides, "b"),
            "\\midrule",
            *(_line(row, sides, "t") for row in table.rows),
            "\\bottomrule",
            "\\end{tabular}}",
            *(["\\par\\smallskip\\begin{minipage}{\\linewidth}", *notes, "\\end{minipage}"] if notes else []),
            "\\end{table}",
        ]
    )


def _line(cells: list[str], sides: str, at: str) -> str:
    return " & ".join(_cell(cell, side, at) for cell, side in zip(cells, sides, strict=True)) + " \\\\"


def _cell(text: str, side: str, at: str) -> str:
    """A cell. Several lines, as from `fit`, are stacked; `at` says if the top ("t") or bottom ("b") line is on the row's line."""
    lines = [escape(line) for line in text.split("\n")]
    stacked = " \\\\ ".join(lines)
    return stacked if len(lines) == 1 else f"\\begin{{tabular}}[{at}]{{@{{}}{side}@{{}}}}{stacked}\\end{{tabular}}"
