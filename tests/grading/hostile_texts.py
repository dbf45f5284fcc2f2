"""Texts on which careless patterns take quadratic time or worse, and all functions that read a model's text."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial

from sirev.grading import extract, extract_number, formulas
from sirev.grading.claims import claims
from sirev.grading.committed import before_next_problem, committed
from sirev.grading.comparison import same
from sirev.grading.dispatch import grade_light
from sirev.grading.equivalence import at_a_glance, canonical, items_of, tidy
from sirev.grading.extract_code import code
from sirev.grading.extract_option import option, shown_options
from sirev.grading.graders import GRADERS
from sirev.grading.notation import notation
from sirev.grading.sandbox.reading import as_in_any_tier, stable
from sirev.metrics.equations import equations
from sirev.metrics.programs import normal_form
from sirev.metrics.voting import votes


def _graded(grader: str, text: str) -> object:
    return grade_light(grader, [(text, "5")])


def _repeated(one: str, length: int) -> str:
    return one * (length // len(one))


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "committed": lambda text: (committed(text), before_next_problem(text)),
    "strict": extract_number.strict,
    "flexible": extract_number.flexible,
    "last_number": extract_number.last_number,
    "boxed": extract.boxed,
    "after_mark": extract.after_mark,
    "formula": formulas.formula,
    "formula, of a list": lambda text: formulas.formula(text, 3),
    "notation": notation,
    "option": option,
    "option, in words": lambda text: option(text, {"A": "bank", "B": text}),
    "shown_options": shown_options,
    "code": code,
    "code, of a name": lambda text: code(text, {"f"}),
    "number": extract.number_in,
    "tidy": tidy,
    "canonical": canonical,
    "at_a_glance": lambda text: at_a_glance(("5", text)),
    "at_a_glance, as gold": lambda text: at_a_glance((text, "5")),
    "at_a_glance, beside a list": lambda text: at_a_glance(("1, 2", text)),
    "same": lambda text: same(notation("(1, 2)"), notation(text), lambda gold, answer: False),
    "items_of": items_of.__wrapped__,
    **{f"grade by {name}": partial(_graded, name) for name, grader in GRADERS.items() if not grader.heavy},
    "a reason": lambda text: stable(as_in_any_tier(text)),
    "an exception's text": lambda text: stable(as_in_any_tier(f"PermissionError: [Errno 13] {text}: '/a/b'")),
    "claims": lambda text: claims([text]),
    "claims, of an assertion": lambda text: claims([f"assert f('{text}') == 1"]),
    "equations": equations,
    "votes": lambda text: votes([text, text + "x"]),
    "normal_form": normal_form,
}

_REPEATED = (
    *("#", "#### ", "####-", "#### 1", "####\n", "1", "1,", "1.", "1 ", "1) ", "0", "01", "-$", "$", "-", "1/2 ", "٣"),
    *(
        "\\boxed{",
        "\\boxed",
        "\\fbox ",
        "{",
        "}",
        "{}",
        "\\",
        "\\(",
        "\\right.",
        "\\boxed{1}",
        "`",
        "```\n",
        "```python\n",
        "```a ",
    ),
    *("Answer:", "Answer: A ", "(", " ", "\t", "\n", "A", "def ", "def f(x):\n", "if a:\n", "=", "a=", "word ", "- ", "*", "a. "),
    *(
        "\\text{",
        "\\text{a} ",
        "\\frac",
        "\\frac1",
        "\\sqrt[",
        "^",
        "^{",
        "_",
        "\\exp(",
        "√",
        "²",
        "½",
        "1\\,",
        "1,234",
        "1:",
        "\\pm ",
        ", ",
        "(,",
        "[1,",
    ),
    *(
        "x=",
        "x<",
        "\\cup ",
        "\\ldots ",
        "1 hour ",
        "^\\circ",
        "answer is ",
        "final answer",
        "<answer>",
        "</think>",
        "\\boxed{1},",
    ),
    *("a.", "w'", "1 + ", "a+", "0x", "😀", "\0", "'", '"', "# ", "x = lambda ", "/proc/1", "[Errno 13] Ab: "),
    *(
        "the answer is ",
        "The answer is A or ",
        "B is correct. ",
        "option B, ",
        "so it is (",
        "\n\nQuestion:",
        "<think>",
        "</think>",
    ),
    *(
        "<|a|>",
        "<s>",
        "</s>\n",
        "[DONE]\n",
        "1-",
        "1 - 1 ",
        "1/",
        "10^",
        "1,234",
        "1 234 ",
        "\\frac{1}{2}",
        "\\frac{",
        "1:",
        "½",
        "= 1 ",
    ),
    *(
        "~~~\n",
        "> ```\n",
        "1. ```\n",
        "```x\n",
        "x```\n",
        "@f\n",
        "(\n",
        '"""\n',
        "f(1)\n",
        "f = 1\n",
        "assert f\n",
        ">>> f\n",
        "A. b\n",
    ),
    *("####\n", "#### a", "answer\n", "A, ", "(A) ", "answer: answer is ", "$ ", "- 1\n", "−1 ", "４"),
)
_SHAPES: dict[str, Callable[[int], str]] = {
    "zeros, then a letter": lambda n: "0" * n + "x",
    "zeros around a point": lambda n: "0" * (n // 2) + "." + "0" * (n // 2) + " m",
    "zeros and ones after a point": lambda n: "0." + "01" * (n // 2) + "x",
    "a mark, blanks, a minus": lambda n: "####" + " " * n + "-",
    "a box, blanks": lambda n: "\\boxed" + " " * n + "x",
    "a box, braces": lambda n: "\\boxed{" + "{" * n,
    "nested parentheses": lambda n: "(" * (n // 2) + "1" + ")" * (n // 2),
    "nested lists": lambda n: "assert f(" + "[" * (n // 2) + "]" * (n // 2) + ")",
    "an option, parentheses": lambda n: "Answer:" + "(" * n + "x",
    "parentheses around an option": lambda n: "(" * n + "A" + "(" * n,
    "a word, colons": lambda n: "a" + ":" * n + "\0",
    "a word, stars": lambda n: "a." + "*" * n + "\0",
    "a word, blanks": lambda n: "a" + " " * n + "\0",
    "a definition, blanks": lambda n: "async" + " " * n + "x",
    "a condition without an end": lambda n: "if " + "a" * n,
    "a name, blanks": lambda n: "x" + " " * n + "= lambd",
    "a long name": lambda n: "x" * n + " = lambd",
    "an answer, blanks": lambda n: "the answer is" + " " * n + "x",
    "an answer, parentheses": lambda n: "the answer is " + "(" * n,
    "a mark, digits": lambda n: "#### " + "1" * n + "/3",
    "blocks of one definition": lambda n: "```\ndef f():\n  pass\n```\n" * (n // 28),
    "blocks that need each other": lambda n: "".join(f"```\nx{i} = x{i + 1}\n```\n" for i in range(n // 24)) + "```\nf = x0\n```",
    "assignments that need each other": lambda n: "f = 1\n" + "".join(f"x{i + 1} = x{i}\n" for i in range(n // 14)),
    "blocks that are no Python": lambda n: "```\nf = (\n```\n" * (n // 14),
    "a definition, then prose": lambda n: "def f(): pass\n" + "This is it.\n" * (n // 12),
    "prose, then a definition": lambda n: "This is it.\n" * (n // 12) + "def f(): pass\n",
    "decorators": lambda n: "@f\n" * (n // 3) + "def f(): pass",
}
SHAPES: dict[str, Callable[[int], str]] = {
    **{f"{one!r} again and again": partial(_repeated, one) for one in _REPEATED},
    **_SHAPES,
}


def seconds(function: Callable[[str], object], text: str) -> float:
    """CPU time of one call, in seconds; its errors are ignored."""
    began = time.process_time()
    with contextlib.suppress(ValueError, RecursionError, MemoryError):
        function(text)
    return time.process_time() - began


def is_linear(
    function: Callable[[str], object], shape: Callable[[int], str], length: int, *, most: int = 10, times: int = 2
) -> bool:
    """Whether a text of four times this length takes less than `most` times as long; a search from every place takes sixteen.

    The least of so many times counts, in one of five tries, since another process may be in the way.
    """

    def once() -> bool:
        short, long = (min(seconds(function, shape(n)) for _ in range(times)) for n in (length, 4 * length))
        return long < most * short + 0.05

    return any(once() for _ in range(5))


def growth(function: Callable[[str], object], shape: Callable[[int], str], *, most: int, enough: float) -> tuple[int, float]:
    """(length, ratio of the times for it and for half of it).

    Lengths are doubled until one takes `enough` seconds, up to `most`. The least of three times counts, since a busy machine only
    adds time.
    """
    length = 1 << 10
    while seconds(function, shape(length)) < enough and length < most:
        length *= 2
    half, whole = (min(seconds(function, text) for _ in range(3)) for text in (shape(length // 2), shape(length)))
    return length, whole / max(half, 1e-5)
