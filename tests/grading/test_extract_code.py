"""`sirev.grading.extract.code`, apart from the other readings: there is most to say of it."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.grading.extract import code
from tests.grading.conftest import Published

F = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    "opening", ["```python", "```py", "```python3", "```", "```Python", "```PY", "``` python", "```python  ", "```\t"]
)
def test_a_fenced_block_is_the_program(opening: str) -> None:
    assert code(f"Sure!\n\n{opening}\n{F}```\nHope that helps: f(1) = 2") == F


@pytest.mark.parametrize(
    ("text", "program"),
    [
        (f"```python\n{F}", F),  # the end is missing: the model ran out of tokens
        (f"```python\r\n{F}```", F),
        ("```python\n```", None),
        ("```\n  \n```", None),
        ("```python\nx = 1\n```\nand\n```python\ny = 2\n```", "y = 2\n"),
        (f"```python\n{F}```\nUse it so:\n```python\nprint(f(1))\n```", F),
        (f"```\n{F}```\nIt prints\n```\n2\n```", F),
        ("```python\ndef f(x):\n    return 0\n```\nBetter:\n```python\n" + F + "```", F),
        (f"Run\n```\npip install numpy\n```\nthen\n```python\n{F}```", F),
        ("```python\nclass P:\n    pass\n```\n```python\nP()\n```", "class P:\n    pass\n"),
        ("```python\nf = lambda x: x + 1\n```\n```python\nf(1)\n```", "f = lambda x: x + 1\n"),
        ("```python\nasync def f(): pass\n```\n```python\nf()\n```", "async def f(): pass\n"),
        (f"```bash\npip install numpy\n```\n```python\n{F}```", F),
        (f"```bash\npip install numpy\n```\nThen:\n\n```python\n{F}```\nDone.", F),
        (f"```python\n{F}```\n```text\n2\n```\nDone.", F),
        ("```python\nx = 1\n```", "x = 1\n"),
    ],
)
def test_of_several_blocks_the_last_that_defines_something(text: str, program: str | None) -> None:
    assert code(text) == program


@pytest.mark.parametrize(
    "program",
    [
        F,
        F.replace("\n", "\r\n"),
        F.rstrip(),
        "\n\n" + F,
        "import math\nfrom typing import *\n\n" + F,
        "# adds one\n" + F,
        "@functools.cache\n" + F,
        "@cache\n@other(1)\n" + F,
        '"""Adds one."""\n' + F,
        F + "\nprint(f(1))",
        F + "\nassert f(1) == 2",
        F + "\nif __name__ == '__main__':\n    print(f(1))",
        "class P:\n    x: int = 1\n\n    def f(self):\n        return self.x",
        "class P(object): pass",
        "async def f(x):\n    return x",
        "f = lambda x: x + 1",
        "N: int = 3\nM += 1\na, b = 1, 2\nc[0] = 3\np.x = 4\n" + F,
        "N = 3",
        "for i in range(3):\n    print(i)",
        "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n" + F,
        "with open('x') as file:\n    pass",
        "def f(x):\n    if x:\n        return 1\n\n    # else\n    return 0",
        "def f(x):\n\treturn x",
        "def f(x):\n    return '''\nnot indented, but text\n'''",
        "def f(\n    x,\n):\n    return x",
        "f(1)",
        "1 + 1",
    ],
)
def test_bare_code_stays_what_it_is(program: str) -> None:
    found = code(program)
    assert found is not None
    assert ast.dump(ast.parse(found)) == ast.dump(ast.parse(program))


@pytest.mark.parametrize("program", [F, "import math\n\n@cache\n" + F, "# adds one\n" + F, "class P:\n    pass\n"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Here is a function that adds one.\n", ""),
        ("Sure! The code is below.\n\n", ""),
        ("Solution:\n\n", ""),
        ("", "\nThis function adds one to its argument."),
        ("", "\n\nThe time complexity is O(1).\n\nHope this helps!"),
        ("", "\nDone."),
        ("Here you go:\n", "\nIt adds one.\n"),
    ],
)
def test_chatter_around_bare_code_is_left_out(program: str, before: str, after: str) -> None:
    found = code(before + program + after)
    assert found is not None
    assert ast.dump(ast.parse(found)) == ast.dump(ast.parse(program))


@pytest.mark.parametrize("text", ["", " ", "\n", " \t\r\n \n"])
def test_blanks_are_no_program(text: str) -> None:
    assert code(text) is None


def test_a_text_without_a_line_of_code_is_handed_on_as_it_is() -> None:
    assert code("I can not do that.") == "I can not do that."


@given(st.text() | st.text(alphabet="`py thon\n\r\tdef(x):=# "))
def test_any_text_has_a_program_unless_it_is_blank(text: str) -> None:
    found = code(text)
    assert found is None or (found.strip() and found in text)
    if found is None:
        assert "```" in text or not text.strip()


@pytest.mark.parametrize(
    "piece",
    [" ", "x ", "x\n", "[", "x,", "```", "``` ", "```\n", "def ", "async ", "f = ", "for ", ":", "\t", ". ", "import ", "'", "*"],
)
def test_a_huge_text_takes_no_longer_than_its_length(piece: str) -> None:
    ordinary = min(seconds(F * (20_000 // len(F))) for _ in range(5))
    for beginning in ("", "x", "```", "```py", "async", "def f", "class", "for", "1.", "- "):
        for ending in ("", "x", ":x", "\n", "\nx", "="):
            text = beginning + piece * (20_000 // len(piece)) + ending
            assert min(seconds(text) for _ in range(3)) < 100 * ordinary  # a search from every place would take thousands


def seconds(text: str) -> float:
    """CPU time of reading a text; of several tries the least counts, since a busy machine or a sweep of garbage adds to it."""
    began = time.process_time()
    code(text)
    return time.process_time() - began


def test_every_reference_solution_of_mbpp_stays_what_it_is(published: Published) -> None:
    rows = published("mbpp_full.jsonl")
    assert len(rows) == 974
    for row in rows:
        found = code(row["code"])
        assert found is not None
        assert ast.dump(ast.parse(found)) == ast.dump(ast.parse(row["code"])), row["task_id"]


def test_every_program_that_models_wrote_keeps_its_definitions(published: Published) -> None:
    for row in published("labelled/mbpp_ldb_seeds.jsonl.gz"):
        try:
            whole = ast.parse(row["solution"])
        except SyntaxError:
            continue
        assert ast.dump(ast.parse(code(row["solution"]) or "")) == ast.dump(whole), (row["model"], row["task_id"])
