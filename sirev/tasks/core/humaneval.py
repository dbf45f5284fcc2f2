"""HumanEval (Chen et al. 2021, arXiv 2107.03374): 164 Python functions, to be written from signature and docstring."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from sirev.errors import BadInput
from sirev.tasks.problem_ids import plain, problems_in_order
from sirev.tasks.rows import Row, shown, text
from sirev.tasks.task import Asked, DataTask, Problems
from sirev.tasks.templates import render

PROMPT = "Write the whole Python function, with the imports that it needs. Write nothing but the code.\n\n{stub}\n\nCode:\n"
CANDIDATE = "candidate"
"""The function's name in HumanEval's tests."""

_GIVEN_ID = re.compile(r"(?:humaneval[/_-])?0*(\d+)", re.IGNORECASE)


class HumanEval(DataTask):
    """HumanEval (Chen et al. 2021, arXiv 2107.03374), with whole programs instead of bodies: a suite for another task.

    In MBPP's template, docstring and signature are the task, and one of the function's tests is shown, as all of MBPP's are.
    So pass@1 is not comparable with papers, whose prompt is the bare stub.
    """

    name: Literal["humaneval"]

    title = "HumanEval"
    programs = True
    splits: ClassVar = {"test": "test"}
    published: ClassVar = {"test": 164}
    one_file = True
    on_hub: ClassVar = {
        "hub": "openai/openai_humaneval",
        "config": "openai_humaneval",
        "revision": "7dce6050a7d6d172f3cc5c32aa97f52fa1a2e544",
    }
    templates: ClassVar = {"humaneval": PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), template=asked.wording)

    @classmethod
    def problem_id(cls, given: str) -> str:
        """The id of a problem in any spelling: HumanEval/11 and 11 are humaneval-011."""
        number = _GIVEN_ID.fullmatch(given)
        return f"humaneval-{int(number[1]):03d}" if number else given

    @staticmethod
    def whole_answer(problem: Mapping[str, str], completion: str) -> str:
        """A completion as a whole program: the published prompt is put before a completion that is only a function's body."""
        given = re.search(rf"^{CANDIDATE} = (\w+)$", json.loads(problem["answer"])["setup"], re.MULTILINE)
        name = given[1] if given else CANDIDATE
        indented = completion.strip("\r\n").startswith((" ", "\t"))
        if not indented or re.search(rf"^(?:async )?def {name}\b", completion, re.MULTILINE):
            return completion
        return f"{stub_of(problem)}\n{completion.lstrip(chr(13) + chr(10))}"


TASK = HumanEval


def stub_of(problem: Mapping[str, str]) -> str:
    """The published prompt of a problem row, signature and docstring, with which its target begins."""
    tree = ast.parse(problem["target"])
    name = json.loads(problem["answer"])["setup"].rpartition(f"{CANDIDATE} = ")[2]
    (function,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    described = next(i for i, node in enumerate(function.body) if isinstance(node, ast.Expr))
    return "\n".join(problem["target"].split("\n")[: function.body[described].end_lineno])


@dataclass(frozen=True)
class _Stub:
    """Parts of the published prompt: code before the function, signature, docstring."""

    before: str
    signature: str
    docstring: str


def problems(rows: Iterable[Row], *, template: str = PROMPT, tests: Callable[[Row], list[str]] | None = None) -> Problems:
    """Problem rows from `task_id`, `prompt`, `canonical_solution`, `test` and `entry_point`, in the order of ids.

    A template may have {stub}, the published prompt, or {question} and {tests}. The answer is canonical JSON {"setup", "tests"}
    as for MBPP. The setup has the prompt's code before the function, such as helpers, and names the function. Each assertion
    is one test if `check` has nothing else; otherwise the whole of `check` is one test. `tests` replaces `published_tests`.
    """
    return problems_in_order(_problem(row, template, tests or published_tests) for row in rows)


def _problem(row: Row, template: str, tests_of: Callable[[Row], list[str]]) -> dict[str, str]:
    name, published = text(row, "entry_point"), text(row, "prompt").replace("\r\n", "\n")
    stub, tests = _stub(row, published, name), tests_of(row)
    setup = "\n".join([*([stub.before] if stub.before else []), f"{CANDIDATE} = {name}"])
    given = [f"Given:\n{stub.before}\n"] if "def " in stub.before else []
    question = "\n".join([stub.docstring, *given, f"Signature: {stub.signature}"])
    return {
        "id": HumanEval.problem_id(text(row, "task_id")),
        "prompt": render(template, stub=plain(published), question=question, tests=_shown_test(tests[0], name)),
        "target": plain(published + text(row, "canonical_solution")),
        "answer": json.dumps({"setup": setup, "tests": tests}, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        "level": "",
    }


def _stub(row: Row, prompt: str, name: str) -> _Stub:
    lines = prompt.split("\n")
    for node in _parsed(row, "prompt", prompt).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            for statement in node.body:  # one problem has an import before its docstring
                match statement:
                    case ast.Expr(value=ast.Constant(value=str(docstring))):
                        signature = " ".join(line.strip() for line in lines[node.lineno - 1 : node.body[0].lineno - 1])
                        return _Stub(plain("\n".join(lines[: node.lineno - 1])), signature, inspect.cleandoc(docstring))
    raise BadInput(f"{row.where}: field 'prompt' must define {name} with a docstring, found {shown(prompt)}")


def published_tests(row: Row) -> list[str]:
    """The assertions of `check`, or all of it as one test; an assertion of a constant is left out."""
    source = plain(text(row, "test"))
    statements = _parsed(row, "test", source).body
    checks = [node for node in statements if not isinstance(node, ast.Assign)]
    match checks:
        case [ast.FunctionDef(name="check", args=ast.arguments(args=[ast.arg(arg="candidate")]), body=body)]:
            asserted = [one for one in body if isinstance(one, ast.Assert)]
            told = [one for one in asserted if not isinstance(one.test, ast.Constant)]
            if told and len(asserted) == len(body):
                return [str(ast.get_source_segment(source, one)) for one in told]
            return [f"{source}\ncheck({CANDIDATE})"]
    raise BadInput(f"{row.where}: field 'test' must define check({CANDIDATE}), found {shown(source)}")


def _shown_test(test: str, name: str) -> str:
    """A test for a prompt, with the function's own name and without the assertion's message."""
    statement = ast.parse(test).body[0]
    if not isinstance(statement, ast.Assert):
        return f"assert callable({name})"
    claimed = ast.get_source_segment(test, statement.test)
    return re.sub(rf"\b{CANDIDATE}\b", lambda _: name, f"assert {claimed}")


def _parsed(row: Row, field: str, source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadInput(f"{row.where}: field {field!r} must be Python, found {shown(source)}") from None
