r"""Equality of two formulas: parsed by Math-Verify's parser, compared in exact arithmetic, and by Math-Verify where that fails.

Values are compared before any algebra: at fixed points for the variables, to sixty digits, relative to their size. So 1/4^30 is
not 1/4^31, and showing that two formulas differ needs no `simplify`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sirev.grading.nodes import Tokens
from sirev.grading.quantities import ROUNDED_FROM, close_enough, quantity

if TYPE_CHECKING:
    from sympy import Basic, Expr

_POINTS = ((7, 5), (-13, 11), (29, 17), (31, 43))
"""Ratios that give the variables their values; some are negative, since sqrt(x^2) is not x."""
_DIGITS = 60
_LEAST = 10**-50
"""Relative difference up to which two values at a point are equal."""
_EXACT_DIGITS = 400
_LEAST_EXACT = 300
"""Decimal places from which on a relative difference of two constants counts as none."""

_LARGEST_POWER = 10_000
"""Largest exponent or factorial for which constants are computed exactly."""


def equal_formulas(gold: Tokens, answer: Tokens) -> bool:
    """Whether two formulas are equal; False if either can't be parsed."""
    try:
        lower = all(map(_has_one_case, (gold, answer)))
        left, right = _parsed(gold, lower), _parsed(answer, lower)
    except Exception:  # the parser raises plain Exceptions, and sympy may raise anything on nonsense
        return False
    from sympy import Expr
    from sympy.core.relational import Relational

    if isinstance(left, Relational) and isinstance(right, Relational):
        return _same_relation(left, right)
    if _is_chain(left) and _is_chain(right):
        pairs = list(zip(left._unsorted_args, right._unsorted_args, strict=False))
        return len(left.args) == len(right.args) and all(_same_relation(one, other) for one, other in pairs)
    if isinstance(left, Expr) and isinstance(right, Expr):
        found = _equal_values(left, right)
        if found is None:
            return _by_math_verify(left, right)
        return found or _is_rounded(gold, right) or _is_rounded(answer, left)
    if isinstance(left, Relational) or isinstance(right, Relational) or _is_chain(left) or _is_chain(right):
        return False
    return _by_math_verify(left, right)


def _by_math_verify(gold: Basic, answer: Basic) -> bool:
    from math_verify import verify

    return bool(verify(gold, answer, timeout_seconds=None))


def _parsed(tokens: Tokens, lower: bool) -> Any:
    """The formula as latex2sympy reads it, with decimals as exact fractions; `lower` turns capitals into small letters."""
    from latex2sympy2_extended import latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig
    from sympy import Basic, Float, Rational

    config = ConversionConfig(lowercase_symbols=lower)
    found = latex2sympy(_latex(tokens), is_real=True, normalization_config=None, conversion_config=config)
    if not isinstance(found, Basic):
        return found
    return found.xreplace({number: Rational(str(number)) for number in found.atoms(Float)})


def _has_one_case(tokens: Tokens) -> bool:
    """Whether all variables are capitals or all are small letters, so that n may stand for N."""
    letters = "".join(token for token in tokens if len(token) == 1 and token.isalpha() and token not in "ei")
    return not letters or letters.isupper() or letters.islower()


def _latex(tokens: Tokens) -> str:
    r"""The tokens as LaTeX, with letters apart; i is the imaginary unit unless a \sum or \prod may use it as an index."""
    words = []
    imaginary = r"\sum" not in tokens and r"\prod" not in tokens
    for token in tokens:
        if token == "*":
            words.append(r"\cdot ")
        elif token[0].isalpha():
            # In brackets, since the parser forgets the power of a bare I.
            words += ["(I)" if letter == "i" and imaginary else f" {letter} " for letter in token]
        elif token[0] == "\\":
            words.append(token + " ")
        else:
            words.append(token)
    return "".join(words)


def _is_chain(found: Any) -> bool:
    """Whether a parsed formula is a chain of inequalities, such as 1 < x < y."""
    return hasattr(found, "_unsorted_args") and type(found).__name__ == "And"


def _equal_values(left: Expr, right: Expr) -> bool | None:
    """Whether two expressions have equal values at all points tried; None where too few points can be evaluated."""
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    if not symbols:
        return _equal_constants(left, right)
    looked_at = 0
    for point in range(len(_POINTS)):
        values = [_value(expression, symbols, point) for expression in (left, right)]
        if None in values:
            continue
        if not _near(*values):
            return False
        looked_at += 1
    return True if looked_at > 1 else None


def _value(expression: Expr, symbols: list[Any], point: int) -> Any:
    """The value of an expression at a point; None where it has none."""
    from sympy import Rational, nan, zoo

    above, below = _POINTS[point]
    at = {symbol: Rational(above + 3 * above * i + i, below + 2 * i) for i, symbol in enumerate(symbols)}
    value = expression.xreplace(at).evalf(_DIGITS)
    return None if not value.is_number or value.has(nan, zoo) or not value.is_finite else value


def _near(left: Any, right: Any) -> bool:
    return bool(abs(left - right) <= _LEAST * max(abs(left), abs(right)))


def _equal_constants(left: Expr, right: Expr) -> bool | None:
    from sympy import Rational, nan, oo, zoo

    if left in (oo, -oo) or right in (oo, -oo):
        return bool(left == right)
    values = left.evalf(_DIGITS), right.evalf(_DIGITS)
    if any(not value.is_number or value.has(nan, zoo, oo) for value in values):
        return None
    if not _near(*values):
        return False
    if not (_is_small(left) and _is_small(right)):
        return bool(left == right)
    left, right = left.doit(), right.doit()
    if isinstance(left, Rational) and isinstance(right, Rational):
        return bool(left == right)
    off = abs((left - right).evalf(25, maxn=_EXACT_DIGITS))
    return bool(off <= Rational(1, 10**_LEAST_EXACT) * abs(values[0]))


def _is_small(expression: Expr) -> bool:
    """Whether a constant has no huge power or factorial, so that computing it exactly takes no time."""
    from sympy import Pow, binomial, factorial

    sizes = [power.exp for power in expression.atoms(Pow)] + [part.args[0] for part in expression.atoms(factorial, binomial)]
    return all(abs(size.evalf()) <= _LARGEST_POWER for size in sizes)


def _is_rounded(decimal: Tokens, value: Expr) -> bool:
    """Whether a plain decimal of at least ROUNDED_FROM places is the rounded value of a constant."""
    from sympy import Rational

    read = quantity(decimal)
    if read is None or read.decimals is None or read.decimals < ROUNDED_FROM or value.free_symbols:
        return False
    found = value.evalf(_DIGITS)
    if not found.is_real or not found.is_finite:
        return False
    exact = Rational(found)
    return close_enough(read, Fraction(int(exact.p), int(exact.q)))


def _same_relation(gold: Any, answer: Any) -> bool:
    """Whether two equations or inequalities are equivalent: left minus right are multiples, for inequalities positive ones."""
    from sympy import Eq, Ge, Gt, Ne, fraction, together

    if (kind := _kind(gold)) != _kind(answer):
        return False
    differences = []
    for relation in (gold, answer):
        difference = relation.lhs - relation.rhs
        if isinstance(relation, Gt | Ge):
            difference = -difference
        if isinstance(relation, Eq | Ne):
            difference = fraction(together(difference))[0]
        differences.append(difference)
    symbols = sorted(differences[0].free_symbols | differences[1].free_symbols, key=str)
    if not symbols:
        return False  # "x = x + 1" says nothing about x
    factors = []
    for point in range(len(_POINTS)):
        values = [_value(difference, symbols, point) for difference in differences]
        if None in values or not values[1]:
            return False
        factors.append(values[0] / values[1])
    first = factors[0]
    if not first or not all(_near(first, factor) for factor in factors):
        return False
    return kind in ("=", "!=") or bool(first > 0)


def _kind(relation: Any) -> str:
    return {"<": "<", ">": "<", "<=": "<=", ">=": "<=", "==": "=", "!=": "!="}[relation.rel_op]
