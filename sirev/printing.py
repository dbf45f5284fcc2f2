"""The one way to the terminal: all output of sirev passes here, and characters that would control the terminal are spelled out.

Texts come from data sets, models and other people's stores. Unfiltered, an escape sequence could set the window's title, fill
the clipboard or overwrite earlier lines, and a zero-width character could disguise a line. Such a character is printed as
Python's escape: \\x1b, \\x9b, \\u202e. Colours are added afterwards, by rich.
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
    "\x00-\x1f\x7f-\x9f"  # control characters, C0 and C1: escape sequences and cursor movement
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls, which reorder a line
    "\xad\u034f\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb"  # zero width: two names look the same
    "\u115f\u1160\u17b4\u17b5\u3164\uffa0"  # fillers: invisible letters
    "\ufe00-\ufe0d"  # variation selectors, except the two of emoji, which people do write
    "\u2028\u2029"  # line ends, to some programs
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # controls of shorthand and music
    "\U000e0000-\U000e0fff"  # tags and more selectors, which spell out invisible text
    "\ud800-\udfff"  # surrogates: non-UTF-8 bytes of a path, and halves of characters, which can't be encoded
)
HIDDEN = re.compile(f"[{_HIDDEN}]")
"""Characters that are never sent to a terminal unescaped."""
HIDDEN_IN_LINES = re.compile(f"(?![\n\t])[{_HIDDEN}]")
"""The same for a text of several lines, in which line ends and tabs are allowed."""


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
"""Characters that a terminal may lack -> their ASCII replacements."""


def visible(text: str, *, lines: bool = False) -> str:
    """The text with its control and invisible characters spelled out; `lines` keeps line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return (HIDDEN_IN_LINES if lines else HIDDEN).sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def replaced(error: UnicodeError) -> tuple[str, int]:
    """An error handler for `codecs.register_error`: the nearest ASCII of unencodable text, or its escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "backslashreplace").decode(), error.end


def encodable(text: str, stream: Any) -> str:
    """The text with characters that the stream's encoding lacks replaced; the stream may be strict, as in a library."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        codecs.register_error("sirev", replaced)
        return text.encode(encoding, "sirev").decode(encoding)
    except LookupError:  # an encoding that Python does not know
        pass
    return text


def out(*lines: object) -> None:
    """Print lines to standard output; a line end within a line is escaped."""
    for line in lines:
        print(encodable(visible(str(line)), sys.stdout))


def say(*lines: object) -> None:
    """Print lines to standard error, and flush it."""
    for line in lines:
        print(encodable(visible(str(line)), sys.stderr), file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    say(f"sirev: warning: {text}")


def write(text: str) -> None:
    """Write a text of whole lines to standard output, and flush it. A broken pipe raises a plain BrokenPipeError."""
    try:
        sys.stdout.write(encodable(visible(text, lines=True), sys.stdout))
        sys.stdout.flush()
    except BrokenPipeError:  # without an errno, so that Typer does not act on it
        raise BrokenPipeError from None


def out_path(path: Path, name: str = "") -> None:
    """Print a path, after `name` and a tab if it has one; byte for byte if stdout is not a terminal, for use by a program."""
    start = f"{visible(name)}\t" if name else ""
    if sys.stdout.isatty():
        write(f"{start}{visible(str(path))}\n")
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(f"{start}{path}\n"))
    sys.stdout.flush()


def json_text(value: Any) -> str:
    """JSON as every command prints it: indented, and ASCII, so that no character is lost or controls a terminal."""
    return json.dumps(value, indent=2) + "\n"


def out_json(value: Any) -> None:
    """Print a value as JSON."""
    write(json_text(value))


def console(*, stderr: bool = False, **options: Any) -> Any:
    """A rich console that prints text literally, without markup and emoji codes. Callers pass `visible` text."""
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
    """A stream without Unicode, for rich, which writes any character."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, with unencodable characters replaced."""
        return int(self._stream.write(encodable(text, self._stream)) or 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def text_column(template: str, style: str = "", **options: Any) -> Any:
    """A column of a rich progress bar with literal text, from a template such as "{task.description}"."""
    from rich.progress import ProgressColumn, Task
    from rich.table import Column
    from rich.text import Text

    class Words(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(visible(template.format(task=task)), style)

    return Words(table_column=Column(**{"no_wrap": True, **options}))
