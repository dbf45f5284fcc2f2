from __future__ import annotations

import re
from typing import Any

import numpy as np

from sirev.reporting.headline import WIDTH, as_text, headline
from sirev.reporting.page.cards import verdicts_as_html
from sirev.reporting.sections.verdicts import no_verdict, summary, verdicts
from tests.metrics.comparison.studies import study
from tests.reporting.test_sections import shown


def screen(*studies: dict[str, Any], asked: str = "") -> list[str]:
    return as_text(headline(studies, asked)).splitlines()


def test_three_methods_fit_one_screen() -> None:
    made = shown(
        study(np.random.default_rng(1), 400, later=0.2, ood=-0.2, methods=("sft", "dpo", "sft-dpo"), distinct=(0.6, 0.3))
    )
    lines = screen(made)
    assert len(lines) <= 26
    assert all(len(line) <= WIDTH for line in lines)
    text = " ".join(" ".join(lines).split())
    assert text.startswith("r: 400 test problems, M_1 → M_2, seed 0")
    assert "Verdict: reversal, narrower (sft, dpo, sft-dpo)" in text
    assert "pass@1 rose; accuracy on suite fell (95% CI in points: sft -" in text
    assert "1 seed; claims about a method need 3. No null run." in text


def test_what_went_up_or_down_is_marked_and_styled() -> None:
    made = shown(study(np.random.default_rng(1), 400, later=0.2, ood=-0.2))
    pieces = {text.strip(): style for line in headline([made]) for text, style in line}
    assert {style for text, style in pieces.items() if text.endswith(" up")} == {"up"}
    assert {style for text, style in pieces.items() if text.endswith(" down")} == {"down"}


def test_an_inconclusive_change_has_its_interval_and_the_smallest_that_would_show() -> None:
    made = shown(study(np.random.default_rng(3), 60, later=0.0))
    text = " ".join(" ".join(screen(made)).split())
    assert "Verdict: undecided pass@1" in text
    assert "pass@32 is inconclusive (" in text
    assert " points, 95% CI " in text
    assert "With 60 problems pass@32 must change by about" in text
    assert "can't" not in text


def test_seeds_are_averaged_and_disagreement_is_said() -> None:
    made = shown(study(np.random.default_rng(1), 300, later=0.2, ood=-0.2, seeds=(0, 1, 2)))
    lines = screen(made)
    assert sum(line.startswith("  sft ") for line in lines) == 1
    assert "seeds 0, 1, 2" in lines[0]
    assert not any("--seed" in line for line in lines)
    many = screen(shown(study(np.random.default_rng(1), 300, later=0.2, methods=("sft", "dpo", "sft-dpo"), seeds=(0, 1, 2))))
    assert len(many) <= 30
    assert all(len(line) <= WIDTH for line in many)
    text = " ".join(" ".join(many).split())
    assert "and 5 more" in text
    assert "(sft, dpo, sft-dpo)" in text


def test_completions_made_elsewhere_go_by_their_step_names_without_method_seed_or_null_run() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    for run in made["runs"]:
        run |= {"steps": ["base", "tuned"], "method": "samples", "label": "mine"}
    for verdict in made["verdicts"]:
        verdict["method"] = "samples"
    text = as_text(headline([made]))
    assert "M_1 base → M_2 tuned" in text
    assert not any(word in text for word in ("samples  ", "seed", "null", "iterate", "claim"))


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


def test_several_suites_have_one_column_and_a_long_name_is_cut() -> None:
    made = shown(study(np.random.default_rng(1), 400, later=0.2, ood=-0.2))
    for verdict in made["verdicts"]:
        verdict["outcomes"]["ood/other"] = {**verdict["outcomes"]["ood/suite"], "is": "can't tell"}
    made["suites"] = ["other", "suite"]
    text = as_text(headline([made]))
    assert "2 suites" in text
    assert "1 down, 1 ?" in text
    for verdict in made["verdicts"]:
        verdict["outcomes"]["ood/a_suite_of_a_long_name"] = verdict["outcomes"].pop("ood/suite")
    made["suites"] = ["a_suite_of_a_long_name"]
    assert "a_suite_of_a_lo…" in as_text(headline([made]))


def test_a_page_is_offered_for_one_study_alone() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    assert "report html" in as_text(headline([made]))
    assert "report html" not in as_text(headline([made, made]))


def test_null_runs_alone_are_named_as_such() -> None:
    made = shown(study(np.random.default_rng(1), 60))
    made |= {"verdicts": [], "methods": [], "runs": [{**run, "null": True, "label": "null-retrain"} for run in made["runs"]]}
    text = as_text(headline([made]))
    assert text.startswith("r: 60 test problems, M_1 → M_2, seed 0\n")
    assert "No verdict: null runs alone are shown; ask for the runs of a method too." in text
    assert no_verdict(made) in summary([made]).notes


def test_a_negative_part_of_agreement_is_what_it_takes_away() -> None:
    made = shown(study(np.random.default_rng(1), 200, later=0.2, distinct=(0.6, 0.3)))
    text = " ".join(as_text(headline([made])).split())
    assert " points more likely to agree: " in text
    split = made["runs"][0]["iterations"][-1]["split"]["equations"]
    for part in split["narrowing"].values():
        part["value"] = 0.011 if part["value"] is not None else None
    split["composition"]["value"] = -0.2
    text = " ".join(as_text(headline([made])).split())
    assert "from a changed mix of right and wrong, less " in text
    assert "because answers of one kind grew more varied." in text


def test_an_interval_without_zero_that_holms_correction_leaves_inconclusive_says_so() -> None:
    made = shown(study(np.random.default_rng(3), 60, later=0.0))
    outcome = made["verdicts"][0]["outcomes"]["pass_at_n"]
    outcome |= {"is": "can't tell", "holm": 0.18}
    outcome["difference"] |= {"value": 0.025, "low": 0.005, "high": 0.05}
    reason = "pass@32 is inconclusive after Holm's correction (p=0.180; +2.5 points, 95% CI +0.5 to +5.0)"
    assert reason in " ".join(" ".join(screen(made)).split())
    outcome["difference"]["low"] = -0.005
    assert "pass@32 is inconclusive (+2.5 points, 95% CI -0.5 to +5.0)" in " ".join(" ".join(screen(made)).split())


def test_of_one_sample_per_problem_pass_at_n_is_left_out_and_said_to_take_more() -> None:
    made = shown(study(np.random.default_rng(1), 60, n=1, later=0.2, seeds=(0, 1)))
    text = " ".join(" ".join(screen(made)).split())
    assert text.count("pass@1 %") == 1
    assert "pass@N takes more than one sample per problem" in text
    assert "pass@1 must change" not in text
    tables = verdicts([made])
    assert not any("B pass@1" in cell for table in tables for row in table.rows for cell in row)
    assert "B" not in re.findall(r'<span class="letter">(.)</span>', verdicts_as_html(made))


def test_a_narrow_screen_breaks_between_words_and_moves_columns_below() -> None:
    made = shown(study(np.random.default_rng(1), 400, later=0.2, ood=-0.2, methods=("sft", "sft-dpo"), distinct=(0.6, 0.3)))
    wide, narrow = headline([made]), headline([made], width=44)
    assert all(len(line.rstrip()) <= 44 for line in as_text(narrow).splitlines() if "sirev report" not in line)
    left_out = {"figures,", "tables,", "every", "answer", "table"}  # what the commands give
    assert set(as_text(wide).split()) <= {*as_text(narrow).split()} | left_out
    cells = {text.strip() for line in wide for text, style in line if style in ("up", "down")}
    assert cells == {text.strip() for line in narrow for text, style in line if style in ("up", "down")}
