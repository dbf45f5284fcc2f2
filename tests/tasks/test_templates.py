from __future__ import annotations

import pytest

from sirev.tasks.registry import TEMPLATES, template_named
from sirev.tasks.templates import render
from tests.tasks.conftest import refusal


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_ends_in_a_cue_and_a_newline_and_shows_the_question(name: str) -> None:
    template = template_named(name)
    assert template.endswith(":\n")
    assert "{question}" in template or "{stub}" in template  # the published prompt, which holds the question
    assert not any(line != line.rstrip() for line in template.split("\n"))


def test_an_unknown_template_is_refused() -> None:
    assert refusal(lambda: template_named("gsm9k")) == f"no prompt template 'gsm9k' (known: {', '.join(TEMPLATES)})"


def test_values_are_put_in_as_they_are_and_other_braces_stay() -> None:
    assert render("{a} {b} {} {{a}} {c}", a="{b}\\1", b="x") == "{b}\\1 x {} {{b}\\1} {c}"
