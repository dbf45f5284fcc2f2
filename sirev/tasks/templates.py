"""Every prompt template that sirev ships, by name. One is never edited: keys hold its name, so a new wording gets a new one.

Two rules keep the seam between prompt and completion at a token boundary, with SentencePiece tokenizers (Llama 2, Mistral)
as well as byte-level BPE: a prompt ends in a newline, right after a cue such as "Answer:", and a target neither starts nor
ends with a blank. A prompt ending in "Answer: " would leave a blank that belongs to the next token.
"""

from __future__ import annotations

import re

from sirev.errors import BadInput

TEMPLATES = {
    "question": "Question: {question}\nAnswer:\n",
    "gsm8k": (
        'Solve the problem step by step. End with a line "#### N", where N is the answer as a number.\n\n'
        "Problem: {question}\nSolution:\n"
    ),
    "math": ("Solve the problem step by step. Put the final answer in \\boxed{}.\n\nProblem: {question}\nSolution:\n"),
    "mbpp": (
        "Write Python code for the task so that the tests pass. Write nothing but the code.\n\n"
        "Task: {question}\nTests:\n{tests}\nCode:\n"
    ),
    "csqa_letter": ("Answer the question with the letter of the best option.\n\nQuestion: {question}\n{options}\nAnswer:\n"),
    "csqa_rationale": (
        'Reason about the question, then end with a line "Answer: X", where X is the letter of the best option.\n\n'
        "Question: {question}\n{options}\nReasoning:\n"
    ),
    "csqa_few_shot": "Question: {question}\n{options}\nReasoning:\n",
}


RATIONALES = {"none": "csqa_letter", "ecqa": "csqa_rationale", "self": "csqa_rationale"}
"""Where a CommonsenseQA rationale comes from, if there is one -> the template that asks for it."""


def named(name: str) -> str:
    """The template of that name; BadInput if there is none."""
    if name not in TEMPLATES:
        raise BadInput(f"no prompt template {name!r} (known: {', '.join(TEMPLATES)})")
    return TEMPLATES[name]


def render(template: str, **fields: str) -> str:
    """The template with every {field} that is given replaced; all other braces stay as they are.

    One pass, so that a question which itself says "{answer}" is left alone.
    """
    names = "|".join(map(re.escape, fields))
    return re.sub(r"\{(" + names + r")\}", lambda found: fields[found[1]], template)
