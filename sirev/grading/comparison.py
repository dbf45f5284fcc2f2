"""Equality of two answers part by part: lists, tuples, intervals, sets, matrices, and the numbers, words and formulas in them.

Algebra is left to a function of the caller; everything else is decided here, in time linear in the texts.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from sirev.grading import forms
from sirev.grading.nodes import (
    LIST_SEPARATORS,
    RELATIONS,
    Node,
    Tokens,
    as_sets,
    has_letters,
    in_one_bracket,
    is_relation,
    node_of,
    split_at,
    top,
)
from sirev.grading.notation import SPACE, WORD
from sirev.grading.quantities import exact_number, plain_word, quantity, same_quantity

Algebra = Callable[[Tokens, Tokens], bool]
"""Function from a gold formula and the answer's to whether they are equal."""

_DEEPEST = 4
"""Nested brackets that are taken apart."""
_MOST = 40
"""Longest list that is compared in any order."""
_CHAIN = frozenset({"=", r"\approx"})
_NO_NAME = frozenset({"+", "-", "*", "/", "^", r"\frac", r"\sqrt", r"\pm", r"\tan", r"\sin", r"\cos", r"\log", r"\ln", "|"})


def same(gold: Tokens, answer: Tokens, algebra: Algebra, depth: int = 0) -> bool:
    """Whether an answer equals the gold answer; an empty one never does."""
    if _bare(gold) == _bare(answer):
        return True
    if not gold or not answer or not answer[0].strip():
        return False
    if (decided := _as_a_whole(gold, answer, algebra, depth)) is not None:
        return decided
    chains = [split_at(tokens, _CHAIN) for tokens in (gold, answer)]
    if len(chains[0]) == len(chains[1]) > 1 and all(map(all, chains)) and not any(map(has_letters, chains[0] + chains[1])):
        return _in_order(chains[0], chains[1], lambda one, other: same(one, other, algebra, depth + 1))
    gold, answer = _without_names(gold, answer)
    gold_node, node = node_of(gold), node_of(answer)
    if depth >= _DEEPEST or (gold_node.kind == node.kind == "leaf"):
        return _same_leaf(gold, answer, algebra)
    gold_node, node = as_sets(gold_node, node)
    return _same_node(gold_node, node, algebra, depth + 1)


def items_listed(tokens: Tokens) -> int:
    """The number of items that an answer lists without brackets; 1 where it is no list."""
    node = node_of(tokens)
    return len(node.items) if node.kind == "list" else 1


def _bare(tokens: Tokens) -> list[str]:
    found = [plain_word(token) for token in tokens if token != r"\approx"]
    return found[1:] if found[:1] == ["+"] else found


def _as_a_whole(gold: Tokens, answer: Tokens, algebra: Algebra, depth: int) -> bool | None:
    """The verdict on answers that must not be taken apart (ellipses, quantities, times of day); None for others."""
    if (r"\ldots" in gold) != (r"\ldots" in answer):
        return False
    if r"\ldots" in gold:
        parts = [[part for part in split_at(tokens, LIST_SEPARATORS) if part] for tokens in (gold, answer)]
        return len(parts[0]) == len(parts[1]) > 1 and all(
            same(one, other, _never, depth + 1) if r"\ldots" in one + other else same(one, other, algebra, depth + 1)
            for one, other in zip(*parts, strict=True)
        )
    gold_quantity, found = quantity(gold, letters=False), quantity(answer)
    if gold_quantity is not None and found is not None:
        return same_quantity(gold_quantity, found)
    if any(one is not None and one.parts > 1 for one in (gold_quantity, found)):
        return False
    gold_time, time = forms.clock(gold), forms.clock(answer)
    if gold_time is not None and time is not None:
        return forms.same_time(gold_time, time)
    if gold_time is not None and gold_time.half and found is not None:
        return gold_time.minutes == () and found.value == gold_time.hour and found.unit is None
    return None


def _never(gold: Tokens, answer: Tokens) -> bool:
    return False


def _without_names(gold: Tokens, answer: Tokens) -> tuple[Tokens, Tokens]:
    r"""Both answers without a leading "x =", "x \in" or "Area =", unless it is part of the answer."""
    gold_name, gold_value = _named(gold)
    name, value = _named(answer)
    if name is not None and (gold_name is None or gold_name == name or len(name) > 1 or len(gold_name) > 1):
        answer = value
        gold = gold if gold_name is None else gold_value
    elif name is None and gold_name is not None and not is_relation(answer):
        gold = gold_value
    return _settled(gold), _settled(answer)


def _named(tokens: Tokens) -> tuple[list[str] | None, Tokens]:
    """The name that a single "=" or membership sign gives to a value, and the value."""
    at = [i for i, token in top(tokens) if token in RELATIONS or token == r"\in"]
    if not at or tokens[at[-1]] not in ("=", r"\in") or any(tokens[i] not in ("=", r"\in") for i in at):
        return None, tokens
    if any(token in LIST_SEPARATORS for _, token in top(tokens[at[0] + 1 :])):
        return None, tokens  # "AB = 9, CD = 4" is a list of two
    name = tokens[: at[0]]
    if not name or any(token in _NO_NAME for token in name) or any(token[0].isdigit() for _, token in top(name)):
        return None, tokens
    return [plain_word(token) for token in name], tokens[at[-1] + 1 :]


def _settled(tokens: Tokens) -> Tokens:
    r"""The exact part of "1/3 \approx 0.33", the result of "2 + 3 = 5"."""
    parts = [part for part in split_at(tokens, frozenset({r"\approx"})) if part]
    tokens = parts[0] if parts else tokens
    parts = split_at(tokens, frozenset({"="}))
    return parts[-1] if len(parts) > 1 and parts[-1] and not any(map(has_letters, parts)) else tokens


def _same_node(gold: Node, answer: Node, algebra: Algebra, depth: int) -> bool:
    pair = gold.kind, answer.kind

    def equal(one: Tokens, other: Tokens) -> bool:
        return same(one, other, algebra, depth)

    if pair == ("tuple", "tuple"):
        return gold.brackets == answer.brackets and _in_order(gold.items, answer.items, equal)
    if pair == ("matrix", "matrix"):
        return gold.brackets == answer.brackets and _in_order(gold.items, answer.items, equal)
    if pair == ("matrix", "tuple"):
        return gold.brackets == str(len(gold.items)) and answer.brackets == "()" and _in_order(gold.items, answer.items, equal)
    if pair == ("tuple", "list"):
        return gold.brackets == "()" and not answer.brackets and _in_order(gold.items, answer.items, equal)
    if pair == ("list", "list"):
        if any(forms.in_words(item) is not None or _is_letter(item) for item in gold.items):
            is_choice = {node.brackets == "or" for node in (gold, answer)}
            return len(is_choice) == 1 and _in_order(gold.items, answer.items, equal)
        if {gold.brackets, answer.brackets} == {"or", "and"} and any(is_relation(item) for item in gold.items):
            return False
        return _in_any_order(gold.items, answer.items, equal)
    if pair in (("list", "tuple"), ("list", "set"), ("set", "list"), ("set", "set"), ("union", "union")):
        return (answer.brackets in ("", "()", "or", "and")) and _in_any_order(gold.items, answer.items, equal)
    if gold.kind == "set" and answer.kind == "leaf" and len(gold.items) == 1:
        return equal(gold.items[0], answer.items[0])
    if gold.kind == "leaf" and answer.kind == "set" and len(answer.items) == 1:
        return equal(gold.items[0], answer.items[0])
    return False


def _is_letter(tokens: Tokens) -> bool:
    return len(tokens) == 1 and len(tokens[0]) == 1 and tokens[0].isupper()


Equal = Callable[[Tokens, Tokens], bool]


def _in_order(gold: list[Tokens], answer: list[Tokens], equal: Equal) -> bool:
    return len(gold) == len(answer) and all(map(equal, gold, answer))


def _in_any_order(gold: list[Tokens], answer: list[Tokens], equal: Equal) -> bool:
    """Whether each item has a counterpart on the other side, as often as it occurs."""
    if len(gold) != len(answer) or len(gold) > _MOST:
        return False
    left = list(answer)
    for item in sorted(gold, key=lambda one: _bare(one) not in map(_bare, answer)):
        first = sorted(range(len(left)), key=lambda i: _bare(left[i]) != _bare(item))
        match = next((i for i in first if equal(item, left[i])), None)
        if match is None:
            return False
        del left[match]
    return True


def _same_leaf(gold: Tokens, answer: Tokens, algebra: Algebra) -> bool:
    """Whether two answers other than lists are equal."""
    if _bare(gold) == _bare(answer):
        return True
    if not gold or not answer:
        return False
    based = forms.in_base(gold), forms.in_base(answer)
    if based[0] is not None or based[1] is not None:
        return _same_in_base(gold, answer, *based)
    ratios = forms.ratio(gold), forms.ratio(answer)
    if ratios[0] is not None or ratios[1] is not None:
        return _same_ratio(gold, answer, *ratios)
    gold, answer = in_one_bracket(gold), in_one_bracket(answer)
    in_words = forms.in_words(gold), forms.in_words(answer)
    gold_quantity, found = quantity(gold, letters=False), quantity(answer)
    if gold_quantity is not None and found is not None:
        return same_quantity(gold_quantity, found)
    if _bare(gold) == _bare(answer):
        return True
    if gold_quantity is None and found is None and in_words != (None, None):
        return forms.spelled(gold) == forms.spelled(answer)
    if len(gold) == len(answer) == len(gold[0]) == len(answer[0]) == 1 and gold[0].isalpha() and answer[0].isalpha():
        return gold[0].lower() == answer[0].lower()
    gold, answer = _without_unit(gold), _without_unit(answer)
    if not _for_algebra(gold) or not _for_algebra(answer):
        return _bare(gold) == _bare(answer)
    return algebra(gold, answer)


def _same_in_base(gold: Tokens, answer: Tokens, gold_base: tuple[str, str] | None, base: tuple[str, str] | None) -> bool:
    """Whether digits and base agree; one side may omit the base. Another base of the same number is wrong."""
    if gold_base is not None and base is not None:
        return gold_base == base
    digits, rest = (gold_base, answer) if gold_base is not None else (base, gold)
    assert digits is not None
    return digits[0] == ("".join(map(plain_word, rest)).upper().lstrip("0") or "0")


def _same_ratio(
    gold: Tokens, answer: Tokens, gold_ratio: tuple[Fraction, ...] | None, ratio: tuple[Fraction, ...] | None
) -> bool:
    """Whether two ratios are equal, or a ratio of two numbers equals a fraction."""
    if gold_ratio is not None and ratio is not None:
        return gold_ratio == ratio
    number = exact_number(answer if ratio is None else gold)
    found = gold_ratio if ratio is None else ratio
    if found is None or len(found) != 2 or number is None or number[2] != len(answer if ratio is None else gold) or not found[1]:
        return False
    return found[0] / found[1] == number[0]


def _without_unit(tokens: Tokens) -> Tokens:
    r"""A formula without trailing words of \text{} and their power: "12\sqrt{13} feet", "5\pi cm^2"."""
    end = len(tokens)
    if end > 4 and tokens[end - 4 : end - 2] == ["^", "{"] and tokens[-1] == "}" and tokens[end - 5].startswith(WORD):
        end -= 4
    while end and (
        tokens[end - 1].startswith(WORD) or tokens[end - 1] in (".", SPACE) or (end < len(tokens) and tokens[end - 1] in "/")
    ):
        end -= 1
    begin = 0
    while begin < end and tokens[begin] in (r"\$", SPACE, r"\approx"):
        begin += 1
    return tokens[begin:end] if begin < end else tokens


def _for_algebra(tokens: Tokens) -> bool:
    """Whether a parser can read a formula: no number with an index, no two numbers side by side, no words."""
    for before, token in zip(tokens, [*tokens[1:], ""], strict=True):
        if before == SPACE or before.startswith(WORD) or before in ("%", "#", ":", r"\ldots", r"\$", "?", "!!"):
            return False
        if before[0].isdigit() and token == "_":
            return False
        if len(before) > 2 and before.isalpha() and forms.in_words([before]) is not None:
            return False
    return True
