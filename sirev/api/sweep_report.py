"""The report of a sweep, from the stored results of its runs. Only comparisons are computed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sirev.api.sweep import GridSweep
from sirev.errors import BadInput
from sirev.explain.action_diff import short_value
from sirev.quoting import as_typed
from sirev.recipe.grid import StudyGrid, read_grid
from sirev.reporting.facts import model_in_words, task_in_words
from sirev.reporting.gathering import add_training
from sirev.reporting.sections import ALL, SECTIONS
from sirev.reporting.selection import short_names
from sirev.reporting.summary import Report
from sirev.reporting.sweeps.sweep_report import SweepReport
from sirev.reporting.sweeps.swept_studies import SweptStudy, compared, progress_of, told_apart
from sirev.store.store import Store
from sirev.study.comparing import Watch, silent
from sirev.study.remedies import store_option
from sirev.suggest import suggest


def sweep_report(
    grid: StudyGrid | str | Path,
    section: str | None = None,
    *,
    store: Store | str | Path | None = None,
    unsafe_code: bool = False,
    watch: Watch = silent,
) -> SweepReport:
    """Report on a sweep: models x tasks x methods, from the store. Unfinished runs are listed, not computed.

    `section` adds the tables of a report's section, or of "all"; `unsafe_code` is as for the sweep; `watch` receives the progress
    of comparisons. Raises BadInput if no run of the grid is stored, or for an unknown section.
    """
    if section not in (None, ALL) and section not in SECTIONS:
        raise BadInput(f"unknown section {section!r}{suggest(str(section), [ALL, *SECTIONS])}")
    opened = store if isinstance(store, Store) else Store(store)
    made = GridSweep(grid if isinstance(grid, StudyGrid) else read_grid(grid), opened, unsafe_code=unsafe_code)
    planned = _planned(made)
    if all(one.state == "not run" for of in planned for one in of.progress):
        again = f"{as_typed('sirev', 'sweep', made.grid.path)}{store_option(opened)}"
        raise BadInput(f"the store {opened.path} has no run of {made.grid.path}; run first: {again}")
    swept, missing = compared(opened, planned, watch)
    studies = [of.study for of in swept if of.study is not None]
    if section in ("training", ALL):
        missing += add_training(opened, studies)
    place = store_option(opened).strip()
    return SweepReport(made.grid.path, swept, Report(studies, section, place=place, missing=tuple(missing)))


def _planned(made: GridSweep) -> list[SweptStudy]:
    """The studies of a grid, with the progress of their runs."""
    varying = [key for key, values in made.grid.settings.items() if len(values) > 1]
    names = dict(zip(varying, short_names(varying), strict=True))
    places: dict[tuple[str, str], list[str]] = {}
    for run, one in made.runs.items():
        places.setdefault((one.point.recipe, repr(one.point.settings)), []).append(run)
    found = []
    for runs in places.values():
        first = made.runs[runs[0]]
        recipe = first.request.recipe
        settings: Mapping[str, Any] = recipe.settings()
        found.append(
            SweptStudy(
                recipe.name,
                model_in_words(settings, short=True),
                task_in_words(settings),
                {name: short_value(first.point.settings[key]) for key, name in names.items()},
                progress_of(made.store, [made.runs[run].run for run in runs], recipe.T),
            )
        )
    return told_apart(found)
