"""The NeurIPS paper checklist as Markdown: its questions, answers from provenance, and the facts behind them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from functools import partial
from importlib.resources import files

from sirev import __version__
from sirev.listing import count_text, listed
from sirev.metrics.study_verdict import SEEDS
from sirev.reporting.papers.account import Account, account_of
from sirev.reporting.papers.assets import EVALUATED_AS, UNKNOWN, assets_of
from sirev.reporting.papers.recorded_tables import recorded_tables
from sirev.reporting.papers.spent import time_in_words, time_of
from sirev.reporting.recorded_values import record_at
from sirev.reporting.sections.run_rows import Study, names_of
from sirev.reporting.tables import as_markdown, markdown
from sirev.store.records import Realisation
from sirev.store.store import Store

CHECKLIST_HEAD = "# Reproducibility checklist\n\nThe questions are those of the [NeurIPS paper checklist]("
"""The beginning of a checklist, which marks a file that a later one may replace."""
AUTHORS = "to be answered by the authors"
PARTLY = f"{AUTHORS}; recorded in part"
_ORIGINS = {
    "hub": "From the Hub, at the revisions of the table Data and licences",
    "sirev": "Made by sirev from a seed",
    "local": "From local files, for the authors to publish",
}
_Answer = tuple[str, list[str]]
"""(answer that provenance supports, sentences of justification)."""
_Answering = Callable[[list[Account]], _Answer]


def checklist(studies: Sequence[Study], store: Store) -> str:
    """The checklist of a paper about these studies, from the store alone. Facts that are not recorded are "unknown"."""
    accounts = [account_of(study, store) for study in studies]
    about = ", ".join(run.id for account in accounts for run in account.runs)
    asked = json.loads(files("sirev.reporting.papers").joinpath("questions.json").read_text(encoding="utf-8"))
    answers: dict[str, _Answering] = {**_ANSWERS, "Experiments compute resources": partial(_compute, store)}
    parts = [
        f"{CHECKLIST_HEAD}{asked['source']}), answered by sirev {__version__} from its "
        f'records. "{AUTHORS}" marks what no record can say, "{UNKNOWN}" what was not recorded. An answer of Yes holds if the '
        "paper or its supplement gives the tables that are named.",
        f"Runs: {about}",
        "## Questions",
    ]
    for number, (title, question) in enumerate(asked["questions"], 1):
        answer, why = answers.get(title, _left)(accounts)
        parts.append("\n\n".join([f"### {number}. {title}", question, f"**Answer:** {answer}", *_justified(why)]))
    for account, name in zip(accounts, names_of(studies), strict=True):
        parts += [f"## Recorded: {name}", markdown(recorded_tables(account)).rstrip("\n")]
    return "\n\n".join(parts) + "\n"


def _justified(sentences: list[str]) -> list[str]:
    return [f"**Justification:** {as_markdown(' '.join(sentences))}"] if sentences else []


def _left(accounts: list[Account]) -> _Answer:
    return AUTHORS, []


def _limitations(accounts: list[Account]) -> _Answer:
    told = ["Where the runs differ from the paper that they follow, the table Deviations says so."]
    return AUTHORS, told if any(account.trained for account in accounts) else []


def _reproducible(accounts: list[Account]) -> _Answer:
    steps = sum(len(account.records) for account in accounts)
    lacking = [step for account in accounts for step in account.lacking]
    told = ["Every setting is in the table Hyper-parameters."]
    told.append(f"Records of {count_text(steps, 'step')} have parameters, inputs, versions and seeds.")
    told += [f"{count_text(len(lacking), 'step')} without a record ({UNKNOWN}): {listed(lacking, 3)}."] if lacking else []
    unknown = _made_elsewhere(accounts)
    if lacking or unknown:
        return PARTLY, [*told, *unknown]
    return "Yes", [*told, "`sirev store push` shares them, and `sirev store verify --recompute 20` recomputes some."]


def _open(accounts: list[Account]) -> _Answer:
    named: dict[str, dict[str, None]] = {}
    for asset in (asset for account in accounts for asset in assets_of(account)):
        named.setdefault(asset.origin, {})[asset.name] = None
    told = [f"{_ORIGINS[origin]}: {', '.join(names)}." for origin, names in named.items()]
    return AUTHORS, [*told, "Whether the code of the paper and this store are public is not recorded."]


def _made_elsewhere(accounts: list[Account]) -> list[str]:
    """Sentences on the unknown origin of models and completions made elsewhere."""
    unknown = {"evaluate": "How the models of {} were trained", "measure": "How the completions of {} were made"}
    return [f"{unknown[one.verb].format(one.recipe)} is {UNKNOWN}." for one in accounts if one.made_elsewhere]


def _settings(accounts: list[Account]) -> _Answer:
    unknown = _made_elsewhere(accounts)
    chosen = f"How hyper-parameters were chosen: {AUTHORS}."
    return PARTLY if unknown else "Yes", ["The tables Splits, Hyper-parameters and Seeds have them.", chosen, *unknown]


def _significance(accounts: list[Account]) -> _Answer:
    replicates = sorted({account.study["settings"]["replicates"] for account in accounts})
    told = [
        "Intervals are 95% intervals over test problems: Clopper-Pearson's where each problem counts 0 or 1, the percentile "
        f"bootstrap's elsewhere ({', '.join(f'{n:,}' for n in replicates)} replicates)."
    ]
    few = [
        f"{method} of {one.recipe}"
        for one in accounts
        for method, seeds in one.seeds().items()
        if one.trained and len(seeds) < SEEDS
    ]
    told += [f"Fewer than three seeds, so without an interval over seeds: {', '.join(few)}."] if few else []
    return "Yes", [*told, "The table Error bars says what each is over."]


def _compute(store: Store, accounts: list[Account]) -> _Answer:
    records = {(record.key, record.artifact): record for account in accounts for record in account.records}
    time = time_of(records.values())
    told = [f"The steps took {time_in_words(time)} (measured).", _other_time(store, records.keys())]
    unknown = time.unmeasured + time.resumed + sum(len(account.lacking) for account in accounts)
    told += [f"Of {count_text(unknown, 'step')} the time is not recorded, or only in part."] if unknown else []
    elsewhere = {"evaluate": "training the models", "measure": "making the completions"}
    told += [f"What {elsewhere[one.verb]} of {one.recipe} took is {UNKNOWN}." for one in accounts if one.made_elsewhere]
    return PARTLY, [*told, f"The memory of the machines is not recorded; {AUTHORS}."]


def _licences(accounts: list[Account]) -> _Answer:
    unknown = list(dict.fromkeys(a.name for account in accounts for a in assets_of(account) if a.licence.startswith(UNKNOWN)))
    told = ["The table Data and licences has the licence of each asset and where it is stated."]
    if unknown:
        return PARTLY, [*told, f"Unknown, and {AUTHORS}: {', '.join(unknown)}."]
    return "Yes", [*told, "`sirev report methods` cites their papers."]


def _new_assets(accounts: list[Account]) -> _Answer:
    made = sum(record.action["stage"] == "train" for account in accounts for record in account.records)
    return AUTHORS, [f"The runs trained {count_text(made, 'model')}; whether any is released is not recorded."] if made else []


def _language_models(accounts: list[Account]) -> _Answer:
    named = [
        asset.name
        for account in accounts
        for asset in assets_of(account)
        if asset.use == "M_0" or asset.use.startswith(EVALUATED_AS)
    ]
    if not named:
        return AUTHORS, ["Completions came from elsewhere; what wrote them is not recorded."]
    return "Yes", [f"Language models are what is studied: {', '.join(dict.fromkeys(named))}."]


def _other_time(store: Store, keys: Collection[Realisation]) -> str:
    """The time of all other steps in the store: the checklist also asks about runs that a paper leaves out."""
    others = (record_at(store, *named) for named in store.records.names() if named not in keys)
    time = time_of(record for record in others if record is not None)
    return f"All other steps in the store took {time_in_words(time)}." if time.rows else "The store has no other steps."


_ANSWERS: dict[str, _Answering] = {
    "Limitations": _limitations,
    "Experimental result reproducibility": _reproducible,
    "Open access to data and code": _open,
    "Experimental setting/details": _settings,
    "Experiment statistical significance": _significance,
    "Licenses for existing assets": _licences,
    "New assets": _new_assets,
    "Declaration of LLM usage": _language_models,
}
"""Title of a question -> function for its answer. Other questions are left to the authors."""
