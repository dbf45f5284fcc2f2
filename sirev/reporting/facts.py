"""Facts about a study: model, data, sampling, training, versions and dates, from the store alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sirev import __version__
from sirev.errors import SirevError
from sirev.hub import local_data
from sirev.listing import count_text, seeds_text
from sirev.metrics.comparison.nulls import is_null
from sirev.reporting.identities import REVISION, identities, identity_in_words
from sirev.reporting.overlap import sentences
from sirev.reporting.recorded_values import at_path, commits_of, each_once, record_at
from sirev.reporting.sections.run_rows import Study, step_label
from sirev.store.provenance import now
from sirev.store.records import Record
from sirev.store.runs import Run
from sirev.store.sharing.private import shareable
from sirev.store.store import Store
from sirev.study.remedies import verb_of
from sirev.study.step_names import import_step, parse_step
from sirev.tasks.registry import TASKS

ENGINES = {"vllm": "vllm", "transformers": "transformers"}
"""Name of an engine -> package whose version is shown."""
_GYM = "sirev.tasks.reasoning_gym:"
"""Start of the class name of reasoning-gym's tasks, which are part of sirev although recipes name them like a user's own."""
_SUBTITLES = {"measure": "Measured completions", "evaluate": "Evaluated models"}


@dataclass(frozen=True)
class Facts:
    """The facts that head a page: `title` names model and task, `subtitle` the recipe, and `line` sums up the study.

    `rows` are (term, text) pairs; `more` are those about runs, store and versions.
    """

    title: str
    subtitle: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    more: list[tuple[str, str]] = field(default_factory=list)
    line: str = ""


def facts_of(study: Study, store: Store) -> Facts:
    """The facts of a study, without those that the store does not know."""
    runs = [run for data in study["runs"] if (run := store.runs.get(data["id"])) is not None]
    shown = [run for run in runs if not is_null(run.method)] or runs
    if not shown:
        return Facts(str(study["recipe"]), "")
    settings = shareable(shown[0]).settings  # a page is for others
    records = [record for run in shown for record in _records(store, run)]
    verb = verb_of(shown[0])
    of_models = {"measure": _measured, "evaluate": _evaluated}.get(verb)
    rows = _trained(settings, shown) if of_models is None else of_models(shown[0], store)
    rows += [*_task(settings, study), *_draws(settings)]
    rows += [*_versions(settings, records, measured=verb == "measure"), *_dates(runs, records)]
    title = f"{model_in_words(settings, short=True)} on {task_in_words(settings)}"
    return Facts(
        title=title if of_models is None else str(study["recipe"]),
        subtitle=_SUBTITLES.get(verb, f"Recipe {study['recipe']}"),
        rows=[(term, text) for term, text in rows if text],
        more=_more(runs, settings, records, store, study),
        line=", ".join(filter(None, _in_a_line(settings, shown, study, trained=of_models is None))),
    )


def _in_a_line(settings: dict[str, Any], runs: Sequence[Run], study: Study, *, trained: bool) -> list[str]:
    """Task, problems and draws; with `trained`, also model, T, seeds and trained parameters."""
    problems, draws = study.get("problems"), at_path(settings, "evaluation", "draws") or {}
    heat = f" at temperature {draws['temperature']:g}" if draws.get("temperature") is not None else ""
    count = f"{problems:,} test problems" if problems else ""
    each = f"{draws['n']} draws{heat}" if draws.get("n") else ""
    if not trained:
        return [task_in_words(settings), count, each]
    seeds = sorted({run.seed for run in runs})
    last, parameters = settings.get("T"), _training(settings)
    return [
        model_in_words(settings),
        task_in_words(settings),
        count,
        each,
        f"T = {last}" if last else "",
        seeds_text(seeds),
        f"{parameters} trained" if parameters == "all parameters" else parameters,
    ]


def _records(store: Store, run: Run) -> list[Record]:
    """The readable records of a run's comparison, training and sampling steps, without trainings of null runs."""
    found = []
    for step, pin in run.pins.items():
        if (name := parse_step(step)).stage in ("compare", "train", "sample") and not name.is_null:
            record = record_at(store, pin.key, pin.artifact)
            found += [record] if record else []
    return found


def _trained(settings: dict[str, Any], runs: Sequence[Run]) -> list[tuple[str, str]]:
    methods = dict.fromkeys(run.method for run in runs)
    seeds = sorted({run.seed for run in runs})
    last = settings.get("T")
    return [
        ("Model", model_in_words(settings)),
        ("Methods", ", ".join(methods)),
        ("Models", f"M_1 to M_{last} (T = {last})" if last else ""),
        ("Seeds", ", ".join(map(str, seeds))),
        ("Training", _training(settings)),
    ]


def _evaluated(run: Run, store: Store) -> list[tuple[str, str]]:
    """The evaluated models with their identities, and the seed of the draws."""
    each = identities(store, run) or []
    told = [f"M_{t} {one['step']}: {identity_in_words(one)}" for t, one in enumerate(each, 1)]
    return [("Models", "; ".join(told)), ("Seed of the draws", str(run.seed))]


def model_in_words(settings: Mapping[str, Any], short: bool = False) -> str:
    """The model of a recipe's settings. With `short`, without organisation and revision."""
    name, revision = at_path(settings, "model", "name"), at_path(settings, "model", "revision")
    if not name:
        architecture = at_path(settings, "model", "architecture") or {}
        size = (
            f", {count_text(architecture['layers'], 'layer')} of width {architecture['hidden_size']}"
            if "layers" in architecture
            else ""
        )
        return "A small model" if short else f"a small model pretrained by the recipe{size}"
    if short:
        return str(name).rstrip("/").rsplit("/", 1)[-1]
    return f"{name} at {revision[:REVISION]}" if revision else str(name)


def _training(settings: dict[str, Any]) -> str:
    parameters, lora = at_path(settings, "training", "parameters"), at_path(settings, "training", "lora") or {}
    if parameters == "lora":
        return "LoRA" + "".join(f", {name} {lora[name]}" for name in ("r", "alpha") if lora.get(name) is not None)
    return {"full": "all parameters"}.get(str(parameters), str(parameters or ""))


def _measured(run: Run, store: Store) -> list[tuple[str, str]]:
    """The files of measured completions, per step."""
    names = list(run.settings.get("steps") or [])
    rows = []
    for kind, word in (("file", "Completions"), ("greedy", "Greedy answers")):
        told = []
        for t, name in enumerate(names, 1):
            source = at_path(run.settings, "samples", f"{kind} {name}")
            if source:
                told.append(f"{step_label(t, name)}: {source.get('file', 'a file')}{_count(store, run, import_step(kind, t))}")
        rows.append((word, "; ".join(told)))
    return rows


def _count(store: Store, run: Run, step: str) -> str:
    pin = run.pins.get(step)
    try:
        summary = store.artifact(pin.artifact).json("summary.json") if pin else {}
    except (SirevError, OSError):
        return ""
    few, most = summary.get("fewest"), summary.get("most")
    if not most:
        return ""
    each = f"{most}" if few == most else f"{few} to {most}"
    return f" ({each} per problem)"


def task_in_words(settings: Mapping[str, Any]) -> str:
    """The task of a recipe's settings."""
    name = str(at_path(settings, "task", "name") or "")
    if name == "files":  # completions without a task
        return "problems of the files"
    return TASKS[name].title or name if name in TASKS else name


def task_for_others(settings: Mapping[str, Any], own: str) -> str:
    """The task in words for those who did not run it: `own` for problems of the user's, of reasoning-gym the name there."""
    if gym := gym_task(settings):
        return f"{gym} of reasoning-gym"
    name = at_path(settings, "task", "name")
    return own if name in TASKS and TASKS[name].own else task_in_words(settings)


def gym_task(settings: Mapping[str, Any]) -> str | None:
    """The name of the task of reasoning-gym that the problems are from; None for any other task."""
    of_gym = str(at_path(settings, "task", "class") or "").startswith(_GYM)
    return str(at_path(settings, "task", "options", "dataset") or "a task") if of_gym else None


def _task(settings: dict[str, Any], study: Study) -> list[tuple[str, str]]:
    count, split = study.get("problems"), at_path(settings, "evaluation", "split")
    problems = f"{count:,} ({split} split)" if count and split != "test" else f"{count:,}" if count else ""
    suites = ", ".join(study.get("suites") or [])
    return [
        ("Task", task_in_words(settings)),
        ("Data", _data(settings)),
        ("Test problems", problems),
        ("Other problems (OOD)", suites),
        ("In training data", " ".join(sentences(overlap)) if (overlap := study.get("overlap")) else ""),
    ]


def grader_named(section: Mapping[str, Any] | None) -> str:
    """The grader of a section of settings; a user's own by its function; "" if there is none."""
    named = at_path(section, "grader") or {}
    return str(named.get("function") or named.get("name") or "")


def _data(settings: dict[str, Any]) -> str:
    data = at_path(settings, "task", "data") or {}
    if local := local_data(data):
        return f"local: {', '.join(local)}"
    if data.get("hub"):
        config = f" ({data['config']})" if data.get("config") else ""
        return f"{data['hub']}{config}" + (f" at {data['revision'][:REVISION]}" if data.get("revision") else "")
    levels = at_path(settings, "task", "levels")
    return f"generated, levels {levels[0]} to {levels[-1]}" if levels else ""


def _draws(settings: dict[str, Any]) -> list[tuple[str, str]]:
    evaluation, training = at_path(settings, "evaluation", "draws") or {}, settings.get("sampling") or {}
    trains = at_path(settings, "training", "parameters") != "none"
    return [("Draws per test problem", _sampled(evaluation)), ("Draws to train on", _sampled(training) if trains else "")]


def _sampled(sampling: Mapping[str, Any]) -> str:
    if not sampling.get("n"):
        return ""
    heat = f", temperature {sampling['temperature']:g}" if sampling.get("temperature") is not None else ""
    top = f", top-p {sampling['top_p']:g}" if sampling.get("top_p") is not None else ""
    most = f", at most {sampling['max_new_tokens']:,} tokens" if sampling.get("max_new_tokens") else ""
    return f"{sampling['n']}{heat}{top}{most}"


def _versions(settings: dict[str, Any], records: Sequence[Record], *, measured: bool) -> list[tuple[str, str]]:
    engine = str(at_path(settings, "engine", "name") or "")
    versions = each_once(at_path(record.provenance, "packages", ENGINES.get(engine, engine)) for record in records)
    gpus = each_once(gpu for record in records for gpu in at_path(record.provenance, "hardware", "gpus") or [])
    grader = grader_named(at_path(settings, "evaluation")) or grader_named(at_path(settings, "task"))
    where = f"; {', '.join(gpus)}" if gpus else ""
    return [
        ("Engine", "" if measured or not engine else f"{engine} {' and '.join(versions)}".strip() + where),
        ("Grader", grader or ("the files' own verdicts" if measured else "")),
    ]


def _dates(runs: Sequence[Run], records: Sequence[Record]) -> list[tuple[str, str]]:
    began = min(run.invocation[:32] for run in runs)
    ended = max([str(record.provenance.get("recorded") or "") for record in records], default="")
    first, last = date(began), date(ended)
    made = first if first == last or not last else f"{first} to {last}"
    return [("Runs made", made), ("Page made", f"{date(now())}, by sirev {__version__}")]


def date(text: str) -> str:
    """An ISO time in words, to the minute: "25 Nov 2026, 07:09 UTC"; "" for any other text."""
    try:
        return datetime.fromisoformat(text).strftime("%-d %b %Y, %H:%M UTC")
    except ValueError:
        return ""


def _more(
    runs: Sequence[Run], settings: dict[str, Any], records: Sequence[Record], store: Store, study: Study
) -> list[tuple[str, str]]:
    commits = commits_of(records, REVISION)
    replicates = at_path(study, "settings", "replicates")
    made_by = each_once(at_path(record.provenance, "packages", "sirev") for record in records)
    elsewhere = [one for one in each_once(record.provenance.get("store") for record in records) if one != store.known_id]
    digests = ", ".join(
        f"{name.partition(' ')[2]} {one['sha256'][:REVISION]}" for name, one in (settings.get("samples") or {}).items()
    )
    rows = [
        ("Description", str(settings.get("description") or "")),
        ("Run ids", ", ".join(run.id for run in runs)),
        ("Store", str(store.known_id or "")),
        ("Computed in", ", ".join(elsewhere)),
        ("sirev that ran it", ", ".join(made_by) + (f", commit {', '.join(commits)}" if commits else "")),
        ("Files, sha256", digests),
        ("Bootstrap", f"{replicates:,} replicates" if replicates else ""),
    ]
    return [(term, text) for term, text in rows if text]
