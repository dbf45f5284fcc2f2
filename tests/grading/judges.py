"""Misbehaving judges for the workers of `sirev.grading.judge_pool`, which import them by name."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
import time
from pathlib import Path

from sirev.grading.grade import Grade, Reason


def hostile(item: str) -> Reason:
    """Behave as the item says."""
    match item:
        case "loop":
            while True:
                pass
        case "loop that swallows":
            while True:
                with contextlib.suppress(BaseException):
                    sum(range(1000))
        case "never returns":
            sum(itertools.repeat(1))  # one call that never checks for signals
        case "sleeps":
            time.sleep(1e6)
        case "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leaves":
            sys.exit("enough")
        case "raises":
            raise ValueError("no such thing")
        case "hungry":
            bytearray(8 << 30)
        case "takes 2 GB":
            bytes(2 << 30)  # takes addresses alone
            return "right"
    return "right" if item == "good" else "wrong"


def spin(seconds: float) -> Reason:
    """Use up CPU time, in seconds."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return "right"


def hash_of(text: str) -> Reason:
    """Right if the text's hash is even, which is random unless hashes are fixed."""
    return "right" if hash(text) % 2 == 0 else "wrong"


def tell_and_sleep(folder: str) -> Reason:
    """Leave this process's id in a folder, and stay."""
    Path(folder, str(os.getpid())).touch()
    time.sleep(1e6)
    return "right"


def last_word(completion: str, answer: str) -> Grade:
    """A user's own grader: right if a text ends with the answer."""
    if not completion:
        return Grade(False, "no answer found", "")
    word = completion.split()[-1]
    return Grade(word == answer, "right" if word == answer else "wrong", word)


def fail_to_start() -> None:
    """A preparation that fails."""
    raise RuntimeError("a library is missing")
