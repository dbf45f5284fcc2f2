"""Rendering of prompt templates. Each task has its own, by name, and a task's problems can use another task's template.

A template is never edited: keys hold its name, so a new wording gets a new name. Two rules keep the border between prompt and
completion at a token boundary, with SentencePiece tokenizers (Llama 2, Mistral) as well as byte-level BPE: a prompt ends in a
newline, right after a cue such as "Answer:", and a target neither starts nor ends with a blank. A prompt that ends in
"Answer: " would leave a blank that belongs to the next token.
"""

from __future__ import annotations

import re


def render(template: str, **fields: str) -> str:
    """The template with every given {field} replaced; all other braces stay.

    A single pass, so that a question that contains "{answer}" stays intact.
    """
    names = "|".join(map(re.escape, fields))
    return re.sub(r"\{(" + names + r")\}", lambda found: fields[found[1]], template)
