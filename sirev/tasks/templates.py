"""How prompt templates are filled in. Each task has its own, by name, and one task's problems can be put in another's words.

A template is never edited: keys hold its name, so a new wording gets a new one. Two rules keep the seam between prompt and
completion at a token boundary, with SentencePiece tokenizers (Llama 2, Mistral) as well as byte-level BPE: a prompt ends in a
newline, right after a cue such as "Answer:", and a target neither starts nor ends with a blank. A prompt ending in "Answer: "
would leave a blank that belongs to the next token.
"""

from __future__ import annotations

import re


def render(template: str, **fields: str) -> str:
    """The template with every {field} that is given replaced; all other braces stay as they are.

    One pass, so that a question which itself says "{answer}" is left alone.
    """
    names = "|".join(map(re.escape, fields))
    return re.sub(r"\{(" + names + r")\}", lambda found: fields[found[1]], template)
