"""Diversity: how different all, the right and the wrong draws of a problem are, in content and in wording."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

from sirev.metrics import distinct, pairwise_diversity
from sirev.metrics.equations import equations
from sirev.metrics.families.accuracy import NO_DRAWS
from sirev.metrics.families.family import AnswerType, Compared, Draw, Family, Tree
from sirev.metrics.families.measures import MeasureRow, column
from sirev.metrics.families.shown import Shown, Variety
from sirev.metrics.pairwise_diversity import PAIR_KINDS, Split
from sirev.metrics.programs import normal_form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sirev.metrics.sheet import Sheet, SheetCell

    Chosen = NDArray[np.bool_]
    """Mask over a problem's draws: whether each belongs to a group."""

PAPER_DRAWS = 50
"""Values over this many first draws of a problem are comparable with the paper's (arXiv 2407.05013), which has 50."""
SIZES = (4, 8, 16)
"""Numbers of answers m at which diversity is size-matched."""
GROUPS = {"all": "an", "correct": "a correct", "incorrect": "an incorrect"}
"""Sets of answers that diversity is measured over, with their article for messages."""


UNREAD_LIMIT = 0.2
"""Share of a group's answers without a readable form above which its diversity of forms is not reported."""


class Form(NamedTuple):
    """The content of answers of one kind, apart from their words: answers of the same form count as one."""

    answers: str
    """The kind of answers that have this form."""
    otherwise: str
    """The reason given for other kinds."""
    text: Callable[[Draw], str]
    of: Callable[[str], Hashable]
    """The form of such a text; an empty one means that nothing was read, and equals no other."""
    none: str
    """Description of answers without the form, for messages."""


FORMS = {
    "equations": Form("math", "the task is no mathematical one", lambda draw: draw.text, equations, "no equation"),
    "programs": Form("code", "the answers are no programs", lambda draw: draw.program, normal_form, "no program"),
}
FORM_OF = {form.answers: name for name, form in FORMS.items()}
"""Kind of answers -> their form."""

Forms = dict[str, list[Hashable] | None]
"""Name in FORMS -> the form of each answer, empty where none was read; None where answers are of another kind."""


def measure(draws: Sequence[Draw], kind: AnswerType) -> dict[str, Any]:
    """Shares that say how different all, the right and the wrong draws of a problem are.

    {"all" | "correct" | "incorrect": {"answers": R, "distinct_n": {n}, "distinct_equations", "distinct_programs" (of the first
    PAPER_DRAWS), "matched": {"total": R, m: {"distinct_n": {n}, "distinct_equations", "distinct_programs"} | null where R < m}
    (of all), "unread": {"equations", "programs"} (number of answers without such a form, which are left out)}, "pairs":
    {"equations", "programs", "texts": see `sirev.metrics.pairwise_diversity`}}. Equations are null unless answers are
    mathematical, programs unless they are code.
    """
    import numpy as np

    texts = [draw.text for draw in draws]
    forms: Forms = {
        name: _forms([form.text(draw) for draw in draws], form.of) if kind.name == form.answers else None
        for name, form in FORMS.items()
    }
    right = [draw.right for draw in draws]
    first = np.fromiter((draw.draw < PAPER_DRAWS for draw in draws), bool, len(draws))
    correct = np.array(right, bool)
    groups = {"all": np.ones(len(draws), bool), "correct": correct, "incorrect": ~correct}
    grams = list(distinct.n_grams(texts))
    pairs = {name: None if one is None else pairwise_diversity.of_forms(*_read(one, right)) for name, one in forms.items()}
    return {
        **{group: _unlikeness(grams, forms, chosen, chosen & first) for group, chosen in groups.items()},
        "pairs": {**pairs, "texts": pairwise_diversity.of_forms(texts, right)},
    }


def _unlikeness(grams: Sequence[distinct.Grams], forms: Forms, chosen: Chosen, early: Chosen) -> dict[str, Any]:
    """Measures of one group: of the `early` answers alone, and size-matched over all `chosen` ones."""
    n_grams = [(one.held_by(early), int(one.totals[early].sum())) for one in grams]
    early_forms, chosen_forms = _only(forms, early), _only(forms, chosen)
    return {
        "answers": int(early.sum()),
        "distinct_n": {
            str(n): int((held > 0).sum()) / total if total else None
            for n, (held, total) in zip(distinct.ORDERS, n_grams, strict=True)
        },
        **{f"distinct_{name}": None if one is None else distinct.distinct_share(one) for name, one in early_forms.items()},
        "matched": _matched(grams, chosen_forms, chosen),
        "unread": {
            name: None if one is None else int(chosen.sum()) - len(chosen_forms[name] or ()) for name, one in forms.items()
        },
    }


def _matched(grams: Sequence[distinct.Grams], forms: Forms, chosen: Chosen) -> dict[str, Any]:
    answers = int(chosen.sum())
    sizes = [m for m in SIZES if m <= answers]
    n_grams = [(distinct.histogram(one.held_by(chosen)), int(one.totals[chosen].sum())) for one in grams if sizes]
    whole = {name: None if one is None else distinct.histogram_of_forms(one) for name, one in forms.items()}
    read = {name: len(one or ()) for name, one in forms.items()}
    values = {
        str(m): {
            "distinct_n": {
                str(n): distinct.expected_distinct(holding, answers, m, total)
                for n, (holding, total) in zip(distinct.ORDERS, n_grams, strict=True)
            },
            **{
                f"distinct_{name}": None if one is None else distinct.expected_distinct(one, read[name], m, read[name])
                for name, one in whole.items()
            },
        }
        for m in sizes
    }
    return {"total": answers, **dict.fromkeys(map(str, SIZES)), **values}


def _only(forms: Forms, chosen: Chosen) -> Forms:
    """The forms that were read, of the chosen answers."""
    return {name: None if one is None else [form for form in compress(one, chosen) if form] for name, one in forms.items()}


def _read(forms: Sequence[Hashable], right: Sequence[bool]) -> tuple[list[Hashable], list[bool]]:
    """The forms that were read, and whether each belongs to a right answer."""
    return [form for form in forms if form], [*compress(right, map(bool, forms))]


def _forms(texts: Sequence[str], form: Callable[[str], Hashable]) -> list[Hashable]:
    """The form of each text; equal texts are read once, and a blank one has none."""
    known = {text: form(text) if text.strip() else "" for text in dict.fromkeys(texts)}
    return [known[text] for text in texts]


def statistics(compared: Compared) -> Tree:
    """Diversity of all, correct and incorrect answers, as in the paper and size-matched, and the parts of its change."""
    names = (*FORMS, "texts")
    return {"diversity": {group: _of_group(compared, group) for group in GROUPS}, "split": splits(compared, FAMILY, names)}


def _of_group(compared: Compared, group: str) -> Tree:
    sheet, answers, rows = compared.sheet, compared.answers, FAMILY.rows(compared.model)
    none = NO_DRAWS if rows is None else f"no problem has {GROUPS[group]} answer"
    if answers == "letters":
        none = "an answer is an option's letter alone"
    unread = {name: too_few_read(rows, group, name) for name in FORMS}
    tree = _shares(sheet, rows, answers, none, unread, lambda row: row[group])
    tree["unread"] = {name: _unread(sheet, rows, group, name, tree[f"distinct_{name}"].reason) for name in FORMS}
    tree["matched"] = {}
    for m in map(str, SIZES):
        mask, why = compared.eligible[m][group]
        having = [row if ok else None for row, ok in zip(rows, mask, strict=True)] if rows is not None else None
        tree["matched"][m] = _shares(
            sheet,
            having,
            answers,
            none if rows is None else why,
            unread,
            lambda row, m=m: row[group]["matched"][m] if row else None,
        )
    return tree


def too_few_read(rows: Sequence[MeasureRow] | None, group: str, name: str) -> str:
    """The reason if more than UNREAD_LIMIT of a group's answers have no readable form; else ""."""
    unread, answers = _counts(rows, group, name)
    if not answers or unread <= UNREAD_LIMIT * answers:
        return ""
    kind = "" if group == "all" else f"{group} "
    return (
        f"{100 * unread / answers:.0f} % of the {kind}answers hold {FORMS[name].none} that is read, more than {UNREAD_LIMIT:.0%}"
    )


def _counts(rows: Sequence[MeasureRow] | None, group: str, name: str) -> tuple[int, int]:
    """The number of a group's answers without a readable form, and of all its answers; 0 and 0 where they were not counted."""
    counted = [(row[group]["unread"][name], row[group]["matched"]["total"]) for row in rows or () if "unread" in row[group]]
    known = [(unread, answers) for unread, answers in counted if unread is not None]
    return sum(unread for unread, _ in known), sum(answers for _, answers in known)


def _unread(sheet: Sheet, rows: Sequence[MeasureRow] | None, group: str, name: str, none: str) -> SheetCell:
    """The share of a group's answers without a readable form, over all problems together."""

    def count(row: MeasureRow) -> float | None:
        found: float | None = row[group].get("unread", {}).get(name)
        return found

    def of(row: MeasureRow) -> float | None:
        return None if count(row) is None else float(row[group]["matched"]["total"])

    why = "not counted" if rows and not any("unread" in row[group] for row in rows) else none
    cells = [sheet.mean(column(rows, pick, sheet.n), why, binomial=False) for pick in (count, of)]
    return sheet.derived(lambda unread, answers: unread / answers, cells, why)


def _shares(sheet: Sheet, rows: Any, answers: str, none: str, unread: Mapping[str, str], of: Any) -> Tree:
    """Distinct-N per n and their mean, distinct equation lists and programs, from the part of a row that `of` picks.

    `unread`: form -> the reason if too few are read, or "".
    """
    by_n = {
        str(n): sheet.mean(
            column(rows, lambda row, n=n: (of(row) or {"distinct_n": {}})["distinct_n"].get(str(n)), sheet.n),  # type: ignore[misc]
            none or f"no answer of {n} tokens",
            binomial=False,
        )
        for n in distinct.ORDERS
    }
    tree: Tree = {
        "distinct_n": {**by_n, "mean": sheet.derived(lambda *means: sum(means) / len(means), list(by_n.values()), none)}
    }
    for name, form in FORMS.items():
        why = unread[name]
        tree[f"distinct_{name}"] = sheet.mean(
            column(None if why else rows, lambda row, name=name: (of(row) or {}).get(f"distinct_{name}"), sheet.n),  # type: ignore[misc]
            why or (none if answers in (form.answers, "letters") else form.otherwise),
            binomial=False,
        )
    return tree


def splits(compared: Compared, family: Family, names: Sequence[str]) -> Tree:
    """Parts of the change of a family's pairwise diversity: other kinds of pairs, or likeness within a kind.

    Each of `names` that both models have pairs of gets its parts; M_1 itself has none.
    """
    first, later = family.rows(compared.first), family.rows(compared.model)
    if compared.is_first or not first or not later:
        return {}
    return {
        name: _split(compared.sheet, first, later, name)
        for name in names
        if first[0]["pairs"].get(name) and later[0]["pairs"].get(name)
    }


def _split(sheet: Sheet, first: Sequence[MeasureRow], later: Sequence[MeasureRow], name: str) -> Tree:
    split = pairwise_diversity.split
    changes = [split(one["pairs"][name], other["pairs"][name]) for one, other in zip(first, later, strict=True)]
    why = next(filter(None, (too_few_read(rows, "all", name) for rows in (first, later))), "") if name in FORMS else ""

    def cell(pick: Callable[[Split], float]) -> SheetCell:
        values = column(None if why else changes, lambda one: None if one is None else pick(one), sheet.n)
        return sheet.mean(values, why or "no problem has two answers at both", binomial=False)

    return {
        "change": cell(lambda one: one["change"]),
        "composition": cell(lambda one: one["composition"]),
        "narrowing": {kind: cell(lambda one, kind=kind: one["narrowing"][kind]) for kind in PAIR_KINDS},  # type: ignore[misc]
    }


def distinct_right(row: Mapping[str, Any], answers: str, m: int) -> float | None:
    """Size-matched distinct right answers of a problem: equation lists, programs, else the mean of Distinct-1 to 5."""
    matched = row["correct"]["matched"][str(m)]
    if matched is None:
        return None
    if answers == "text":
        grams = list(matched["distinct_n"].values())
        return None if None in grams else float(sum(grams) / len(grams))
    return matched[f"distinct_{FORM_OF[answers]}"]  # type: ignore[no-any-return]


FAMILY = Family("diversity", statistics, measure, version=3, costly=True)

SHOWN = Shown(
    section="diversity",
    fields=("diversity", "split"),
    varieties=(
        Variety("Distinct-N", "Distinct-N (%)", ("distinct_n", "mean")),
        Variety("equations", "distinct equation lists (%)", ("distinct_equations",)),
        Variety("programs", "distinct programs (%)", ("distinct_programs",)),
    ),
)
