from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from typing import Any

import pytest

from sirev.reporting.page import explorer, explorer_data, render, tables_as_html
from sirev.reporting.tables import TextTable
from tests.reporting.page_data import HOSTILE, answers, hostile_answers, problems, whole_page


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
        chunk = data["chunks"][i // explorer.CHUNK]
        assert len(set(chunk["texts"])) == len(chunk["texts"])
        for r, run in enumerate(given.values()):
            for s, step in enumerate(run.values()):
                cell = chunk["rows"][i % explorer.CHUNK][r][s]
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
    assert data["index"]["runs"][0]["right"][2][1] == explorer.ABSENT
    assert data["chunks"][0]["rows"][1][0][2][0] == explorer.ABSENT


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
    assert "the data could have shown 2.9 points" in page
    assert "&lt; 0.001" in page or "< 0.001" in page
    assert "M_1 trained again gains 31, 28, 33 and loses 30, 29, 35 problems." in page
    assert page.count('<span class="badge">narrower</span>') == 2
    empty = render({"verdicts": []}, title="t", tables_html="", figures=[], explorer=explorer_data([], {}))
    assert "No verdict: no model was compared with M_1." in empty
