"""Texts from the output of chat interfaces: lists of messages, choices of a response, whole responses of OpenAI's API.

A message is {"role", "content"}, with a text or a list of parts as content; a choice is {"message"} or {"text"}; a response
has `choices`, which in a batch's output are below `body`.
"""

from __future__ import annotations

from typing import Any


def completion_of(value: Any) -> Any:
    """The model's text in a message, conversation, choice or response; a list of texts for several.

    None if there is none, as after a failed request; a value of another kind is returned unchanged.
    """
    if isinstance(value, list):
        if _is_conversation(value):
            last = value[-1]
            return completion_of(last) if last.get("role") in ("assistant", "model") else value
        return [completion_of(one) for one in value] if value and all(isinstance(one, dict | list) for one in value) else value
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("choices"), list):
        each = [completion_of(one) for one in value["choices"]]
        return each[0] if len(each) == 1 else each or None
    for inner in ("body", "message"):
        if isinstance(value.get(inner), dict):
            return completion_of(value[inner])
    if "body" in value and value["body"] is None:
        return None
    if "content" in value:
        return _content(value["content"])
    return value["text"] if isinstance(value.get("text"), str) and ("finish_reason" in value or "index" in value) else value


def prompt_of(value: Any) -> Any:
    """The question of a conversation, the last message of its user; a value of another kind is returned unchanged."""
    if not isinstance(value, list) or not _is_conversation(value):
        return value
    asked = [_content(one["content"]) for one in value if one.get("role") in ("user", "human")]
    return asked[-1] if asked else _content(value[-1]["content"])


def conversation_of(value: Any) -> Any:
    """A conversation before the model's answer, as one text that identifies the problem; other values are returned unchanged."""
    if not isinstance(value, list) or not _is_conversation(value):
        return value
    before = value[:-1] if len(value) > 1 and value[-1].get("role") in ("assistant", "model") else value
    if len({one["role"] for one in before} - {"system", "developer"}) == 1 and len(before) <= 2:
        return prompt_of(before)  # one question; the system prompt does not count
    return "\n\n".join(str(_content(one["content"])) for one in before)


def is_conversation(value: Any) -> bool:
    """Whether a value is a list of messages."""
    return isinstance(value, list) and _is_conversation(value)


def _is_conversation(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(one, dict) and isinstance(one.get("role"), str) and "content" in one for one in value)


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    texts = [one if isinstance(one, str) else one.get("text") for one in content if isinstance(one, str | dict)]
    return "".join(text for text in texts if isinstance(text, str))
