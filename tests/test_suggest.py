from __future__ import annotations

import pytest

from sirev.suggest import did_you_mean, nearest, suggest


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("SFT", ["sft", "dpo", "sft-dpo"], ["sft"]),
        ("sft_dpo", ["sft", "dpo", "sft-dpo"], ["sft-dpo"]),
        ("24GB", ["24gb", "dev", "full"], ["24gb"]),
        ("lr", ["learning_rate", "epochs"], ["learning_rate"]),
        ("tinny", ["tiny", "tiny_smoke"], ["tiny"]),
        ("gsm8k", ["qwen2.5-1.5b-gsm8k", "tiny"], ["qwen2.5-1.5b-gsm8k"]),
        ("mistral", ["mistral_gsm8k", "mistral_math", "tiny"], ["mistral_gsm8k", "mistral_math"]),
        ("nothing-like-it", ["tiny", "sft"], []),
        ("n", ["name", "engine"], []),
    ],
)
def test_a_name_is_found_in_other_letters_by_another_word_misspelt_or_by_a_part(
    word: str, known: list[str], meant: list[str]
) -> None:
    assert nearest(word, known) == meant


def test_the_known_names_follow_the_nearest() -> None:
    assert suggest("SFT", ["sft", "dpo"]) == "; did you mean 'sft'? (known: sft, dpo)"
    assert suggest("xyz", ["sft", "dpo"]) == " (known: sft, dpo)"
    assert suggest("xyz", []) == ""
    assert did_you_mean(["a", "b", "c"]) == "; did you mean 'a', 'b' or 'c'?"
