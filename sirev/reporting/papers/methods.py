"""The methods of studies as LaTeX, a paragraph each, with references, from what was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.listing import count_text, seeds_text
from sirev.metrics.comparison.nulls import RESAMPLE, RETRAIN
from sirev.metrics.study_verdict import SEEDS
from sirev.reporting.facts import ENGINES, grader_named, model_in_words, task_for_others
from sirev.reporting.identities import identity_in_words
from sirev.reporting.papers.account import Account, account_of
from sirev.reporting.papers.assets import BASE_OF, EVALUATED_AS, assets_of
from sirev.reporting.papers.citations import HEAD, PAPER_KEY, SIREV_KEY, bibliography
from sirev.reporting.papers.paragraph import Paragraph, equation, numeral
from sirev.reporting.papers.spent import time_in_words, time_of, unmeasured_in_words
from sirev.reporting.recorded_values import at_path
from sirev.reporting.sections.run_rows import Study, suite_in_words
from sirev.store.store import Store

PREAMBLE = "% \\usepackage[T1]{fontenc} \\usepackage{url}"
"""The second line: packages for the document's preamble."""
_OPTIMIZERS = {"adamw_torch_fused": "AdamW", "paged_adamw_8bit": "paged 8-bit AdamW", "adafactor": "Adafactor"}
_ENGINES = {"vllm": ("vLLM", "kwon2023vllm"), "transformers": ("Transformers", "wolf2019transformers")}
"""Name of an engine -> (name in a sentence, key of its reference)."""
_ENDS = "M_1 and the last M_t"
"""The models that some questions are limited to."""
_CONTROLS = {RESAMPLE: "a second sampling of answers of M_1", RETRAIN: "M_1 trained again with other seeds"}


@dataclass(frozen=True)
class Methods:
    """Paragraphs in LaTeX, and the BibTeX file of their references."""

    text: str
    bibliography: str


def methods_text(studies: Sequence[Study], store: Store) -> Methods:
    """The methods of studies, a paragraph each, from the store alone."""
    accounts = [account_of(study, store) for study in studies]
    made = [_paragraph(account) for account in accounts]
    versions = dict.fromkeys(version for account in accounts for version in account.packages.get("sirev", []))
    keys = [key for paragraph in made for key in paragraph.keys]
    text = "\n\n".join([f"{HEAD}\n{PREAMBLE}", *(paragraph.text() for paragraph in made)])
    return Methods(f"{text}\n", bibliography(keys, versions))


def _paragraph(account: Account) -> Paragraph:
    paragraph = Paragraph()
    cites = {asset.use: asset.cite for asset in assets_of(account)}
    {"iterate": _trained, "evaluate": _evaluated, "measure": _measured}[account.verb](account, paragraph, cites)
    if account.verb != "measure":
        _sampled(account, paragraph)
    _tested(account, paragraph, cites)
    _statistics(account, paragraph)
    return paragraph


def _task(account: Account) -> str:
    """The task in the words of the paper's authors."""
    return task_for_others(account.settings, "problems of our own")


def _software(account: Account, paragraph: Paragraph) -> list[str]:
    """ " with sirev VERSION", with a citation."""
    return [f" with sirev {' and '.join(account.packages.get('sirev', ['of unknown version']))}", paragraph.cite(SIREV_KEY)]


def _trained(account: Account, paragraph: Paragraph, cites: Mapping[str, str]) -> None:
    say, cite = paragraph.say, paragraph.cite
    training = account.get("training") or {}
    model, task = model_in_words(account.settings), _task(account)
    data = cite(cites.get("training and test", ""))
    say(
        "We ran iterative self-improvement",
        cite(PAPER_KEY),
        f" of {model}",
        cite(cites.get("M_0", "")),
        f" on {task}",
        data,
        *_software(account, paragraph),
    )
    count = account.splits.get("train")
    problems = count_text(count, "training problem") if count is not None else "the training problems"
    say(f"M_1 is M_0 fine-tuned on {problems} (", *_optimisation(training.get("initial") or {}), ")")
    _rationales(account, paragraph, cites)
    start = "M_0" if account.get("init_from") == "base" else "M_{t-1}"
    last = account.get("T")
    say(
        "For t ",
        *(["from 2 to ", numeral(last)] if last > 2 else ["= 2"]),
        f", M_t is trained from {start} on graded answers of M_{{t-1}}",
    )
    schedules = {name: account.kinds(name) for name in account.seeds()}
    for kind, its in (("sft", _sft), ("dpo", _dpo)):
        if any(kind in kinds for kinds in schedules.values()) and training.get(kind):
            its(training[kind], paragraph)
    if schedules:
        say("Methods: ", "; ".join(f"{name}, {_in_turn(account, kinds)}" for name, kinds in schedules.items()))
    _parameters(account, training, paragraph)


def _in_turn(account: Account, kinds: Sequence[str]) -> str:
    """ "DPO at every t", or the kinds that take turns."""
    if len(set(kinds)) == 1:
        return f"{kinds[0].upper()} at every t"
    cycle = account.get("schedule") or kinds[:2]
    return f"{' and '.join(kind.upper() for kind in cycle)} in turn"


def _sft(settings: Mapping[str, Any], paragraph: Paragraph) -> None:
    taken = "distinct correct answers" if at_path(settings, "select", "unique") else "all correct answers"
    paragraph.say(f"SFT trains on {taken} (", *_most(settings), *_optimisation(settings), ")")


def _dpo(settings: Mapping[str, Any], paragraph: Paragraph) -> None:
    beta = equation("\\beta", settings["beta"])
    taken = (
        " trains on pairs of a correct and an incorrect answer (",
        *_most(settings),
        beta,
        ", ",
        *_optimisation(settings),
        ")",
    )
    paragraph.say("DPO", paragraph.cite("rafailov2023dpo"), *taken, " with M_{t-1} as the reference")
    if weight := settings.get("nll_weight"):
        paragraph.say(
            "The negative log-likelihood of the correct answer is added to its loss, with weight ",
            numeral(weight),
            paragraph.cite("pang2024iterative"),
        )


def _most(settings: Mapping[str, Any]) -> list[str]:
    most = at_path(settings, "select", "max_per_problem")
    return [f"at most {most} per problem, "] if most is not None else []


def _optimisation(settings: Mapping[str, Any]) -> list[str]:
    """Epochs, batch size, learning rate and warm-up of a training, as parts of a sentence."""
    if not settings:
        return ["settings not recorded"]
    warmup = f", warm-up over {100 * settings['warmup']:g}% of the steps" if settings.get("warmup") else ""
    sizes = f"{count_text(settings['epochs'], 'epoch')}, batch size {settings['batch_size']}, learning rate "
    return [sizes, numeral(settings["learning_rate"]), warmup]


def _rationales(account: Account, paragraph: Paragraph, cites: Mapping[str, str]) -> None:
    told = account.get("task", "rationales")
    if told == "self":
        draws = account.get("task", "bootstrap")
        paragraph.say(
            f"Its targets are rationales of M_0: per problem, one of {draws} few-shot samples that reaches the correct option",
            paragraph.cite("zelikman2022star"),
        )
    elif told == "ecqa":
        paragraph.say("Its targets are the explanations of ECQA", paragraph.cite(cites.get("explanations", "")))


def _parameters(account: Account, training: Mapping[str, Any], paragraph: Paragraph) -> None:
    cite = paragraph.cite
    lora = training.get("lora") or {}
    what: list[str] = ["All parameters"]
    if training.get("parameters") == "lora" and lora:
        sizes = [f" of rank {lora['r']} (", equation("\\alpha", lora["alpha"]), f") on {', '.join(lora['target_modules'])}"]
        what = ["LoRA adapters", cite("hu2021lora"), *sizes, " with PEFT", *_version(account, "peft"), cite("mangrulkar2022peft")]
    optimizer = _OPTIMIZERS.get(str(training.get("optimizer")), str(training.get("optimizer")))
    trl = [*_version(account, "trl"), cite("vonwerra2020trl")]
    paragraph.say(
        *what, " are trained with TRL", *trl, f" by {optimizer}, with a fresh optimizer state for every M_t and a cosine schedule"
    )


def _version(account: Account, package: str) -> list[str]:
    versions = account.packages.get(package)
    return [f" {' and '.join(versions)}"] if versions else []


def _evaluated(account: Account, paragraph: Paragraph, cites: Mapping[str, str]) -> None:
    told = "; ".join(f"{one['step']} ({identity_in_words(one)})" for one in account.models or [])
    data = paragraph.cite(cites.get("training and test", ""))
    models = dict.fromkeys(key for use, key in cites.items() if use.startswith((EVALUATED_AS, BASE_OF)))
    paragraph.say(f"We evaluated models on {_task(account)}", data, *_software(account, paragraph), f": {told}")
    if any(models):
        paragraph.say("The models are published", paragraph.cite(*models))
    paragraph.say("M_t denotes the t-th of them")


def _measured(account: Account, paragraph: Paragraph, cites: Mapping[str, str]) -> None:
    told = ", ".join(account.settings.get("steps") or [])
    data = paragraph.cite(cites.get("training and test", ""))
    paragraph.say(
        f"We measured answers, generated elsewhere, to {_task(account)}",
        data,
        *_software(account, paragraph),
        f": {told}",
    )


def _sampled(account: Account, paragraph: Paragraph) -> None:
    engine = str(account.get("engine", "name") or "")
    title, key = _ENGINES.get(engine, ("an OpenAI-compatible server", ""))
    paragraph.say(f"Answers are sampled with {title}", *(_version(account, ENGINES[engine]) if key else []), paragraph.cite(key))
    if account.trained and account.get("model", "chat_template"):
        paragraph.say("Prompts are put to the model as a user's turn of its chat template")
    if account.trained and (drawn := account.get("sampling")):
        each = f"for each of {drawn['problems']:,} training problems" if drawn.get("problems") else "per training problem"
        grader = grader_named(account.get("training"))
        paragraph.say(f"For training, {drawn['n']} answers are sampled {each} at {_decoding(drawn)}, and graded by {grader}")


def _decoding(settings: Mapping[str, Any]) -> str:
    most = f"{settings['max_new_tokens']:,} new tokens"
    return f"temperature {settings['temperature']:g} and top-p {settings['top_p']:g}, with at most {most}"


def _tested(account: Account, paragraph: Paragraph, cites: Mapping[str, str]) -> None:
    count, split = account.study.get("problems"), account.get("evaluation", "split") or "test"
    problems = count_text(count, f"{split} problem") if count else f"{split} problems"
    grader = grader_named(account.get("evaluation")) or grader_named(account.get("task"))
    graded = f"graded by {grader}" if grader else "with the grades that the files give"
    if account.verb == "measure":
        paragraph.say(f"They answer {problems}, {graded}")
    else:
        draws = account.get("evaluation", "draws")
        paragraph.say(f"Each M_t answers {problems} once greedily and {draws['n']} times at {_decoding(draws)}, {graded}")
        if others := account.get("evaluation", "temperatures"):
            paragraph.say(f"{_ENDS} also answer as often at temperature {' and '.join(f'{one:g}' for one in others)}")
    paragraph.say("We use the unbiased estimator of pass@N", paragraph.cite("chen2021codex"))
    for suite in account.study.get("suites") or []:
        size = account.splits.get(f"ood/{suite}")
        paragraph.say(
            f"Out-of-distribution problems: {suite_in_words(suite)}" + (f" ({count_text(size, 'problem')})" if size else ""),
            paragraph.cite(cites.get(f"other problems (OOD), {suite}", "")),
            _drawn_of_suite(account.get("evaluation", "ood", suite) or {}),
        )
    if embedding := account.get("evaluation", "embedding"):
        paragraph.say(
            f"Semantic diversity is measured with embeddings of {embedding['model']}", paragraph.cite("reimers2019sentencebert")
        )


def _drawn_of_suite(settings: Mapping[str, Any]) -> str:
    """The draws of a suite besides the greedy answer, in words; "" if there are none."""
    who = "each M_t" if settings.get("draws_at") == "every" else _ENDS
    return f", answered greedily, and by {who} also {settings['draws']} times as above" if settings.get("draws") else ""


def _statistics(account: Account, paragraph: Paragraph) -> None:
    replicates = account.study["settings"]["replicates"]
    over_seeds = account.trained and any(len(seeds) >= SEEDS for seeds in account.seeds().values())
    paragraph.say(
        "Intervals are 95% intervals over problems: Clopper-Pearson's where each problem counts 0 or 1, the percentile "
        f"bootstrap's elsewhere ({replicates:,} replicates)",
        "; of means over seeds Student's t intervals" if over_seeds else "",
    )
    if account.trained:
        told = [f"{method} with {seeds_text(seeds)}" for method, seeds in account.seeds().items()]
        if told:
            paragraph.say(f"Runs: {'; '.join(told)}")
        for method in account.seeds(controls=True):
            paragraph.say(f"Control: {_CONTROLS.get(method, 'training on gold solutions in place of sampled answers')}")
    elif account.verb == "evaluate":
        paragraph.say(f"Draws are made with {seeds_text(run.seed for run in account.runs)}")
    for run in account.study["runs"]:
        if run["stopped"]:
            paragraph.say(f"{run['method']} with seed {run['seed']} ended early: {run['stopped']}")
    time = time_of(account.records)
    unmeasured = unmeasured_in_words(time, len(account.lacking))
    paragraph.say(f"In total, the steps took {time_in_words(time)}", f" (not in it: {unmeasured})" if unmeasured else "")
