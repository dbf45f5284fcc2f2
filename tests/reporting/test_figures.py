"""Figures are checked by what is drawn: lines' data, axes' limits, texts; how they look is for eyes."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from sirev.errors import BadInput
from sirev.reporting.figures import FIGURES, both_themes, describe, draw, svg, write_figures
from sirev.reporting.figures.labels import LABEL_GAP

Made = dict[str, Any]
NS = ("1", "2", "4", "8", "16", "32", "64")

# mistral-7b on gsm8k, as published or read off the paper's figures
PASS_AT_1 = {
    "sft": [0.618, 0.664, 0.683, 0.689, 0.686],
    "dpo": [0.618, 0.672, 0.695, 0.704, 0.710],
    "sft-dpo": [0.618, 0.673, 0.702, 0.711, 0.728],
}
DISTINCT = {"sft": [0.42, 0.3, 0.23, 0.19, 0.17], "dpo": [0.42, 0.36, 0.33, 0.3, 0.28], "sft-dpo": [0.42, 0.36, 0.25, 0.21, 0.17]}
BERT = {"sft": [0.71, 0.6, 0.52, 0.47, 0.43], "dpo": [0.71, 0.66, 0.63, 0.6, 0.58], "sft-dpo": [0.71, 0.66, 0.56, 0.53, 0.47]}
ALGEBRA = {"sft": [0.153, 0.141, 0.132, 0.125, 0.118], "dpo": [0.153, 0.16, 0.168, 0.17, 0.178]}
ALGEBRA["sft-dpo"] = [0.153, 0.161, 0.135, 0.14, 0.121]
DISPARITY = {"sft": [0.915, 0.925, 0.93, 0.94, 0.945], "dpo": [0.915, 0.9, 0.91, 0.92, 0.928]}
DISPARITY["sft-dpo"] = [0.915, 0.892, 0.893, 0.886, 0.92]


def there(value: float, half: float = 0.0, n: int = 1319) -> Made:
    return {"value": value, "low": value - half if half else None, "high": value + half if half else None, "n": n, "reason": None}


def missing(reason: str) -> Made:
    return {"value": None, "low": None, "high": None, "n": 0, "reason": reason}


def grown(at_1: float, rate: float, half: float = 0.0, ns: tuple[str, ...] = NS) -> Made:
    return {n: there(1 - (1 - at_1) * int(n) ** -rate, half * int(n) ** -0.3) for n in ns}


def group(distinct: float, bert: float) -> Made:
    by_n = {str(n): there(distinct * (0.6 + 0.13 * n)) for n in range(1, 6)}
    matched = {
        "distinct_n": {"mean": there(0.35 + 0.6 * distinct, 0.012)},
        "distinct_programs": missing("answers are no programs"),
    }
    matched["distinct_equations"] = there(0.25 + 0.75 * distinct, 0.015)
    return {
        "distinct_n": {**by_n, "mean": there(distinct, 0.01)},
        "distinct_equations": there(0.9 * distinct, 0.012),
        "distinct_programs": missing("answers are no programs"),
        "sentence_bert": there(bert, 0.012),
        "matched": {"8": matched},
    }


def made_iteration(method: str, t: int, shift: float = 0.0) -> Made:
    right, spread, bert = PASS_AT_1[method][t - 1] + shift, DISTINCT[method][t - 1], BERT[method][t - 1]
    size = 0 if t == 1 else round(1319 * (0.09 + 0.01 * t))
    whole = ALGEBRA[method][t - 1]
    levels = {str(level): there(whole * factor, 0.03) for level, factor in enumerate((2.6, 1.5, 0.9, 0.5, 0.2), 1)}
    made = {
        "t": t,
        "pass_at_1": there(right, 0.025),
        "pass_at_n": grown(right - 0.03, 0.55 - 0.06 * t, 0.02),
        "improvement_set": {"size": size, "m1_pass_at_n": {}},
        "crossing": missing("M_1 itself"),
        "coverage": {r: {s: there(v, 0.015) for s in ("train", "test")} for r, v in (("mass", 0.627), ("solved", 0.95))},
        "diversity": {
            "all": group(spread + 0.05, bert + 0.03),
            "correct": group(spread, bert),
            "incorrect": group(spread + 0.12, bert + 0.08),
        },
        "ood": {
            "algebra": {
                "accuracy": there(whole, 0.02),
                "levels": levels,
                "group_disparity": there(DISPARITY[method][t - 1], 0.04),
            }
        },
        "temperatures": {},
        "against_m1": {},
    }
    if t > 1:
        made["improvement_set"] |= {
            "m1_pass_at_n": grown(0.3 + 0.02 * t, 0.95, 0.05, NS[1:]),
            "rest": {"size": 350, "m1_pass_at_n": grown(0.1, 0.2, 0.04, NS[1:-1])},
            "reroll": grown(0.42, 0.8, 0.04, NS[:-1]),
        }
        made["crossing"] = there(2.0 ** (7 - t), 0) | {"low": 2.0 ** (6 - t), "high": 2.0 ** (7.6 - t)}
        made["against_m1"] = {"pass_at_1": {"difference": there(right - PASS_AT_1[method][0] - shift, 0.02)}}
    return made


def comparison(last: int = 5, seeds: tuple[int, ...] = (0,), names: tuple[str, ...] = ("sft", "dpo", "sft-dpo")) -> Made:
    runs = [
        {
            "method": name,
            "seed": seed,
            "advice": {"methods": "dpo or sft-dpo", "reason": "all four above 0.5"},
            "iterations": [made_iteration(name, t, 0.012 * place * (t - 1) / last) for t in range(1, last + 1)],
        }
        for name in names
        for place, seed in enumerate(seeds)
    ]
    return {"schema": 2, "problems": 1319, "answers": "math", "guess": None, "headline": 32, "suites": ["algebra"], "runs": runs}


def with_nulls(made: Made) -> Made:
    retrained = [made_iteration("sft", 1, shift) | {"t": k} for k, shift in enumerate((0, 0.011, -0.014, 0.006), 1)]
    gold = [made_iteration("sft", t, -0.03 * (t - 1) / 4) for t in range(1, 6)]
    runs = [
        {"method": "null-retrain", "seed": 0, "iterations": retrained},
        {"method": "null-gold-sft", "seed": 0, "iterations": gold},
    ]
    return {**made, "runs": made["runs"] + runs}


def emptied(node: Any) -> Any:
    """Every statistic without a value."""
    if isinstance(node, dict) and "value" in node:
        return missing("fewer than 30 problems")
    if isinstance(node, dict):
        return {key: emptied(value) for key, value in node.items()}
    return [emptied(value) for value in node] if isinstance(node, list) else node


def lines(figure: Any) -> dict[str, Any]:
    """Panel's place and the line's name -> the line, for all lines of a figure."""
    return {f"{i}: {line.get_label()}": line for i, panel in enumerate(figure.axes) for line in panel.get_lines()}


def texts(figure: Any) -> list[str]:
    own = [figure._suptitle, figure._supxlabel] if figure.axes else [figure._suptitle]
    found = list(figure.texts) + [text for panel in figure.axes for text in panel.texts] + own
    found += [text for legend in figure.legends for text in legend.get_texts()]
    return [text.get_text() for text in found if text is not None]


def leaders_of(figure: Any) -> list[Any]:
    """The thin lines from points to labels."""
    return [artist for artist in figure.artists if isinstance(artist, Line2D)]


@pytest.mark.slow
def test_figures_are_written_in_three_formats_with_the_same_bytes_in_another_process(tmp_path: Path) -> None:
    written = write_figures(with_nulls(comparison(last=2, names=("sft",))), tmp_path / "one")
    assert [path.name for path in written] == [f"{name}.{form}" for name in FIGURES for form in ("svg", "pdf", "png")]
    code = """
import sys
from pathlib import Path
from sirev.reporting.figures import write_figures
from tests.reporting.test_figures import comparison, with_nulls
write_figures(with_nulls(comparison(last=2, names=("sft",))), Path(sys.argv[1]))
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "two")], check=True, cwd=Path(__file__).parents[2])
    for path in written:
        content = path.read_bytes()
        assert content.startswith({".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG"}[path.suffix])
        assert content == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_only_the_formats_asked_for_are_written(tmp_path: Path) -> None:
    write_figures(comparison(last=2, names=("dpo",)), tmp_path / "made", ("svg",))
    assert {path.name for path in (tmp_path / "made").iterdir()} == {f"{name}.svg" for name in FIGURES}
    with pytest.raises(BadInput, match="'gif'"):
        write_figures(comparison(last=2), tmp_path / "none", ("svg", "gif"))
    assert not (tmp_path / "none").exists()


def test_an_unknown_figure_is_refused_with_the_known_ones() -> None:
    for ask in (draw, svg, describe):
        with pytest.raises(BadInput, match=r"no figure 'loss' .*pass-at-1"):
            ask(comparison(last=2), "loss")


def test_pass_at_1_draws_the_comparisons_values_and_intervals() -> None:
    figure = draw(comparison(), "pass-at-1")
    drawn = lines(figure)
    for name, expected in PASS_AT_1.items():
        assert list(drawn[f"0: {name}"].get_ydata()) == pytest.approx([100 * value for value in expected])
        assert list(drawn[f"0: {name}"].get_xdata()) == pytest.approx([1, 2, 3, 4, 5], abs=0.2)
    [bars] = [c for c in figure.axes[0].collections if c.get_color()[0] == pytest.approx(to_rgba("#0072B2", 0.7))]
    ends = [sorted(float(y) for _, y in segment) for segment in bars.get_segments()]
    assert ends == [pytest.approx([100 * v - 2.5, 100 * v + 2.5]) for v in PASS_AT_1["sft"]]


def test_panels_of_methods_share_their_limits() -> None:
    for name in ("improvement", "pass-at-k"):
        assert len({panel.get_ylim() for panel in draw(comparison(), name).axes}) == 1
    diversity = draw(comparison(), "diversity").axes
    assert [len({panel.get_ylim() for panel in diversity[row : row + 3]}) for row in (0, 3, 6)] == [1, 1, 1]
    assert len({panel.get_ylim() for panel in draw(comparison(), "ood").axes[2:5]}) == 1


def test_improvement_draws_every_set_and_both_controls() -> None:
    made = comparison()
    drawn = lines(draw(made, "improvement"))
    for place, run in enumerate(made["runs"]):
        for i in run["iterations"][1:]:
            expected = [100 * one["value"] for one in i["improvement_set"]["m1_pass_at_n"].values()]
            line = drawn[f"{place}: IS({i['t']})"]
            assert list(line.get_ydata()) == pytest.approx(expected)
            assert list(line.get_xdata()) == [2, 4, 8, 16, 32, 64]
        last = run["iterations"][-1]["improvement_set"]
        assert list(drawn[f"{place}: re-roll"].get_ydata()) == pytest.approx([100 * v["value"] for v in last["reroll"].values()])
        rest = [100 * one["value"] for one in last["rest"]["m1_pass_at_n"].values()]
        assert list(drawn[f"{place}: still wrong"].get_ydata()) == pytest.approx(rest)


def test_pass_at_k_marks_the_crossing_and_draws_other_temperatures_and_guessing() -> None:
    made = comparison(names=("sft",)) | {"guess": 0.2}
    figure = draw(made, "pass-at-k")
    drawn = lines(figure)
    assert list(drawn["0: crossing, seed 0"].get_xdata()) == [4.0]
    assert list(drawn["0: crossing's interval"].get_xdata()) == pytest.approx([2.0, 2.0**2.6])
    assert "k = 4" in texts(figure)
    assert list(drawn["0: guessing"].get_ydata()) == pytest.approx([100 * (1 - 0.8 ** int(n)) for n in NS])
    assert len(figure.axes) == 1
    for i in made["runs"][0]["iterations"]:
        i["temperatures"] = {"1.0": {"pass_at_n": grown(0.5, 0.4)}}
    drawn = lines(draw(made, "pass-at-k"))
    assert list(drawn["1: M₅ at 1.0"].get_ydata()) == pytest.approx([100 * v["value"] for v in grown(0.5, 0.4).values()])


def test_coverage_draws_both_readings_on_both_splits_and_best_beside_last() -> None:
    figure = draw(comparison(), "coverage")
    drawn = lines(figure)
    found = [float(drawn[f"0: {r}, {s}"].get_xdata()[0]) for r in ("mass", "solved") for s in ("train", "test")]
    assert found == pytest.approx([62.7, 62.7, 95, 95])
    assert float(drawn["1: sft, last"].get_xdata()[0]) == pytest.approx(6.8)
    assert float(drawn["1: sft, best"].get_xdata()[0]) == pytest.approx(7.1)
    assert "best: t = 4" in texts(figure)
    assert "1: dpo, best" not in drawn  # its best is its last
    assert any("advises dpo or sft-dpo: all four above 0.5" in text.replace("\n", " ") for text in texts(figure))


def test_diversity_draws_groups_measures_and_the_size_matched_values() -> None:
    made = comparison()
    drawn = lines(draw(made, "diversity"))
    correct = [i["diversity"]["correct"] for i in made["runs"][0]["iterations"]]
    assert list(drawn["1: sft"].get_ydata()) == pytest.approx([100 * c["distinct_n"]["mean"]["value"] for c in correct])
    matched = [100 * c["matched"]["8"]["distinct_equations"]["value"] for c in correct]
    assert list(drawn["4: sft, m = 8"].get_ydata()) == pytest.approx(matched)
    assert list(drawn["7: sft"].get_ydata()) == pytest.approx([100 * c["sentence_bert"]["value"] for c in correct])


def test_trade_off_leads_from_m1_to_the_last_model() -> None:
    made = comparison()
    figure = draw(made, "trade-off")
    path = lines(figure)["1: dpo, seed 0"]
    matched = [i["diversity"]["correct"]["matched"]["8"]["distinct_equations"]["value"] for i in made["runs"][1]["iterations"]]
    assert list(path.get_xdata()) == pytest.approx([100 * value for value in matched])
    assert list(path.get_ydata()) == pytest.approx([100 * value for value in PASS_AT_1["dpo"]])
    assert len([text for text in figure.axes[1].texts if getattr(text, "arrow_patch", None)]) == 12  # 4 steps of 3 methods


def test_ood_has_a_row_a_suite() -> None:
    made = comparison()
    made["suites"] = ["algebra", "svamp"]
    for run in made["runs"]:
        for i in run["iterations"]:
            i["ood"]["svamp"] = {"accuracy": there(0.5), "levels": {}, "group_disparity": missing("the suite has no levels")}
    figure = draw(made, "ood")
    drawn = lines(figure)
    assert len(figure.axes) == 10
    assert list(drawn["0: sft"].get_ydata()) == pytest.approx([100 * value for value in ALGEBRA["sft"]])
    assert list(drawn["3: dpo, level 1"].get_ydata()) == pytest.approx([260 * value for value in ALGEBRA["dpo"]])
    assert list(drawn["1: sft-dpo"].get_ydata()) == pytest.approx([100 * value for value in DISPARITY["sft-dpo"]])
    assert list(drawn["5: sft"].get_ydata()) == [50] * 5
    assert [text.replace("\n", " ") for text in texts(figure)].count("none: the suite has no levels") == 4


def test_a_suite_with_draws_has_the_curves_of_both_ends_beside_it() -> None:
    made = comparison(names=("sft", "dpo"))
    made["suites"] = ["algebra", "svamp"]
    for run in made["runs"]:
        for i in run["iterations"]:
            i["ood"]["svamp"] = {"accuracy": there(0.5), "levels": {}, "group_disparity": missing("the suite has no levels")}
            if i["t"] in (1, 5):
                i["ood"]["algebra"]["pass_at_n"] = grown(0.1 + 0.01 * i["t"], 0.5 - 0.05 * i["t"])
    figure = draw(made, "ood")
    assert len(figure.axes) == 10
    drawn = lines(figure)
    assert {name for name in drawn if name.startswith("2: ")} == {"2: M₁", "2: sft", "2: dpo"}
    assert drawn["2: dpo"].get_ydata()[0] == pytest.approx(15)
    assert drawn["2: M₁"].get_ydata()[0] == pytest.approx(11)
    assert [text.replace("\n", " ") for text in texts(figure)].count("none: the suite was not drawn from") == 1


def test_names_of_steps_stand_on_axes_and_lines() -> None:
    made = comparison(last=3, names=("sft",))
    made["runs"][0] |= {"label": "mine", "steps": ["base", "round-1", "round-2, with a name that is long"]}
    ticks = [tick.get_text() for tick in draw(made, "pass-at-1").axes[0].get_xticklabels()]
    assert ticks == ["base", "round-1", "round-2, wi…"]
    assert {"M₁ base", "M₃ round-2, wi…"} <= set(texts(draw(made, "pass-at-k")))
    assert "IS(2) round-1" in texts(draw(made, "improvement"))
    assert {"M₁ base", "mine"} <= set(texts(draw(made, "trade-off")))
    crowded = draw(made | {"runs": [{**made["runs"][0], "steps": ["a-long-name", "b-long-name", "c-long-name"]}]}, "ood")
    assert {tick.get_rotation() for tick in crowded.axes[0].get_xticklabels()} == {30}


def test_a_label_moved_away_is_led_to_the_end_of_its_own_line() -> None:
    made = comparison()
    for place, run in enumerate(made["runs"]):
        for i in run["iterations"]:
            i["pass_at_1"] = there(0.5 + 0.001 * place)
    figure = draw(made, "pass-at-1")
    leaders = leaders_of(figure)
    assert len(leaders) >= 2
    panel = figure.axes[0]
    shift = 2 * figure.dpi / 72

    def at(transform: Any, point: Any, right: float = 0) -> tuple[int, int]:
        x, y = transform.transform(point)
        return round(x + right), round(y)

    ends = {at(figure.transFigure, line.get_xydata()[0]) for line in leaders}
    drawn = [line for line in panel.get_lines() if line.get_label() in ("sft", "dpo", "sft-dpo")]
    points = {at(panel.transData, (5, line.get_ydata()[-1]), shift) for line in drawn}
    assert ends <= points
    assert not leaders_of(draw(comparison(), "pass-at-1")), "labels at their own heights need none"


def test_notes_explain_what_is_in_the_picture_and_nothing_else() -> None:
    made = comparison()
    for run in made["runs"]:
        for i in run["iterations"]:
            i["crossing"] = missing("the curves do not cross")
            i["improvement_set"] = {"size": 0, "m1_pass_at_n": i["improvement_set"]["m1_pass_at_n"]}
            for answers in i["diversity"].values():
                answers["matched"] = {}
    assert "▲" not in " ".join(texts(draw(made, "pass-at-k")))
    assert "▲" in " ".join(texts(draw(comparison(), "pass-at-k")))
    assert "re-roll" not in " ".join(texts(draw(made, "improvement")))
    assert "Dashed" not in " ".join(texts(draw(made, "diversity")))
    assert "Dashed" in " ".join(texts(draw(comparison(), "diversity")))
    assert any(text.startswith("none: not measured") for text in texts(draw(made, "trade-off")))


def test_a_diversity_of_fewer_draws_than_the_papers_is_not_said_to_be_of_fifty() -> None:
    made = comparison(last=2, names=("sft",))
    assert any(text.startswith("Solid: the first 50 draws.") for text in texts(draw(made, "diversity")))
    for i in made["runs"][0]["iterations"]:
        i["pass_at_n"], i["majority"] = grown(0.5, 0.5, ns=NS[:5]), {"1": there(0.5), "24": there(0.6)}
    said = " ".join(texts(draw(made, "diversity")) + [axes.get_title(loc="left") for axes in draw(made, "trade-off").axes])
    assert said.count("all 24 draws") >= 2
    assert "50 draws" not in said


def test_an_axis_of_shares_begins_at_0_or_its_note_says_so() -> None:
    figure = draw(comparison(), "pass-at-1")  # from 62 to 73 %
    assert figure.axes[0].get_ylim()[0] > 50
    assert any("does not begin at 0" in text for text in texts(figure))
    low = comparison()
    for run in low["runs"]:
        run["iterations"][0]["pass_at_1"] = there(0.3)
    figure = draw(low, "pass-at-1")
    assert figure.axes[0].get_ylim()[0] <= 0
    assert not any("does not begin at 0" in text for text in texts(figure))
    assert draw(comparison(), "ood").axes[1].get_ylim()[0] <= 0, "group disparity, from 89 to 95 %"


def test_m_1_is_a_line_to_compare_with() -> None:
    reference = lines(draw(comparison(), "ood"))["0: M₁'s"]
    assert list(reference.get_ydata()) == pytest.approx([15.3, 15.3])
    assert "0: M₁'s" in lines(draw(comparison(), "pass-at-1"))


def test_a_path_has_both_intervals_of_its_ends() -> None:
    made = comparison(names=("sft",))
    for i in made["runs"][0]["iterations"]:
        i["diversity"]["correct"]["distinct_equations"] = there(0.4, 0.1)
    panel = draw(made, "trade-off").axes[0]
    spans = [path.vertices for lines in panel.collections for path in lines.get_paths()]
    assert any(abs(span[0][0] - span[1][0]) == pytest.approx(20) for span in spans)
    assert any(abs(span[0][1] - span[1][1]) == pytest.approx(5) for span in spans)


def test_without_other_problems_there_is_no_picture_of_them(tmp_path: Path) -> None:
    made = comparison(last=2, names=("sft",)) | {"suites": []}
    assert {path.stem for path in write_figures(made, tmp_path, ("svg",))} == set(FIGURES) - {"ood"}
    assert both_themes(emptied(comparison(last=2)), "pass-at-1") is None


def test_no_share_below_zero_stands_on_an_axis() -> None:
    made = comparison()
    for run in made["runs"]:
        for t, i in enumerate(run["iterations"]):
            i["diversity"]["correct"]["distinct_equations"] = there(0.1 - 0.02 * t)
    for panel in draw(made, "trade-off").axes:
        assert min(panel.get_xticks()) >= 0


def test_seeds_are_thin_lines_around_their_mean() -> None:
    made = comparison(seeds=(0, 1, 2))
    drawn = lines(draw(made, "pass-at-1"))
    by_seed = [list(drawn[f"0: dpo, seed {seed}"].get_ydata()) for seed in (0, 1, 2)]
    assert by_seed[2][-1] > by_seed[0][-1]
    assert list(drawn["0: dpo"].get_ydata()) == pytest.approx([sum(at_t) / 3 for at_t in zip(*by_seed, strict=True)])
    assert drawn["0: dpo"].get_linewidth() > 2 * drawn["0: dpo, seed 1"].get_linewidth()


def test_a_mean_is_drawn_only_where_every_seed_has_a_value() -> None:
    made = comparison(seeds=(0, 1), names=("sft",))
    made["runs"][1]["iterations"][2]["pass_at_1"] = missing("not graded")
    drawn = lines(draw(made, "pass-at-1"))
    assert [value == value for value in drawn["0: sft"].get_ydata()] == [True, True, False, True, True]
    assert all(value == value for value in drawn["0: sft, seed 0"].get_ydata())


def test_null_runs_are_a_grey_band_and_a_grey_line_and_no_method() -> None:
    figure = draw(with_nulls(comparison()), "pass-at-1")
    [band] = [patch for patch in figure.axes[0].patches if patch.get_label() == "null-retrain"]
    low, high = band.get_extents().transformed(figure.axes[0].transData.inverted()).intervaly
    assert (low, high) == pytest.approx((60.4, 62.9))
    assert list(lines(figure)["0: null-gold-sft"].get_ydata())[-1] == pytest.approx(65.6)
    assert {"M₁ retrained", "gold-sft", "sft", "dpo", "sft-dpo"} <= set(texts(figure))
    assert len(draw(with_nulls(comparison()), "improvement").axes) == 3


@pytest.mark.parametrize("name", FIGURES)
def test_no_label_covers_another(name: str) -> None:
    long = comparison()
    for run in long["runs"]:
        run["method"] = f"qlora-of-{run['method']}-with-replay"
    for made in (comparison(), with_nulls(comparison(seeds=(0, 1, 2))), comparison(last=2, names=("dpo",)), long):
        figure = draw(made, name)
        boxes = [
            (text.get_text(), text.get_window_extent())
            for panel in figure.axes
            for text in [*panel.texts, panel.title, panel._left_title, panel.xaxis.label, panel.yaxis.label]
            if text.get_text()
        ]
        for (one, a), (other, b) in itertools.combinations(boxes, 2):
            across = min(a.x1, b.x1) - max(a.x0, b.x0)
            down = min(a.y1, b.y1) - max(a.y0, b.y0)
            touching = 2.5 * figure.dpi / 72  # a text's box has air above its letters
            assert across <= 1 or down <= touching, (one, other)
        width, height = figure.bbox.size
        for text, box in boxes:
            assert box.x0 >= 0, text
            assert box.y0 >= 0, text
            assert box.x1 <= width, text
            assert box.y1 <= height, text


def test_labels_at_one_height_end_a_gap_apart_and_within_the_panel() -> None:
    made = comparison()
    for run in made["runs"]:
        run["iterations"][-1]["pass_at_1"] = there(0.7)
    figure = draw(made, "pass-at-1")
    panel = figure.axes[0]
    ends = sorted(text.get_window_extent().y0 for text in panel.texts)
    centres = sorted((text.get_window_extent().y0 + text.get_window_extent().y1) / 2 for text in panel.texts)
    gaps = [(high - low) * 72 / figure.dpi for low, high in itertools.pairwise(centres)]
    assert gaps == pytest.approx([LABEL_GAP, LABEL_GAP], abs=1)
    assert ends[0] >= panel.bbox.y0


@pytest.mark.parametrize("name", FIGURES)
def test_without_values_a_figure_says_none_and_why(name: str) -> None:
    made = emptied(comparison())
    assert "none: fewer than 30 problems" in texts(draw(made, name))
    assert "none, fewer than 30 problems" in describe(made, name)
    assert "none: fewer than 30 problems" in svg(made, name)


@pytest.mark.parametrize("name", FIGURES)
def test_a_comparison_with_little_in_it_is_drawn(name: str) -> None:
    bare = {"method": "sft", "seed": 0, "iterations": [{"t": 1}]}
    for runs in ([], [{**bare, "iterations": []}], [bare], [bare, {**bare, "method": "dpo", "iterations": []}]):
        made = {"schema": 2, "runs": runs}
        assert any(text.startswith("none: ") for text in texts(draw(made, name)))
        assert ": none, " in describe(made, name)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("last", [1, 2])
def test_the_first_model_alone_and_one_step_are_drawn(name: str, last: int) -> None:
    element = svg(comparison(last=last), name)
    assert "nan" not in element.lower()
    assert ("M₁ is the only model" in element) == (last == 1 and name == "improvement")


def test_an_empty_panel_among_others_says_why() -> None:
    made = comparison()
    for i in made["runs"][1]["iterations"]:
        i["improvement_set"] = {"size": 0, "m1_pass_at_n": {n: missing("IS is empty") for n in NS[1:]}}
    figure = draw(made, "improvement")
    assert [text.get_text() for text in figure.axes[1].texts] == ["none: IS is empty"]
    assert figure.axes[0].get_lines()


def test_a_missing_value_breaks_its_line_and_no_nan_is_written() -> None:
    made = comparison(names=("sft",))
    made["runs"][0]["iterations"][2]["pass_at_1"] = missing("not graded")
    made["runs"][0]["iterations"][1]["pass_at_1"]["low"] = None
    assert [value == value for value in lines(draw(made, "pass-at-1"))["0: sft"].get_ydata()] == [True, True, False, True, True]
    assert "nan" not in svg(made, "pass-at-1").lower()


@pytest.mark.parametrize("name", FIGURES)
def test_embedded_figures_keep_ids_and_style_to_themselves(name: str) -> None:
    made = comparison()
    light, dark = svg(made, name), svg(made, name, dark=True)
    assert light == svg(made, name)
    assert light.startswith("<svg ")
    page = ET.fromstring(f"<div>{light}{dark}{svg(made, 'pass-at-1' if name != 'pass-at-1' else 'ood')}</div>")
    ids = [node.get("id") for node in page.iter() if node.get("id")]
    assert len(ids) == len(set(ids)) > 3
    used = {value.strip("#") for node in page.iter() for key, value in node.items() if key.endswith("href")}
    used |= {value[5:-1] for node in page.iter() for key, value in node.items() if key == "clip-path"}
    assert used
    assert used <= set(ids)
    rules = [node.text for node in page.iter() if node.tag.endswith("style")]
    assert all(rule.startswith("#figure-") for rule in rules)
    titles = [node.text for node in page.iter() if node.tag.endswith("title")]
    assert titles[0] == describe(made, name)
    assert "<metadata" not in light
    assert "<text" in light  # text is text: it can be searched and read aloud
    assert "#ffffff" not in dark


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_for_dark_paper_is_the_one_for_light_paper_in_its_own_colours(name: str) -> None:
    made = with_nulls(comparison(seeds=(0, 1))) | {"guess": 0.2}
    both = both_themes(made, name)
    assert both is not None
    light, dark = both
    assert light == svg(made, name)

    def without_ids(element: str) -> str:
        return re.sub(r'(id="|href="#|url\(#)figure-[^")]*', r"\1", element).replace(f"#figure-{name}-dark", f"#figure-{name}")

    assert without_ids(dark) == without_ids(svg(made, name, dark=True))
    assert light != dark


@pytest.mark.filterwarnings("error")
def test_a_methods_name_is_text_and_nothing_else() -> None:
    made = comparison(last=2, names=("sft",))
    made["runs"][0]["method"] = "<b>$x_1$</b>&\x1b\u202e" + "y" * 60
    for name in FIGURES:
        page = ET.fromstring(svg(made, name))
        assert not [node for node in page.iter() if node.tag.endswith("}b")]
    assert "<b>$x_1$</b>&??…" in texts(draw(made, "pass-at-1"))


def test_sentences_tell_the_main_numbers() -> None:
    made = comparison()
    assert describe(made, "pass-at-1") == (
        "Greedy pass@1 in % from M₁ to the last model: sft 61.8 to 68.6, dpo 61.8 to 71.0, sft-dpo 61.8 to 72.8."
    )
    assert "sft gains +6.8 points at the last t (best +7.1 at t = 4)" in describe(made, "coverage")
    assert "crossing at k = 4" in describe(made, "pass-at-k")
    assert "sft 42.0 to 17.0" in describe(made, "diversity")
    assert "sft 15.3 to 11.8" in describe(made, "ood")
    assert "against a re-roll's" in describe(made, "improvement")
    assert "sft 61.8 to 68.6 with a diversity of 56.5 to 37.8" in describe(made, "trade-off")


def test_colours_stay_with_the_papers_methods_and_differ_for_others() -> None:
    def colours(*names: str) -> list[str]:
        made = comparison(last=2, names=("sft",) * len(names))
        for run, name in zip(made["runs"], names, strict=True):
            run["method"] = name
        drawn = lines(draw(made, "pass-at-1"))
        return [drawn[f"0: {name}"].get_color().upper() for name in names]

    assert colours("dpo") == colours("sft", "dpo")[1:] == ["#D55E00"]
    assert len(set(colours("a", "sft", "b", "sft-dpo", "c", "dpo"))) == 6


def test_drawing_changes_no_setting_and_heeds_none() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    plain = svg(comparison(last=2), "pass-at-1")
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context({"lines.linewidth": 9, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert svg(comparison(last=2), "pass-at-1") == plain


def test_the_module_imports_no_plotting_library() -> None:
    code = "import sys, sirev.reporting.figures; print([m for m in ('matplotlib', 'numpy', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
