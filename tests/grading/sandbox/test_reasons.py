"""A reason is the same in tiers A and B, in every worker and wherever a program stands in the order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sirev.grading.sandbox import Limits, Program, Question, Tier, run
from sirev.grading.sandbox.tiers import trouble

NO_SUCH = "FileNotFoundError: [Errno 2] No such file or directory"
OUTSIDE = {
    "open('/proc/self/maps')": f"{NO_SUCH}: '/proc/self/maps'",
    "open(f'/proc/{os.getpid()}/status')": f"{NO_SUCH}: '/proc/…/status'",
    "open(f'/proc/{os.getpid()}/task/{os.getpid()}/stat')": f"{NO_SUCH}: '/proc/…/task/…/stat'",
    "os.listdir(f'proc/{os.getpid()}')": f"{NO_SUCH}: 'proc/…'",
    "open('/etc/passwd')": f"{NO_SUCH}: '/etc/passwd'",
    "open(b'/etc/passwd')": f"{NO_SUCH}: b'/etc/passwd'",
    "open('/etc/passwd', 'a')": f"{NO_SUCH}: '/etc/passwd'",
    "open('/etc/passwd', 'x')": f"{NO_SUCH}: '/etc/passwd'",
    "open('/etc/passwd/x')": f"{NO_SUCH}: '/etc/passwd/x'",
    "open('../etc/passwd')": f"{NO_SUCH}: '../etc/passwd'",
    "open('/tmp/x', 'w')": f"{NO_SUCH}: '/tmp/x'",
    "open('/tmp/x', 'a')": f"{NO_SUCH}: '/tmp/x'",
    "open('/tmp/' + 'x' * 300)": f"{NO_SUCH}: '/tmp/{'x' * (200 - len(NO_SUCH) - 8)}",
    "open('/home', 'a')": f"{NO_SUCH}: '/home'",
    "os.listdir('/home')": f"{NO_SUCH}: '/home'",
    "os.listdir('proc')": f"{NO_SUCH}: 'proc'",
    "os.mkdir('/tmp/x')": f"{NO_SUCH}: '/tmp/x'",
    "open('/usr/x', 'a')": f"{NO_SUCH}: '/usr/x'",
    "open(os.__file__, 'w')": None,
    "open('/dev/tty')": f"{NO_SUCH}: '/dev/tty'",
    "__import__('ctypes').CDLL('/etc/passwd')": "OSError: /etc/passwd: cannot open shared object file: No such file or directory",
    "__import__('shutil').copy('/etc/passwd', '/tmp/x')": f"{NO_SUCH}: '/etc/passwd'",
    "__import__('logging').FileHandler('/var/log/x.log')": f"{NO_SUCH}: '/var/log/x.log'",
    "__import__('multiprocessing').Lock()": NO_SUCH,
    "wrapped('/proc/cpuinfo')": "ValueError: not to be read: [Errno 2] No such file or directory: '/proc/cpuinfo'",
    "__import__('pwd').getpwuid(1_999_999_999)": "KeyError: 'getpwuid(): uid not found: …'",
}
"""Expressions that fail another way in B, where there is such a file, or in each run; and what is said of both."""
INSIDE = {
    "open('x.txt')": f"{NO_SUCH}: 'x.txt'",
    "open('x.txt', 'w')": "PermissionError: [Errno 13] Permission denied: 'x.txt'",
    "open('/no/such/file.csv')": f"{NO_SUCH}: '/no/such/file.csv'",
    "os.listdir('.')": "PermissionError: [Errno 13] Permission denied: '.'",
    "os.listdir('/')": "PermissionError: [Errno 13] Permission denied: '/'",
    "__import__('logging').FileHandler('x.log')": "PermissionError: [Errno 13] Permission denied: '/x.log'",
    "raised(PermissionError('no'))": "PermissionError: no",
    "raised(PermissionError(13, 'mine', 'x'))": "PermissionError: [Errno 13] mine: 'x'",
    "raised(OSError(5, 'mine', '/a/b'))": "OSError: [Errno 5] mine: '/a/b'",
    "raised(KeyError('/proc/x/12'))": "KeyError: '/proc/x/12'",
}
"""Expressions of which the reason is what Python says."""
BEFORE = """
import os
def wrapped(path):
    try:
        open(path)
    except OSError as error:
        raise ValueError(f'not to be read: {error}')
def raised(error):
    raise error
"""


def reasons(expressions: Sequence[str], tier: Tier) -> list[str]:
    asked = [Program((BEFORE,), (Question("value", one),)) for one in expressions]
    found = dict(run(asked, Limits(2), workers=2, tier=tier))
    assert {one.ended for one in found.values()} == {"exception"}, found
    return [found[index].detail for index in range(len(asked))]


def test_a_reason_tells_no_tier_and_no_number_of_a_process(tier: Tier) -> None:
    found = dict(zip(OUTSIDE, reasons(list(OUTSIDE), tier), strict=True))
    unlike = {asked: said for asked, said in found.items() if OUTSIDE[asked] not in (None, said)}
    assert unlike == {}


def test_the_reasons_of_both_tiers_are_equal_in_any_order() -> None:
    for one in ("A", "B"):
        if why := trouble(one):  # type: ignore[arg-type]
            pytest.skip(f"no tier {one}: {why}")
    asked = [*OUTSIDE, *INSIDE]
    assert reasons(asked, "A") == reasons(asked, "B") == reasons(asked[::-1], "B")[::-1]


def test_other_reasons_are_what_python_says(tier: Tier) -> None:
    assert dict(zip(INSIDE, reasons(list(INSIDE), tier), strict=True)) == INSIDE
