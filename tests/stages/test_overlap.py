from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import sirev
from sirev.metrics.overlap import Overlap
from sirev.stages import overlap, source
from sirev.stages.overlap import OverlapParameters
from sirev.store.artifacts import Artifact, Output, write_artifact
from sirev.store.objects import Objects
from sirev.store.tables import Table
from sirev.tasks.core import arithmetic, gsm8k
from sirev.tasks.core.arithmetic import Arithmetic
from tests.conftest import Study
from tests.typed import misfits

CORPUS: dict[str, Any] = {"n": 40_000, "levels": [1, 2, 3, 4], "seed": 0, "equations_share": 0.2}


def found(folder: Path, parameters: OverlapParameters, asked: dict[str, Any], trained: Any) -> Overlap:
    objects = Objects(folder)

    def problems(rows: Any) -> Artifact:
        return write_artifact(objects, Output(tables={"problems": Table(source.COLUMNS, rows, ("id",))}))

    inputs = {f"problems/{split}": problems(rows) for split, rows in asked.items()}
    made = overlap.run(parameters, {**inputs, "training": problems(trained)}, None)  # type: ignore[arg-type]
    told = json.loads(cast(bytes, made.files["overlap.json"]))
    assert list(misfits(told, Overlap)) == []
    return cast(Overlap, told)


def question(id_: str, text: str, level: str = "") -> dict[str, str]:
    prompt = gsm8k.PROMPT.replace("{question}", text)
    return {"id": id_, "prompt": prompt, "target": "", "answer": "1", "level": level}


def test_questions_are_looked_for_in_the_training_set_without_their_template(tmp_path: Path) -> None:
    trained = [question("a", "Tom has 12 apples and eats 3 of them every day of the week."), question("b", "How old is Ann?")]
    asked = [
        question("c", "Tom HAS 12 apples, and eats 3 of them every day of the week!", "1"),
        question("d", "Tom has 12 apples and eats 3 of them now and then and then and then and then.", "1"),
        question("e", "Tom has 12 + 3 pears.", "2"),
    ]
    told = found(tmp_path, OverlapParameters("gsm8k", 4), {"test": asked}, trained)["splits"]["test"]
    assert told["levels"]["1"]["known"]["training"]["whole"] == 1
    assert told["levels"]["2"]["known"]["training"] == {"whole": 0, "half": 0, "share": 0.0}
    assert told["all"]["problems"] == 3
    again = found(tmp_path, OverlapParameters("gsm8k", 4), {"test": asked}, trained[::-1])
    assert again["splits"]["test"] == told


def test_signs_tell_two_problems_apart(tmp_path: Path) -> None:
    asked = [question("a", "What is 1 + 2?"), question("b", "What is 1 - 2?")]
    told = found(
        tmp_path, OverlapParameters("gsm8k", 8), {"test": asked}, [question("c", "What is 1 + 2?"), question("d", "Why?")]
    )
    assert told["splits"]["test"]["all"]["known"]["training"]["whole"] == 1


def test_the_easiest_problems_of_the_old_suite_were_in_its_pretraining_corpus(tmp_path: Path) -> None:
    """As counted by an independent script over names, things and synonyms: 99 of 100 of level 1, 61 of level 2."""
    asked = {
        "test": arithmetic.problems("test", 200, [2, 3, 4], 0, {}),
        "ood/levels": arithmetic.problems("ood/levels_1_to_6", 600, [1, 2, 3, 4, 5, 6], 0, {}),
    }
    trained = arithmetic.problems("train", 1500, [2, 3, 4], 0, {})
    told = found(tmp_path, OverlapParameters("arithmetic", None, CORPUS), asked, trained)["splits"]
    levels = told["ood/levels"]["levels"]
    assert {level: of["known"]["corpus"]["whole"] for level, of in levels.items()} == {
        "1": 99,
        "2": 61,
        "3": 3,
        "4": 1,
        "5": 0,
        "6": 0,
    }
    assert told["test"]["levels"]["2"]["known"]["corpus"]["whole"] == 37
    assert levels["1"]["known"]["corpus"]["half"] is None


def test_stories_are_the_same_whatever_their_names_things_and_synonyms() -> None:
    one, same, other = (
        Arithmetic.normal_form(text)
        for text in (
            "Tom has 12 apples. Monday he buys 7. Tuesday he gets 3 bags of 4. How many apples now?",
            "Ida has 12 pens. Monday she finds 7. Tuesday she gets 3 boxes of 4. How many pens now?",
            "Ida has 12 pens. Monday she loses 7. Tuesday she gets 3 boxes of 4. How many pens now?",
        )
    )
    assert one == same != other
    inverse = Arithmetic.normal_form("Tom has ? apples. Monday he buys 7. now he has 19. How many apples first?")
    assert inverse != Arithmetic.normal_form("Tom has 12 apples. Monday he buys 7. now he has 19. How many apples first?")


def test_a_run_looks_once_for_all_methods_and_a_report_says_what_it_found(smoke: Study) -> None:
    told = smoke.artifact("sft", "overlap").json("overlap.json")
    assert list(misfits(told, Overlap)) == []
    assert list(told["splits"]) == ["ood/levels_1_to_3", "test"]
    assert smoke.artifact("dpo", "overlap").digest == smoke.artifact("sft", "overlap").digest
    report = sirev.report("ood", store=smoke.store)
    assert report.to_dict()["studies"][0]["overlap"] == told
    table = report.tables()[-1]
    assert table.title == "Problems that training data hold"
    assert ["levels_1_to_3", "all", "12"] in [row[:3] for row in table.rows]
