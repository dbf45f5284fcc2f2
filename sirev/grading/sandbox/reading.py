"""Outcome of a program, read from a worker's report. All of it may be a lie; this module decides which parts to believe."""

from __future__ import annotations

import re
import signal
from typing import Any

from sirev.grading.sandbox import values, wire
from sirev.grading.sandbox.programs import Ended, Limits, Outcome, Program, Question

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
# The kernel's error for a file outside. In tier A the file is missing; in B it may exist, but access is denied.
_NO_SUCH_FILE = "[Errno 2] No such file or directory"
_FOLDERS = "bin|boot|dev|etc|home|lib|lib64|media|mnt|opt|proc|root|run|sbin|srv|sys|tmp|usr|var"
_OUTSIDE = re.compile(
    r"\[Errno (?:1|2|6|13|17|19|20|21|30|36|40)\] [A-Z][A-Za-z -]{1,40}"
    # A path of two parts or more, a folder in the root, or no path: files in the root give the same error in both tiers.
    rf"""(?=: b?['"](?:/?[^/'"]+/+[^/'"]|/[^/'".]+['"]|(?:{_FOLDERS})['"])|$)"""
)
_OF_A_FILE = re.compile(rf"(?:(?:Permission|FileExists|IsADirectory|NotADirectory)Error|OSError): (?={re.escape(_NO_SUCH_FILE)})")
_NOT_LOADED = re.compile(r"(?<=: cannot open shared object file: )Permission denied")
_NUMBER = re.compile(r"((?:^|[^\w])/?proc/|/task/|uid not found: )[0-9]+")
"""Number of a process, a thread, or the worker's new user."""
_LONGEST = 200
"""Longest detail of a reason, in characters."""
_RAISED: dict[str, Ended] = {"memory": "memory", "syntax error": "syntax error", "exception": "exception"}
_MOST = 0.5
"""Share of the CPU limit from which on a SIGKILL that nobody here sent counts as the limit's. The kernel counts the limit in
ticks and reports exact times; on a loaded virtual machine the two differed by 15 %."""


def outcome(program: Program, limits: Limits, nonce: str, reply: dict[str, Any], output: bytes) -> Outcome:
    """The outcome of a program.

    "done" requires every answer under the program's nonce, a single message that says "done", and exit status 0: a program that
    leaves early, in whatever way, fails this. Raises Garbled for a reply that no worker writes.
    """
    try:
        status, stopped = int(reply["status"]), str(reply["stopped"])
        cpu, wall, stderr = float(reply["cpu"]), float(reply["wall"]), str(reply["stderr"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise wire.Garbled from None
    answers, last = _answers(program, nonce, output)
    ended, detail = _end(status, stopped, cpu, limits, last, len(answers) == len(program.questions))
    return Outcome(ended, detail, tuple(answers), stderr, cpu, wall)


def _end(
    status: int, stopped: str, cpu: float, limits: Limits, last: tuple[str, str] | None, answered: bool
) -> tuple[Ended, str]:
    if stopped == "late":  # on a loaded machine the wall clock may come first; the reason must not depend on that
        return ("cpu timeout" if cpu >= _MOST * limits.cpu else "wall timeout"), ""
    if stopped:
        return "no verdict", "it wrote too much"
    if status == -signal.SIGXCPU or (status == -signal.SIGKILL and cpu >= _MOST * limits.cpu):
        return "cpu timeout", ""
    if status == -signal.SIGSYS:
        return "forbidden call", ""
    if status < 0:
        return "killed", _signal(-status)
    if last is not None and last[0] != "done":
        return _RAISED[last[0]], last[1]
    if last is not None and answered and status == 0:
        return "done", ""
    return "no verdict", f"it left with status {status}"


def _answers(program: Program, nonce: str, output: bytes) -> tuple[list[Any], tuple[str, str] | None]:
    """The answers in order, and ("done", "") or the exception; [] and None for a missing or invalid message."""
    try:
        message, rest = wire.first(output)
        said = wire.parsed(message)
        if rest or said[0] != nonce:
            return [], None
        _, given, end = said
        answers = [_answer(question, one) for question, one in zip(program.questions, given, strict=False)]
        if len(given) > len(answers):
            return [], None
        if end == ["done"]:
            return answers, ("done", "")
        raised, kind, detail = end
        return answers, (kind, stable(as_in_any_tier(str(detail)))) if raised == "raised" and kind in _RAISED else None
    except (wire.Garbled, values.Unfit, ValueError, TypeError, LookupError):
        return [], None


def _answer(question: Question, given: Any) -> Any:
    if question.kind == "holds":
        if given != ["held"]:
            raise values.Unfit
        return None
    said, content = given
    if said == "wrapped" and question.wrapped:
        return values.Wrapped(values.decode(content))
    if said != "value":
        raise values.Unfit
    return values.decode(content)


def stable(detail: str) -> str:
    """A detail as one short printable line, without addresses, which differ from run to run."""
    line = _ADDRESS.sub("0x…", " ".join(detail[: 10 * _LONGEST].split()))[:_LONGEST]
    return "".join(one if one.isprintable() else "\ufffd" for one in line)  # also replaces lone surrogates, which no file takes


def as_in_any_tier(detail: str) -> str:
    """A detail without differences between tiers A and B: the error for a file outside, and numbers of processes."""
    line = _OUTSIDE.sub(_NO_SUCH_FILE, detail[: 10 * _LONGEST])
    line = _OF_A_FILE.sub("FileNotFoundError: ", line, count=1) if _OF_A_FILE.match(line) else line
    return _NUMBER.sub(r"\1…", _NOT_LOADED.sub("No such file or directory", line))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
