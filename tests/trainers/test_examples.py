from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.trainers import dpo, sft
from sirev.trainers.examples import Examples, TokenLimits, tokenised_rows
from sirev.trainers.models import ModelSource
from sirev.trainers.pretrain import build_tokenizer
from sirev.trainers.trl_steps import train
from sirev.training_kinds import DPO, SFT
from tests.trainers.small_tokenizers import byte_level, unigram
from tests.trainers.training_requests import request

PROMPT = "Tom has 12 apples."  # 5 tokens
SHORT, LONG = "12 apples", "12 + 7 = 19"  # 3 and 6 with the end of text


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return build_tokenizer()


def sft_examples(tokenizer: Any, rows: list[dict[str, str]], limits: TokenLimits, chat: bool) -> Examples:
    return tokenised_rows(tokenizer, rows, SFT.answers, sft.row, limits, chat)


def dpo_examples(tokenizer: Any, rows: list[dict[str, str]], limits: TokenLimits, chat: bool) -> Examples:
    return tokenised_rows(tokenizer, rows, DPO.answers, dpo.row, limits, chat)


def test_the_sizes_that_these_tests_count_on(tokenizer: Any) -> None:
    assert [len(tokenizer(text)["input_ids"]) for text in (PROMPT, SHORT, LONG)] == [5, 2, 5]


def test_without_limits_everything_is_kept_and_counted(tokenizer: Any) -> None:
    rows = [{"prompt": PROMPT, "completion": SHORT}, {"prompt": PROMPT, "completion": LONG}]
    examples = sft_examples(tokenizer, rows, TokenLimits(), chat=False)
    assert (len(examples.rows), examples.dropped, examples.tokens) == (2, 0, 5 + 3 + 5 + 6)
    pair = [{"prompt": PROMPT, "chosen": SHORT, "rejected": LONG}]
    examples = dpo_examples(tokenizer, pair, TokenLimits(), chat=False)
    assert (len(examples.rows), examples.dropped, examples.tokens) == (1, 0, 5 + 3 + 5 + 6)  # the prompt goes in twice


@pytest.mark.parametrize(("limits", "kept"), [(TokenLimits(prompt=5), 1), (TokenLimits(prompt=4), 0)])
def test_a_prompt_at_the_limit_is_kept_and_one_above_it_dropped(tokenizer: Any, limits: TokenLimits, kept: int) -> None:
    single = sft_examples(tokenizer, [{"prompt": PROMPT, "completion": SHORT}], limits, chat=False)
    pair = dpo_examples(tokenizer, [{"prompt": PROMPT, "chosen": SHORT, "rejected": LONG}], limits, chat=False)
    assert [(len(found.rows), found.dropped) for found in (single, pair)] == [(kept, 1 - kept)] * 2


def test_an_answer_at_the_limit_is_kept_with_its_end_of_text_and_one_above_it_dropped(tokenizer: Any) -> None:
    rows = [{"prompt": PROMPT, "completion": SHORT}, {"prompt": PROMPT, "completion": LONG}]
    examples = sft_examples(tokenizer, rows, TokenLimits(completion=6), chat=False)
    assert (len(examples.rows), examples.dropped) == (2, 0)
    examples = sft_examples(tokenizer, rows, TokenLimits(completion=5), chat=False)
    assert (examples.dropped, examples.tokens) == (1, 5 + 3)
    assert examples.rows[0]["labels"] == [-100] * 5 + examples.rows[0]["input_ids"][5:]
    assert examples.rows[0]["input_ids"][-1] == tokenizer.eos_token_id


@pytest.mark.parametrize(("chosen", "rejected"), [(SHORT, LONG), (LONG, SHORT), (LONG, LONG)])
def test_a_pair_is_dropped_for_either_of_its_answers(tokenizer: Any, chosen: str, rejected: str) -> None:
    rows = [{"prompt": PROMPT, "chosen": chosen, "rejected": rejected}, {"prompt": PROMPT, "chosen": SHORT, "rejected": SHORT}]
    assert dpo_examples(tokenizer, rows, TokenLimits(completion=6), chat=False).dropped == 0
    examples = dpo_examples(tokenizer, rows, TokenLimits(completion=5), chat=False)
    assert (len(examples.rows), examples.dropped, examples.tokens) == (1, 1, 5 + 3 + 5 + 3)


ROWS = [{"prompt": PROMPT, "completion": answer} for answer in (SHORT, SHORT, LONG)]


def test_a_training_says_what_it_dropped_and_counts_the_tokens_of_all_epochs(base: ModelSource, tmp_path: Path) -> None:
    result = train(request(tmp_path, "sft", base, ROWS, max_completion_tokens=5, epochs=3), lambda event: None)
    assert (result.dropped, result.tokens) == (1, 3 * 2 * (5 + 3))


def test_a_training_of_which_every_example_is_too_long_names_the_limits(base: ModelSource, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^all 3 examples are longer than training\.max_prompt_tokens or training\.max_comp"):
        train(request(tmp_path, "sft", base, ROWS, max_prompt_tokens=4), lambda event: None)
    assert not list((tmp_path / "out").iterdir())


def test_an_answer_that_can_but_end_early_is_left_out_and_counted() -> None:
    rows = [{"prompt": "The answer is", "completion": answer} for answer in ("8", "8 </s> 8", "12")]
    examples = sft_examples(unigram(), rows, TokenLimits(), chat=False)
    assert (len(examples.rows), examples.dropped) == (2, 1)
    assert sft_examples(byte_level(), rows, TokenLimits(), chat=False).dropped == 0


def test_rows_beyond_those_tokenised_together_follow_in_order(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"prompt": PROMPT, "completion": f"{i} apples"} for i in range(7)]
    whole = list(sft_examples(tokenizer, rows, TokenLimits(), chat=False).rows)
    monkeypatch.setattr("sirev.trainers.examples.AT_ONCE", 3)
    assert list(sft_examples(tokenizer, rows, TokenLimits(), chat=False).rows) == whole
    assert len(whole) == 7
