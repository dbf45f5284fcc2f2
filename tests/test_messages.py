from __future__ import annotations

import re

import pytest

from tests.messages import messages, texts

BETTER = {
    r"\banew\b": "again, or re-: recompute",
    r"can't be told|can not": "inconclusive; can't",
    r"\b(tokens|answers|problems|draws|samples|rows|steps|bytes|hours|models|seeds|one) an? "
    r"(second|minute|hour|problem|step|token|answer|line|row|key|seed|file|GPU)\b": "per",
    r"\bby itself\b": "on its own",
    r"\bof (one's|your) own\b": "your own",
    r"\bany ?more\b": "no longer",
    r"\bby --\w": "with --",
    r"(\}|\b[\d.]+) %(?!\w)": "84%",
    r"\b(is|are) wanted\b": "is expected",
    r"\b(go|goes|going|went) on\b(?! the)": "continue",
    r"\b(takes?|taken) in\b|\bhands? out\b": "import, export",
    r"\bcomes? out the same\b": "is identical",
    r"\bbeside\b": "next to, against, alongside",
    r"\bmidst\b": "middle",
    r"\b(inside|outside) of\b": "inside, outside",
    r"(?<!there )\b(is|are) no (?!longer|harder|change)[a-z]": "is not a",
    r"\b(have|by) (it|them) [a-z ]*by who\b|\bby who has\b": "by someone who has it",
    r"\bwhat (is|was) \w+ (is|was|stays|goes)\b": "a noun: damaged files are removed",
    r"\b(say|tell) another\b": "name another",
}
"""What a native speaker would not write, and what stands there instead."""
IN_ARTIFACTS = "metrics/"
"""Results hold the texts of these files, so that other words would be other results."""


@pytest.mark.parametrize("pattern", BETTER)
def test_no_message_is_worded_as_no_native_speaker_would(pattern: str) -> None:
    shown = [message for message in messages() if not message.file.startswith(IN_ARTIFACTS)]
    odd = [f"{one.file}:{one.line}: {one.text}" for one in shown if re.search(pattern, re.sub(r"\{.*?\}", "{}", one.text))]
    assert not odd, f"better: {BETTER[pattern]}\n" + "\n".join(odd)


def test_a_message_is_listed_once_with_its_values_but_no_docstring_or_expression() -> None:
    code = '''
"""A docstring of a module is not a message."""
ODD = re.compile("three words here")
def refuse(name, option: Annotated[str, typer.Option(help="What to call the thing.")]):
    """A docstring of a function."""
    raise BadInput(f"unknown name {name!r}: "
                   "expected another name")
@app.command()
def verb():
    """Help for a command."""
'''
    assert [text for _, text in texts(code)] == [
        "What to call the thing.",
        "unknown name {name}: expected another name",
        "Help for a command.",
    ]


def test_a_sentence_that_is_said_in_parts_is_one_message() -> None:
    code = 'paragraph.say("SFT trains on ", taken, f" of {name} (", *most, ")", "by a text of a list" if most else "")'
    assert [text for _, text in texts(code)] == [
        "SFT trains on {taken} of {name} ({*most}){'by a text of a list' if most else ''}",
        "by a text of a list",
    ]


def test_every_message_has_one_place() -> None:
    found = [message.text for message in messages()]
    assert len(found) == len(set(found)) > 1000
