from __future__ import annotations

from sirev.grading.claims import claims
from sirev.tasks.evalplus_tests import assertions
from sirev.tasks.rows import Row

HEAD = """import numpy as np

def is_floats(x) -> bool:
    return isinstance(x, float)

def assertion(out, exp, atol):
    exact_match = out == exp

    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        assert np.allclose(out, exp, rtol=1e-07, atol=atol)
    else:
        assert exact_match

"""
LOOP = "for i, (inp, exp) in enumerate(zip(inputs, results)):\n    assertion(add(*inp), exp, 0)\n"


def made(script: str) -> list[str]:
    return assertions(Row("f:1", {}), script, "add", "add")


def test_each_call_is_an_assertion_that_is_decided_outside() -> None:
    found = made(f"{HEAD}inputs = [[1, 2], ['a', 'b']]\nresults = [3, {{'ab'}}]\n{LOOP}")
    assert found == ["assert add(1, 2) == 3", "assert add('a', 'b') == {'ab'}"]
    assert all(claim.decides is not None for claim in claims(found))


def test_a_float_may_be_as_far_off_as_evalplus_lets_it() -> None:
    (found,) = made(f"{HEAD}inputs = [[1, 2]]\nresults = [100.0]\n{LOOP}")
    (claim,) = claims([found])
    assert claim.decides is not None
    assert [claim.holds(value) for value in (100.0, 100.0000105, 100.0000115)] == [True, True, False]


def test_what_needs_its_own_comparison_is_one_test() -> None:
    floats = f"{HEAD}inputs = [[1, 2]]\nresults = [[0.5, 1.5]]\n{LOOP}"
    infinite = f"{HEAD}inputs = [[1, 2]]\nresults = [inf]\n{LOOP}"
    other = (
        f"{HEAD.replace('exact_match = out == exp', 'exact_match = set(out) == set(exp)')}inputs = [[1]]\nresults = [1]\n{LOOP}"
    )
    for script in (floats, infinite, other, f"{HEAD}inputs = [[1]]\nresults = [ref(1)]\n{LOOP}"):
        assert made(script) == [script]


def test_a_check_function_is_called() -> None:
    body = "def check(add):\n    inputs = [[1, 2]]\n    results = [[0.5]]\n    " + LOOP.replace("\n    ", "\n        ")
    assert made(HEAD + body) == [f"{HEAD}{body}\ncheck(add)"]
    assert made(HEAD + body.replace("[[0.5]]", "[3]")) == ["assert add(1, 2) == 3"]
