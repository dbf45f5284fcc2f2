"""A synthetic comparison, synthetic answers and their page, for tests of the page."""

from __future__ import annotations

import random
from typing import Any

from sirev.reporting.facts import Facts
from sirev.reporting.page import render_page, tables_as_html
from sirev.reporting.tables import TextTable

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "</script><script>window.hacked = 2</script>",
    "<!-- <script> <img src=x onerror='window.hacked = 3'>",
    "line\u2028separator \u2029 and 'lone \" quotes ` ${window.hacked = 4}",
    "half a pair \ud83d, NUL \x00, turned \u202etxet\u202c, \x1b[31m",
    '"><svg onload="window.hacked=5"> &lt;b&gt; &amp; {{7*7}} $title',
    "2 + 2 = 4 " * 10_000,
    "",
)


PROSE = """
we know that the first day is half of what they had so add both parts then take away all those sold before noon and see how
many remain in each of these boxes because every friend gets an equal share of it while some were lost on their way home
again later she pays twice as much for one more pack which costs less than two small bags together with a spare coin
"""
WORDS = PROSE.split()


def stat(value: float | None, half: float = 0.02, reason: str | None = None) -> dict[str, Any]:
    if value is None:
        return {"value": None, "low": None, "high": None, "n": 0, "reason": reason}
    return {"value": value, "low": value - half, "high": value + half, "n": 1319, "reason": None}


def outcome(
    value: float | None, is_: str, p: float | None, margin: float = 0.03, half: float = 0.02, **more: Any
) -> dict[str, Any]:
    difference = stat(value, half, "no suite was evaluated")
    within = None if value is None else [value - 0.8 * half, value + 0.8 * half]
    return {"difference": difference, "within": within, "p": p, "holm": p, "is": is_, "margin": margin, "smallest": 0.029,
            "base": 0.418, "bound": within and within[0], "shrank": None, "test": None, **more}  # fmt: skip


def new_or_selected(word: str) -> dict[str, Any]:
    values = {"solved": 0.96, "m1_pass_at_n": 0.76, "reroll": 0.75, "shortfall": -0.01}
    found = {"is": word, "N": 8, "largest": 32, "size": 108, "bound": 0.01, "margin": 0.05, "p": 0.9, "holm": 1.0, "reason": None}
    return {**found, **{name: stat(value) for name, value in values.items()}}


def observed(outcomes: dict[str, Any], names: list[str]) -> dict[str, Any]:
    said = {"up": "ROSE", "held": "HELD", "down": "FELL", "open": "OPEN"}
    found = [(name, outcomes[name]["is"]) for name in names if name in outcomes and outcomes[name]["is"] in said]
    word = next((said[move] for move in ("down", "open", "up", "held") if move in dict(found).values()), "not measured")
    decided = [name for name, move in found if said[move] == word]
    return {"is": word, "decided": decided, "open": [], "reason": None if found else "no draws were given"}


def observations(outcomes: dict[str, Any], new: str = "SELECTED") -> dict[str, Any]:
    suites = [name for name in outcomes if name.startswith("ood")]
    return {"new_or_selected": new_or_selected(new), "variety": observed(outcomes, ["distinct"]),
            "other_problems": observed(outcomes, suites), "reach": observed(outcomes, ["pass_at_n"])}  # fmt: skip


def run_of(method: str, **more: Any) -> dict[str, Any]:
    """A run with the fields of its last model that cards read."""
    last = {"t": 5, "against_m1": {}, "ood": {}, "improvement_set": {"size": 108},
            "lost_set": {"size": 9}, "reach": {"gained": 2, "lost": 9},
            "voting": {"N": 32, "first": stat(0.638), "share": stat(0.61)},
            "likelihood": {"gained": stat(1.27), "first": {"draws": stat(1.48)}}}  # fmt: skip
    return {
        "id": f"{method}-s0",
        "label": method,
        "method": method,
        "seed": 0,
        "null": False,
        "parameters": "full",
        "steps": None,
        "iterations": [last],
        **more,
    }


def comparison() -> dict[str, Any]:
    def verdict(method: str, word: str, narrower: bool, reason: str, outcomes: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"method": method, "seed": 0, "t": 5, "verdict": word, "possible": word.split(" or "), "narrower": narrower,
                "reason": reason, "outcomes": outcomes, "observations": observations(outcomes), "observed": 1 + narrower,
                "observable": 3, "null": "no null run", "noise": None, **more}  # fmt: skip

    up = outcome(0.071, "up", 0.0000412, test="McNemar, exact")
    return {
        "schema": 3, "problems": 1319, "answers": "math", "headline": 32,
        "settings": {"margin": 0.03, "diversity_margin": 0.1, "new_margin": 0.05, "diversity_counts": False,
                     "replicates": 10_000},
        "runs": [run_of("sft"), run_of("dpo")],
        "verdicts": [
            verdict("sft", "reversal", True, "pass@1 rose; pass@N fell.", {
                "ood/math-algebra": outcome(-0.041, "down", 0.011), "pass_at_1": up, "pass_at_n": outcome(-0.052, "down", 0.0021),
                "distinct": outcome(-0.112, "down", 0.0004, 0.045, 0.03, base=0.45)},
                null="retrain, K = 3", noise={"gained": [31, 28, 33], "lost": [30, 29, 35]}),
            verdict("dpo", "progress", False, "pass@1 rose; pass@N held; accuracy on math-algebra held.", {
                "pass_at_1": up, "pass_at_n": outcome(0.004, "held", 0.6, half=0.013),
                "ood/math-algebra": outcome(0.012, "held", 0.4, half=0.015),
                "distinct": outcome(-0.003, "held", 0.81, 0.045, 0.03, base=0.45)}),
            verdict("sft-dpo", "progress or no change", False, "pass@1 is open.", {
                "pass_at_1": outcome(0.021, "open", 0.12, half=0.028),
                "pass_at_n": outcome(-0.004, "held", 0.7, half=0.012),
                "ood/math-algebra": outcome(None, "not measured", None),
                "distinct": outcome(-0.01, "held", 0.5, 0.045, 0.025, base=0.45)}),
            verdict("<b>own</b>", "regress", True, "pass@1 fell. <script>window.hacked = 6</script>", {
                "pass_at_1": outcome(-0.09, "down", 0.0001)}),
        ],
        "methods": [
            {"method": "sft", "seeds": [0, 1, 2], "claim": "reversal", "possible": ["reversal"], "verdicts": ["reversal"] * 3,
             "reason": "pass@1 rose; pass@N fell.", "observations": observations({}), "observed": 1, "observable": 1,
             "mean": {"pass_at_1": {**outcome(0.068, "up", 0.001, half=0.015), "seeds": stat(0.068, 0.03), "noise": None}}},
            {"method": "dpo", "seeds": [0], "claim": None, "possible": ["progress"], "verdicts": ["progress"],
             "observations": observations({}), "observed": 1, "observable": 1,
             "reason": "1 seed of the 3 that a claim needs", "mean": {}},
        ],
    }  # fmt: skip


def problems(count: int) -> list[dict[str, str]]:
    rng = random.Random(1)
    return [
        {
            "id": f"gsm8k-test-{i:04d}",
            "level": str(2 + i % 5),
            "prompt": f"{rng.choice(('Ann', 'Bo', 'Cleo'))} sold {i} clips to friends in April, and then half as many in May. "
            f"How many clips did they sell altogether in April and May? Case {rng.randrange(10**6)}.",
            "answer": str(i * 3 // 2),
        }
        for i in range(count)
    ]


def solution(rng: random.Random, i: int, right: bool) -> str:
    half = i // 2 if right else i // 2 + rng.randrange(1, 4)
    ways = (
        f"In May they sold {i} / 2 = {half} clips.\nTogether that makes {i} + {half} = {i + half} clips.\n#### {i + half}",
        f"First, {i} * 3 = {i * 3}.\nThen we take half: {i * 3} / 2 = {i + half}.\nSo the answer is {i + half}. #### {i + half}",
        f"Half of {i} is {half}; and so altogether {i} + {half} = {i + half}, which is what was asked for. "
        f"{rng.choice(('Done.', 'Good.', 'That is it.'))} #### {i + half}",
    )
    # Random words, so that the texts compress no better than a model's.
    return f"{' '.join(rng.choices(WORDS, k=12))}. {rng.choice(ways)}"


def answers(problems: list[dict[str, str]], runs: tuple[str, ...] = ("sft 0", "dpo 0"), draws: int = 8) -> dict[str, Any]:
    rng = random.Random(2)

    def answer(i: int, chance: float) -> dict[str, Any]:
        right = rng.random() < chance
        reason = "right" if right else rng.choice(("wrong", "wrong", "no answer found"))
        return {"text": solution(rng, i, right), "correct": right, "reason": reason}

    found: dict[str, Any] = {run: {} for run in runs}
    for t in range(1, 6):
        for run in runs:
            if t == 1 and run != runs[0]:
                found[run][1] = found[runs[0]][1]
                continue
            chance = 0.4 + 0.07 * t
            found[run][t] = {
                "greedy": {p["id"]: answer(i, chance) for i, p in enumerate(problems)},
                "draws": {p["id"]: [answer(i, chance) for _ in range(draws)] for i, p in enumerate(problems)},
            }
    return found


def hostile_answers(problems: list[dict[str, str]]) -> dict[str, Any]:
    """Answers in which the first problem has every hostile text as a draw, and hostile texts as its prompt and answer."""
    found = answers(problems)
    problems[0] |= {"prompt": " ".join(HOSTILE[:6]), "answer": HOSTILE[1]}
    first = problems[0]["id"]
    for t in range(1, 6):
        found["sft 0"][t]["greedy"][first] = {"text": HOSTILE[0], "correct": t > 3, "reason": HOSTILE[2]}
        found["sft 0"][t]["draws"][first] = [{"text": text, "correct": False, "reason": "wrong"} for text in HOSTILE]
    return found


SVG = (
    '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 300">'
    '<rect width="800" height="300" fill="{}"/>'
    '<script>window.hacked = 7</script><path d="M50 250 L250 150 L450 120 L750 60" stroke="{}" stroke-width="3" fill="none"/>'
    '<text x="60" y="40" fill="{}" font-size="20">pass@1 by t</text></svg>'
)
FIGURES = [
    {
        "name": "pass-at-1",
        "title": 'Figure 1: pass@1 by "t" & method',
        "alt": "pass@1 rises from 42 to 49 %",
        "light": SVG.format("#fff", "#0b5cab", "#222"),
        "dark": SVG.format("#1e2125", "#84bdf7", "#eee"),
    }
]
TABLES = [
    TextTable(
        "pass@1 <b>", ["method", "seed", *(f"M_{t}" for t in range(1, 30))], 2, [["sft", "0", *["41.8"] * 29]] * 3, ["a & b"]
    )
]


FACTS = Facts('sirev: <i>tiny</i> & "more"', "Recipe <tiny>", [("Model", "org/<b>name</b>")], [("Run ids", "one & two")])


def whole_page(explorer: dict[str, Any], figures: list[dict[str, Any]] = FIGURES, **more: Any) -> str:
    tables = tables_as_html(TABLES)
    return render_page(comparison(), facts=FACTS, tables_html=tables, figures=figures, explorer=explorer, **more)
