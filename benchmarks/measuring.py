"""Distinct-N beside the `diversity` package and nltk, and the measuring of a whole study's graded completions.

    python benchmarks/measuring.py [--repeats N] [--problems N] [--draws N] [--models N]

Side by side, all on one core and on the same texts, in short turns: Distinct-N for n = 1..5 of each problem's 64 answers.
`diversity` takes a word for what stands between blanks ("7.\\n" is one), so it has fewer n-grams to count; it is measured so and
on our tokens, joined by blanks. nltk counts with sets of its n-grams: of the tokens of its quickest tokeniser, and of ours, made
beforehand. Each turn has problems of its own. Both live in build/benchmark-venv, made at the first run; where that can't be done,
sirev is measured alone.

Then the stages `measure`, families accuracy and diversity, and `compare`, reading and writing included, on a quarter, a half and
all of the problems, each in a process of its own. The completions are made up from a seed, about as long as GSM8K's.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from sirev.metrics.distinct import n_grams, tokens
from sirev.stages import compare, measure
from sirev.store.artifacts import Artifact, Output
from sirev.store.store import Store
from sirev.store.tables import Table

CHECKOUT = Path(__file__).resolve().parents[1]
ENVIRONMENT = CHECKOUT / "build" / "benchmark-venv"
PYTHON = ENVIRONMENT / "bin" / "python"
NEEDED = (["--no-deps", "diversity==0.3.1"], ["nltk>=3.9"])
"""Without what the other measures of `diversity` need: only its file of n-grams is used, and that needs nltk alone."""

PEERS = {
    "diversity, its own words": ("diversity", "texts"),
    "diversity, our tokens": ("diversity", "joined"),
    "nltk, wordpunct_tokenize": ("nltk", "texts"),
    "nltk, our tokens": ("nltk", "tokens"),
}
"""What is called, and what it is given."""
GOAL, LIMIT = 5, 60

PEER = """
import importlib.util, json, sys, sysconfig, time
from pathlib import Path
import nltk
path = Path(sysconfig.get_path("purelib")) / "diversity" / "ngram_diversity.py"
spec = importlib.util.spec_from_file_location("ngram_diversity", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)

def by_nltk(answers):
    tokenised = [nltk.wordpunct_tokenize(one) if isinstance(one, str) else one for one in answers]
    score = 0
    for n in range(1, 6):
        grams = [gram for answer in tokenised for gram in nltk.ngrams(answer, n)]
        score += len(set(grams)) / len(grams)
    return score

turns = json.loads(Path(sys.argv[2]).read_text())
count = by_nltk if sys.argv[1] == "nltk" else lambda answers: module.ngram_diversity_score(answers, 5)
for line, problems in zip(sys.stdin, turns):
    began = time.process_time()
    scores = [count(answers) for answers in problems]
    print(json.dumps([time.process_time() - began, scores]), flush=True)
"""
"""Runs in ENVIRONMENT. Each line it is given is a turn; each it prints is that turn's CPU seconds and sums of Distinct-N."""

NAMES = ("Janet", "Tom", "Mia", "Ahmed", "Lena", "Ravi", "Ines", "Omar")
THINGS = ("eggs", "robes", "apples", "tickets", "pages", "miles", "cupcakes", "stamps", "cards", "bolts")
OPENINGS = (
    "{name} starts with {a} {things} and gets {b} more, so there are {a} + {b} = <<{a}+{b}={c}>>{c} {things} in all.",
    "First we add the {things}: {a} + {b} = {c}, which is what {name} has after the first day of the week.",
    "On Monday {name} had {a} {things}, and {b} came later. That makes {a}+{b}={c} {things} so far.",
)
MIDDLES = (
    "Every one of them costs ${b}, so together the {things} cost ${c} * {b} = $<<{c}*{b}={d}>>{d} for {name}.",
    "Since each of the {things} is worth {b} dollars, {name} would get {c} * {b} = {d} dollars by selling all of them.",
    "Then multiply the {c} {things} by {b}, because {name} does the same on each of the days: {c} * {b} = {d}.",
)
TURNS = (
    "Of this {name} has to give away {a}, which leaves {d} - {a} = <<{d}-{a}={e}>>{e} at the end of the day.",
    "But {a} of that is spent at once, so what is left for {name} is {d} - {a} = {e}, not counting the rest.",
    "We must not forget to take {a} off: {d} - {a} = {e}. So far this is everything that {name} keeps.",
)
ENDINGS = (
    "Half of it is {e} / 2 = {f}, and this is how much {name} makes.\n#### {f}",
    "In the end {name} shares with a friend, so the answer is {e}/2 = <<{e}/2={f}>>{f}.\n#### {f}",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15, help="turns of each side by side")
    parser.add_argument("--problems", type=int, default=1319)
    parser.add_argument("--draws", type=int, default=64)
    parser.add_argument("--models", type=int, default=5)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    side_by_side(arguments.repeats)
    whole(arguments.problems, arguments.draws, arguments.models)


def completion(problem: random.Random, draw: random.Random) -> tuple[str, int, bool]:
    """A solution in four sentences, its number, and whether every step of it is right."""
    name, things, a, b = problem.choice(NAMES), problem.choice(THINGS), problem.randrange(3, 60), problem.randrange(2, 30)
    slips = [draw.choice((-10, -1, 1, 10)) if draw.random() < 0.12 else 0 for _ in range(4)]
    c = a + b + slips[0]
    d = c * b + slips[1]
    e = d - a + slips[2]
    f = e // 2 + slips[3]
    values = {"name": name, "things": things, "a": a, "b": b, "c": c, "d": d, "e": e, "f": f}
    text = "\n".join(draw.choice(kind).format(**values) for kind in (OPENINGS, MIDDLES, TURNS, ENDINGS))
    return text, f, not any(slips)


def answers(model: int, problem: int, draws: int) -> Iterator[tuple[str, int, bool]]:
    """The draws of one model for one problem: the problem is the same for all models."""
    drawing = random.Random(f"{model} {problem}")
    for _ in range(draws):
        yield completion(random.Random(problem), drawing)


def side_by_side(repeats: int, problems: int = 20, draws: int = 64) -> None:
    """Distinct-N by all of them, in turn."""
    turns = range(repeats + 1)  # the first one warms up
    texts = [
        [[text for text, _, _ in answers(0, turn * problems + problem, draws)] for problem in range(problems)] for turn in turns
    ]
    tokenised = [[[tokens(text) for text in problem] for problem in turn] for turn in texts]
    mean = statistics.mean(len(one) for turn in tokenised for problem in turn for one in problem)
    print(f"\nDistinct-1 to 5 of {problems} problems x {draws} answers of {mean:.0f} tokens, CPU time, {repeats} turns each")
    joined = [[[" ".join(one) for one in problem] for problem in turn] for turn in tokenised]
    given = {"texts": texts, "tokens": tokenised, "joined": joined}
    found: dict[str, list[float]] = {"sirev": []}
    scores: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        peers = {}
        for name, (call, kind) in PEERS.items() if installed() else ():
            path = Path(folder) / f"{kind}.json"
            path.write_text(json.dumps(given[kind]))
            peers[name] = subprocess.Popen(
                [PYTHON, "-c", PEER, call, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            found[name] = []
        for turn in turns:
            began = time.process_time()
            scores["sirev"] = [sum(one.distinct / int(one.totals.sum()) for one in n_grams(problem)) for problem in texts[turn]]
            took = {"sirev": time.process_time() - began}
            for name, peer in peers.items():
                assert peer.stdin is not None
                assert peer.stdout is not None
                peer.stdin.write("\n")
                peer.stdin.flush()
                took[name], scores[name] = json.loads(peer.stdout.readline())
            for name, seconds in took.items():
                found[name] += [seconds] if turn else []
        for peer in peers.values():
            peer.communicate()
    ours = statistics.median(found["sirev"])
    for name, taken in found.items():
        median = statistics.median(taken)
        beside = "" if name == "sirev" else f"   sirev is {median / ours:5.1f} x as fast (goal {GOAL})"
        print(f"  {name:28}{median / problems / draws * 1e6:8.1f} us an answer{beside}")
    if "nltk, our tokens" in scores:
        assert all(abs(a - b) < 1e-9 for a, b in zip(scores["sirev"], scores["nltk, our tokens"], strict=True)), "not the same"
        print("  nltk's values for our tokens are the same")


def installed() -> bool:
    """See that ENVIRONMENT holds both; False, said, where that can't be done."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    known = [PYTHON, "-c", "import importlib.metadata as m; m.version('diversity'), m.version('nltk')"]
    if subprocess.run(known, capture_output=True).returncode == 0:
        return True
    for packages in NEEDED:
        command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *packages]
        found = subprocess.run(command, capture_output=True, text=True)
        if found.returncode:
            print(f"without diversity and nltk, since they can't be installed: {found.stderr[-300:]}")
            return False
    return True


def whole(problems: int, draws: int, models: int) -> None:
    """The stage on parts of the problems, to see that time grows with their number and no faster, and memory is bounded."""
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"\nstages `measure` (accuracy and diversity) and `compare`, {models} models x {draws} draws, {load}")
    print(f"  {'problems':>9}{'completions':>13}{'seconds':>9}{'of CPU':>9}{'us each':>9}{'RSS, MiB':>10}{'of a worker':>13}")
    for part in (4, 2, 1):
        size = problems // part
        with tempfile.TemporaryDirectory() as folder:
            made = alone(make, folder, size, draws, models)  # the memory that making them takes is not counted
            seconds, cpu, own, worker = alone(measured, folder, made)
        each = cpu / (size * draws * models) * 1e6
        goal = f"   (limit {LIMIT} s)" if part == 1 else ""
        print(
            f"  {size:9,}{size * draws * models:13,}{seconds:9.1f}{cpu:9.1f}{each:9.0f}{own:10.0f}{worker:13.0f}{goal}",
            flush=True,
        )


def alone(work: Callable[..., Any], *given: Any) -> Any:
    """What `work` returns in a process of its own, which may have workers."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *given).result()


def make(folder: str, problems: int, draws: int, models: int) -> list[dict[str, str]]:
    """Graded completions of each model in a store; the digests of the stage's inputs."""
    store = Store(Path(folder))
    ids = [f"gsm8k/{i:05}" for i in range(problems)]
    columns = {"id": "string", "level": "string"}
    asked = publish(store, "problems", columns, [{"id": x, "level": "1"} for x in ids], ("id",))
    made = []
    for model in range(models):
        completions, grades = [], []
        for index, problem in enumerate(ids):
            for draw, (text, answer, right) in enumerate(answers(model, index, draws)):
                key = {"problem_id": problem, "draw": draw}
                completions.append({**key, "text": text, "tokens": len(text) // 4, "finish": "stop"})
                grades.append({**key, "correct": right, "reason": "right" if right else "wrong", "answer": str(answer)})
        kinds = {"problem_id": "string", "draw": "int"}
        order = ("problem_id", "draw")
        texts = publish(
            store, "completions", {**kinds, "text": "string", "tokens": "int", "finish": "string"}, completions, order
        )
        judged = publish(store, "grades", {**kinds, "correct": "bool", "reason": "string", "answer": "string"}, grades, order)
        made.append({"problems": asked, "completions": texts, "grades": judged})
    return made


def publish(store: Store, name: str, columns: dict[str, str], rows: Sequence[dict[str, Any]], order: tuple[str, ...]) -> str:
    """The digest of a table in the store."""
    return store.publish({"stage": name}, Output(tables={name: Table(columns, rows, order)})).digest


def measured(folder: str, made: list[dict[str, str]]) -> tuple[float, float, float, float]:
    """Seconds of measuring and comparing all models, CPU seconds, and the peak MiB of this process and of the largest worker."""
    store = Store(Path(folder))
    began = time.perf_counter()
    compared: dict[str, Artifact] = {}
    for t, digests in enumerate(made, 1):
        inputs: dict[str, Artifact] = {name: store.artifact(digest) for name, digest in digests.items()}
        for family, what in (("accuracy", "draws"), ("diversity", "diversity")):
            output = measure.run(measure.parameters_for(family), inputs, None)  # type: ignore[arg-type]
            compared[f"sft/0/{t}/{what}"] = store.publish({"stage": what, "t": t}, output)
    runs = [{"method": "sft", "seed": 0, "iterations": list(range(1, len(made) + 1))}]
    compare.run(compare.CompareParameters(runs=runs, suites=[]), compared, None)  # type: ignore[arg-type]
    seconds = time.perf_counter() - began
    import joblib
    from joblib.externals.loky import get_reusable_executor

    told = joblib.Parallel(n_jobs=joblib.cpu_count())(joblib.delayed(Path.read_text)(STATUS) for _ in range(16))
    get_reusable_executor().shutdown(wait=True)  # a process that has ended counts among the children
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return seconds, sum(one.ru_utime + one.ru_stime for one in used), peak(STATUS.read_text()), max(map(peak, told))


STATUS = Path("/proc/self/status")


def peak(status: str) -> float:
    """The largest RSS of a process so far, in MiB. (Of a worker getrusage tells that of its parent, if that was larger.)"""
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
