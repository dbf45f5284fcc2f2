"""The one door to the terminal: all that sirev prints passes here, and what a text could do to a terminal is shown instead.

Texts come from data sets, from models and from other people's stores. Sent as they are, an escape sequence sets the window's
title, fills the clipboard or paints over what stands above, and a mark without width makes a line read otherwise than it is.
Such a character is printed as Python writes it in a string: \\x1b, \\x9b, \\u202e. Colours are rich's, laid on afterwards.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

_HIDDEN = (
    "\x00-\x1f\x7f-\x9f"  # control characters, C0 and C1: escape sequences, and what moves the cursor
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls, which reorder a line
    "\xad\u034f\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb"  # no width: two names look the same
    "\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # fillers: letters, to every program, that nobody sees
    "\ufe00-\ufe0d"  # selectors of variants, but for the two of emoji, which people write
    "\u2028\u2029"  # ends of lines, to some
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # controls of shorthand and of music
    "\U000e0000-\U000e0fff"  # tags and more selectors, which spell out text that nobody sees
    "\ud800-\udfff"  # bytes of a path that are no UTF-8, and halves of characters, which no encoding takes
)
HIDDEN = re.compile(f"[{_HIDDEN}]")
"""What is never sent to a terminal as it is."""
HIDDEN_IN_LINES = re.compile(f"(?![\n\t])[{_HIDDEN}]")
"""The same for a text of several lines, which may have tabs."""


PLAIN = str.maketrans(
    {
        **dict.fromkeys("−–—─━", "-"),
        **dict.fromkeys("│┃║", "|"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        **{chr(0x2080 + digit): str(digit) for digit in range(10)},
        "←": "<-",
        "→": "->",
        "↑": "^",
        "↓": "v",
        "⇅": "^v",
        "▲": "^",
        "▼": "v",
        "ₜ": "t",
        "…": "...",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "≈": "~",
        "±": "+-",
        "×": "x",
        "·": "*",
    }
)
"""Characters that a terminal may lack -> what stands in their place."""


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every character that is not seen but does something spelled out; with `lines` it keeps line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return (HIDDEN_IN_LINES if lines else HIDDEN).sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands for text that an encoding lacks: its nearest ASCII, or it is spelled out. For `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "backslashreplace").decode(), error.end


def encodable(text: str, stream: Any) -> str:
    """The text with what the stream's encoding lacks replaced; the stream itself may be strict, as it is in a library."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        codecs.register_error("sirev", replaced)
        return text.encode(encoding, "sirev").decode(encoding)
    except LookupError:  # an encoding of the stream's own
        pass
    return text


def out(*lines: object) -> None:
    """Print lines to standard output; a line end inside of one is shown, not made."""
    for line in lines:
        print(encodable(visible(str(line)), sys.stdout))


def say(*lines: object) -> None:
    """Print lines to standard error, now."""
    for line in lines:
        print(encodable(visible(str(line)), sys.stderr), file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    say(f"sirev: warning: {text}")


def write(text: str) -> None:
    """Write a text of whole lines to standard output, all of it, now; a broken pipe is one error, whatever layers make of it."""
    try:
        sys.stdout.write(encodable(visible(text, lines=True), sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:  # one without a number, which Typer does not act upon
        raise BrokenPipeError from None


def out_path(path: Path, name: str = "") -> None:
    """Print a path, after a tab where it has a name; to another program byte for byte, since that is about to use it."""
    start = f"{visible(name)}\t" if name else ""
    if sys.stdout.isatty():
        write(f"{start}{visible(str(path))}\n")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(f"{start}{path}\n"))
    sys.stdout.flush()


def json_text(value: Any) -> str:
    """JSON as every command prints it: indented, and ASCII, so that nothing in it is lost or does anything on its way."""
    return json.dumps(value, indent=2) + "\n"


def out_json(value: Any) -> None:
    """Print a value as JSON."""
    write(json_text(value))


def console(*, stderr: bool = False, **options: Any) -> Any:
    """A console of rich's that takes text for text: brackets are no markup, colons no emoji. What it is given is `visible`."""
    from rich.console import Console as RichConsole

    class Console(RichConsole):
        def on_broken_pipe(self) -> None:  # rich would end the process with status 1
            raise BrokenPipeError

    if "file" not in options and not _is_unicode(stream := sys.stderr if stderr else sys.stdout):
        options["file"] = _Replacing(stream)
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, **options)


def _is_unicode(stream: Any) -> bool:
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("_", "-").startswith("utf")


class _Replacing:
    """A stream whose encoding is not Unicode, for rich, which writes what it likes."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what the stream can take."""
        return int(self._stream.write(encodable(text, self._stream)) or 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def text_column(template: str, style: str = "", **options: Any) -> Any:
    """A column of a progress bar of rich's with text of its task, such as "{task.description}", shown as it is."""
    from rich.progress import ProgressColumn, Task
    from rich.table import Column
    from rich.text import Text

    class Words(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(visible(template.format(task=task)), style)

    return Words(table_column=Column(**{"no_wrap": True, **options}))
