"""Equality of two answers part by part: lists, tuples, intervals, sets, matrices, and in them numbers, words and formulas.

What needs algebra is handed to a function; all else is decided here, in time linear in the texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

from sirev.grading import forms
from sirev.grading.notation import SPACE, WORD
from sirev.grading.quantities import exact_number, plain_word, quantity, same_quantity

Tokens = list[str]
Algebra = Callable[[Tokens, Tokens], bool]
"""Whether a gold formula and an answer's are equal."""

_DEEPEST = 4
"""Brackets within brackets that are taken apart."""
_MOST = 40
"""Items of a list that are compared in any order."""
_OPEN, _CLOSE = frozenset({"(", "[", r"\{", "{", r"\langle"}), frozenset({")", "]", r"\}", "}", r"\rangle"})
_SEPARATORS = frozenset({",", ";", WORD + "and", WORD + "or"})
_RELATIONS = frozenset({"=", "<", ">", r"\leq", r"\geq", r"\neq"})
_CHAIN = frozenset({"=", r"\approx"})
_ORDERS = {"<": ("(", True), r"\leq": ("[", True), ">": ("(", False), r"\geq": ("[", False)}
_NO_NAME = frozenset({"+", "-", "*", "/", "^", r"\frac", r"\sqrt", r"\pm", r"\tan", r"\sin", r"\cos", r"\log", r"\ln", "|"})
_MATRICES = frozenset("matrix pmatrix bmatrix vmatrix Bmatrix Vmatrix smallmatrix array".split())


class Node(NamedTuple):
    """An answer taken apart."""

    kind: str
    """"list" (without brackets), "tuple" (with round or square ones), "set", "union", "matrix" or "leaf"."""
    brackets: str
    """Those of a tuple; of a list "or" or "and" where it says so."""
    items: list[Tokens]


def same(gold: Tokens, answer: Tokens, algebra: Algebra, depth: int = 0) -> bool:
    """Whether an answer is the gold answer; an empty one is no answer."""
    if _bare(gold) == _bare(answer):
        return True
    if not gold or not answer or not answer[0].strip():
        return False
    if (decided := _as_a_whole(gold, answer, algebra, depth)) is not None:
        return decided
    chains = [_split(tokens, _CHAIN) for tokens in (gold, answer)]
    if len(chains[0]) == len(chains[1]) > 1 and all(map(all, chains)) and not any(map(_has_letters, chains[0] + chains[1])):
        return _in_order(*chains, lambda one, other: same(one, other, algebra, depth + 1))
    gold, answer = _without_names(gold, answer)
    gold_node, node = _node(gold), _node(answer)
    if depth >= _DEEPEST or (gold_node.kind == node.kind == "leaf"):
        return _same_leaf(gold, answer, algebra)
    gold_node, node = _as_sets(gold_node, node)
    return _same_node(gold_node, node, algebra, depth + 1)


def listed(tokens: Tokens) -> int:
    """How many items an answer lists without brackets; 1 where it is no list."""
    node = _node(tokens)
    return len(node.items) if node.kind == "list" else 1


def _bare(tokens: Tokens) -> list[str]:
    found = [plain_word(token) for token in tokens if token != r"\approx"]
    return found[1:] if found[:1] == ["+"] else found


def _as_a_whole(gold: Tokens, answer: Tokens, algebra: Algebra, depth: int) -> bool | None:
    """The verdict on what must not be taken apart; None where there is nothing of that kind."""
    if (r"\ldots" in gold) != (r"\ldots" in answer):
        return False
    if r"\ldots" in gold:
        parts = [[part for part in _split(tokens, _SEPARATORS) if part] for tokens in (gold, answer)]
        return len(parts[0]) == len(parts[1]) > 1 and all(
            same(one, other, _never, depth + 1) if r"\ldots" in one + other else same(one, other, algebra, depth + 1)
            for one, other in zip(*parts, strict=True)
        )
    quantities = quantity(gold, letters=False), quantity(answer)
    if quantities[0] is not None and quantities[1] is not None:
        return same_quantity(*quantities)
    if any(one is not None and one.parts > 1 for one in quantities):
        return False
    times = forms.clock(gold), forms.clock(answer)
    if times[0] is not None and times[1] is not None:
        return forms.same_time(*times)
    if times[0] is not None and times[0].half and quantities[1] is not None:
        return times[0].minutes == () and quantities[1].value == times[0].hour and quantities[1].unit is None
    return None


def _never(gold: Tokens, answer: Tokens) -> bool:
    return False


def _without_names(gold: Tokens, answer: Tokens) -> tuple[Tokens, Tokens]:
    """Both without "x =", "x \\in" or "Area =" before what they say, where that is no part of it."""
    gold_name, gold_value = _named(gold)
    name, value = _named(answer)
    if name is not None and (gold_name is None or gold_name == name or len(name) > 1 or len(gold_name) > 1):
        answer = value
        gold = gold if gold_name is None else gold_value
    elif name is None and gold_name is not None and not _is_relation(answer):
        gold = gold_value
    return _settled(gold), _settled(answer)


def _named(tokens: Tokens) -> tuple[list[str] | None, Tokens]:
    """The name that a single "=" or membership sign gives a value, and the value."""
    at = [i for i, token in _top(tokens) if token in _RELATIONS or token == r"\in"]
    if not at or tokens[at[-1]] not in ("=", r"\in") or any(tokens[i] not in ("=", r"\in") for i in at):
        return None, tokens
    if any(token in _SEPARATORS for _, token in _top(tokens[at[0] + 1 :])):
        return None, tokens  # "AB = 9, CD = 4" is a list of two
    name = tokens[: at[0]]
    if not name or any(token in _NO_NAME for token in name) or any(token[0].isdigit() for _, token in _top(name)):
        return None, tokens
    return [plain_word(token) for token in name], tokens[at[-1] + 1 :]


def _settled(tokens: Tokens) -> Tokens:
    r"""Of "1/3 \approx 0.33" the exact part, of "2 + 3 = 5" what comes out."""
    parts = [part for part in _split(tokens, frozenset({r"\approx"})) if part]
    tokens = parts[0] if parts else tokens
    parts = _split(tokens, frozenset({"="}))
    return parts[-1] if len(parts) > 1 and parts[-1] and not any(map(_has_letters, parts)) else tokens


def _has_letters(tokens: Tokens) -> bool:
    return any(token[0].isalpha() for token in tokens)


def _top(tokens: Sequence[str]) -> list[tuple[int, str]]:
    """The tokens outside all brackets, with their places."""
    found, depth = [], 0
    for i, token in enumerate(tokens):
        if token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            depth -= 1
        elif depth <= 0:
            found.append((i, token))
    return found


def _split(tokens: Tokens, separators: frozenset[str]) -> list[Tokens]:
    found, begin = [], 0
    for i, token in _top(tokens):
        if token in separators:
            found.append(tokens[begin:i])
            begin = i + 1
    return [*found, tokens[begin:]]


def _enclosed(tokens: Tokens) -> bool:
    """Whether the first bracket closes with the last token."""
    if len(tokens) < 2 or tokens[0] not in _OPEN or tokens[-1] not in _CLOSE:
        return False
    depth = 0
    for i, token in enumerate(tokens):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth == 0:
            return i == len(tokens) - 1
    return False


def _node(tokens: Tokens) -> Node:
    if tokens[:2] == [r"\begin", "{"] and len(tokens) > 8 and tokens[2] in _MATRICES and tokens[-4:-2] == [r"\end", "{"]:
        rows = [row for row in _split_rows(tokens[4:-4]) if row != [[]]]
        return Node("matrix", str(len(rows)), [cell for row in rows for cell in row])
    parts = [part for part in _split(tokens, _SEPARATORS) if part]
    if len(parts) > 1:
        said = {token for _, token in _top(tokens)}
        return Node("list", "or" if WORD + "or" in said else "and" if WORD + "and" in said else "", _with_both_signs(parts))
    if len(both := _with_both_signs([tokens])) > 1:
        return Node("list", "", both)
    pieces = _split(tokens, frozenset({r"\cup"}))
    if len(pieces) > 1 and all(pieces):
        return Node("union", "", pieces)
    if _enclosed(tokens):
        inside = tokens[1:-1]
        if tokens[0] == r"\{":
            return Node("set", "", [] if not inside else _with_both_signs([part for part in _split(inside, _SEPARATORS) if part]))
        items = _split(inside, frozenset({",", ";"}))
        if len(items) > 1:
            brackets = ("(" if tokens[0] == r"\langle" else tokens[0]) + (")" if tokens[-1] == r"\rangle" else tokens[-1])
            return Node("tuple", brackets, items)
    return Node("leaf", "", [tokens])


def _split_rows(tokens: Tokens) -> list[list[Tokens]]:
    rows: list[list[Tokens]] = [[[]]]
    for token in tokens:
        if token == "\\\\":
            rows.append([[]])
        elif token == "&":
            rows[-1].append([])
        else:
            rows[-1][-1].append(token)
    return rows


def _with_both_signs(parts: list[Tokens]) -> list[Tokens]:
    r"""Each part with one \pm as two parts, with plus and with minus."""
    found: list[Tokens] = []
    for part in parts:
        if part.count(r"\pm") == 1:
            at, rest = part.index(r"\pm"), [{r"\mp": "-"}.get(token, token) for token in part]
            other = [{r"\mp": "+"}.get(token, token) for token in part]
            found += [rest[:at] + (["+"] if at else []) + rest[at + 1 :], [*other[:at], "-", *other[at + 1 :]]]
        else:
            found.append(part)
    return found


def _as_sets(gold: Node, answer: Node) -> tuple[Node, Node]:
    """Inequalities as intervals, where the other side is intervals."""

    def is_set(node: Node) -> bool:
        return node.kind == "union" or (node.kind == "tuple" and len(node.items) == 2)

    if is_set(gold) and (found := _as_intervals(answer)) is not None:
        return gold, found
    if is_set(answer) and (found := _as_intervals(gold)) is not None:
        return found, answer
    return gold, answer


def _as_intervals(node: Node) -> Node | None:
    r"""A leaf "0 < x \leq 1" as an interval, a list of such with "or" as a union."""
    if node.kind not in ("leaf", "list") or (node.kind == "list" and node.brackets != "or"):
        return None
    intervals = [_interval(item) for item in node.items]
    if any(interval is None for interval in intervals):
        return None
    found = [interval for interval in intervals if interval is not None]
    return _node(found[0]) if len(found) == 1 else Node("union", "", found)


def _interval(tokens: Tokens) -> Tokens | None:
    signs = [token for _, token in _top(tokens) if token in _RELATIONS]
    parts = _split(tokens, _RELATIONS)
    if not signs or len(signs) > 2 or not all(parts) or any(sign not in _ORDERS for sign in signs):
        return None
    if len({_ORDERS[sign][1] for sign in signs}) > 1:
        return None
    if not _ORDERS[signs[0]][1]:
        parts, signs = parts[::-1], signs[::-1]
    edges = [_ORDERS[sign][0] for sign in signs]
    closing = {"(": ")", "[": "]"}
    if len(signs) == 2:
        return [edges[0], *parts[0], ",", *parts[2], closing[edges[1]]] if _is_variable(parts[1]) else None
    if _is_variable(parts[0]):
        return ["(", "-", r"\infty", ",", *parts[1], closing[edges[0]]]
    return [edges[0], *parts[0], ",", r"\infty", ")"] if _is_variable(parts[1]) else None


def _is_variable(tokens: Tokens) -> bool:
    return bool(tokens) and len(tokens[0]) == 1 and tokens[0].isalpha() and (len(tokens) == 1 or tokens[1] == "(")


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
        if any(forms.words(item) is not None or _is_letter(item) for item in gold.items):
            is_choice = {node.brackets == "or" for node in (gold, answer)}
            return len(is_choice) == 1 and _in_order(gold.items, answer.items, equal)
        if {gold.brackets, answer.brackets} == {"or", "and"} and any(_is_relation(item) for item in gold.items):
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


def _is_relation(tokens: Tokens) -> bool:
    return any(token in _RELATIONS for _, token in _top(tokens))


Equal = Callable[[Tokens, Tokens], bool]


def _in_order(gold: list[Tokens], answer: list[Tokens], equal: Equal) -> bool:
    return len(gold) == len(answer) and all(map(equal, gold, answer))


def _in_any_order(gold: list[Tokens], answer: list[Tokens], equal: Equal) -> bool:
    """Whether each item has its own like on the other side, as often as it occurs."""
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
    """Whether two answers that are no lists are one."""
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
    gold, answer = _in_one_bracket(gold), _in_one_bracket(answer)
    in_words = forms.words(gold), forms.words(answer)
    quantities = quantity(gold, letters=False), quantity(answer)
    if quantities[0] is not None and quantities[1] is not None:
        return same_quantity(*quantities)
    if _bare(gold) == _bare(answer):
        return True
    if quantities == (None, None) and in_words != (None, None):
        return forms.spelled(gold) == forms.spelled(answer)
    if len(gold) == len(answer) == len(gold[0]) == len(answer[0]) == 1 and gold[0].isalpha() and answer[0].isalpha():
        return gold[0].lower() == answer[0].lower()
    gold, answer = _without_unit(gold), _without_unit(answer)
    if not _for_algebra(gold) or not _for_algebra(answer):
        return _bare(gold) == _bare(answer)
    return algebra(gold, answer)


def _in_one_bracket(tokens: Tokens) -> Tokens:
    """What is left without brackets around the whole, however many."""
    close: dict[int, int] = {}
    stack: list[int] = []
    for i, token in enumerate(tokens):
        if token in _OPEN:
            stack.append(i)
        elif token in _CLOSE and stack:
            close[stack.pop()] = i
    begin, end = 0, len(tokens)
    while end - begin > 2 and tokens[begin] in ("(", "{") and close.get(begin) == end - 1:
        begin, end = begin + 1, end - 1
    return tokens[begin:end]


def _same_in_base(gold: Tokens, answer: Tokens, gold_base: tuple[str, str] | None, base: tuple[str, str] | None) -> bool:
    """Digits and bases, of which one may be left out: another notation of the same number is not what was asked for."""
    if gold_base is not None and base is not None:
        return gold_base == base
    digits, rest = (gold_base, answer) if gold_base is not None else (base, gold)
    assert digits is not None
    return digits[0] == ("".join(map(plain_word, rest)).upper().lstrip("0") or "0")


def _same_ratio(
    gold: Tokens, answer: Tokens, gold_ratio: tuple[Fraction, ...] | None, ratio: tuple[Fraction, ...] | None
) -> bool:
    """Two ratios, or a ratio of two numbers and a fraction in its place."""
    if gold_ratio is not None and ratio is not None:
        return gold_ratio == ratio
    number = exact_number(answer if ratio is None else gold)
    found = gold_ratio if ratio is None else ratio
    if found is None or len(found) != 2 or number is None or number[2] != len(answer if ratio is None else gold) or not found[1]:
        return False
    return found[0] / found[1] == number[0]


def _without_unit(tokens: Tokens) -> Tokens:
    r"""A formula without the words of \text{} at its end, and their power: "12\sqrt{13} feet", "5\pi cm^2"."""
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
    """Whether a formula is nothing that a parser would misread: a number with an index, two numbers side by side, words."""
    for before, token in zip(tokens, [*tokens[1:], ""], strict=True):
        if before == SPACE or before.startswith(WORD) or before in ("%", "#", ":", r"\ldots", r"\$", "?", "!!"):
            return False
        if before[0].isdigit() and token == "_":
            return False
        if len(before) > 2 and before.isalpha() and forms.words([before]) is not None:
            return False
    return True
