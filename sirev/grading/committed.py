"""The committed part of a completion: without thoughts, chat tokens, and problems that the model went on to ask itself.

Nothing here reads an answer; `extract`, `extract_number`, `extract_option` and `extract_code` do.
"""

from __future__ import annotations

import re

_THOUGHT_ENDS = re.compile(
    r"</(?:think|thinking|thoughts?|reasoning|reflection)>|\[/THINK\]|<\|/think\|>|◁/think▷", re.IGNORECASE
)
_THOUGHT_BEGINS = re.compile(r"\s{0,20}(?:<(?:think|thinking|thoughts?)>|\[THINK\]|◁think▷)", re.IGNORECASE)
_FINAL_CHANNEL = "<|channel|>final<|message|>"
_TOKEN = r"<[|｜][^|｜<>\n]{1,40}[|｜]>"
_AT_FIRST = re.compile(
    rf"(?:\s{{0,20}}(?:{_TOKEN}|<s>|<bos>|<start_of_turn>|\[/INST\])(?:(?:assistant|model)\b)?)*", re.IGNORECASE
)
# Tokens that may be words of a program or of HTML end a text only at the end of a line and outside quotation marks.
_LAST = re.compile(
    rf"{_TOKEN}|(?<![\"'`])(?:</s>|<eos>|<EOT>|<end_of_turn>|<pad>|\[EOS\]|\[/?INST\])(?=[ \t]*(?:\n|\Z))", re.IGNORECASE
)
_NEXT_PROBLEM = re.compile(
    r"\n[ \t]*\n[ \t#*_>]{0,8}(?:Question|Problem|Q|Human|User|Instruction)(?:[ \t]{1,3}[0-9]{1,4})?[*_]{0,2}:", re.IGNORECASE
)


def committed(text: str) -> str:
    """The text after the last thought, up to the token that ends a turn; "" where the text begins with a thought without an end.

    Full-width characters (U+FF01 to U+FF5E) stay, since a program may hold them; `plain_signs` turns them into ASCII.
    """
    text = text.removeprefix("\ufeff")
    if (channel := text.rfind(_FINAL_CHANNEL)) >= 0:
        text = text[channel + len(_FINAL_CHANNEL) :]
    end = 0
    for found in _THOUGHT_ENDS.finditer(text):
        end = found.end()
    if not end and _THOUGHT_BEGINS.match(text):
        return ""
    text = text[end:]
    if first := _AT_FIRST.match(text):
        text = text[first.end() :]
    return text[: last.start()] if (last := _LAST.search(text)) else text


def before_next_problem(text: str) -> str | None:
    """The text before the next problem that the model asks itself, as base models do; None where there is none.

    Evaluation harnesses stop sampling at such words ("Question:").
    """
    found = _NEXT_PROBLEM.search(text)
    return text[: found.start()] if found and text[: found.start()].strip() else None


_SIGNS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | dict.fromkeys((0x2212, 0xFE63), "-") | {0x3000: " "}


def plain_signs(text: str) -> str:
    """The text with full-width characters and other minus signs as their ASCII counterparts."""
    return text if text.isascii() else text.translate(_SIGNS)
