"""The inside of a program's process, which is forked from a worker and ends with it.

The program can see and change everything here. Outside, only answers that a lie could not have guessed are believed: see
`sirev.grading.sandbox`.
"""

from __future__ import annotations

import builtins
import json
import math
import os
import random
import sys
import types
from collections.abc import Sequence
from typing import Any

from sirev.grading.sandbox import values, wire

# Names that model-written answers assume. No star imports except typing's: math's would replace the built-in pow.
PRELUDE = """\
import bisect, cmath, collections, copy, datetime, functools, heapq, itertools, math, operator, random, re, string, sys, time
import heapq as hq
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from functools import lru_cache, reduce
from itertools import accumulate, chain, combinations, groupby, permutations, product
from typing import *
"""
_NAME = "program"
LONGEST_LINE = 200


def prepared_namespace() -> dict[str, Any]:
    """The initial namespace of every program, made once per worker: each fork has its own copy."""
    module = types.ModuleType(_NAME)
    exec(compile(PRELUDE, "<prelude>", "exec"), module.__dict__)
    sys.modules[_NAME] = module
    sys.argv[:] = [_NAME]
    return module.__dict__


def forget_prelude(names: dict[str, Any]) -> None:
    """Remove all names that not every module has."""
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]


def run(names: dict[str, Any], parts: Sequence[str], questions: Sequence[tuple[str, str, str]], nonce: str, channel: int) -> None:
    """Run the parts one after another, then answer the questions, and end the process; status 0 means that nothing was raised.

    Writes one message, [nonce, answers, end]. An answer is ["value", the value], ["wrapped", a value made of it] or ["held"]; the
    end is ["done"] or, after an exception, ["raised", kind, message].
    """
    leave, send, encode, dumps = os._exit, wire.send, values.encode, json.dumps  # bound before the program can change them
    must_wrap = values.must_be_wrapped
    flush, built_in = sys.stderr.flush, {"__builtins__": dict(vars(builtins)), "math": math}
    answers: list[list[Any]] = []
    random.seed(0)  # a fork reseeds it
    compiling = False
    try:
        for part in parts:
            # Separately, so that no open quote swallows the next part.
            compiling = True
            code = compile(part, f"<{_NAME}>", "exec", dont_inherit=True)
            compiling = False
            exec(code, names)
        for kind, source, wrapped in questions:
            code = compile(source, "<test>", "eval" if kind == "value" else "exec", dont_inherit=True)
            if kind == "value":
                value = eval(code, names)
                content = encode(value)
                if wrapped and must_wrap(value, content, wrapped):
                    answers.append(["wrapped", encode(eval(wrapped, {**built_in, "value": value}))])
                else:
                    answers.append(["value", content])
            else:
                exec(code, names)
                answers.append(["held"])
        send(channel, dumps([nonce, answers, ["done"]]).encode())
    except BaseException as error:
        kind = "memory" if isinstance(error, MemoryError) else "syntax error" if compiling else "exception"
        send(channel, dumps([nonce, answers, ["raised", kind, _line(error)]]).encode())
        sys.__excepthook__(type(error), error, error.__traceback__)  # the traceback, for readers of stderr
        leave(1)
    try:
        flush()
    finally:
        leave(0)


def _line(error: BaseException) -> str:
    """The exception's type and the last line of its message."""
    name = type.__dict__["__name__"].__get__(type(error))
    try:
        lines = str(error).strip().splitlines()
    except BaseException:
        lines = []
    return f"{name}: {lines[-1].strip()[:LONGEST_LINE]}" if lines else str(name)
