"""EvalPlus' tests as assertions. Its scripts hold arguments and results of many calls, and a loop that compares them."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence

from sirev.errors import BadInput
from sirev.tasks.rows import Row, shown, text

ABSOLUTE, RELATIVE = 1e-6, 1e-7
"""Tolerances of floats, as in EvalPlus: numpy.allclose(out, exp, rtol=1e-07, atol=1e-06)."""
_COMPARES = """
def assertion(out, exp, atol):
    exact_match = out == exp
    if atol == 0 and is_floats(exp):
        atol = 1e-6
    if not exact_match and atol != 0:
        {closely}
    else:
        assert exact_match
"""
_CLOSELY = ("assert np.allclose(out, exp, rtol=1e-07, atol=atol)", "np.testing.assert_allclose(out, exp, atol=atol)")


def script_of(row: Row, hub: str) -> str:
    """The script in a row of the Hub's data set; BadInput for a row of EvalPlus' own releases, which lack results."""
    if "plus_input" in row.values:
        raise BadInput(
            f"{row.where}: a row of EvalPlus's own release, whose results its package works out as it runs; take the rows of the "
            f"data set {hub} on the Hub, which have them in 'test'"
        )
    return text(row, "test")


def assertions(row: Row, script: str, function: str, called: str) -> list[str]:
    """One assertion per call if the script has EvalPlus' usual form, else the whole script as one test.

    `function` is the script's name of the function, `called` the program's. Results that are floats are compared as in
    EvalPlus. Lists of floats need EvalPlus' comparison, and so numpy: their script is one test.
    """
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadInput(f"{row.where}: field 'test' must be Python, found {shown(script)}") from None
    body = tree.body
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "check":
            body = node.body
    found = {
        node.targets[0].id: node.value
        for node in body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and len(node.targets) == 1
    }
    whole = [script if body is tree.body else f"{script}\ncheck({called})"]
    if not _compares_as_usual(tree) or not _loops_as_usual(body, function) or not {"inputs", "results"} <= found.keys():
        return whole
    try:
        made = [_assertion(called, *one) for one in zip(_parts(found["inputs"]), _parts(found["results"]), strict=True)]
    except (ValueError, TypeError, RecursionError, MemoryError):  # such as an infinity, which is a name
        return whole
    return whole if None in made or not made else [one for one in made if one is not None]


def _parts(node: ast.expr) -> list[ast.expr]:
    """The elements of a list or tuple of literals; ValueError for anything else."""
    ast.literal_eval(node)
    if not isinstance(node, ast.List | ast.Tuple):
        raise ValueError
    return node.elts


def _assertion(called: str, arguments: ast.expr, expected: ast.expr) -> str | None:
    """The assertion of one call; None if the result needs EvalPlus' own comparison. A set is written in the script's order."""
    call = f"{called}({', '.join(map(ast.unparse, _parts(arguments)))})"
    result = ast.literal_eval(expected)
    if isinstance(result, float):
        if not math.isfinite(result):
            return None
        return f"assert math.isclose({call}, {result!r}, rel_tol=0.0, abs_tol={ABSOLUTE + RELATIVE * abs(result)!r})"
    if isinstance(result, list | tuple) and result and all(isinstance(one, float) for one in result):
        return None
    return f"assert {call} == {ast.unparse(expected)}"


def _compares_as_usual(tree: ast.Module) -> bool:
    usual = [ast.dump(ast.parse(_COMPARES.format(closely=closely)).body[0]) for closely in _CLOSELY]
    return [ast.dump(node) in usual for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "assertion"] == [
        True
    ]


def _loops_as_usual(body: Sequence[ast.stmt], function: str) -> bool:
    loop = f"for i, (inp, exp) in enumerate(zip(inputs, results)):\n    assertion({function}(*inp), exp, 0)"
    wanted = ast.dump(ast.parse(loop).body[0])
    return [ast.dump(node) == wanted for node in body if isinstance(node, ast.For)] == [True]
