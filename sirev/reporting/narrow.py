"""Cutting of wide tables into several for a narrow terminal, without breaking a number.

Line ends are inserted where column titles, labels and sentences break. So the natural width of the results fits, and rich has
nothing to shrink. They are for printing only.
"""

from __future__ import annotations

import textwrap

from sirev.reporting.tables import TextTable

SENTENCE = 24
"""Least width of a column of sentences, in characters; narrower ones are ladders of words."""
_NAME = 16
"""Longest word of a column title that stays whole, in characters."""


def fit(table: TextTable, width: int) -> list[TextTable]:
    """The table, if it is drawn at most `width` characters wide; else several tables that are, for printing in order.

    Column titles, labels and sentences break between words. If that is not enough, the columns of numbers are split over several
    tables, each with the labels. If the labels leave no room for a column, rows become columns. Numbers and their intervals stay
    whole, even beyond the width of the terminal. Notes go below the last table.
    """
    columns = _columns(table)
    if drawn_width([_natural(column) for column in columns]) <= width:
        return [table]
    labels = [_longest_word(column) for column in columns[: table.labels]]
    numbers = [_least(column) for column in columns[table.labels :]]
    if numbers and table.labels and drawn_width([*labels, max(numbers)]) > width:
        table = _turned(table)
        columns = _columns(table)
        labels = [min(_longest_word(columns[0]), _NAME)]
        numbers = [_least(column) for column in columns[1:]]
    return _cut(table, columns, labels, numbers, width)


def drawn_width(widths: list[int]) -> int:
    """Characters of a line that rich draws with columns of these widths."""
    return sum(widths) + 3 * len(widths) - 1


def _cut(table: TextTable, columns: list[list[str]], labels: list[int], numbers: list[int], width: int) -> list[TextTable]:
    parts = _shared(labels, numbers, width)
    made = []
    for place, part in enumerate(parts, 1):
        chosen = [*range(table.labels), *(table.labels + i for i in part)]
        widths = _spread([columns[i] for i in chosen], labels + [numbers[i] for i in part], width)
        wrapped = [
            [
                _wrap(cell, limit) if not row or i < table.labels or _is_sentence(cell) else cell
                for row, cell in enumerate(columns[i])
            ]
            for i, limit in zip(chosen, widths, strict=True)
        ]
        titles, *rows = (list(cells) for cells in zip(*wrapped, strict=True))
        title = table.title if len(parts) == 1 else f"{table.title} ({place} of {len(parts)})"
        made.append(TextTable(title, titles, table.labels, rows, table.notes if place == len(parts) else []))
    return made


def _shared(labels: list[int], numbers: list[int], width: int) -> list[list[int]]:
    """The columns of numbers, in order, in as few parts as fit next to the labels, as even as possible."""

    def parts(most: int) -> list[list[int]]:
        found: list[list[int]] = [[]]
        for i, wide in enumerate(numbers):
            beside = [*labels, *(numbers[j] for j in found[-1]), wide]
            if found[-1] and (len(found[-1]) == most or drawn_width(beside) > width):
                found.append([])
            found[-1].append(i)
        return found

    fewest = len(parts(len(numbers)))
    return next(found for most in range(1, len(numbers) + 2) if len(found := parts(most)) == fewest)


def _spread(columns: list[list[str]], least: list[int], width: int) -> list[int]:
    """Widths of columns: at least `least`, and the rest for the columns whose cells would break most."""
    widths = list(least)
    for _ in range(width - drawn_width(widths)):
        lacking = [_natural(column) / max(w, 1) for column, w in zip(columns, widths, strict=True)]
        if max(lacking) <= 1:
            break
        widths[lacking.index(max(lacking))] += 1
    return widths


def _turned(table: TextTable) -> TextTable:
    """The table with rows as columns, titled by their labels."""
    titles = [" ".join(row[: table.labels]) for row in table.rows]
    rows = [[name, *(row[i] for row in table.rows)] for i, name in enumerate(table.columns) if i >= table.labels]
    return TextTable(table.title, [" ".join(table.columns[: table.labels]), *titles], 1, rows, table.notes)


def _columns(table: TextTable) -> list[list[str]]:
    return [[title, *(row[i] for row in table.rows)] for i, title in enumerate(table.columns)]


def _natural(column: list[str]) -> int:
    return max(1, *(len(line) for cell in column for line in cell.split("\n")))


def _longest_word(cells: list[str]) -> int:
    return max((len(word) for cell in cells for word in cell.split()), default=1)


def _least(column: list[str]) -> int:
    """The least width of a column of numbers: for whole numbers, words of its title, and sentences of `SENTENCE` characters."""
    title, *cells = column
    whole = [len(cell) for cell in cells if not _is_sentence(cell)]
    told = [max(_longest_word([cell]), min(len(cell), SENTENCE)) for cell in cells if _is_sentence(cell)]
    return max(min(_longest_word([title]), _NAME), *whole, *told, 1)


def _is_sentence(cell: str) -> bool:
    """Whether a cell of three or more words is mostly letters, so that it may break between words."""
    words = cell.split()
    return 2 * sum(word.strip(".,;:()").isalpha() for word in words) > len(words) > 2


def _wrap(cell: str, width: int) -> str:
    return "\n".join(
        line for part in cell.split("\n") for line in textwrap.wrap(part, max(width, 1), break_on_hyphens=False) or [""]
    )
