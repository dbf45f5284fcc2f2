"""Tables as LaTeX: floats with booktabs rules, captions and notes, every character escaped."""

from __future__ import annotations

import itertools
import re
import unicodedata

from sirev.reporting.tables import TextTable

HEADER = "% \\usepackage[T1]{fontenc} \\usepackage{booktabs}"
"""The first line: what the document's preamble needs."""

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


def latex(tables: list[TextTable]) -> str:
    """The tables as table environments for a document that loads booktabs and T1 fonts (the first line says so)."""
    return "\n\n".join([HEADER, *map(_table, tables)]) + "\n"


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


def _table(table: TextTable) -> str:
    columns = "l" * table.labels + "r" * (len(table.columns) - table.labels)
    notes = [f"\\par {escape(note)}" for note in table.notes]
    return "\n".join(
        [
            "\\begin{table}[htbp]",
            "\\centering",
            f"\\caption{{{escape(table.title)}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            _line(table.columns),
            "\\midrule",
            *map(_line, table.rows),
            "\\bottomrule",
            "\\end{tabular}",
            *(["\\par\\smallskip\\begin{minipage}{\\linewidth}\\footnotesize", *notes, "\\end{minipage}"] if notes else []),
            "\\end{table}",
        ]
    )


def _line(cells: list[str]) -> str:
    return " & ".join(map(escape, cells)) + " \\\\"
