"""Process: whether right answers were also reached correctly, as far as their equations tell.

CoT-pass@k (arXiv 2506.14245) counts a draw only if answer and reasoning are right. In the paper a model judges the reasoning;
here every equation "a op b = c" of the text is evaluated, which is free and exact but misses all other mistakes: an upper bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sirev.metrics.false_equations import checked
from sirev.metrics.families.accuracy import NO_DRAWS, pass_curve
from sirev.metrics.families.family import AnswerType, Compared, Draw, Family, Tree
from sirev.metrics.families.measures import MeasureRow, column
from sirev.metrics.families.shown import LARGEST_K, Column, Shown, ShownTable
from sirev.metrics.pass_at_n import powers_of_two

if TYPE_CHECKING:
    from sirev.metrics.sheet import Sheet, SheetCell

NOT_MATH = "the answers are not mathematical, so that no equations are to be checked"
NOT_MEASURED = "not measured: the equations of draws were not checked; `sirev iterate` or `sirev measure` again checks them"
_GROUPS = ("right", "wrong")


def measure(draws: Sequence[Draw], kind: AnswerType) -> dict[str, Any]:
    """Counts of a problem's draws by the truth of their equations.

    {"n", "correct": right draws without a false equation, "right" | "wrong": {"draws", "checked", "false"}}.

    `checked` counts draws with an equation that can be evaluated, `false` those with a false one; see
    `sirev.metrics.false_equations.checked`.
    """
    equations = [(draw.right, checked(draw.text)) for draw in draws]
    groups = {name: [found for right, found in equations if right == (name == "right")] for name in _GROUPS}
    counted = {
        name: {"draws": len(of), "checked": sum(map(bool, of)), "false": sum(not all(found) for found in of)}
        for name, of in groups.items()
    }
    return {"n": len(draws), "correct": counted["right"]["draws"] - counted["right"]["false"], **counted}


def statistics(compared: Compared) -> Tree:
    """Share of right and of wrong draws, over all problems together, with a false equation and with a checked one; CoT-pass@k."""
    sheet, rows = compared.sheet, FAMILY.rows(compared.model)
    none = NOT_MATH if compared.answers != FAMILY.only else NO_DRAWS if compared.model.draws is None else NOT_MEASURED
    groups: Tree = {
        name: {
            what: _share(sheet, rows, name, what, none if rows is None else f"no draw is {name}") for what in ("false", "checked")
        }
        for name in _GROUPS
    }
    sizes = list(powers_of_two(max((row["n"] for row in rows or ()), default=1)))
    return {"process": {**groups, "pass_at_n": pass_curve(sheet, rows, sizes, none=none)}}


def _share(sheet: Sheet, rows: Sequence[MeasureRow] | None, group: str, what: str, none: str) -> SheetCell:
    """A count as a share of a group's draws, both summed over problems first: a problem with many such draws weighs more."""
    of = [
        sheet.mean(column(rows, lambda row, name=name: row[group][name], sheet.n), none, binomial=False)  # type: ignore[misc]
        for name in (what, "draws")
    ]
    return sheet.derived(lambda count, draws: count / draws, of, none)


FAMILY = Family("process", statistics, measure, version=1, costly=True, only="math")

SHOWN = Shown(
    section="accuracy",
    fields=("process",),
    tables=(
        ShownTable(
            "Equations of test samples",
            (
                Column("right, one false %", ("process", "right", "false")),
                Column("wrong, one false %", ("process", "wrong", "false")),
                Column("checked %", ("process", "right", "checked")),
                Column("CoT-pass@1 %", ("process", "pass_at_n", "1")),
                Column("CoT-pass@{} %", ("process", "pass_at_n", LARGEST_K)),
            ),
            (
                "one false: correct (right) or incorrect (wrong) samples with a false equation. checked: correct samples with an "
                "equation that could be evaluated. CoT-pass@k (arXiv 2506.14245): of k samples one is correct and has no false "
                "equation.",
            ),
        ),
    ),
)
