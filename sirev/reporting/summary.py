"""Reports on runs, from the artifacts of a store alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from sirev.errors import BadInput
from sirev.execution.latest_runs import latest_runs
from sirev.explain.lookup import run_named
from sirev.frames import frame_of_csv
from sirev.printing import json_text
from sirev.quoting import as_typed
from sirev.recipe import METHODS
from sirev.reporting.gathering import add_training, gather
from sirev.reporting.headline import headline
from sirev.reporting.long_form import COUNT_COLUMNS, REPORT_COLUMNS, WORD_COLUMNS, long_form
from sirev.reporting.published import Published
from sirev.reporting.sections import ALL, ON_REQUEST, SECTIONS
from sirev.reporting.sections.overview import overview
from sirev.reporting.sections.run_rows import RunData, Study, measured, without_constants
from sirev.reporting.selection import Selection, newest_settings, settings_apart
from sirev.reporting.spreadsheet import as_csv
from sirev.reporting.tables import TextTable, markdown, without_nothing
from sirev.reporting.terminal import print_tables, print_to_width
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.comparing import Watch, settings_of, silent, studies_of
from sirev.study.remedies import first_run, require_store, rerun, store_option, verb_of
from sirev.study.step_names import COMPARISON
from sirev.suggest import suggest

if TYPE_CHECKING:
    from sirev.reporting.figures import ShownFigure

_SCHEMA = 3
"""Version of the JSON form; raised when a field changes its meaning or is removed."""

Format = Literal["table", "markdown", "csv", "json", "latex", "latex-column"]
FORMATS: tuple[Format, ...] = get_args(Format)


@dataclass(frozen=True)
class Report:
    """A report on runs of the store.

    `section` is one section or "all"; None gives one screen on a terminal, and in other forms all sections but those on
    request. `against="paper"` adds the published numbers; without studies it has these alone.
    """

    studies: list[Study]
    section: str | None
    notes: tuple[str, ...] = ()
    against: str | None = None
    selection: Selection = field(default_factory=Selection)
    """The studies shown, and the runs left out because of other settings."""
    place: str = ""
    """The option of `sirev report` that names the store; "" for the default store."""
    missing: tuple[str, ...] = ()
    """Sentences on what the report leaves out because the store lacks its data, each with the remedy."""
    published: Mapping[str, Published] = field(default_factory=dict)
    """Recipe -> the paper's row for it, in a report against the paper."""
    methods: tuple[str, ...] = METHODS
    """The methods whose published numbers are shown."""

    @property
    def runs(self) -> list[RunData]:
        """All runs, with null runs."""
        return [run for study in self.studies for run in study["runs"]]

    def tables(self) -> list[TextTable]:
        """The report's tables, the most important first."""
        if self.against is not None:
            return self._against_tables()
        if self.section is not None and self.section != ALL:
            tables = SECTIONS[self.section][0](self.studies)
        else:
            shown = [make for name, (make, _) in SECTIONS.items() if self._shows(name)]
            verdict, *others = [table for make in shown for table in make(self.studies)]
            tables = [verdict, overview(self.studies), *others]
        tables = [without_constants(without_nothing(table), self.runs) for table in tables]
        seeds = {run["seed"] for run in self.runs if not measured(run)}
        if len(seeds) == 1 and tables:
            tables[0].notes.append(f"All runs: seed {seeds.pop()}.")
        if tables:
            tables[0].notes += [f"Missing: {sentence}." for sentence in self.missing]
        return tables

    def _against_tables(self) -> list[TextTable]:
        from sirev.reporting.against_paper import against_paper, paper_alone

        whole = self.section == ALL
        if not self.studies:
            tables = paper_alone(list(self.published.values()), self.methods, whole=whole)
            if not whole:
                tables[0].notes.append(
                    f"Every t, and the other figures: {as_typed('sirev', 'report', ALL, '--against', 'paper')}"
                )
            return tables
        settings = {group[0].recipe: group[0].settings for group in self.selection.shown}
        return against_paper([(study["recipe"], study) for study in self.studies], settings, every_t=whole)

    def _shows(self, section: str) -> bool:
        """Whether the whole report has a section.

        Sections on request need "all". "null" and "training" need a run that was not made elsewhere.
        """
        if section in ("null", "training") and all(map(measured, self.runs)):
            return False
        return section not in ON_REQUEST or self.section == ALL

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, as docs/report.md documents it: {"schema": 3, "studies": [...], ...}.

        Iterations of a run have "t" and the fields of the chosen sections. A statistic is {"value", "low", "high", "n",
        "reason"}, with shares in 0..1. In a report against the paper, "published" has the paper's numbers.
        """
        wanted = [
            field for name, (_, fields) in SECTIONS.items() if name not in ON_REQUEST or self.section == ALL for field in fields
        ]
        if self.section is not None and self.section != ALL:
            wanted = list(SECTIONS[self.section][1])
        told = []
        for study in self.studies:
            runs = []
            for run in study["runs"]:
                models: list[Mapping[str, Any]] = [*run["iterations"]]
                iterations = [{"t": model["t"], **{field: model[field] for field in wanted}} for model in models]
                runs.append({**{k: v for k, v in run.items() if k != "label"}, "iterations": iterations})
            told.append({**study, "runs": runs})
        whole = {"schema": _SCHEMA, "studies": told, "notes": list(self.notes), "missing": list(self.missing)}
        if self.against is not None:
            from sirev.reporting.published import as_data

            whole["published"] = as_data(self.published, self.methods)
        return whole

    def rows(self) -> list[dict[str, Any]]:
        """The numbers in long form, one row per value, with the columns of the CSV (docs/report.md). Missing values are None."""
        rows = long_form(self.to_dict()["studies"], self.section in (None, ALL, "verdict"))
        if self.against is not None:
            from sirev.reporting.published import as_rows

            rows += [{column: row.get(column) for column in REPORT_COLUMNS} for row in as_rows(self.published, self.methods)]
        return rows

    def text(self, form: Format) -> str:
        """The report as "markdown", "csv" (one row per value), "json", "latex" or "latex-column".

        Tables of "latex-column" fit one column of a two-column page. Raises BadInput for any other form; "table" is for `print`.
        """
        if form == "json":
            return json_text(self.to_dict())
        if form == "csv":
            return self._csv(neutral=True)
        if form == "markdown":
            return markdown(self.tables())
        if form in ("latex", "latex-column"):
            from sirev.reporting.latex import latex

            recipes = dict.fromkeys(str(study["recipe"]) for study in self.studies)
            return latex(self.tables(), " ".join(recipes), column=form == "latex-column")
        raise BadInput(f"no text form {form!r} (known: {', '.join(FORMATS[1:])})")

    def to_pandas(self) -> Any:
        """The CSV form as a pandas.DataFrame, one row per value. Raises BadInput if pandas is not installed."""
        return frame_of_csv(self._csv(neutral=False), WORD_COLUMNS, COUNT_COLUMNS)

    def figure(self, name: str) -> ShownFigure:
        """One figure of `sirev report figures` for a notebook, such as "pass-at-k" or "diversity".

        Raises BadInput for an unknown name, and for a report without exactly one study.
        """
        from sirev.reporting.figures import figure_to_show  # tables do not need it

        if len(self.studies) != 1:
            raise BadInput(f"figure: this report has {len(self.studies)} studies; report on one: runs=[...], recipes=...")
        (study,) = self.studies
        return figure_to_show(study, name, self.published.get(str(study["recipe"])))

    def _csv(self, *, neutral: bool) -> str:
        return as_csv(REPORT_COLUMNS, ([row[column] for column in REPORT_COLUMNS] for row in self.rows()), neutral=neutral)

    def __repr__(self) -> str:
        labels = ", ".join(f"{run['label']} seed {run['seed']}" for run in self.runs)
        about = " and ".join(dict.fromkeys(str(study["recipe"]) for study in self.studies))
        if not self.runs:
            return f"Report(the paper alone: {', '.join(self.published)}; .print() shows it, .to_pandas() has its numbers)"
        return f"Report({about}: {labels}; section {self.section or 'all'}; .print() shows it, .to_pandas() has its numbers)"

    def _repr_markdown_(self) -> str:
        return self.text("markdown")  # what a notebook shows

    def print(self, everything: bool = False, asked: str = "") -> None:
        """Print to the terminal: the tables of the section, else one screen, or with `everything` all tables.

        Of all tables the most important come last, where they stay visible. `asked` are the options of `sirev report`, without
        the store's, that select the same runs; the commands on the screen have them.
        """
        if self.section is None and self.against is None and not everything:
            options = " ".join(filter(None, (asked, self.place)))
            return print_to_width(lambda width: headline(self.studies, options, width))
        tables = self.tables()
        whole = self.against is None and self.section in (None, ALL)
        return print_tables([*tables[2:], tables[1], tables[0]] if whole else tables)


def report(
    section: str | None = None,
    *,
    recipes: Iterable[str] = (),
    methods: Iterable[str] = (),
    runs: Iterable[str] = (),
    store: Store | str | Path | None = None,
    against: str | None = None,
    watch: Watch = silent,
) -> Report:
    """Report on finished runs of the store: the given runs, else those of the recipes, else those of the last command.

    If a recipe was run with several settings, the newest are shown; `Report.selection` names the others. Null runs come with
    the runs of their recipe and settings. `against="paper"` adds the published numbers to runs of the paper's recipes; without
    such runs the report has the published numbers alone. `watch` is told of runs that have to be compared first. Data that the
    store lacks is left out and named in `Report.missing`.

    Raises BadInput if nothing matches or nothing is left, and for an unknown section, method, recipe or run.
    """
    if section not in (None, ALL) and section not in SECTIONS:
        raise BadInput(f"unknown section {section!r}{suggest(str(section), [ALL, *SECTIONS])}")
    if against not in (None, "paper"):
        raise BadInput(f"--against: unknown {against!r} (known: paper)")
    if against is not None and section not in (None, ALL):
        raise BadInput(f"--against {against} has tables of its own; leave out {section!r}")
    opened = store if isinstance(store, Store) else Store(store)
    named = list(runs)
    wanted = list(methods)
    published: dict[str, Published] = {}
    if against is None:
        chosen = _chosen(opened, list(recipes), wanted, named)
    else:
        chosen, published = _of_the_paper(opened, list(recipes), wanted, named)
    of_paper = tuple(method for method in METHODS if not wanted or method in wanted or "all" in wanted)
    if chosen and not named and not any(map(is_finished, chosen)):  # other runs of these recipes may be, such as an earlier seed
        chosen += [run for run in _chosen(opened, [*dict.fromkeys(run.recipe for run in chosen)], wanted, []) if is_finished(run)]
    finished = [run for run in chosen if is_finished(run)]
    notes = tuple(
        f"{run.id} is not finished, and is left out; `sirev {verb_of(run)}` continues it" for run in chosen if run not in finished
    )
    if not finished and published:
        return Report([], section, notes, against, published=published, methods=of_paper)
    if not finished:
        again = rerun(chosen[0], opened)
        raise BadInput(f"none of these runs is finished; continue with: {again.command} ({again.note})")
    groups = studies_of(opened, finished)
    selection = Selection(groups, _labels_of(groups)) if named else newest_settings(opened, groups)
    shown = {run.id for run in finished}
    if not named:  # a claim is about all seeds of a method, not just those run last
        last = {run.method for run in finished}
        shown |= {run.id for group in groups for run in group if run.method in last}
    studies, missing = gather(opened, selection, shown, watch)
    if section in ("training", ALL):
        missing += add_training(opened, studies)
    place = store_option(opened).strip()
    return Report(studies, section, notes, against, selection, place, tuple(missing), published, of_paper)


def is_finished(run: Run) -> bool:
    """Whether a run has ended and can be reported on."""
    return COMPARISON in run.pins and run.status != "running"


def _labels_of(groups: list[list[Run]]) -> list[str]:
    """The label per study that tells it from the others of its recipe."""
    labels: dict[int, str] = {}
    for recipe in {group[0].recipe for group in groups}:
        alike = [i for i, group in enumerate(groups) if group[0].recipe == recipe]
        labels |= dict(zip(alike, settings_apart([groups[i] for i in alike]), strict=True))
    return [labels[i] for i in range(len(groups))]


def recorded_runs(store: Store) -> list[Run]:
    """All runs of a store. Raises BadInput, with a command to run first, if there is none."""
    require_store(store)
    runs = store.runs.all()
    if not runs:
        raise BadInput(f"the store {store.path} holds no run yet; run first: {first_run(store)}")
    return runs


def _of_the_paper(
    store: Store, recipes: list[str], methods: list[str], run_ids: list[str]
) -> tuple[list[Run], dict[str, Published]]:
    """Runs of recipes that the paper has, and the paper's rows by recipe.

    Without names: such runs of the last command, else all such runs. Without any, the rows are those of the named recipes, else
    all. Raises BadInput for a recipe or run that the paper lacks.
    """
    from sirev.reporting.published import ROWS, published, published_or_refused

    def row(run: Run) -> Published | None:
        return published(run.recipe, run.settings)

    recipes = [_recipe_name(recipe) for recipe in recipes]
    everything = store.runs.all() if store.exists else []
    run_of = [recipe for recipe in recipes if any(run.recipe == recipe for run in everything)]
    alone = {recipe: published_or_refused(recipe) for recipe in recipes if recipe not in run_of}
    if run_ids or run_of:
        chosen = _chosen(store, run_of, methods, run_ids)
        return chosen, {run.recipe: published_or_refused(run.recipe, run.settings) for run in chosen} | alone
    _check_methods(methods)
    found = [] if recipes else [run for run in latest_runs(store) if row(run)] or [run for run in everything if row(run)]
    found = [run for run in found if not methods or "all" in methods or run.method in methods]
    return found, {run.recipe: known for run in found if (known := row(run))} or alone or dict(ROWS)


def _recipe_name(recipe: str) -> str:
    return Path(recipe).stem if recipe.endswith((".yaml", ".yml")) else recipe


def _check_methods(methods: Iterable[str]) -> None:
    for method in methods:
        if method != "all" and method not in METHODS:
            raise BadInput(f"unknown method {method!r}{suggest(method, [*METHODS, 'all'])}")


def _chosen(store: Store, recipes: list[str], methods: list[str], run_ids: list[str]) -> list[Run]:
    """The requested runs, finished or not.

    Each of `run_ids` is a run id, the beginning of one, or the eight digits of settings, which mean all runs with them.
    `run_ids` win over `recipes`; without both, the runs of the last command are chosen. Raises BadInput if nothing matches.
    """
    everything = recorded_runs(store)
    with_settings = {name: [run for run in everything if settings_of(run) == name] for name in run_ids}
    named = [run for name in run_ids for run in with_settings[name] or [run_named(store, name)]]
    known = sorted({run.recipe for run in everything})
    recipes = [_recipe_name(recipe) for recipe in recipes]
    for recipe in recipes:
        if recipe not in known:
            raise BadInput(f"the store {store.path} has no run of a recipe {recipe!r}{suggest(recipe, known)}")
    _check_methods(methods)
    if named:
        found = [run for run in everything if run in named]
    elif recipes:
        found = [run for run in everything if run.recipe in recipes]
    else:
        found = latest_runs(store)
    if methods and "all" not in methods:
        found = [run for run in found if run.method in methods]
    if not found:
        raise BadInput(f"no run matches; the store {store.path} has: {', '.join(run.id for run in everything)}")
    return found
