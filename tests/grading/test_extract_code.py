from __future__ import annotations

import ast
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.grading.extract_code import code
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
    for names in ((), ("f",)):
        found = code(text, names)
        assert found is None or found.strip()
        if found is None:
            assert "```" in text or not text.strip()


def works(text: str, names: tuple[str, ...] = ("f",)) -> bool:
    """Whether the program read from a text defines an `f` that adds one."""
    program = code(text, names)
    assert program is not None
    scope: dict[str, Any] = {}
    exec(compile(program, "<program>", "exec"), scope)
    return bool(scope["f"](1) == 2)


OTHER = F.replace("x + 1", "x + 2")
INDENTED = F.replace("\n", "\n   ").rstrip()


@pytest.mark.parametrize(
    "text",
    [
        f"{F}```\nIt adds one.",
        f"{F}```\n\nUse it:\n```python\nprint(f(1))\n```",
        f"{F}```\nOr so:\n\n```python\ndef g(x): return x\n```",
    ],
)
def test_a_closing_fence_alone_ends_what_the_prompt_began(text: str) -> None:
    assert works(text)


@pytest.mark.parametrize(
    "opening",
    [
        "```python3.12",
        '```python title="f.py"',
        "```{python}",
        "```{.python .numberLines}",
        "```ipython3",
        "```f.py",
        "````python",
        "~~~",
        "~~~~~ py",
        "```code",
        "```title=f.py",
    ],
)
def test_a_fence_may_have_other_marks_and_words(opening: str) -> None:
    closing = opening[: len(opening) - len(opening.lstrip("`~"))]
    assert works(f"Sure:\n\n{opening}\n{F}{closing}\nDone.")


@pytest.mark.parametrize(
    "inner",
    [
        '    """\n    ```\n    f(1)\n    ```\n    """',  # indented by four: no fence to CommonMark
        '    """\n```\nf(1)\n```\n    """',
        '    """\n```python\nf(1)\n```\n    """',
        '    """\n~~~\nf(1)\n~~~\n    """',
        "    y = '```'",
    ],
)
def test_a_fence_in_a_string_of_the_program_ends_nothing(inner: str) -> None:
    assert works(f"```python\ndef f(x):\n{inner}\n    return x + 1\n```\nDone.")


@pytest.mark.parametrize(
    "text",
    [
        f"1. Write it:\n\n   ```python\n   {INDENTED}\n   ```\n\n2. Run it.",
        f"- a\n  - b\n\n     ```\n     {INDENTED.replace(chr(10), chr(10) + '  ')}\n     ```",
        "* ```python\n  def f(x):\n      return x + 1\n  ```",
        "> ```python\n> def f(x):\n>     return x + 1\n> ```",
        "````markdown\n```python\n" + F + "```\n````",
    ],
)
def test_a_fence_may_stand_in_a_list_a_quotation_or_a_block(text: str) -> None:
    assert works(text)


@pytest.mark.parametrize(
    "text", [f"Here: ```python\n{F}```", f"```python\n{F.rstrip()}```\nDone.", f"```python\n{F}``` It adds one."]
)
def test_fences_that_share_a_line_are_read_too(text: str) -> None:
    assert works(text)


@pytest.mark.parametrize(
    "text",
    [
        f"[BEGIN]\n{F}[DONE]\n\nNext task\n[BEGIN]\n{OTHER}[DONE]",
        f"{F}[DONE]\n\nYou are an expert.",
        f"[PYTHON]\n{F}[/PYTHON]\n[TESTS]\nassert f(1) == 3\n[/TESTS]",
        f"Well.\n<answer>\n```python\n{F}```\n</answer>",
        f"<think>\n```python\n{OTHER}```\n</think>\n{F}",
        f"{F.rstrip()}<|im_end|>\n{OTHER}",
        f"<|im_start|>assistant\n```python\n{F}```<|im_end|>",
        f"<s> {F}</s>",
        F.replace("return", "y = '<|endoftext|>'; return"),
    ],
)
def test_marks_thoughts_and_special_tokens_are_no_part_of_the_program(text: str) -> None:
    assert works(text)


@pytest.mark.parametrize(
    "after",
    [
        "Done",
        "Explanation:\nit adds",
        "**Why:** it's simple, isn't it?",
        "Note: `f(1)` is 2, that is x = 1 and y = 2.",
        ">>> f(1)\n2",
        "Input: 1\nOutput: 2",
        "1. It takes x.\n2. It adds 1.",
        "## Notes\n\nNone (yet).",
        "<br>",
        "Task: Subtract one.\nCode:\n" + OTHER,
        "You could also write\n\n" + OTHER,
    ],
)
def test_prose_after_bare_code_is_left_out(after: str) -> None:
    assert works(f"Here's what you're after:\n\n{F}\n{after}\n")


@pytest.mark.parametrize(
    "tests",
    [
        "assert f(1) == 3",
        "print(f('x'))",
        "result = f(1)\nprint(result + 'x')",
        "for x, y in [(1, 3)]:\n    assert f(x) == y",
        "def test_f():\n    assert f(1) == 3\n\ntest_f()",
        "import no_such_test_library\n\nclass TestF(no_such_test_library.Case):\n    pass",
        "if __name__ == '__main__':\n    assert f(1) == 3",
        "f('x')",
        "assert f(1) ==",
    ],
)
def test_what_only_tries_the_solution_out_is_not_graded(tests: str) -> None:
    assert works(f"{F}\n{tests}")
    assert works(f"```python\n{F}\n{tests}\n```")
    assert works(f"```python\n{F}```\nTests:\n```python\n{tests}\n```")


@pytest.mark.parametrize(
    "text",
    [
        "D = {}\n\ndef fill():\n    D[1] = 1\n\ndef f(x):\n    return x + D[1]\n\nfill()",
        "def f(x):\n    return x + ONE\n\nONE = 1\nassert f(1) == 3",
        "def f(x):\n    return g(x)\n\nfor n in [1]:\n    def g(x):\n        return x + n",
        "def f(x):\n    global n\n    n += x\n    return n\n\nn = 1\nprint(f(1))",
        "def wrap(g):\n    return lambda x: g(x) + 1\n\ndef f(x):\n    return x\n\nf = wrap(f)",
    ],
)
def test_what_the_solution_needs_of_what_follows_it_stays(text: str) -> None:
    assert works(text)


@pytest.mark.parametrize("rest", ["n = int(input())", "print(f(input()))", "f(int(sys.stdin.readline()))"])
def test_a_program_that_asks_for_input_stays_one(rest: str) -> None:
    found = code(f"{F}\n{rest}\n", {"f"})
    assert found is not None
    assert rest in found


@pytest.mark.parametrize(
    "text",
    [
        "```python\ndef g(x):\n    return x + 1\n```\nso\n```python\ndef f(x):\n    return g(x)\n```",
        "```python\ndef f(x):\n    return g(x)\n```\nwith\n```python\ndef g(x):\n    return x + 1\n```",
        "```python\nimport math\nN = 1\nprint(f(0))\n```\n```python\n@math.no\ndef h(x): pass\n```\n"
        "```python\ndef g(x):\n    return math.floor(x) + N\n```\n```python\ndef f(x):\n    return g(x)\n```",
        "def g(x):\n    return x + 1\n\nThen the function itself:\n\ndef f(x):\n    return g(x)\n\nThat's all.",
    ],
)
def test_helpers_of_other_blocks_are_kept_and_nothing_else_of_them(text: str) -> None:
    assert works(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"```python\n{F}```\n```python\ndef g(x):\n    return f(x)\n```", ("f",)),
        (f"```python\n{OTHER}```\nBetter:\n```python\n{F}```", ("f",)),
        (f"```python\n{F}class P:\n    pass\n```\n```python\n{OTHER}```", ("f", "P")),
        (f"```python\n!pip install numpy\n%time\n{F}```", ("f",)),
        ("```\n>>> def f(x):\n...     return x + 1\n...\n>>> f(1)\n2\n```", ("f",)),
        (f"```text\nf(1) = 2\n```\n{F}", ("f",)),
        (" " + F, ("f",)),
        ("\ufeff" + F, ("f",)),
        (F.replace("    ", "\u00a0" * 4), ("f",)),
        (F.replace("x + 1", "x + len(“a”)"), ("f",)),
        (F.replace("\n", "\r\n"), ("f",)),
    ],
)
def test_the_program_is_what_parses_and_defines_what_is_tested(text: str, names: tuple[str, ...]) -> None:
    assert works(text, names)


DEEP = {
    "attributes": "x" + ".a" * 5000 + "()",
    "calls": "f" + "()" * 5000,
    "elifs": "if a:\n pass\n" + "elif b:\n pass\n" * 1500,
    "blocks": "".join(f"{' ' * i}if a:\n" for i in range(95)) + " " * 95 + "pass",
    "sums": "y = " + " + ".join(["1"] * 5000),
    "functions": "".join(f"{' ' * i}def g():\n" for i in range(95)) + " " * 95 + "pass",
}


@pytest.mark.parametrize("kind", DEEP)
def test_a_program_nested_without_end_is_read(kind: str) -> None:
    program = f"def f(x):\n    return x\n{DEEP[kind]}\n"
    assert "def f(x):" in (code(f"```python\n{program}```", ["f"]) or "")


def test_where_nothing_defines_the_name_the_form_decides() -> None:
    assert code(f"```python\n{F}```\n```python\nf(1)\n```", {"g"}) == F
    assert code("def f(x) return x\n", {"f"}) == "def f(x) return x"


@pytest.mark.parametrize(
    "piece",
    [" ", "x ", "x\n", "[", "x,", "```", "``` ", "```\n", "def ", "async ", "f = ", "for ", ":", "\t", ". ", "import ", "'", "*"],
)
@pytest.mark.slow
def test_a_huge_text_takes_no_longer_than_its_length(piece: str) -> None:
    ordinary = min(seconds(F * (5_000 // len(F))) for _ in range(5))
    for beginning in ("", "x", "```", "```py", "async", "def f", "class", "for", "1.", "- "):
        for ending in ("", "x", ":x", "\n", "\nx", "="):
            text = beginning + piece * (5_000 // len(piece)) + ending
            assert min(seconds(text) for _ in range(2)) < 100 * ordinary  # a search from every place would take thousands


def seconds(text: str) -> float:
    """CPU time of reading a text; of several tries the least counts, since a busy machine or a sweep of garbage adds to it."""
    began = time.process_time()
    code(text, {"f"})
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
