r"""Structure of an answer: lists, tuples, intervals, sets, unions and matrices, and inequalities as intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sirev.grading.notation import WORD

Tokens = list[str]

LIST_SEPARATORS = frozenset({",", ";", WORD + "and", WORD + "or"})
RELATIONS = frozenset({"=", "<", ">", r"\leq", r"\geq", r"\neq"})
_OPEN, _CLOSE = frozenset({"(", "[", r"\{", "{", r"\langle"}), frozenset({")", "]", r"\}", "}", r"\rangle"})
_ORDERS = {"<": ("(", True), r"\leq": ("[", True), ">": ("(", False), r"\geq": ("[", False)}
"""Order sign -> the bracket of its interval, and whether its left side is the smaller one."""
_MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "vmatrix", "Bmatrix", "Vmatrix", "smallmatrix", "array"})


class Node(NamedTuple):
    """An answer split into items."""

    kind: str
    """"list" (without brackets), "tuple" (in round or square ones), "set", "union", "matrix" or "leaf"."""
    brackets: str
    """Of a tuple its brackets, of a list "or" or "and" where it has one, of a matrix its number of rows."""
    items: list[Tokens]


def node_of(tokens: Tokens) -> Node:
    if tokens[:2] == [r"\begin", "{"] and len(tokens) > 8 and tokens[2] in _MATRICES and tokens[-4:-2] == [r"\end", "{"]:
        rows = [row for row in _split_rows(tokens[4:-4]) if row != [[]]]
        return Node("matrix", str(len(rows)), [cell for row in rows for cell in row])
    parts = [part for part in split_at(tokens, LIST_SEPARATORS) if part]
    if len(parts) > 1:
        said = {token for _, token in top(tokens)}
        return Node("list", "or" if WORD + "or" in said else "and" if WORD + "and" in said else "", _with_both_signs(parts))
    if len(both := _with_both_signs([tokens])) > 1:
        return Node("list", "", both)
    pieces = split_at(tokens, frozenset({r"\cup"}))
    if len(pieces) > 1 and all(pieces):
        return Node("union", "", pieces)
    if enclosed(tokens):
        inside = tokens[1:-1]
        if tokens[0] == r"\{":
            return Node(
                "set", "", [] if not inside else _with_both_signs([part for part in split_at(inside, LIST_SEPARATORS) if part])
            )
        items = split_at(inside, frozenset({",", ";"}))
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
    r"""The parts, with each that has one \pm split in two: with plus and with minus."""
    found: list[Tokens] = []
    for part in parts:
        if part.count(r"\pm") == 1:
            at, rest = part.index(r"\pm"), [{r"\mp": "-"}.get(token, token) for token in part]
            other = [{r"\mp": "+"}.get(token, token) for token in part]
            found += [rest[:at] + (["+"] if at else []) + rest[at + 1 :], [*other[:at], "-", *other[at + 1 :]]]
        else:
            found.append(part)
    return found


def top(tokens: Sequence[str]) -> list[tuple[int, str]]:
    """The tokens outside all brackets, with their indices."""
    found, depth = [], 0
    for i, token in enumerate(tokens):
        if token in _OPEN:
            depth += 1
        elif token in _CLOSE:
            depth -= 1
        elif depth <= 0:
            found.append((i, token))
    return found


def split_at(tokens: Tokens, separators: frozenset[str]) -> list[Tokens]:
    found, begin = [], 0
    for i, token in top(tokens):
        if token in separators:
            found.append(tokens[begin:i])
            begin = i + 1
    return [*found, tokens[begin:]]


def enclosed(tokens: Tokens) -> bool:
    """Whether the first bracket closes with the last token."""
    if len(tokens) < 2 or tokens[0] not in _OPEN or tokens[-1] not in _CLOSE:
        return False
    depth = 0
    for i, token in enumerate(tokens):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth == 0:
            return i == len(tokens) - 1
    return False


def in_one_bracket(tokens: Tokens) -> Tokens:
    """The tokens without brackets around the whole, however many there are."""
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


def has_letters(tokens: Tokens) -> bool:
    return any(token[0].isalpha() for token in tokens)


def is_relation(tokens: Tokens) -> bool:
    return any(token in RELATIONS for _, token in top(tokens))


def as_sets(gold: Node, answer: Node) -> tuple[Node, Node]:
    """Both answers, with inequalities as intervals where the other one is an interval or a union."""

    def is_set(node: Node) -> bool:
        return node.kind == "union" or (node.kind == "tuple" and len(node.items) == 2)

    if is_set(gold) and (found := _as_intervals(answer)) is not None:
        return gold, found
    if is_set(answer) and (found := _as_intervals(gold)) is not None:
        return found, answer
    return gold, answer


def _as_intervals(node: Node) -> Node | None:
    r"""A leaf such as "0 < x \leq 1" as an interval, a list of them with "or" as a union; None for anything else."""
    if node.kind not in ("leaf", "list") or (node.kind == "list" and node.brackets != "or"):
        return None
    intervals = [_interval(item) for item in node.items]
    if any(interval is None for interval in intervals):
        return None
    found = [interval for interval in intervals if interval is not None]
    return node_of(found[0]) if len(found) == 1 else Node("union", "", found)


def _interval(tokens: Tokens) -> Tokens | None:
    signs = [token for _, token in top(tokens) if token in RELATIONS]
    parts = split_at(tokens, RELATIONS)
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
