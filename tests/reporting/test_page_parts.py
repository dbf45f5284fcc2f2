from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from typing import Any

import numpy as np
import pytest

from sirev.reporting.facts import Facts
from sirev.reporting.page import explorer, explorer_data, render_page, tables_as_html
from sirev.reporting.page.bars import BAR_WIDTH
from sirev.reporting.page.cards import verdicts_as_html
from sirev.reporting.tables import TextTable
from tests.metrics.comparison.studies import study
from tests.reporting.page_data import HOSTILE, answers, comparison, hostile_answers, outcome, problems, run_of, whole_page
from tests.reporting.test_sections import shown


def unpacked(page: str, name: str) -> Any:
    found = re.search(rf'id="{name}">([A-Za-z0-9+/=]+)</script>', page)
    assert found
    return json.loads(gzip.decompress(base64.b64decode(found.group(1))))


def test_each_text_is_kept_once_and_every_answer_is_found_again() -> None:
    some = problems(40)
    given = answers(some)
    data = explorer_data(some, given)
    index = data["index"]
    assert len(data["chunks"]) == 2
    for i, problem in enumerate(some):
        chunk = data["chunks"][i // explorer.PROBLEMS_PER_CHUNK]
        assert len(set(chunk["texts"])) == len(chunk["texts"])
        for r, run in enumerate(given.values()):
            for s, step in enumerate(run.values()):
                cell = chunk["rows"][i % explorer.PROBLEMS_PER_CHUNK][r][s]
                wanted = [step["greedy"][problem["id"]], *step["draws"][problem["id"]]]
                texts = [chunk["texts"][text] for text in cell[::2]]
                assert texts == [a["text"] for a in wanted]
                assert [index["reasons"][v >> 1] for v in cell[1::2]] == [a["reason"] for a in wanted]
                bits = index["runs"][r]["right"][s][i]
                assert (
                    [bool(bits >> k & 1) for k in range(9)] == [a["correct"] for a in wanted] == [v % 2 == 1 for v in cell[1::2]]
                )
                assert index["runs"][r]["counts"][s][i] == [sum(a["correct"] for a in wanted[1:]), 8]


def test_counts_of_all_draws_may_come_with_a_part_of_them() -> None:
    some = problems(1)
    given = answers(some, ("sft 0",), draws=2)
    given["sft 0"][1]["counts"] = {some[0]["id"]: [37, 64]}
    counts = explorer_data(some, given)["index"]["runs"][0]["counts"]
    assert counts[0] == [[37, 64]]
    assert counts[1][0][1] == 2


def test_a_missing_answer_is_marked_as_missing() -> None:
    some = problems(2)
    given = answers(some, ("sft 0",))
    del given["sft 0"][3]["greedy"][some[1]["id"]]
    data = explorer_data(some, given)
    bits = data["index"]["runs"][0]["right"][2][1]
    assert bits < 0
    right = [answer["correct"] for answer in given["sft 0"][3]["draws"][some[1]["id"]]]
    assert [bool((-1 - bits) >> k & 1) for k in range(1, 9)] == right, "its draws are there"
    assert data["chunks"][0]["rows"][1][0][2][0] == explorer.ABSENT_INDEX


def test_a_page_keeps_fewer_draws_and_shorter_texts_rather_than_grow_past_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    some = problems(4)
    given = answers(some, ("sft 0",))
    given["sft 0"][1]["greedy"][some[0]["id"]]["text"] = "x" * 50_000
    monkeypatch.setattr(explorer, "TEXT_BUDGET", 30_000)
    data = explorer_data(some, given)
    assert sum(map(len, data["chunks"][0]["texts"])) <= 30_000
    assert data["index"]["draws"] == 1
    cut = data["chunks"][0]["cut"]
    assert [(len(data["chunks"][0]["texts"][i]), left) for i, left in cut.items()] == [(20_000, 30_000)]
    assert data["index"]["runs"][0]["counts"][0][0][1] == 8, "counts are of all draws"


def test_the_policy_names_the_script_and_nothing_else() -> None:
    page = whole_page(explorer_data([], {}))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert policy
    assert script
    digest = base64.b64encode(hashlib.sha256(script.group(1).encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy.group(1)
    assert policy.group(1).startswith("default-src 'none'")
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert "innerHTML" not in page


def test_equal_data_gives_equal_bytes_and_lone_surrogates_can_be_written() -> None:
    some = problems(3)
    given = hostile_answers(some)
    one, other = (whole_page(explorer_data(some, given)) for _ in range(2))
    assert one == other
    assert one.encode()
    assert unpacked(one, "explorer-index")["problems"]["prompt"][0] == some[0]["prompt"]
    assert HOSTILE[4] in unpacked(one, "explorer-0")["texts"]


def test_tables_are_escaped_with_rules_between_runs() -> None:
    table = TextTable("<T>", ["method", "t", "x"], 2, [["a<", "1", "5"], ["a<", "2", "&"], ["b", "1", "–"]], ['"note"'])
    found = tables_as_html([table])
    assert "<h3>&lt;T&gt;</h3>" in found
    assert found.count('<tr class="begins">') == 1
    assert '<th scope="row" class="label">a&lt;</th><td class="label">2</td><td>&amp;</td>' in found
    assert "&quot;note&quot;" in found


def test_verdict_cards_say_what_is_missing_and_why() -> None:
    page = whole_page(explorer_data([], {}))
    assert "none: no suite was evaluated" in page
    assert "smallest detectable change: 2.9 points" in page
    assert "&lt;0.001</td>" in page
    assert "M_1 trained again gains 31, 28, 33 and loses 30, 29, 35 problems." in page
    assert len(re.findall(r'<span class="badge"[^>]*>narrower</span>', page)) == 2
    empty = render_page({"verdicts": []}, facts=Facts("t", ""), tables_html="", figures=[], explorer=explorer_data([], {}))
    assert "No verdict: no run has a model after M_1." in empty


def test_a_card_has_each_observation_with_its_evidence_and_the_baselines() -> None:
    page = whole_page(explorer_data([], {}))
    rows = re.findall(
        r'<div class="is-(\w+)"><dt><span class="number">(\d?)</span>([^<]+)</dt><dd class="result">(\w+)</dd>'
        r'<dd class="evidence">([^<]+)</dd>',
        page,
    )
    assert [row[:4] for row in rows[:4]] == [
        ("SELECTED", "1", "new or selected?", "SELECTED"),
        ("FELL", "2", "variety", "FELL"),
        ("FELL", "3", "other problems", "FELL"),
        ("FELL", "", "reach on test", "FELL"),
    ]
    assert rows[0][4].startswith("M_1 solves 96% of the 108 gained within 32 samples; ")
    assert rows[1][4].startswith("of 8 correct answers 45.0 → 33.8% differ (−25% [−32, −18])"), "the unit of the table of changes"
    assert "A vote of M_1&#x27;s 32 samples is right on 63.8%, 61% of the gain." in page
    assert "M_1&#x27;s perplexity: 1.27 of the gained answers, 1.48 of its own samples." in page
    assert re.search(r'<span class="word"[^>]*><span aria-hidden="true">⇅</span> SELF-IMPROVEMENT REVERSAL, 2 of 3</span>', page)


def test_several_seeds_are_one_card_with_a_part_for_each() -> None:
    made = shown(study(np.random.default_rng(1), 300, later=0.2, ood=-0.2, distinct=(0.6, 0.3), seeds=(0, 1, 2)))
    page = verdicts_as_html(made)
    assert page.count('<article class="card') == 1
    assert re.findall(r"<summary>Seed (\d): ", page) == ["0", "1", "2"]
    assert '<h3 class="who">sft<span class="steps"' in page
    assert "seeds 0, 1, 2, M_1 → M_2" in page
    assert page.count('<dl class="observations">') == 4  # pooled, and of each seed
    assert "<summary>Evidence, pooled over seeds</summary>" in page
    assert "over seeds [" in page


def bars(page: str) -> list[tuple[float, float, float, float, float]]:
    """Of every bar on a page: where its interval begins and ends, its value, and the margin's two sides."""
    found = re.findall(r'<svg class="bar".*?</svg>', page)
    drawn = []
    for one in found:
        begin, end = (float(x) for x in re.findall(r'class="span" x1="([\d.]+)" x2="([\d.]+)"', one)[0])
        value = float(re.findall(r'cx="([\d.]+)"', one)[0])
        left, width = (float(x) for x in re.findall(r'class="margin" x="([\d.]+)" width="([\d.]+)"', one)[0])
        drawn.append((begin, end, value, left, left + width))
    return drawn


def test_large_changes_are_drawn_where_they_are_with_their_whole_intervals_on_one_scale() -> None:
    made = comparison() | {"runs": []}
    made["verdicts"][0]["outcomes"] = {"pass_at_1": outcome(0.515, "up", 0.0001, half=0.075)}
    made["verdicts"][1]["outcomes"] = {
        "pass_at_1": outcome(-0.2, "down", 0.0001, half=0.1),
        "pass_at_n": outcome(0.0, "held", 0.9, half=0.01),
    }
    page = render_page(made, facts=Facts("t", ""), tables_html="", figures=[], explorer=explorer_data([], {}))
    large, fall, none = bars(page)[:3]
    zero = none[2]
    points = (large[2] - zero) / 51.5  # the width of a point
    for (begin, end, value, left, right), (low, at, high) in zip(
        (large, fall, none), ((44, 51.5, 59), (-30, -20, -10), (-1, 0, 1)), strict=True
    ):
        assert [begin, value, end] == pytest.approx([zero + points * x for x in (low, at, high)], abs=0.2)
        assert [left, right] == pytest.approx([zero - 3 * points, zero + 3 * points], abs=0.2)
        assert 0 < begin < end < BAR_WIDTH
    assert '+51.5</b> <span class="interval">[+44.0, +59.0]</span>' in page


def test_a_page_has_one_unit_for_a_quantity_and_no_negative_zero() -> None:
    made = comparison() | {"runs": []}
    made["verdicts"][1]["outcomes"] = {"pass_at_1": outcome(-0.0001, "held", 0.9, half=0.0002)}
    page = render_page(made, facts=Facts("t", ""), tables_html="", figures=[], explorer=explorer_data([], {}))
    assert '<b>−24.9%</b> <span class="interval">[−31.6, −18.2]</span>' in page, "D in % of M_1's, as in the tables"
    assert '<td class="base">45.0 → 33.8%</td>' in page
    assert "<b>0.0</b>" in page
    assert not re.search(r"[-−]0\.0[^\d]", page)
    assert "p<0.001 before Holm" in page.replace("&lt;", "<")
    assert "p=<" not in page.replace("&lt;", "<")


def test_the_head_names_the_facts_and_explains_the_words() -> None:
    page = whole_page(explorer_data([], {}))
    assert "<h1>sirev: &lt;i&gt;tiny&lt;/i&gt; &amp; &quot;more&quot;</h1>" in page
    assert "<dt>Model</dt><dd>org/&lt;b&gt;name&lt;/b&gt;</dd>" in page
    assert page.index('<details class="more-facts">') < page.index("one &amp; two")
    for word in ("M_1", "M_T", "draws", "greedy", "pass@N", "OOD", "IS(t)", "LS(t)", "narrower", "re-roll", "margin"):
        assert f"<dt>{word}</dt>" in page
    assert '<span class="badge" title="Correct answers became more alike' in page
    assert 'title="Share of problems that at least one of N draws solves."' in page


def test_what_the_store_lacks_stands_at_the_top_with_what_mends_it() -> None:
    assert "This page is incomplete" not in whole_page(explorer_data([], {}))
    page = whole_page(explorer_data([], {}), missing=["draws of <M_2>"], mends=["sirev store verify --repair"])
    top = page[: page.index('id="verdicts"')]
    assert "draws of &lt;M_2&gt;" in top
    assert "<code>sirev store verify --repair</code>" in top
    assert unpacked(page, "explorer-index")["lost"]


def test_names_of_steps_stand_on_the_cards() -> None:
    made = comparison()
    made["recipe"] = "mine"
    steps = ["base", "a", "b", "c", "round-4"]
    made["runs"] = [run_of("sft", label="mine", steps=steps)]
    page = render_page(made, facts=Facts("t", ""), tables_html="", figures=[], explorer=explorer_data([], {}))
    assert "M_1 base → M_5 round-4" in page
    assert '<h3 class="who">mine<span class="steps"' in page
    assert "M_1 → M_5" in page, "of runs without names"


def test_a_figure_without_values_is_a_sentence() -> None:
    figures = [{"name": "ood", "title": "OOD", "alt": "Accuracy: none, no greedy answers.", "light": None, "dark": None}]
    page = whole_page(explorer_data([], {}), figures)
    assert '<p class="none">Accuracy: none, no greedy answers.</p>' in page
    assert "<img" not in page
