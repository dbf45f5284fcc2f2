"""MBPP graded by running the program, UNSAFELY: it is not confined, only kept from using up the machine.

A program here can read and delete the user's files, use the network, and forge its own verdict, since the tests run beside
it. Only the limits of `setrlimit` hold it, and a process that leaves its session outlives it. Use it for models whose
answers you would run by hand.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from sirev.grading.verdict import Grade, Reason, because

WALL = 10.0
"""The wall clock's limit, in limits of CPU seconds."""

MEMORY = 2 << 30
"""Bytes of address space of a program."""

_FENCED = re.compile(r"```[ \t]*(?:python3?|py)?[ \t]*\r?\n(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)

# Model-written answers take these for granted. No star imports but typing's: math's would replace the built-in pow.
PRELUDE = """\
import bisect, cmath, collections, copy, datetime, functools, heapq, itertools, math, operator, random, re, string, sys, time
import heapq as hq
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from functools import lru_cache, reduce
from itertools import accumulate, chain, combinations, groupby, permutations, product
from typing import *
random.seed(0)
"""

# The alarm ends a program that sleeps after its grader was killed. Each part is compiled by itself, so that no open quote
# swallows a test. What is used after the program ran is taken out of its reach before, as far as that goes.
_LAUNCHER = f"""\
import json, os, resource, signal, sys, types
channel, nonce, seconds, wall = int(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3]), int(sys.argv[4])
with open("program.json") as file:
    parts = json.load(file)
os.unlink("program.json")
os.set_inheritable(channel, False)
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY}, {MEMORY}))
resource.setrlimit(resource.RLIMIT_FSIZE, ({16 << 20}, {16 << 20}))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.alarm(wall)
sys.argv[:] = ["program"]
module = types.ModuleType("program")
sys.modules["program"] = module
def run(parts=parts, names=module.__dict__, write=os.write, leave=os._exit, channel=channel, nonce=nonce, run_code=exec):
    try:
        for part in parts:
            run_code(compile(part, "program", "exec"), names)
    except (AssertionError, SystemExit):
        leave(1)
    except BaseException:
        leave(2)
    write(channel, nonce)
    leave(0)
run()
"""


@dataclass(frozen=True)
class Program:
    """What is run, in this order: the candidate's code, the set-up (some of MBPP's needs the code), the tests."""

    code: str
    setup: str
    tests: tuple[str, ...]


def grade_all(pairs: Sequence[tuple[str, str]], *, seconds: float, workers: int, progress: Callable[[int], None]) -> list[Grade]:
    """Grade (completion, gold) pairs; a gold is JSON: {"tests": ["assert ...", ...], "setup": "..."}.

    `seconds` of CPU time for a program, rounded up to whole ones. Equal programs with equal tests run once; `workers` run
    at a time; `progress` is told how many pairs are done.
    """
    programs = [_program(text, gold) for text, gold in pairs]
    counts = Counter(program for program in programs if program is not None)
    reasons: dict[Program, Reason] = {}
    done = len(pairs) - counts.total()
    progress(done)
    with ThreadPoolExecutor(workers) as threads:
        running = {threads.submit(run, program, seconds): program for program in counts}
        try:
            for future in as_completed(running):
                reasons[running[future]] = future.result()
                done += counts[running[future]]
                progress(done)
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
    return [because("no answer found", None) if p is None else because(reasons[p], p.code) for p in programs]


def code_of(text: str) -> str | None:
    """The last fenced block of Python (or of no named language) if there is one, else the text itself; None if that is blank."""
    blocks = _FENCED.findall(text)
    code: str = blocks[-1] if blocks else text
    return code if code.strip() else None


def run(program: Program, seconds: float) -> Reason:
    """Run one program in an interpreter and a folder of its own.

    "right": every test ran and held. "wrong": an assertion failed, or the program ended before its tests did. "timeout":
    its CPU seconds, or ten times that by the wall clock, ran out. "error": any other exception or death.
    """
    cpu = max(1, math.ceil(seconds))
    wall = math.ceil(WALL * cpu)
    nonce = secrets.token_hex(16)
    reader, writer = os.pipe()
    try:
        # A program may leave a folder that can't be removed; its verdict stands all the same.
        with tempfile.TemporaryDirectory(prefix="sirev-program-", ignore_cleanup_errors=True) as folder:
            parts = [PRELUDE, program.code, program.setup, *program.tests]
            Path(folder, "program.json").write_text(json.dumps(parts))
            # Not -I, which would ignore the one variable set: the order of sets is the same in every run.
            process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-B", "-c", _LAUNCHER, str(writer), nonce, str(cpu), str(wall)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env={"PYTHONHASHSEED": "0"},
                pass_fds=(writer,),
                start_new_session=True,
            )
            status = _wait(process, wall)
        os.set_blocking(reader, False)
        try:
            passed = os.read(reader, 64) == nonce.encode()
        except BlockingIOError:
            passed = False
    finally:
        os.close(reader)
        os.close(writer)
    if status in (-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGALRM):
        return "timeout"
    if status == 0 and passed:
        return "right"
    return "wrong" if status in (0, 1) else "error"


def _wait(process: subprocess.Popen[bytes], wall: float) -> int:
    """The exit status; what is left of the program's session, and the program itself after `wall` seconds, is killed."""
    descriptor = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll(wall * 1000)
        # Before the process is reaped, so that the number can't be another's by now.
        os.killpg(process.pid, signal.SIGKILL)
    finally:
        os.close(descriptor)
    return process.wait()


def _program(text: str, gold: str) -> Program | None:
    code = code_of(text)
    if code is None:
        return None
    parts = json.loads(gold)
    return Program(code, parts.get("setup", ""), tuple(parts["tests"]))
