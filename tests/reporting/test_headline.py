from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from sirev.reporting.headline import WIDTH, as_text, headline
from sirev.reporting.page.cards import verdicts_as_html
from sirev.reporting.sections.verdicts import no_verdict, summary, verdicts
from tests.metrics.comparison.studies import study
from tests.reporting.test_sections import shown


def screen(*studies: dict[str, Any], asked: str = "") -> list[str]:
    return as_text(headline(studies, asked)).splitlines()


def words(*studies: dict[str, Any]) -> str:
    """The screen in one line."""
    return " ".join(" ".join(screen(*studies)).split())


def test_three_methods_fit_one_screen() -> None:
    made = shown(
        study(np.random.default_rng(1), 400, later=0.2, ood=-0.2, methods=("sft", "dpo", "sft-dpo"), distinct=(0.6, 0.3))
    )
    lines = screen(made)
    assert len(lines) <= 44
    assert all(len(line) <= WIDTH for line in lines)
    text = " ".join(" ".join(lines).split())
    assert text.startswith("r: 400 test problems, M_1 → M_2, seed 0 sft pass@1 ")
    assert len(re.findall("SELF-IMPROVEMENT REVERSAL, [23] of 3", text)) == 3
    assert len(re.findall('"[23] of 3": observations 1 to 3 as in the paper, of those that were measured.', text)) == 1
    assert len(re.findall("2 variety +FELL +of 8 correct answers 60.0 → 30.0% differ", "\n".join(lines))) == 3
    assert "3 other problems FELL suite: greedy " in text
    assert "1 seed; claims about a method need 3. No null run" in text


def test_what_an_observation_found_is_styled() -> None:
    made = shown(study(np.random.default_rng(1), 400, later=0.2, ood=-0.2, distinct=(0.6, 0.3)))
    styles = {text.strip(): style for line in headline([made]) for text, style in line if text.strip()}
    assert {styles["FELL"], styles["ROSE"]} == {"down", "up"}
    assert next(style for text, style in styles.items() if text.startswith("SELF-IMPROVEMENT")) == "down"


def test_an_outcome_has_the_bound_that_decided() -> None:
    held = words(shown(study(np.random.default_rng(1), 1000, later=0.05)))
    assert re.search(r"reach on test HELD pass@32 [\d.]+ → [\d.]+%; a loss of 1.0 points is excluded", held)
    assert "a loss of 10% is excluded" in held
    few = words(shown(study(np.random.default_rng(3), 60)))
    assert re.search(r"INCONCLUSIVE, \d of 3", few)
    assert re.search(r"a loss of [\d.]+ points is not excluded: [\d.]+ are possible", few)
    assert "can't" not in few


def test_of_several_seeds_what_is_pooled_over_them_is_shown_and_the_word_of_each() -> None:
    made = shown(study(np.random.default_rng(1), 300, later=0.2, ood=-0.2, distinct=(0.6, 0.3), seeds=(0, 1, 2)))
    lines = screen(made)
    assert sum(line.startswith("sft ") for line in lines) == 1
    assert "seeds 0, 1, 2" in lines[0]
    assert not any("--seed" in line for line in lines)
    assert "Seeds 0, 1, 2: each reversal" in words(made)
    (claim,) = made["methods"]
    value = claim["mean"]["pass_at_1"]["difference"]["value"]
    assert f"({100 * value:+.1f} [" in words(made)


def test_variety_that_does_not_count_is_said() -> None:
    made = shown(study(np.random.default_rng(1), 300, later=0.2, distinct=(0.6, 0.3)))
    assert "not counted" not in words(made)
    made["settings"]["diversity_counts"] = False
    assert re.search(r"2 variety FELL of 8 correct answers .*; not counted", words(made))


def test_a_suite_without_room_to_fall_is_at_the_floor() -> None:
    made = shown(study(np.random.default_rng(1), 300, later=0.2))
    outcome = made["verdicts"][0]["outcomes"]["ood/suite"]
    outcome |= {"base": 0.04, "is": "held"}
    outcome["difference"] |= {"value": 0.0}
    made["verdicts"][0]["observations"]["other_problems"] |= {"is": "HELD", "decided": ["ood/suite"]}
    assert "suite: greedy 4.0 → 4.0%, at the floor" in words(made)


def test_a_change_that_only_the_correction_leaves_open_has_its_p() -> None:
    made = shown(study(np.random.default_rng(1), 300, later=0.2))
    outcome = made["verdicts"][0]["outcomes"]["ood/suite"]
    outcome |= {"base": 0.6, "is": "open", "holm": 0.072}
    outcome["difference"] |= {"value": -0.1, "low": -0.19, "high": -0.01}
    assert "suite: greedy 60.0 → 50.0% [-19.0, -1.0] open (p=0.072 after Holm)" in words(made)
    outcome["difference"] |= {"high": 0.01}
    assert "suite: greedy 60.0 → 50.0% [-19.0, 1.0] open" in words(made)
    assert "after Holm" not in words(made)


def test_several_suites_are_named_those_that_decided_first() -> None:
    made = shown(study(np.random.default_rng(1), 400, later=0.2, ood=-0.2))
    for verdict in made["verdicts"]:
        for name in ("a", "b", "c"):
            verdict["outcomes"][f"ood/{name}"] = {**verdict["outcomes"]["ood/suite"], "is": "open"}
    said = words(made)
    assert said.index("suite: greedy") < said.index("a: greedy")
    assert "and 1 more" in said


def test_a_method_without_suites_says_that_they_were_not_measured() -> None:
    (run,) = study(np.random.default_rng(1), 60)
    alone = {t: replace(model, ood={}) for t, model in run.models.items()}
    said = words(shown([replace(run, models=alone)]))
    assert "3 other problems – not measured: the study has no suite of other problems" in said


def test_of_one_sample_per_problem_reach_was_not_measured() -> None:
    made = shown(study(np.random.default_rng(1), 60, n=1, later=0.2, seeds=(0, 1)))
    tables = verdicts([made])
    assert not any("B pass@1" in cell for table in tables for row in table.rows for cell in row)
    assert "B" not in re.findall(r'<span class="letter">(.)</span>', verdicts_as_html(made))


def test_a_narrow_screen_breaks_between_words() -> None:
    made = shown(study(np.random.default_rng(1), 400, later=0.2, ood=-0.2, methods=("sft", "sft-dpo"), distinct=(0.6, 0.3)))
    wide, narrow = headline([made]), headline([made], width=56)
    assert all(len(line.rstrip()) <= 56 for line in as_text(narrow).splitlines() if "sirev report" not in line)
    left_out = {"figures,", "tables,", "every", "answer", "table"}  # what the commands give
    assert set(as_text(wide).split()) <= {*as_text(narrow).split()} | left_out


def test_completions_made_elsewhere_go_by_their_step_names_without_method_seed_or_null_run() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    for run in made["runs"]:
        run |= {"steps": ["base", "tuned"], "method": "samples", "label": "mine"}
    for verdict in made["verdicts"]:
        verdict["method"] = "samples"
    text = as_text(headline([made]))
    assert "M_1 base → M_2 tuned" in text
    assert not any(word in text for word in ("samples  ", "seed", "null", "iterate", "claim"))


def test_a_step_that_is_called_like_a_model_is_not_taken_for_another() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    for run in made["runs"]:
        run |= {"steps": ["M_1", "M_3"], "method": "samples", "label": "mine"}
    for verdict in made["verdicts"]:
        verdict["method"] = "samples"
    assert 'M_1 → M_2 "M_3"' in as_text(headline([made]))


def test_commands_ask_for_the_same_runs() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    text = as_text(headline([made], "--recipe r --store here"))
    assert "sirev report all --recipe r --store here" in text
    assert "sirev report html --recipe r --store here -o r.html" in text


def test_without_a_model_after_the_first_there_is_no_verdict() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    made |= {"verdicts": [], "methods": []}
    made["runs"][0] |= {"iterations": made["runs"][0]["iterations"][:1], "stopped": "no example was selected"}
    text = as_text(headline([made]))
    assert "No verdict: no run has a model after M_1." in text
    assert "sft, seed 0: stopped at no example was selected" in text


def test_a_page_is_offered_for_one_study_and_for_several() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    assert "sirev report html -o r.html" in as_text(headline([made]))
    assert "sirev report html -o report.html" in as_text(headline([made, made]))


def test_the_seeds_without_a_null_run_are_named() -> None:
    made = shown(study(np.random.default_rng(1), 60, seeds=(0, 1, 2)))
    assert "No null run: how much" in words(made)
    made["verdicts"][0]["null"] = "retrain"
    assert "No null run of seeds 1, 2: how much retraining alone would change is unknown." in words(made)


def test_null_runs_alone_are_named_as_such() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    made |= {"verdicts": [], "methods": [], "runs": [{**run, "null": True, "label": "null-retrain"} for run in made["runs"]]}
    text = as_text(headline([made]))
    assert text.startswith("r: 60 test problems, M_1 → M_2, seed 0\n")
    assert "No verdict: null runs alone are shown; ask for the runs of a method too." in text
    assert no_verdict(made) in summary([made]).notes
