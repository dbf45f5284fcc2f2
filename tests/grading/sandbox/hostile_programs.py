"""Programs that try to escape, to cheat, to do harm or to stay, and awkward honest ones; with their outcomes.

    python -m tests.grading.sandbox.hostile_programs FOLDER TIER

prints the outcomes of all of them as JSON, run as the calling user; FOLDER was filled by `Place.plant`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import sysconfig
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from sirev.grading.claims import claims
from sirev.grading.grade import IN_PROCESS, RIGHT
from sirev.grading.mbpp import program_verdict
from sirev.grading.sandbox import Limits, Program, Tier
from sirev.grading.sandbox.pool import Pool
from sirev.grading.sandbox.syscalls import ARCHITECTURES
from sirev.grading.sandbox.tiers import trouble
from tests.grading.sandbox import parasites

MARK = "sirev-hostile"
"""Part of the name of everything that a program tries to leave behind."""
SECRET = "sirev-test-" + hashlib.sha256(b"what must not get out").hexdigest()
SECRET_NAME = "SIREV_TEST_SECRET"
PORT = 27_113
IPC_KEY = 0x51EE7

MEMORY = 256 << 20

SOLUTION = "104729 * x * x + 15485863"
TESTS = tuple(f"assert f({x}) == {104729 * x * x + 15485863}" for x in (1, 2, 10))
"""Tests with unguessable results, of which a program only sees `f(1)`, `f(2)`, `f(10)`."""
SECRET_TESTS = (f"assert f(1) == {SECRET!r}",)

Ends = tuple[str, ...]
WRONG: Ends = ("failed assertion: 1",)
"""The program ran to its end, and the trick failed."""
FORBIDDEN: Ends = ("forbidden call",)
LEFT: Ends = ("no verdict: it left with status 0",)
NO_SUCH: Ends = ("exception: NameError: name 'f' is not defined",)
CPU: Ends = ("cpu timeout",)
MEMORY_GONE: Ends = ("memory: MemoryError",)
ANYTHING: Ends = ()
"""The failure differs between machines."""


class Patient(Limits):
    """Limits with one second of wall-clock time, for programs that only wait, which would otherwise take six, twice."""

    @property
    def wall(self) -> float:
        return 1.0


@dataclass(frozen=True)
class Hostile:
    """A program that must not pass. A program with a trick solves its problem if the trick works."""

    source: str
    ends: Ends = WRONG
    """Allowed results of `verdict`; empty: any but a pass."""
    tests: tuple[str, ...] = TESTS
    waits: bool = False
    """Whether only the time limit ends it."""
    tame: bool = False
    """Whether it may run with only limits around it, to show that the trick works there."""
    machine: str = ""
    """The required machine, as in `uname -m`; "" for any."""
    after: tuple[str, ...] = ()
    """Honest programs that run just before it, in the same worker."""


@dataclass(frozen=True)
class Place:
    """A home and a store of the grading user, and a folder to grade in."""

    folder: Path
    mark: str = MARK
    port: int = PORT

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def plant(self) -> None:
        """Create files that are worth reading or modifying."""
        for path in (self.home / ".ssh", self.home / "empty", self.store / "objects", self.work):
            path.mkdir(parents=True)
        (self.home / ".ssh" / "id_ed25519").write_text(SECRET)
        (self.home / ".netrc").write_text(SECRET)
        (self.store / "objects" / "grades").write_text("right\n" * 100)
        (self.store / "index").write_text("{}")
        (self.work / "notes.txt").write_text("notes")

    def digests(self) -> dict[str, str]:
        """File or folder -> its metadata and a digest of its content."""
        found = {}
        for path in sorted([self.folder, *self.folder.rglob("*")]):
            status = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            said = (status.st_mode, status.st_uid, status.st_gid, status.st_nlink, status.st_size, status.st_mtime_ns)
            extra = os.listxattr(path) if hasattr(os, "listxattr") else []
            found[str(path.relative_to(self.folder))] = f"{said} {extra} {hashlib.sha256(content).hexdigest()}"
        return found

    def fill(self, source: str) -> str:
        """A program's source, with placeholders replaced by this place's names."""
        named = {
            "@HOME@": self.home,
            "@STORE@": self.store,
            "@SECRET@": self.home / ".ssh" / "id_ed25519",
            "@GRADES@": self.store / "objects" / "grades",
            "@REPOSITORY@": Path(__file__).resolve().parents[3],
            "@PURELIB@": sysconfig.get_path("purelib"),
            "@STDLIB@": sysconfig.get_path("stdlib"),
            "@HARNESS@": os.getpid(),
            "@PORT@": self.port,
            "@MARK@": self.mark,
        }
        for name, value in named.items():
            source = source.replace(name, str(value))
        return source


# Kinds of programs.


def attempt(trick: str, *, before: str = "", ends: Ends = WRONG, tame: bool = False, machine: str = "") -> Hostile:
    """A program that solves the problem if its trick, the body of a function, returns a true value."""
    source = f"""\
{before}
def trick():
{textwrap.indent(textwrap.dedent(trick).strip(), "    ")}
try:
    worked = bool(trick())
except BaseException:
    worked = False
def f(x):
    return {SOLUTION} if worked else 0
"""
    return Hostile(source, ends, tame=tame, machine=machine)


def reading(how: str, *, ends: Ends = ANYTHING, tame: bool = False) -> Hostile:
    """A program that answers with the text it has read, ideally the secret."""
    source = f"def f(x):\n{textwrap.indent(textwrap.dedent(how).strip(), '    ')}\n"
    return Hostile(f"import ctypes, os, subprocess\n{source}", ends, SECRET_TESTS, tame=tame)


def raw(trick: str, *, ends: Ends = FORBIDDEN, tame: bool = False, machine: str = "") -> Hostile:
    """An attempt that bypasses Python: `call(name, ...)` makes a system call by its number."""
    numbers = ARCHITECTURES.get(platform.machine(), (0, {}))[1]
    before = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {numbers!r}
def call(name, *arguments):
    return libc.syscall(ctypes.c_long(NUMBERS[name]), *arguments)
"""
    return attempt(trick, before=before, ends=ends, tame=tame, machine=machine)


FORGING = """
import gc, json, os, struct, sys
def noted():
    frame = sys._getframe()
    while 'nonce' not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals
def say(message, descriptor=3):
    content = message if isinstance(message, bytes) else json.dumps(message).encode()
    os.write(descriptor, struct.pack('>I', len(content)) + content)
ANSWERS = [['value', 0], ['value', 0], ['value', 0]]
"""


def forging(how: str, ends: Ends = LEFT) -> Hostile:
    """A program that writes the verdict itself and exits."""
    return Hostile(f"{FORGING}\n{textwrap.dedent(how).strip()}\nos._exit(0)\n", ends)


# The programs.

LEAVING = {
    "leaves_by_sys_exit": Hostile("import sys\nsys.exit(0)", ("exception: SystemExit: 0",)),
    "leaves_by_os_exit": Hostile("import os\nos._exit(0)", LEFT),
    "leaves_by_quit": Hostile("quit()", ("exception: SystemExit: None",)),
    "raises_system_exit": Hostile("raise SystemExit", ("exception: SystemExit",)),
    "raises_keyboard_interrupt": Hostile("raise KeyboardInterrupt", ("exception: KeyboardInterrupt",)),
    "raises_generator_exit": Hostile("raise GeneratorExit", ("exception: GeneratorExit",)),
    "leaves_in_the_call": Hostile("import os\ndef f(x):\n    os._exit(0)", LEFT),
    "raises_system_exit_in_the_call": Hostile("def f(x):\n    raise SystemExit(0)", ("exception: SystemExit: 0",)),
    "leaves_by_an_atexit_function": Hostile("import atexit, os\natexit.register(os._exit, 0)", NO_SUCH),
    "leaves_as_an_object_dies": Hostile(
        "import os\nclass A:\n    def __del__(self):\n        os._exit(0)\ndef f(x):\n    A()", LEFT
    ),
    "leaves_as_a_weak_reference_dies": Hostile(
        "import os, weakref\nclass A: pass\na = A()\nr = weakref.finalize(a, os._exit, 0)\ndel a\ndef f(x): return 0", LEFT
    ),
    "leaves_from_a_thread": Hostile(
        "import os, threading, time\nthreading.Thread(target=os._exit, args=(0,)).start()\ntime.sleep(60)", LEFT
    ),
    "leaves_as_its_exception_is_reported": Hostile(
        "import os, sys\nsys.excepthook = sys.__excepthook__ = lambda *told: os._exit(0)\nraise ValueError('x')",
        ("exception: ValueError: x",),
    ),
    "leaves_as_its_exception_is_read": Hostile(
        "import os\nclass E(Exception):\n    def __str__(self):\n        os._exit(0)\nraise E", LEFT
    ),
    "ends_its_main_thread_alone": Hostile(
        raw("return False").source + "\nimport threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), os._exit(0))).start()\ncall('exit', 0)",
        LEFT,
    ),
    "aborts": Hostile("import os\nos.abort()", ("killed: SIGABRT",)),
    "kills_itself": Hostile("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", ("killed: SIGKILL",)),
    "ends_itself_with_sigterm": Hostile("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", ("killed: SIGTERM",)),
    "ends_itself_with_a_timer": Hostile(
        "import signal, time\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\ntime.sleep(60)", ("killed: SIGALRM",)
    ),
}

FORGED = {
    "forges_with_a_guessed_nonce": forging("say(['0' * 32, ANSWERS, ['done']])"),
    "forges_on_every_descriptor": forging(
        """
        for descriptor in range(64):
            try:
                say(['0' * 32, ANSWERS, ['done']], descriptor)
            except OSError:
                pass
        """
    ),
    "forges_with_the_nonce_from_a_frame": forging("say([noted()['nonce'], ANSWERS, ['done']])", WRONG),
    "forges_with_the_nonce_from_the_garbage_collector": forging(
        """
        (request,) = [one for one in gc.get_objects() if type(one) is dict and 'nonce' in one and 'questions' in one]
        say([request['nonce'], ANSWERS, ['done']])
        """,
        WRONG,
    ),
    "forges_in_the_call": Hostile(
        f"{FORGING}\ndef f(x):\n    say([noted()['nonce'], ANSWERS, ['done']])\n    os._exit(0)", WRONG
    ),
    "forges_twice": forging("say([noted()['nonce'], ANSWERS, ['done']])\nsay([noted()['nonce'], ANSWERS, ['done']])"),
    "forges_and_goes_on": Hostile(
        f"{FORGING}\nsay([noted()['nonce'], ANSWERS, ['done']])\ndef f(x):\n    return {SOLUTION}", LEFT
    ),
    "forges_an_end_without_answers": forging("say([noted()['nonce'], [], ['done']])"),
    "forges_too_few_answers": forging("say([noted()['nonce'], ANSWERS[:2], ['done']])", WRONG),
    "forges_too_many_answers": forging("say([noted()['nonce'], ANSWERS * 2, ['done']])"),
    "forges_that_assertions_held": forging("say([noted()['nonce'], [['held']] * 3, ['done']])"),
    "forges_opaque_answers": forging("say([noted()['nonce'], [['value', {'opaque': 'int'}]] * 3, ['done']])", WRONG),
    "forges_not_a_number": forging("say([noted()['nonce'], [['value', float('nan')]] * 3, ['done']])", WRONG),
    "forges_a_value_that_is_none": forging("say([noted()['nonce'], [['value', {'set': [{'list': []}]}]] * 3, ['done']])"),
    "forges_a_value_nested_without_end": forging(
        "say(b'[\"' + noted()['nonce'].encode() + b'\", [[\"value\", ' + b'{\"list\":[' * 100_000)"
    ),
    "forges_a_number_too_long_to_read": forging(
        "say(b'[\"' + noted()['nonce'].encode() + b'\", [[\"value\", ' + b'9' * 10**6 + b']], [\"done\"]]')"
    ),
    "forges_more_members_than_can_leave": forging(
        "say([noted()['nonce'], [['value', {'set': [i * (2**61 - 1) for i in range(20_000)]}]] * 3, ['done']])"
    ),
    "forges_a_range_longer_than_can_leave": forging(
        "say([noted()['nonce'], [['value', {'range': [0, 10**15, 1]}]] * 3, ['done']])"
    ),
    "forges_a_number_with_a_huge_exponent": forging(
        "say([noted()['nonce'], [['value', {'decimal': '1e999999'}]] * 3, ['done']])"
    ),
    # A fraction is reduced when it is made, in quadratic time.
    "forges_numbers_longer_than_can_leave": forging(
        """
        import random
        digits = [{'int': '1' + '%x' % random.getrandbits(4 * 200_000)} for _ in range(2)]
        say([noted()['nonce'], [['value', {'fraction': digits}]] * 3, ['done']])
        """
    ),
    "forges_what_is_no_json": forging("say(b'\\xff\\xfe\\x00')"),
    "forges_an_error_of_its_own": forging(
        "say([noted()['nonce'], [], ['raised', 'right', 'right']])", ("no verdict: it left with status 0",)
    ),
    "forges_an_empty_message": forging("say(b'')"),
    "half_writes_an_answer": forging("os.write(3, struct.pack('>I', 1000) + b'[\"')"),
    "floods_the_answers": forging("while True: os.write(3, bytes(1 << 16))", ("no verdict: it wrote too much",)),
    "floods_the_answers_without_waiting": forging(
        """
        os.set_blocking(3, False)
        while True:
            try:
                os.write(3, bytes(1 << 16))
            except BlockingIOError:
                pass
        """,
        ("no verdict: it wrote too much",),
    ),
    "closes_the_answers": Hostile(
        f"import os\nos.close(3)\ndef f(x):\n    return {SOLUTION}", ("no verdict: it left with status 70",)
    ),
    "closes_every_descriptor": Hostile(
        f"import os\nos.closerange(0, 64)\ndef f(x):\n    return {SOLUTION}", ("no verdict: it left with status 70",)
    ),
    "puts_a_pipe_in_place_of_the_answers": Hostile(
        f"import os\nread, write = os.pipe()\nos.dup2(write, 3)\ndef f(x):\n    return {SOLUTION}", LEFT
    ),
    "prints_among_the_answers": Hostile(
        f"import os\nos.dup2(3, 1)\nos.write(1, b'right\\n')\ndef f(x):\n    return {SOLUTION}", LEFT
    ),
    "prints_to_every_descriptor": Hostile(
        "import os\nfor d in range(64):\n    try: os.write(d, b'passed\\n')\n    except OSError: pass\ndef f(x): return 0", LEFT
    ),
}

PATCHED = {
    "patches_json": Hostile("import json\njson.dumps = json.loads = lambda *a, **k: '[]'\ndef f(x): return 0"),
    "patches_os_write": Hostile("import os\nos.write = lambda d, content: len(content)\ndef f(x): return 0", LEFT),
    "patches_the_sandbox_itself": Hostile(
        """
import sys, types
for name, module in list(sys.modules.items()):
    if name.startswith('sirev'):
        for key, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType):
                setattr(module, key, lambda *a, **k: 0)
def f(x): return 0
""",
        ANYTHING,
    ),
    "patches_how_values_leave": Hostile(
        "import sys\nsys.modules['sirev.grading.sandbox.values']._encode = lambda *a: {'opaque': ''}\ndef f(x): return 0"
    ),
    "patches_compile_eval_and_exec": Hostile(
        "import builtins\nbuiltins.compile = builtins.eval = builtins.exec = lambda *a, **k: True\n", WRONG
    ),
    "patches_isinstance_and_issubclass": Hostile(
        "import builtins\nbuiltins.isinstance = builtins.issubclass = lambda *a: True\ndef f(x): return 0", ANYTHING
    ),
    "patches_assertion_error": Hostile(
        "import builtins\nclass Fine(Exception): pass\nbuiltins.AssertionError = Fine\ndef f(x): return 0"
    ),
    "patches_os_exit_and_goes_on_as_a_worker": Hostile(
        "import os\nos._exit = lambda status: None\nos.close(3)\ndef f(x): return 0", ("no verdict: it left with status 1",)
    ),
    "rewrites_its_callers_variables": Hostile(
        """
import ctypes, sys
frame = sys._getframe(1)
frame.f_locals.update(questions=[], answers=[['value', 0]] * 3, leave=lambda status: None)
if sys.version_info < (3, 13):
    ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), 0)
""",
        ANYTHING,
    ),
    "reads_the_tests_from_frames": attempt(
        """
        import sys
        sought, frame, seen = ''.join(['asse', 'rt f(']), sys._getframe(1), ''
        while frame is not None:
            seen += repr(frame.f_locals)
            frame = frame.f_back
        return sought in seen
        """
    ),
    "reads_the_tests_from_the_garbage_collector": attempt(
        """
        import gc
        sought = ''.join(['asse', 'rt f('])
        return any(sought in repr(one) for one in gc.get_objects() if type(one) in (list, dict, tuple) and len(one) < 100)
        """
    ),
    "reads_the_tests_from_its_memory": attempt(
        """
        import ctypes, gc, re
        pages = {id(one) & ~0xFFF for one in gc.get_objects()}
        return any(re.search(rb'a[s]sert f\\(1\\)', ctypes.string_at(page, 0x1000)) for page in pages)
        """
    ),
    "traces_and_leaves": Hostile("import os, sys\nsys.settrace(lambda *a: os._exit(0))\ndef f(x): return 0", LEFT),
    "traces_and_raises": Hostile("import sys\nsys.settrace(lambda *a: 1 // 0)\ndef f(x): return 0", ANYTHING),
    "profiles_and_leaves": Hostile("import os, sys\nsys.setprofile(lambda *a: os._exit(0))\ndef f(x): return 0", LEFT),
    "hooks_audit_events": Hostile(
        "import os, sys\nsys.addaudithook(lambda event, args: event in ('compile', 'exec') and os._exit(0))\ndef f(x): return 0",
        LEFT,
    ),
    "hooks_imports": Hostile(
        "import builtins, os, sys\nbuiltins.__import__ = lambda *a, **k: os._exit(0)\nsys.meta_path.clear()\nimport this", LEFT
    ),
    "hooks_garbage_collection": Hostile(
        "import gc, os\ngc.callbacks.append(lambda *a: os._exit(0))\ndef f(x): return gc.collect()", LEFT
    ),
}

LYING = {
    "equals_everything": Hostile("class A:\n    def __eq__(self, other): return True\n    __hash__ = None\ndef f(x): return A()"),
    "is_a_number_that_equals_everything": Hostile(
        "class A(int):\n    __eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\n    __hash__ = lambda s: 1\n"
        "    __index__ = __int__ = __bool__ = lambda s: 1\ndef f(x): return A(0)"
    ),
    "is_a_float_that_equals_everything": Hostile("class A(float):\n    __eq__ = lambda s, o: True\ndef f(x): return A(0)"),
    "is_a_text_that_equals_everything": Hostile(
        "class A(str):\n    __eq__ = lambda s, o: True\n    __len__ = lambda s: 0\n    __str__ = lambda s: s\n"
        "def f(x): return A('x')"
    ),
    "is_a_list_that_equals_everything": Hostile(
        "class A(list):\n    __eq__ = lambda s, o: True\n    __iter__ = lambda s: iter(int, 1)\n    __len__ = lambda s: 1 << 60\n"
        "def f(x): return A()"
    ),
    "is_a_dict_that_equals_everything": Hostile(
        "class A(dict):\n    __eq__ = lambda s, o: True\n    items = lambda s: iter(int, 1)\ndef f(x): return A(a=1)"
    ),
    "lies_about_its_class": Hostile(
        "class A:\n    __class__ = int\n    __eq__ = lambda s, o: True\n    __index__ = lambda s: 1\ndef f(x): return A()"
    ),
    "claims_to_be_from_numpy": Hostile(
        "class A:\n    __module__ = 'numpy'\n    __eq__ = lambda s, o: True\n    item = lambda s: s\ndef f(x): return A()"
    ),
    "claims_that_its_class_is_a_number": Hostile(
        "class M(type):\n    __module__ = 'builtins'\n    __name__ = 'int'\n    mro = lambda c: [c, object]\n"
        "class A(metaclass=M):\n    __eq__ = lambda s, o: True\ndef f(x): return A()"
    ),
    "answers_with_mocks_any": Hostile("from unittest import mock\ndef f(x): return mock.ANY"),
    "answers_with_not_implemented": Hostile("def f(x): return NotImplemented"),
    "answers_with_not_a_number": Hostile("def f(x): return float('nan')"),
    "answers_with_its_own_class": Hostile("class A: pass\ndef f(x): return A"),
    "answers_with_an_endless_iterator": Hostile("import itertools\ndef f(x): return itertools.count()"),
    "answers_with_an_endless_iterator_of_its_own": Hostile(
        "class A:\n    __iter__ = lambda s: s\n    __next__ = lambda s: 1\ndef f(x): return A()"
    ),
    "answers_with_an_iterator_that_leaves": Hostile("import os\ndef f(x): return map(os._exit, [0])", LEFT),
    "answers_with_itself_inside": Hostile("a = []\na.append(a)\ndef f(x): return a"),
    "answers_nested_a_hundred_thousand_deep": Hostile("a = []\nfor _ in range(10**5): a = [a]\ndef f(x): return a"),
    "answers_with_ten_million_items": Hostile("def f(x): return [0] * 10**7"),
    "answers_with_a_huge_number": Hostile("def f(x): return 1 << 10**8"),
    "answers_with_a_huge_text": Hostile("def f(x): return 'x' * 10**8"),
    "answers_with_colliding_members": Hostile("def f(x): return {i * (2**61 - 1) for i in range(3000)}"),
    "answers_with_lone_surrogates": Hostile("def f(x): return '\\ud800'"),
}

LIMITED = {
    "loops_forever": Hostile("while True: pass", CPU),
    "swallows_every_exception": Hostile(
        "def f(x):\n    while True:\n        try:\n            x += 1\n        except BaseException:\n            pass", CPU
    ),
    "ignores_every_signal_and_raises_its_limit": Hostile(
        """
import resource, signal
for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
try:
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
except (OSError, ValueError):
    pass
while True: pass
""",
        CPU,
    ),
    "raises_9_to_the_9_to_the_9": Hostile("def f(x): return 9**9**9", (*CPU, *MEMORY_GONE)),
    "backtracks_without_end": Hostile("import re\ndef f(x): return re.match('(a+)+$', 'a' * 60 + 'b')", CPU),
    "loops_in_threads": Hostile(
        "import threading\nthreading.stack_size(1 << 18)\ndef g():\n    while True: pass\n"
        "for _ in range(8): threading.Thread(target=g).start()\ng()",
        CPU,
    ),
    "prints_without_end": Hostile("while True: print('x' * 10_000)", CPU),
    "prints_errors_without_end": Hostile(
        "import sys\nwhile True: sys.stderr.write('x' * 100_000)", ("cpu timeout", "wall timeout"), waits=True
    ),
    "sleeps": Hostile("import time\ntime.sleep(10**6)", ("wall timeout",), waits=True),
    "stops_itself": Hostile("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", ("wall timeout",), waits=True),
    "waits_for_a_thread_that_never_ends": Hostile(
        "import threading\nlock = threading.Lock()\nlock.acquire()\nt = threading.Thread(target=lock.acquire)\n"
        "t.start()\nt.join()",
        ("wall timeout",),
        waits=True,
    ),
    "leaves_a_thread_running": Hostile(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(10**6,)).start()\ndef f(x): return 0"
    ),
    "starts_threads_without_end": Hostile(
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(10**6,)).start()", ANYTHING
    ),
    # With small stacks; in tier B, which does not count threads, only memory bounds them (some 28 per MB).
    "starts_a_hundred_thousand_threads": attempt(
        """
        import ctypes, threading, _thread
        ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX: or each takes 64 MB of addresses
        threading.stack_size(32768)
        held, count = threading.Lock(), 0
        held.acquire()
        try:
            while count < 100_000:
                _thread.start_new_thread(held.acquire, ())
                count += 1
        except (RuntimeError, MemoryError):
            pass
        return count == 100_000
        """,
        ends=ANYTHING,  # once memory is exhausted, any next step may fail
    ),
    "takes_memory_at_once": Hostile("def f(x): return len(bytearray(8 << 30))", MEMORY_GONE),
    "takes_memory_little_by_little": Hostile("a = []\nwhile True: a.append(bytearray(1 << 20))", MEMORY_GONE),
    "takes_memory_by_mmap": Hostile(
        "import mmap\na = []\nwhile True: a.append(mmap.mmap(-1, 1 << 24))",
        ("exception: OSError: [Errno 12] Cannot allocate memory", *MEMORY_GONE),
    ),
    "takes_memory_and_swallows_the_error": Hostile(
        "a = []\nwhile True:\n    try:\n        a.append(bytearray(1 << 20))\n    except BaseException:\n        pass", CPU
    ),
    "opens_files_without_end": Hostile(
        "a = []\nwhile True: a.append(open('/dev/null'))", ("exception: OSError: [Errno 24] Too many open files: '/dev/null'",)
    ),
    "recurses_without_end": Hostile("def f(x): return f(x)", ("exception: RecursionError: maximum recursion depth exceeded",)),
    "recurses_without_a_limit": Hostile("import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return f(x) + 1", ANYTHING),
    "overflows_the_stack": Hostile(
        "import sys\nsys.setrecursionlimit(10**9)\na = []\nfor _ in range(10**6): a = [a]\ndef f(x): return repr(a)", ANYTHING
    ),
    "reads_a_null_pointer": Hostile("import ctypes\nctypes.string_at(0)", ("killed: SIGSEGV",)),
    "writes_over_its_interpreter": Hostile(
        "import ctypes\nctypes.memset(id(int), 0, 400)\ndef f(x): return int(x) + 1", ANYTHING
    ),
    "nests_parentheses": Hostile("(" * 10**5, ("syntax error: SyntaxError: too many nested parentheses (<program>, line 1)",)),
    "nests_signs": Hostile("x = " + "-" * 10**5 + "1", ANYTHING),
    "nests_blocks": Hostile("".join(f"{' ' * i}if 1:\n" for i in range(200)) + " " * 200 + "pass", ANYTHING),
    "holds_null_bytes": Hostile("x = 1\0", ANYTHING),
    "holds_lone_surrogates": Hostile("x = '\ud800'", ANYTHING),
    "is_a_megabyte_of_source": Hostile("x = 1\n" * 170_000, (*NO_SUCH, *MEMORY_GONE, *CPU)),  # as fast as it compiles
    "is_a_megabyte_in_one_expression": Hostile("x = " + "1+" * 500_000 + "1", ANYTHING),
    "asks_for_input": Hostile("def f(x): return int(input())", ("exception: EOFError: EOF when reading a line",)),
    "reads_standard_input": attempt("import sys\nreturn sys.stdin.read()"),
}

FILES = {
    "writes_into_the_store": attempt("with open('@GRADES@', 'a') as file: file.write('right')\nreturn True", tame=True),
    "overwrites_a_grade": attempt("with open('@GRADES@', 'r+') as file: file.write('wrong')\nreturn True", tame=True),
    "creates_a_file_in_the_store": attempt("open('@STORE@/@MARK@', 'x').close()\nreturn True", tame=True),
    "unlinks_a_grade": attempt("import os\nos.unlink('@GRADES@')\nreturn True", tame=True),
    "deletes_the_home_and_the_store": attempt(
        """
        import os, shutil
        before = os.path.exists('@STORE@') and os.path.exists('@HOME@')
        for folder in ('@STORE@', '@HOME@'):
            shutil.rmtree(folder, ignore_errors=True)
        return before and not os.path.exists('@STORE@')
        """,
        tame=True,
    ),
    "deletes_by_a_path_from_the_root_upwards": attempt(
        "import os\nos.chdir('/')\nos.unlink('../../..@GRADES@')\nreturn True", tame=True
    ),
    "removes_a_folder": attempt("import os\nos.rmdir('@HOME@/empty')\nreturn True", tame=True),
    "removes_the_root": attempt("import os\nos.rmdir('/')\nreturn True"),
    "truncates_a_grade": attempt("import os\nos.truncate('@GRADES@', 0)\nreturn True", tame=True),
    "truncates_a_grade_as_it_reads_it": attempt(
        "import os\nos.open('@GRADES@', os.O_RDONLY | os.O_TRUNC)\nreturn True", tame=True
    ),
    "renames_a_grade": attempt("import os\nos.rename('@GRADES@', '@STORE@/@MARK@')\nreturn True", tame=True),
    "swaps_two_files": raw("return call('renameat2', -100, b'@GRADES@', -100, b'@SECRET@', 2) == 0", ends=WRONG, tame=True),
    "links_the_secret": attempt("import os\nos.link('@SECRET@', '@STORE@/@MARK@')\nreturn True", tame=True),
    "makes_a_symbolic_link": attempt("import os\nos.symlink('@SECRET@', '@STORE@/@MARK@')\nreturn True", tame=True),
    "makes_a_folder": attempt("import os\nos.mkdir('@STORE@/@MARK@')\nreturn True", tame=True),
    "makes_a_named_pipe": attempt("import os\nos.mkfifo('@STORE@/@MARK@')\nreturn True", tame=True),
    "makes_a_device": attempt("import os, stat\nos.mknod('@STORE@/@MARK@', stat.S_IFCHR | 0o666, os.makedev(1, 3))\nreturn True"),
    "changes_modes": attempt("import os\nos.chmod('@HOME@', 0o777)\nreturn True", tame=True),
    "changes_modes_by_a_new_call": raw("return libc.syscall(452, -100, b'@HOME@', 0o777, 0) == 0", ends=WRONG),
    "changes_modes_of_an_open_folder": attempt(
        "import os\nos.fchmod(os.open('@HOME@', os.O_RDONLY), 0o777)\nreturn True", tame=True
    ),
    "changes_an_owner": attempt("import os\nos.chown('@HOME@', os.getuid(), os.getgid())\nreturn True", tame=True),
    "changes_times": attempt("import os\nos.utime('@GRADES@', (0, 0))\nreturn True", tame=True),
    "sets_an_attribute": attempt("import os\nos.setxattr('@GRADES@', 'user.@MARK@', b'1')\nreturn True"),
    "writes_wherever_it_may": attempt(
        """
        import os, sys, tempfile
        places = ['.', '/', '/tmp', '/var/tmp', '/dev', '/dev/shm', '/run', '/etc', '/usr', '/usr/local', '/proc/self', '@HOME@',
            '@STORE@', '@REPOSITORY@', '@PURELIB@', '@STDLIB@', '@STDLIB@/__pycache__', tempfile.tempdir or '/tmp', *sys.path]
        worked = 0
        for place in places:
            for flags in (os.O_CREAT | os.O_WRONLY, os.O_TMPFILE | os.O_WRONLY):
                try:
                    os.close(os.open(place if flags & os.O_TMPFILE else os.path.join(place, '@MARK@'), flags, 0o600))
                    worked += 1
                except OSError:
                    pass
        return worked
        """
    ),
    "fills_the_disk": attempt(
        """
        import os
        written = 0
        for place in ('.', '/tmp', '/dev/shm', '/var/tmp', '@HOME@'):
            try:
                with open(os.path.join(place, '@MARK@-full'), 'wb') as file:
                    while written < 1 << 24:
                        written += file.write(bytes(1 << 20))
            except OSError:
                pass
        return written
        """
    ),
    "poisons_the_work_folder": attempt(
        """
        import os, sys
        worked = 0
        for place in ('', '.', *sys.path):
            try:
                with open(os.path.join(place, 'math.py'), 'x') as file:
                    worked += file.write('raise SystemExit  # @MARK@')
            except OSError:
                pass
        return worked
        """
    ),
    "poisons_the_interpreter": attempt(
        """
        import glob, os
        worked = 0
        for path in ['@STDLIB@/json/__init__.py', *glob.glob('@STDLIB@/json/__pycache__/__init__*')]:
            for do in (lambda: os.close(os.open(path, os.O_RDWR)), lambda: os.utime(path, ns=(os.stat(path).st_mtime_ns,) * 2),
                       lambda: os.chmod(path, os.stat(path).st_mode & 0o777)):
                try:
                    do()
                    worked += 1
                except OSError:
                    pass
        return worked
        """
    ),
    "starts_a_program_with_ld_preload": attempt(
        "import os\nos.environ['LD_PRELOAD'] = '/usr/lib/@MARK@.so'\nos.execv('/bin/true', ['true'])", ends=FORBIDDEN
    ),
    "goes_to_another_folder": Hostile("import os\nos.chdir('/usr')\nos.umask(0)\ndef f(x): return 0"),
    "locks_a_file": attempt("import fcntl\nfcntl.flock(open('@STDLIB@/os.py'), fcntl.LOCK_EX)\nreturn True", tame=True),
    "takes_a_lease": attempt(
        "import fcntl\nfcntl.fcntl(open('@STDLIB@/os.py'), fcntl.F_SETLEASE, fcntl.F_RDLCK)\nreturn True", ends=FORBIDDEN
    ),
    "watches_a_folder": attempt(
        "import ctypes\nlibc = ctypes.CDLL(None)\nreturn libc.inotify_add_watch(libc.inotify_init1(0), b'/usr', 0xfff) >= 0",
        tame=True,
    ),
}

SECRETS = {
    "reads_the_secret": reading("return open('@SECRET@').read()", tame=True),
    "reads_the_secret_by_a_raw_call": reading(
        "libc = ctypes.CDLL(None)\nb = ctypes.create_string_buffer(200)\nlibc.read(libc.open(b'@SECRET@', 0), b, 199)\n"
        "return b.value.decode()",
        tame=True,
    ),
    "reads_the_secret_from_an_open_folder": reading(
        "d = os.open('@HOME@', os.O_PATH)\nreturn os.read(os.open('.ssh/id_ed25519', os.O_RDONLY, dir_fd=d), 1000).decode()",
        tame=True,
    ),
    "reads_the_secret_by_openat2": reading(
        "libc = ctypes.CDLL(None)\nd = libc.syscall(437, -100, b'@SECRET@', bytes(24), 24)\nreturn os.read(d, 1000).decode()",
        tame=True,
    ),
    "reads_the_secret_through_proc": reading("return open('/proc/self/root@SECRET@').read()", tame=True),
    "reads_the_secret_through_the_first_process": reading("return open('/proc/1/root@SECRET@').read()"),
    "reads_the_secret_in_a_subprocess": reading(
        "return subprocess.run(['cat', '@SECRET@'], capture_output=True, text=True).stdout", ends=FORBIDDEN, tame=True
    ),
    "imports_the_secret": reading(
        "import importlib.machinery as m\nreturn m.SourceFileLoader('x', '@SECRET@').get_data('@SECRET@').decode()", tame=True
    ),
    "reads_the_environment": reading(f"return os.environ.get('{SECRET_NAME}')"),
    "reads_the_environment_in_memory": reading(
        "libc = ctypes.CDLL(None)\nlibc.getenv.restype = ctypes.c_char_p\n" + f"return libc.getenv(b'{SECRET_NAME}').decode()"
    ),
    **{
        f"reads_the_environment_of_{whose}": reading(
            f"said = open('/proc/{number}/environ').read().split('\\0')\n"
            f"return [one.partition('=')[2] for one in said if one.startswith('{SECRET_NAME}=')][0]"
        )
        for whose, number in {"its_process": "self", "the_first_process": "1", "whoever_grades": "@HARNESS@"}.items()
    },
    "reads_the_environment_of_its_parent": attempt("import os\nreturn open(f'/proc/{os.getppid()}/environ').read()", tame=True),
    "reads_the_command_line_of_whoever_grades": attempt("return open('/proc/@HARNESS@/cmdline').read()", tame=True),
    "reads_the_memory_of_its_parent": attempt("import os\nreturn open(f'/proc/{os.getppid()}/mem', 'rb')"),
    "looks_into_the_descriptors_of_whoever_grades": attempt("import os\nreturn os.listdir('/proc/@HARNESS@/fd')", tame=True),
    "lists_processes": attempt("import os\nreturn os.listdir('/proc')", tame=True),
    "lists_the_home": attempt("import os\nreturn os.listdir('@HOME@')", tame=True),
    "lists_the_store": attempt("import os\nreturn list(os.scandir('@STORE@'))", tame=True),
    "reads_the_grades": attempt("return open('@GRADES@').read()", tame=True),
    "reads_the_list_of_users": attempt("return open('/etc/passwd').read()", tame=True),
    "reads_the_passwords": attempt("return open('/etc/shadow').read()"),
    "reads_the_repository": attempt("return open('@REPOSITORY@/sirev/__init__.py').read()", tame=True),
    "reads_the_kernel_log": raw("return call('syslog', 10, None, 0) >= 0"),
}

PROCESSES = {
    "forks": attempt("import os\nif os.fork() == 0: os._exit(0)\nreturn True", ends=FORBIDDEN, tame=True),
    "forks_without_end": attempt("import os\nwhile True: os.fork()", ends=FORBIDDEN),
    "becomes_a_daemon": attempt(
        """
        import os, time
        if os.fork():
            return True
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(600)
        os._exit(0)
        """,
        ends=FORBIDDEN,
    ),
    "vforks": raw("if libc.vfork() == 0: libc._exit(0)\nreturn True"),
    "clones_a_process": raw("child = call('clone', 17, 0, 0, 0, 0)\nif child == 0: os._exit(0)\nreturn child > 0", tame=True),
    "clones_a_process_by_clone3": raw(
        "child = libc.syscall(435, (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17), 88)\nif child == 0: os._exit(0)\nreturn child > 0",
        ends=WRONG,
        tame=True,
    ),
    "clones_a_thread_into_a_namespace": raw("return call('clone', 0x10000 | 0x100 | 0x800 | 0x10000000, 0, 0, 0, 0) >= 0"),
    "spawns": attempt("import os\nreturn os.posix_spawn('/bin/true', ['true'], {})", ends=FORBIDDEN, tame=True),
    "starts_a_subprocess": attempt(
        "import subprocess\nreturn subprocess.run(['/bin/true']).returncode == 0", ends=FORBIDDEN, tame=True
    ),
    "starts_a_process_of_multiprocessing": attempt(
        "import multiprocessing as m\nm.set_start_method('fork')\np = m.Process(target=int)\np.start()\np.join()\n"
        "return p.exitcode == 0",
        ends=FORBIDDEN,
        tame=True,
    ),
    "starts_a_pool_of_processes": attempt(
        "import multiprocessing as m\nwith m.get_context('fork').Pool(2) as pool: return pool.map(str, [1])",
        ends=(*WRONG, *FORBIDDEN),
    ),
    "runs_a_shell": attempt("import os\nreturn os.system('true') == 0", ends=FORBIDDEN, tame=True),
    "replaces_itself": attempt("import os\nos.execv('/bin/true', ['true'])", ends=FORBIDDEN),
    "replaces_itself_by_execveat": raw("d = os.open('/usr/bin/true', os.O_RDONLY)\ncall('execveat', d, b'', None, None, 0x1000)"),
    "opens_a_terminal": attempt("import os\nreturn os.openpty()", ends=(*WRONG, *FORBIDDEN)),
    "kills_its_parent": attempt("import os\nos.kill(os.getppid(), 9)\nreturn True", ends=FORBIDDEN),
    "kills_whoever_grades": attempt("import os\nos.kill(@HARNESS@, 15)\nreturn True", ends=FORBIDDEN),
    "kills_the_first_process": attempt("import os\nos.kill(1, 9)\nreturn True", ends=FORBIDDEN),
    "signals_everything": attempt("import os\nos.kill(-1, 0)\nreturn True", ends=FORBIDDEN, tame=True),
    "kills_its_group": attempt("import os\nos.kill(0, 9)\nreturn True", ends=FORBIDDEN),
    "kills_its_parents_group": attempt("import os\nos.killpg(os.getpgid(os.getppid()), 9)\nreturn True", ends=FORBIDDEN),
    "kills_its_parent_by_tgkill": raw("parent = os.getppid()\nreturn call('tgkill', parent, parent, 9) == 0"),
    "kills_its_parent_by_tkill": raw("return call('tkill', os.getppid(), 9) == 0"),
    "queues_a_signal_to_its_parent": raw(
        "info = (ctypes.c_int * 32)(9, 0, -1)\nreturn call('rt_sigqueueinfo', os.getppid(), 9, info) == 0"
    ),
    "signals_its_parent_by_a_descriptor": raw(
        "return call('pidfd_send_signal', call('pidfd_open', os.getppid(), 0), 9, None, 0) == 0"
    ),
    "takes_descriptors_of_its_parent": raw("return call('pidfd_getfd', call('pidfd_open', os.getppid(), 0), 4, 0) >= 0"),
    "clears_its_parent_death_signal": raw("return libc.prctl(1, 0, 0, 0, 0) == 0", ends=WRONG, tame=True),
    "makes_itself_readable": raw("return libc.prctl(4, 1, 0, 0, 0) == 0", ends=WRONG, tame=True),
    "asks_for_a_subreaper": raw("return libc.prctl(36, 1, 0, 0, 0) == 0", ends=WRONG, tame=True),
    "makes_the_kernel_signal_its_parent": attempt(
        """
        import fcntl, os, signal
        read, write = os.pipe()
        fcntl.fcntl(read, fcntl.F_SETOWN, os.getppid())
        fcntl.fcntl(read, 10, signal.SIGKILL)
        fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        os.write(write, b'x')
        return True
        """,
        ends=FORBIDDEN,
    ),
    "makes_the_kernel_signal_its_parent_by_ioctl": attempt(
        "import fcntl, os, struct\nfcntl.ioctl(os.pipe()[0], 0x8901, struct.pack('i', os.getppid()))\nreturn True"
    ),
    "slows_its_parent": attempt("import os\nos.setpriority(os.PRIO_PROCESS, os.getppid(), 19)\nreturn True", ends=FORBIDDEN),
    "limits_its_parent": attempt(
        "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (4, 4))\nreturn True"
    ),
    "moves_its_parent": attempt("import os\nos.sched_setaffinity(os.getppid(), {0})\nreturn True", ends=FORBIDDEN),
    "makes_its_parent_idle": raw("return call('ioprio_set', 1, os.getppid(), 3 << 13) == 0"),
    "traces_its_parent": raw("return call('ptrace', 16, os.getppid(), 0, 0) == 0"),
    "asks_to_be_traced": raw("return call('ptrace', 0, 0, 0, 0) == 0", tame=True),
    "reads_its_parents_memory": raw(
        "b = ctypes.create_string_buffer(8)\nv = (ctypes.c_void_p * 2)(ctypes.addressof(b), 8)\n"
        "w = (ctypes.c_void_p * 2)(id(int), 8)\n"
        "return call('process_vm_readv', os.getppid(), v, 1, w, 1, 0) == 8"
    ),
    "writes_its_parents_memory": raw(
        "b = ctypes.create_string_buffer(8)\nv = (ctypes.c_void_p * 2)(ctypes.addressof(b), 8)\n"
        "w = (ctypes.c_void_p * 2)(id(int), 8)\n"
        "return call('process_vm_writev', os.getppid(), v, 1, w, 1, 0) == 8"
    ),
    "compares_itself_with_its_parent": raw("return call('kcmp', os.getpid(), os.getppid(), 1, 0, 0) >= 0", tame=True),
    "leaves_its_session": attempt("import os\nos.setsid()\nreturn True", ends=FORBIDDEN),
    "leaves_its_group": attempt("import os\nos.setpgid(0, 0)\nreturn True", ends=FORBIDDEN),
    "becomes_root": attempt("import os\nos.setresuid(0, 0, 0)\nreturn True", ends=FORBIDDEN),
    "joins_groups": attempt("import os\nos.setgroups([0])\nreturn True", ends=FORBIDDEN),
    "gives_itself_capabilities": raw(
        "return call('capset', (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(1)) == 0"
    ),
    "sets_a_filter_of_its_own": raw("return call('seccomp', 2, 0, 0x80) == 0"),
}

KERNEL = {
    "opens_a_socket": attempt("import socket\nreturn socket.socket()", ends=FORBIDDEN, tame=True),
    "opens_a_datagram_socket": attempt("import socket\nreturn socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)", ends=FORBIDDEN),
    "connects": attempt(
        "import socket\nsocket.create_connection(('127.0.0.1', @PORT@), 1)\nreturn True", ends=(*WRONG, *FORBIDDEN)
    ),
    "listens": attempt(
        "import socket\nserver = socket.create_server(('127.0.0.1', @PORT@))\nreturn server", ends=FORBIDDEN, tame=True
    ),
    "fetches_a_page": attempt("import urllib.request\nreturn urllib.request.urlopen('http://127.0.0.1:@PORT@')", ends=ANYTHING),
    "looks_a_name_up": attempt("import socket\nreturn socket.getaddrinfo('example.org', 80)", ends=ANYTHING),
    "binds_an_abstract_socket": attempt(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('\\0@MARK@')\ns.listen()\nreturn s", ends=FORBIDDEN, tame=True
    ),
    "binds_a_socket_in_the_store": attempt(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('@STORE@/@MARK@')\nreturn s", ends=FORBIDDEN, tame=True
    ),
    "makes_a_pair_of_sockets": attempt("import socket\nreturn socket.socketpair()", ends=FORBIDDEN, tame=True),
    "talks_to_the_kernel_by_netlink": attempt(
        "import socket\nreturn socket.socket(16, socket.SOCK_RAW, 0)", ends=FORBIDDEN, tame=True
    ),
    "opens_an_io_uring": raw("return call('io_uring_setup', 8, (ctypes.c_uint32 * 30)()) >= 0"),
    "makes_a_file_in_memory": attempt("import os\nreturn os.memfd_create('@MARK@')", ends=FORBIDDEN, tame=True),
    "leaves_shared_memory": raw(f"return libc.shmget({IPC_KEY}, 4096, 0o1666) >= 0"),
    "leaves_a_semaphore": raw(f"return libc.semget({IPC_KEY}, 1, 0o1666) >= 0"),
    "leaves_a_message_queue": raw(f"return libc.msgget({IPC_KEY}, 0o1666) >= 0"),
    "opens_a_message_queue": raw("return call('mq_open', b'@MARK@', 0o102, 0o600, None) >= 0"),
    "leaves_shared_memory_with_a_name": attempt(
        "from multiprocessing import shared_memory\nreturn shared_memory.SharedMemory('@MARK@', create=True, size=10)",
        ends=(*WRONG, *FORBIDDEN),
    ),
    "leaves_a_key": raw("return call('add_key', b'user', b'@MARK@', b'x', 1, -4) >= 0"),
    "loads_a_program_into_the_kernel": raw("return call('bpf', 0, bytes(128), 128) >= 0"),
    "counts_events": raw("return call('perf_event_open', bytes(128), 0, -1, -1, 0) >= 0"),
    "handles_faults": raw("return call('userfaultfd', 1) >= 0"),
    "mounts": raw("return libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0"),
    "unmounts": raw("return libc.umount2(b'/@MARK@', 2) == 0"),
    "makes_a_namespace": raw("return libc.unshare(0x10000000) == 0"),
    "joins_a_namespace": raw("return libc.setns(0, 0) == 0"),
    "changes_its_root": attempt("import os\nos.chroot('/usr')\nreturn True", ends=FORBIDDEN),
    "opens_a_file_by_its_handle": raw("return call('open_by_handle_at', -100, bytes(24), 0) >= 0"),
    "changes_its_personality": raw("return call('personality', 0x0040000) >= 0", tame=True),
    "changes_its_segments": raw("return call('modify_ldt', 1, bytes(16), 16) == 0", machine="x86_64"),
    "sets_the_clock": raw("return call('settimeofday', None, None) == 0"),
    "sets_the_name_of_the_machine": attempt(
        "import os, socket\nsocket.sethostname(os.uname().nodename)\nreturn True", ends=FORBIDDEN
    ),
    "loads_a_module_into_the_kernel": raw("return call('init_module', None, 0, None) == 0"),
    "locks_itself_further_in": raw("return call('landlock_create_ruleset', None, 0, 1) > 0", tame=True),
    "calls_by_the_numbers_of_x32": raw(
        "return max(libc.syscall(ctypes.c_long(0x40000000 | number), 1, 1, 0) for number in (41, 53, 319)) >= 0",
        ends=WRONG,
        machine="x86_64",
    ),
    **{
        f"calls_{name}_of_32_bits": raw(
            f"""
            import mmap
            # push rbx; mov eax, number; mov ebx, 1; mov ecx, 0; int 0x80; pop rbx; ret
            code = b'\\x53\\xb8' + ({number}).to_bytes(4, 'little') + b'\\xbb\\x01\\0\\0\\0\\xb9\\0\\0\\0\\0\\xcd\\x80\\x5b\\xc3'
            page = mmap.mmap(-1, 4096, prot=7)
            page.write(code)
            got = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
            if {number} == 2 and got == 0:
                os._exit(0)
            return got != -38
            """,
            machine="x86_64",
        )
        for name, number in {"getpid": 20, "fork": 2, "execve": 11, "socketcall": 102, "kill": 37}.items()
    },
}

# An earlier program's remains in memory would solve these.
PREDECESSORS = tuple(
    parasites.marked(f"def f(x):\n    # draw {i}\n    return {SOLUTION}\nimport sys\nsys.stderr.write(text[0])", f"{i}x")
    for i in range(7)
)
DRAWS = tuple(f"{'# of draw {i}, before the solution' * i * 9}\ndef f(x):\n    return {SOLUTION}\n" for i in range(7))
PARASITES = {
    "runs_its_predecessors": Hostile(parasites.RUNS_ITS_PREDECESSORS, after=DRAWS),
    "repeats_its_predecessors_answers": Hostile(parasites.REPEATS_THEIR_ANSWERS, after=PREDECESSORS),
    "finds_a_line_of_its_predecessors": Hostile(
        f"{parasites.LINES}\ndef f(x):\n    return {SOLUTION} if lines else 0\n", after=PREDECESSORS
    ),
}

HOSTILE: dict[str, Hostile] = {
    name: hostile
    for table in (LEAVING, FORGED, PATCHED, LYING, LIMITED, FILES, SECRETS, PROCESSES, KERNEL, PARASITES)
    for name, hostile in table.items()
    if hostile.machine in ("", platform.machine())
}

GOOD = f"def f(x):\n    return {SOLUTION}\n"

HONEST: dict[str, str] = {
    "is_plain": GOOD,
    "computes_for_a_while": f"import time\nwhile time.process_time() < 0.4: pass\n{GOOD}",
    "catches_memory_error": f"try:\n    bytearray(8 << 30)\nexcept MemoryError:\n    pass\n{GOOD}",
    "fills_its_memory_and_catches_the_error": (
        "import ctypes\na = []\ntry:\n    while True: a.append(ctypes.create_string_buffer(1 << 20))\n"
        f"except MemoryError:\n    a.clear()\n{GOOD}"
    ),
    "uses_much_memory": f"a = bytearray(150 << 20)\n{GOOD}",
    "catches_recursion_error": f"def g(): g()\ntry:\n    g()\nexcept RecursionError:\n    pass\n{GOOD}",
    "recurses_deeply": f"import sys\nsys.setrecursionlimit(10**6)\ndef g(n): return n and g(n - 1)\nassert g(9000) == 0\n{GOOD}",
    "prints_a_lot": f"print('x' * 10_000_000)\nfor i in range(10_000): print(i)\n{GOOD}",
    "prints_many_errors": f"import sys\nfor i in range(1000): print('x' * 1000, file=sys.stderr)\n{GOOD}",
    "prints_in_the_call": GOOD.replace("return", "print(x)\n    return"),
    "prints_surrogates_and_nulls": (
        f"import sys\nsys.stderr.write('\\ud800\\0\\x1b[2J')\nsys.stdout.buffer.write(b'\\xff')\n{GOOD}"
    ),
    "closes_standard_output": f"import sys\nsys.stdout.close()\nsys.stdin.close()\n{GOOD}",
    "has_no_standard_output": f"import sys\nsys.stdout = sys.stderr = None\n{GOOD}",
    "redirects_its_output": (
        "import contextlib, io, os\nwith open(os.devnull, 'w') as file, contextlib.redirect_stdout(file): print('x')\n"
        f"with contextlib.redirect_stdout(io.StringIO()) as said: print('x')\nassert said.getvalue() == 'x\\n'\n{GOOD}"
    ),
    "has_threads_that_end": (
        "import threading\na = []\nts = [threading.Thread(target=a.append, args=(i,)) for i in range(20)]\n"
        f"for t in ts: t.start()\nfor t in ts: t.join()\nassert len(a) == 20\n{GOOD}"
    ),
    "has_a_pool_of_threads": (
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(8) as pool:\n"
        f"    assert list(pool.map(abs, range(100))) == list(range(100))\n{GOOD}"
    ),
    # As many as the standard library starts on a machine with 28 cores.
    "has_a_pool_of_many_threads": (
        "from concurrent.futures import ThreadPoolExecutor\nimport time\nwith ThreadPoolExecutor(32) as pool:\n"
        "    assert list(pool.map(lambda i: (time.sleep(0.02), i)[1], range(100))) == list(range(100))\n"
        f"{GOOD}"
    ),
    "has_a_thread_that_raises": f"import threading\nt = threading.Thread(target=lambda: 1 // 0)\nt.start()\nt.join()\n{GOOD}",
    "leaves_a_daemon_thread": (
        f"import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n{GOOD}"
    ),
    "sleeps_a_little": f"import time\ntime.sleep(0.2)\n{GOOD}",
    "sets_and_stops_a_timer": (
        "import signal\nhit = []\nsignal.signal(signal.SIGALRM, lambda *a: hit.append(1))\n"
        f"signal.setitimer(signal.ITIMER_REAL, 0.05)\nwhile not hit: signal.sigtimedwait([], 0.01)\n{GOOD}"
    ),
    "signals_itself": (
        "import os, signal\nhit = []\nsignal.signal(signal.SIGUSR1, lambda *a: hit.append(1))\n"
        f"os.kill(os.getpid(), signal.SIGUSR1)\nsignal.raise_signal(signal.SIGUSR1)\nassert len(hit) == 2\n{GOOD}"
    ),
    "registers_an_atexit_function": f"import atexit, os\natexit.register(os._exit, 1)\n{GOOD}",
    "catches_its_own_exit": f"import sys\ntry:\n    sys.exit(1)\nexcept SystemExit:\n    pass\n{GOOD}",
    "has_a_main_part_that_asks_for_input": f"{GOOD}if __name__ == '__main__':\n    print(f(int(input())))\n",
    "reads_the_end_of_its_input": f"import sys\nassert sys.stdin.read() == ''\n{GOOD}",
    "hides_builtins": f"sum = print = int = len = isinstance = None\n{GOOD}",
    "needs_the_usual_imports": (
        "def f(x: List[int]) -> Optional[int]:\n    assert heapq.nsmallest(1, [3, 1]) == [1] and Counter('a')['a'] == 1\n"
        f"    return {SOLUTION}\n"
    ),
    "has_carriage_returns": GOOD.replace("\n", "\r\n"),
    "has_tabs": GOOD.replace("    ", "\t"),
    "has_annotations_for_later": f"from __future__ import annotations\n{GOOD}",
    "has_a_dataclass": (
        f"import dataclasses\n@dataclasses.dataclass\nclass P:\n    v: 'int'\ndef f(x):\n    return P({SOLUTION}).v\n"
    ),
    "has_a_cache": f"@lru_cache(maxsize=None)\n{GOOD}",
    "answers_with_a_subclass": f"class A(int):\n    pass\ndef f(x):\n    return A({SOLUTION})\n",
    "answers_with_an_enumeration": f"import enum\nclass E(enum.IntEnum):\n    A = {104729 + 15485863}\n"
    f"def f(x):\n    return E.A if x == 1 else {SOLUTION}\n",
    "answers_with_a_float": f"def f(x):\n    return float({SOLUTION})\n",
    "answers_with_a_fraction": (
        f"import fractions, decimal\ndef f(x):\n    return [decimal.Decimal, fractions.Fraction][x % 2]({SOLUTION})\n"
    ),
    "uses_numpy": (
        "import numpy as np\na = np.arange(10_000).reshape(100, 100)\nassert (a @ a).shape == (100, 100)\n"
        f"assert np.linalg.inv(np.eye(50)).trace() == 50\ndef f(x):\n    return np.int64({SOLUTION})\n"
    ),
    "uses_chance": (
        f"import random, secrets, uuid\nassert 0 <= random.random() < 1 and secrets.token_hex(4) and uuid.uuid4()\n{GOOD}"
    ),
    "uses_dates": (
        "import datetime, time, zoneinfo\nassert datetime.datetime.now() and time.localtime()\n"
        f"assert datetime.date(2020, 1, 1).strftime('%A') == 'Wednesday' and zoneinfo.ZoneInfo\n{GOOD}"
    ),
    "collects_garbage": f"import gc\ngc.collect()\ngc.disable()\n{GOOD}",
    "opens_many_files": f"fs = [open('/dev/null') for _ in range(40)]\nfor file in fs: file.close()\n{GOOD}",
    "uses_pipes": f"import os\nr, w = os.pipe()\nos.write(w, b'x')\nassert os.read(r, 1) == b'x'\n{GOOD}",
    "raises_its_recursion_and_memory_limits": (
        f"import resource, sys\nsoft, hard = resource.getrlimit(resource.RLIMIT_STACK)\n"
        f"resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))\nsys.setrecursionlimit(10**5)\n{GOOD}"
    ),
}

AFTER = f"""
import json, math, mmap, os, signal, sys, threading, time
assert os.getcwd() == '/' and math.sqrt(16) == 4 and json.loads(json.dumps([1])) == [1]
assert sys.gettrace() is None and sys.getrecursionlimit() == 1000 and 'zzz' not in sys.modules
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and not signal.sigpending()
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
assert isinstance(1, int) and AssertionError.__module__ == 'builtins' and threading.active_count() == 1
assert len(mmap.mmap(-1, 200 << 20)) == 200 << 20 and os.umask(0) != 0 and time.process_time() < 0.5
for _ in range(5):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
{GOOD}"""
"""An honest program that fails if an earlier one has left anything."""


# Their outcomes.


@dataclass(frozen=True)
class Tried:
    """Verdicts on a program and on `AFTER`, which ran next, and whether one worker ran both and is still alive."""

    verdict: str
    after: str
    same_worker: bool


def idle(pool: Pool) -> list[int]:
    """Ids of a pool's idle and living workers."""
    return [worker._process.pid for worker in pool._idle if worker._process.poll() is None]


def judged(pool: Pool, source: str, tests: tuple[str, ...] = TESTS) -> str:
    """The verdict on one program."""
    taken = claims(tests)
    ((_, outcome),) = pool.run([Program((source,), tuple(claim.question for claim in taken))])
    return program_verdict(outcome, taken)


class Pools:
    """One worker of a tier for each kind of program, with its limits: ample ones unless the limit is what should end it.

    Some machines take seconds to fill a gigabyte.
    """

    def __init__(self, tier: Tier) -> None:
        self._hostile = Pool(tier, Limits(10, MEMORY), 1)
        self._endless = Pool(tier, Limits(1, MEMORY), 1)
        self._waiting = Pool(tier, Patient(1, MEMORY), 1)
        self._honest = Pool(tier, Limits(10), 1)

    def __enter__(self) -> Pools:
        return self

    def __exit__(self, *raised: object) -> None:
        for pool in (self._hostile, self._endless, self._waiting, self._honest):
            pool.__exit__(None, None, None)

    def hostile(self, name: str, place: Place) -> Tried:
        """Run one of HOSTILE, after its honest programs."""
        hostile = HOSTILE[name]
        endless = not hostile.ends or bool({*hostile.ends} & {*CPU})
        pool = self._waiting if hostile.waits else self._endless if endless else self._hostile
        for source in hostile.after:
            assert judged(pool, source) == RIGHT
        return _tried(pool, place.fill(hostile.source), hostile.tests)

    def honest(self, name: str) -> Tried:
        """Run one of HONEST."""
        return _tried(self._honest, HONEST[name])


def _tried(pool: Pool, source: str, tests: tuple[str, ...] = TESTS) -> Tried:
    if not idle(pool):
        judged(pool, GOOD)
    before = idle(pool)
    return Tried(judged(pool, source, tests), judged(pool, AFTER), idle(pool) == before)


def accepted(name: str, tried: Tried) -> bool:
    """Whether a program of HOSTILE ended as expected, and changed nothing for the next one."""
    ends = HOSTILE[name].ends
    ended = tried.verdict in ends if ends else tried.verdict not in (RIGHT, IN_PROCESS)
    return ended and tried == Tried(tried.verdict, RIGHT, True)


def main(folder: str, tier: Tier) -> None:
    """Assert that the place is this user's own, then run all programs there, and print the outcomes."""
    place = Place(Path(folder))
    assert (place.home / ".ssh" / "id_ed25519").read_text() == os.environ[SECRET_NAME] == SECRET
    assert all(os.access(path, os.W_OK) for path in (place.home, place.store, place.store / "objects" / "grades"))
    refused = trouble(tier)
    found: dict[str, Tried] = {}
    if not refused:
        waits = [name for name, hostile in HOSTILE.items() if hostile.waits]
        with Pools(tier) as pools, ThreadPoolExecutor(1) as beside:
            waiting = beside.submit(lambda: {name: pools.hostile(name, place) for name in waits})
            found |= {name: pools.hostile(name, place) for name in HOSTILE if name not in waits}
            found |= {name: pools.honest(name) for name in HONEST}
            found |= waiting.result()
    print(json.dumps({"uid": os.getuid(), "refused": refused, "tried": {name: asdict(one) for name, one in found.items()}}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])  # type: ignore[arg-type]
