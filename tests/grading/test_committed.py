from __future__ import annotations

import pytest

from sirev.grading.committed import before_next_problem, committed, plain_signs


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("so 7", "so 7"),
        ("<think>3? 4?</think>so 7", "so 7"),
        ("3? 4?\n</think>\n\nso 7", "\n\nso 7"),
        ("<thinking>a</thinking>b<thinking>c</thinking>d", "d"),
        ("[THINK]a[/THINK]b", "b"),
        ("\n<think>3? 4? 5", ""),
        ("I say <think> for a tag", "I say <think> for a tag"),
        ("so 7<|im_end|>", "so 7"),
        ("so 7<|eot_id|>\nso 8", "so 7"),
        ("<|im_start|>assistant\nso 7<|im_end|>", "\nso 7"),
        ("<s>[/INST] so 7</s>", " so 7"),
        ("so 7\n</s>\nnoise", "so 7\n"),
        ("print('</s>')", "print('</s>')"),
        ("so 7<｜end▁of▁sentence｜>", "so 7"),
        ("<|channel|>analysis<|message|>3?<|end|><|start|>assistant<|channel|>final<|message|>so 7<|return|>", "so 7"),
        ("\ufeffso 7", "so 7"),
        ("", ""),
    ],
)
def test_thoughts_and_the_tokens_of_a_chat_are_no_part_of_the_answer(text: str, left: str) -> None:
    assert committed(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("so 7\n\nQuestion: Ann has 3", "so 7"),
        ("so 7\n\n**Problem 2:** Ann has 3", "so 7"),
        ("so 7\n\nQ: Ann has 3", "so 7"),
        ("so 7\n\nHuman: thanks", "so 7"),
        ("so 7\nQuestion: no blank line before", None),
        ("\n\nQuestion: nothing before", None),
        ("so 7\n\nQuestioning it is odd", None),
    ],
)
def test_a_model_that_asks_itself_the_next_problem_has_answered(text: str, left: str | None) -> None:
    assert before_next_problem(text) == left


def test_signs_of_full_width_and_the_minus_sign_become_plain() -> None:
    assert plain_signs("答え：Ｂ　４２ −3") == "答え:B 42 -3"
    assert plain_signs("x² ½ –") == "x² ½ –"
