"""Checks that the ids of a file name problems, not completions, each of which would then count as a problem."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.external.sampled import QUESTIONS, Sampled
from sirev.tasks.problem_ids import plain
from sirev.tasks.rows import shown

_NUMBERED = re.compile(r"(.+)[-_/.:#]0*(\d+)", re.DOTALL)


def check_identity(problems: Sequence[Sampled], id_path: Sequence[str], prompt_path: Sequence[str] | None) -> None:
    """Raise BadInput if most problems share their question with another id, since the ids then name completions.

    A few problems of published sets share a question, some with different gold answers: those pass.
    """
    if id_path[-1] in QUESTIONS or prompt_path is None:
        return
    groups: dict[tuple[str, str, str], list[Sampled]] = defaultdict(list)
    for one in problems:
        if one.prompt:
            groups[plain(one.prompt), plain(one.gold), one.level].append(one)
    repeated = [group for group in groups.values() if len(group) > 1]
    asked = sum(map(len, groups.values()))
    # A single prompt for all, without a gold answer, may be an instruction, which does not identify problems.
    constant = len(groups) == 1 and not next(iter(groups))[1]
    if constant or 2 * sum(map(len, repeated)) <= asked:
        return
    few, most = min(map(len, repeated)), max(map(len, repeated))
    each = str(most) if few == most else f"{few} to {most}"
    such = ", ".join(shown(one.named) for one in repeated[0][:2])
    rest = f" ({len(repeated)} of them several times)" if len(repeated) < len(groups) else ""
    raise BadInput(
        f"{repeated[0][0].where}: {len(problems)} ids but {len(groups)} different questions{rest}, each under {each} ids, such "
        f"as {such}: the ids name completions, and each would count as a problem; group them by question: --id "
        f"{'.'.join(prompt_path)} (or name what tells the problems apart: --prompt FIELD)"
    )


def numbered(problems: Sequence[Sampled]) -> dict[str, Any] | None:
    """{"names", "each", "such": two ids} if all ids are NAME_k with the same k for each NAME; else None.

    Such ids may name completions. Only checked if no question is known and every id has one completion.
    """
    if any(one.prompt or len(one.completions) > 1 for one in problems):
        return None
    parts = [_NUMBERED.fullmatch(one.named) for one in problems]
    numbers: dict[str, list[int]] = defaultdict(list)
    for part in parts:
        if part is None:
            return None
        numbers[part[1]].append(int(part[2]))
    ranges = Counter(tuple(sorted(found)) for found in numbers.values())
    if len(numbers) < 2 or len(ranges) > 1:
        return None
    (each,) = ranges
    if len(each) < 2 or each not in (tuple(range(len(each))), tuple(range(1, len(each) + 1))):
        return None
    return {"names": len(numbers), "each": len(each), "such": sorted(one.named for one in problems)[:2]}
