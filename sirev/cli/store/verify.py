"""`sirev store verify`: damage, repair, and comparison of recomputed steps with the stored ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sirev.api.recompute import Recomputed, recompute
from sirev.cli.bars import Bars
from sirev.cli.lines import print_lines
from sirev.cli.options import check_format
from sirev.cli.units import size_text
from sirev.errors import BadInput
from sirev.listing import listed
from sirev.printing import out, out_json, text_column, warn
from sirev.store.runs import address_parts
from sirev.store.store import MARKER, Store, default_path
from sirev.store.upkeep.repair import MISSING, marker_damage, mend_marker, repair
from sirev.store.upkeep.verify import verify as verified
from sirev.store.upkeep.verify_report import Damage, Findings

_SCHEMA = 2
"""Version of the JSON form, raised when a field changes its meaning or is removed."""
_SHOWN = 20
"""The most lines per list in the table form; json lists all."""
BELONGS = 3
"""The most steps that a line names; the rest are counted."""
NEW_ID = "the store has a new id: results computed here now count as computed elsewhere"


@dataclass
class _Outcome:
    """`left` is remaining damage, with the reason if dropping it failed; `again` are results to be recomputed or pulled."""

    found: Findings
    left: list[tuple[Damage, str]] = field(default_factory=list)
    dropped: list[Damage] = field(default_factory=list)
    again: list[Damage] = field(default_factory=list)
    recomputed: Recomputed | None = None

    @property
    def status(self) -> int:
        return 1 if self.left or (self.recomputed and self.recomputed.differences) else 0


def verify_store(path: Path | None, mend: bool, count: int, form: str, unsafe_code: bool = False) -> int:
    """Check the store, with `mend` repair it, recompute `count` steps, and print the findings. Returns the exit status.

    0 if all is well, 1 if something is damaged or missing, or a recomputed step differs. After a repair, results to be
    recomputed or pulled don't count as failures.
    """
    check_format(form)
    if unsafe_code and not count:
        raise BadInput("--allow-unsafe-code goes with --recompute N: nothing else runs programs")
    outcome = _checked(path if path is not None else default_path(), mend, count, unsafe_code)
    if form == "json":
        out_json(_json(outcome))
    else:
        _print(outcome, count)
    return outcome.status


def _checked(place: Path, mend: bool, count: int, unsafe_code: bool) -> _Outcome:
    dropped = []
    if (what := marker_damage(place)) is not None:  # a store with an unreadable marker can't be opened
        marker = Damage("marker", MARKER, what, "drop")
        if not mend and what != MISSING:
            return _Outcome(Findings(damage=[marker]), [(marker, "nothing else was checked")])
        if mend:
            mend_marker(place)
            dropped.append(marker)
    store = Store(place)
    if not store.exists and what is None:
        raise BadInput(f"there is no store in {place}; choose another with --store DIR")
    with _Progress() as progress:
        outcome = _Outcome(verified(store, progress.told), dropped=dropped)
        if mend:
            mended = repair(store, outcome.found)
            outcome.dropped += mended.dropped
            outcome.left += [(one, "") for one in outcome.found.damage if one.remedy == "hand"] + mended.left
            outcome.again = [one for one in outcome.found.damage if one.remedy == "again"]
        else:
            outcome.left = [(one, "") for one in outcome.found.damage]
        # A stage would drop damaged bytes that it meets, which only the user may request.
        if count and all(one.kind == "missing" for one, _ in outcome.left):
            outcome.recomputed = recompute(store, count, progress.step, unsafe_code=unsafe_code, on_warning=warn)
    return outcome


def _print(outcome: _Outcome, count: int) -> None:
    found = outcome.found
    _list("Damaged or missing", [_line(one, reason) for one, reason in outcome.left])
    _list("Dropped", [_line(one) for one in outcome.dropped])
    _list("Missing", [_line(one) for one in outcome.again])
    _list(
        "Newer than this version of sirev, or larger than it reads, and so not checked",
        [f"{one.path}: {one.what}" for one in found.unchecked],
    )
    _list("Remarks (no damage)", [f"{one.path}: {one.what}" for one in found.remarks])
    if outcome.recomputed is not None:
        _list(
            "Different when recomputed",
            [f"{one.step} (key {one.key[:12]}): {one.what}" for one in outcome.recomputed.differences],
        )
        _list("Identical when recomputed", outcome.recomputed.alike)
    print_lines(_last_lines(outcome, count))


def _list(title: str, lines: list[str]) -> None:
    """Print lines below a title, since paths are too long for a table."""
    if not lines:
        return
    print_lines([f"{title}: {len(lines):,}", *(f"  {line}" for line in lines[:_SHOWN])])
    if len(lines) > _SHOWN:
        out(f"  and {len(lines) - _SHOWN:,} more; --format json lists all")
    out("")


def _line(damage: Damage, reason: str = "") -> str:
    belongs = listed(damage.belongs, BELONGS)
    failed = f"; {reason}" if reason else ""
    return f"{damage.kind} {damage.path}: {damage.what}{failed}{f'; used by {belongs}' if belongs else ''}"


def _last_lines(outcome: _Outcome, count: int) -> list[str]:
    lines = []
    found = outcome.found
    if (done := outcome.recomputed) is not None:
        alike, differ = len(done.alike), len(done.differences)
        what = f"{differ:,} differ" if differ else "all identical" if alike else "none could be"
        left_out = "; trainings and samplings are not recomputed"
        lines.append(f"{alike + differ:,} of {done.deterministic:,} deterministic steps recomputed: {what}{left_out}")
        reasons: dict[str, list[str]] = defaultdict(list)
        for step, why in done.skipped.items():
            reasons[why].append(step)
        lines += [f"not recomputed: {listed(steps, 1)}: {why}" for why, steps in reasons.items()]
    elif count:
        lines.append("nothing was recomputed: repair the store first")
    if found.hollow:
        lines.append(
            f"{_weights(found.hollow)} not in this store (removed, or left out when it was shared); their measurements are"
        )
    if found.leftovers:
        lines.append(
            f"{found.leftovers:,} temporary files ({size_text(found.leftover_size)}) of commands that are running or were killed"
        )
    if any(one.kind == "marker" for one in outcome.dropped):
        lines.append(NEW_ID)
    needed = list(
        dict.fromkeys(
            run for one in (*outcome.again, *outcome.dropped) for run, step in map(address_parts, one.belongs) if step is not None
        )
    )
    if needed:
        shown = listed(needed, BELONGS)
        lines.append(f"incomplete now, until `sirev iterate` or `sirev store pull` restores the missing steps: {shown}")
    checked = f"{found.records:,} records, {found.objects:,} objects, {size_text(found.size)} checked in {found.seconds:.1f} s"
    if outcome.left and not outcome.dropped and not outcome.again:
        state = f"{len(outcome.left):,} damaged or missing"
        if any(one.remedy == "drop" for one, _ in outcome.left):
            state += "; remove the damaged files with: sirev store verify --repair"
        elif any(one.remedy == "again" for one, _ in outcome.left):
            state += "; to restore what is missing: `sirev iterate` computes it, `sirev store pull` downloads it"
    elif outcome.left:
        state = f"{len(outcome.left):,} still damaged"
    elif outcome.dropped or outcome.again:
        state = f"{len(outcome.dropped):,} dropped" + (f", {len(outcome.again):,} missing" if outcome.again else "")
    else:
        state = "no damage" + (f"; {len(found.unchecked):,} not checked" if found.unchecked else "")
    return [*lines, f"{checked}: {state}"]


def _weights(models: int) -> str:
    return "the weights of 1 model are" if models == 1 else f"the weights of {models:,} models are"


def _json(outcome: _Outcome) -> dict[str, Any]:
    found = outcome.found
    counts = {name: getattr(found, name) for name in ("runs", "records", "objects", "size", "seconds", "hollow")}
    return {
        "schema": _SCHEMA,
        "whole": found.whole,
        **counts,
        "damage": [{**asdict(one), **({"not_dropped": reason} if reason else {})} for one, reason in outcome.left],
        "dropped": [asdict(one) for one in outcome.dropped],
        "missing": [asdict(one) for one in outcome.again],
        "unchecked": [asdict(one) for one in found.unchecked],
        "remarks": [asdict(one) for one in found.remarks],
        "leftovers": {"files": found.leftovers, "size": found.leftover_size},
        "recomputed": None if outcome.recomputed is None else asdict(outcome.recomputed),
    }


class _Progress(Bars):
    """Bars on a terminal, nothing elsewhere."""

    def told(self, what: str, done: int, total: int) -> None:
        """Show the checked bytes of "objects" or "tables"."""
        self._update(what, done, total, f"{size_text(done)} of {size_text(total)}")

    def step(self, step: str, done: int, total: int) -> None:
        """Show a step that is being recomputed."""
        self._update("steps", done, total, step)

    def columns(self) -> Sequence[Any]:
        """See `Bars`."""
        from rich.progress import BarColumn, TimeRemainingColumn

        words = text_column("{task.fields[words]}")
        return text_column("{task.description}"), BarColumn(bar_width=20), words, TimeRemainingColumn()

    def _update(self, what: str, done: int, total: int, words: str) -> None:
        if self.on_terminal:
            self.show(what, total=max(total, 1), completed=done, words=words)
