from __future__ import annotations

from sirev.reporting.summary import report
from sirev.reporting.tracked import tracked_values
from sirev.study.comparing import comparison, comparison_at, recorded_measures
from tests.conftest import Study


def test_values_are_those_of_the_report_s_rows_under_their_names(smoke: Study) -> None:
    run = smoke.run("sft")
    rows = report("all", runs=[run.id], store=smoke.store).rows()
    found = tracked_values(comparison(smoke.store, [run]), 3)
    numbers = {name: value for name, value in found.items() if name != "headline"}
    shown = {row["statistic"].replace(".", "/"): row["value"] for row in rows if row["t"] == 3}
    assert {"pass_at_1", "pass_at_n/16", "diversity/all/distinct_n/mean", "ood/levels_1_to_3/accuracy"} <= numbers.keys()
    assert numbers == {name: shown[name] for name in numbers}


def test_the_headline_is_said_of_the_last_model_alone(smoke: Study) -> None:
    compared = comparison(smoke.store, [smoke.run("sft")])
    assert ["headline" in tracked_values(compared, t) for t in (1, 2, 3)] == [False, False, True]


def test_what_is_sent_while_a_run_goes_on_is_what_the_whole_says_later(smoke: Study) -> None:
    run = smoke.run("sft")
    whole = comparison(smoke.store, [run])
    for t in (1, 2):
        early = comparison_at(*recorded_measures(smoke.store, run), t)
        assert early is not None
        now, later = tracked_values(early, t), tracked_values(whole, t)
        assert ("headline" in now) == (t == 2)
        assert {name: value for name, value in now.items() if name != "headline"} == later
