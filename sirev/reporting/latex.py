"""Tables as LaTeX: floats with booktabs rules, captions and notes, every character escaped."""

from __future__ import annotations

import itertools
import re
import unicodedata

from sirev.reporting.narrow import fit
from sirev.reporting.tables import TextTable

HEADER = "% \\usepackage[T1]{fontenc} \\usepackage{booktabs} \\usepackage{graphicx}"
"""The first line: what the document's preamble needs."""
COLUMN = 50
"""Characters of a table that fit a column of 3 inches in footnote size, by the widths of Computer Modern's figures."""
PAGE = 90
"""The same of the text of LaTeX's own `article`, 4.8 inches wide."""

SPECIAL = {
    **{char: f"\\{char}" for char in "%&_#${}"},
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "\\": "\\textbackslash{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    '"': "\\textquotedbl{}",
    "[": "{[}",  # after \\ a bracket or a star would be an option of the line break
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
"""Letters that LaTeX reads as they are, in UTF-8 and with T1 fonts."""

TWICE = frozenset("-',")
"""Characters that TeX's fonts draw as another one where two of them meet: -- is a dash."""
_MODEL = re.compile(r"\bM_(?:\{([a-z0-9+-]+)\}|([a-z0-9]+)\b)", re.ASCII | re.IGNORECASE)
MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
_ASIDE = re.compile(r"\([^()]*\)")


def latex(tables: list[TextTable], about: str = "", *, column: bool = False) -> str:
    """The tables as table environments, each with a caption and a label of its own: \\label{tab:ABOUT-TITLE}.

    The document's preamble needs what the first line says. They fit a page of one column, with `column` a column of a page of
    two: tables that are wider are cut into several, and what is still too wide is scaled down.
    """
    fitting = [part for table in tables for part in fit(table, COLUMN if column else PAGE)]
    labels = _labels([f"{about} {table.title}" for table in fitting])
    return "\n\n".join([HEADER, *(_table(table, label) for table, label in zip(fitting, labels, strict=True))]) + "\n"


def _labels(titles: list[str]) -> list[str]:
    """A label for each title: its letters and digits, but for what is in brackets. Of equal ones the later are numbered."""
    plain = [re.sub(r"[^a-z0-9]+", "-", _ASIDE.sub("", title.lower())).strip("-") or "table" for title in titles]
    counts = [plain[: i + 1].count(label) for i, label in enumerate(plain)]
    return [f"tab:{label}" if count == 1 else f"tab:{label}--{count}" for label, count in zip(plain, counts, strict=True)]


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands; M_t, a model of the loop, is set with an index.

    A character that pdfLaTeX's fonts lack becomes its nearest ASCII, else its code point in brackets; white space becomes
    one space, and a hyphen that begins a number a minus sign.
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
    """A cell; one of several lines, as `fit` makes them, is a stack whose top ("t") or bottom ("b") line is on the row's own."""
    lines = [escape(line) for line in text.split("\n")]
    stacked = " \\\\ ".join(lines)
    return stacked if len(lines) == 1 else f"\\begin{{tabular}}[{at}]{{@{{}}{side}@{{}}}}{stacked}\\end{{tabular}}"
