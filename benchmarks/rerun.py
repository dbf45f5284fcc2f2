"""What it costs to find that nothing is to be done: a chain of ten stages run again, by sirev and by others.

    python benchmarks/rerun.py [--repeats N] [--only NAME...]

Every stage takes the JSON value of the one before (about 100 KB) and makes another as large. Beside sirev: joblib.Memory,
diskcache, redun, DVC and ai2-tango, each called from a program of its own, in an environment of its own in build/rerun, made
at the first run. sirev does what `sirev iterate` does: it looks every stage up by its key, which holds the digest of the
stage before, checks every manifest and that the files are there, and opens (that is, hashes) what is read in the end. Once
with the store alone, once through the runner, with its pins, which also imports all stages of sirev; and `sirev iterate`
itself, with as many stages as it has.

Whole processes, alternating; quoted are medians of wall time, of CPU time (which other work on the machine disturbs less) and
of the time that the chain took inside the process, a stage. Each answer is compared, and that no stage was computed again.
The floors are Python itself and Python with what no command line of sirev can do without.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = CHECKOUT / "build" / "rerun"
SIREV = Path(sys.executable).with_name("sirev")
STAGES = 10

CHAIN = """
import hashlib, json, time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NUMBERS = range(1, STAGES + 1)
began = 0.0

def first():
    return json.loads((HERE / "input.json").read_bytes())

def step(number, value):
    with (HERE / "computed").open("a") as told:
        told.write(".")
    return {"stage": number, "rows": [{"id": row["id"], "text": row["text"][1:] + row["text"][:1]} for row in value["rows"]]}

def begin():
    global began
    began = time.perf_counter()

def end():
    global began
    began = time.perf_counter() - began

def tell(value):
    print(json.dumps([began, hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()]), flush=True)
""".replace("STAGES + 1", str(STAGES + 1))
"""chain.py of every program: the stages, without any cache."""

LEAVE = """
import os
os._exit(0)
"""
"""How `sirev` leaves; the others leave as Python does."""

STORE = (
    """
import gc
gc.set_threshold(100_000)
import chain
from sirev.store.artifacts import Output
from sirev.store.digests import canonical_json
from sirev.store.local_files import LocalFiles
from sirev.store.records import action_key
from sirev.store.store import Store

store = Store(chain.HERE / "store")

def stage(name, parameters, inputs, compute):
    digests = {name: artifact.semantic for name, artifact in inputs.items()}
    action = {"stage": name, "version": 1, "parameters": parameters, "inputs": digests}
    found = store.lookup(action_key(action))
    return found or store.publish(action, Output(files={"value.json": canonical_json(compute())}))

digest = LocalFiles(store.objects).digest(chain.HERE / "input.json")
value = stage("source", {"sha256": digest}, {}, chain.first)
chain.begin()
for number in chain.NUMBERS:
    before = value
    value = stage("step", {"number": number}, {"value": before}, lambda: chain.step(number, before.json("value.json")))
chain.end()
chain.tell(value.json("value.json"))
"""
    + LEAVE
)

RUNNER = (
    """
import gc
gc.set_threshold(100_000)
from dataclasses import dataclass
import chain
from sirev.parameters import semantic
from sirev.stages.stage import Stage
from sirev.store.artifacts import Output
from sirev.store.digests import canonical_json
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.execution.children import Crew
from sirev.execution.listener import Listener
from sirev.execution.runner import Runner

@dataclass(frozen=True)
class File:
    sha256: str = semantic()

@dataclass(frozen=True)
class Number:
    number: int = semantic()

def read(parameters, inputs, context):
    return Output(files={"value.json": canonical_json(chain.first())})

def compute(parameters, inputs, context):
    return Output(files={"value.json": canonical_json(chain.step(parameters.number, inputs["value"].json("value.json")))})

source, step = Stage("source", 1, File, read, place=0), Stage("step", 1, Number, compute, place=1)
store = Store(chain.HERE / "store")
run = store.runs.get("chain") or Run("chain", "chain", "sft", 0, 1, {"env": "recorded"}, "")
crew = Crew("benchmark")
runner = Runner(store, run, crew, Listener())
with crew.turn:
    value = runner.step("source", source, File(LocalFiles(store.objects).digest(chain.HERE / "input.json")), {})
    chain.begin()
    for number in chain.NUMBERS:
        value = runner.step(f"step:{number}", step, Number(number), {"value": value})
    chain.end()
    runner.finish("complete", None)
crew.close()
chain.tell(value.json("value.json"))
"""
    + LEAVE
)

JOBLIB = """
import joblib
import chain

step = joblib.Memory(chain.HERE / "memory", verbose=0).cache(chain.step)
value = chain.first()
chain.begin()
for number in chain.NUMBERS:
    value = step(number, value)
chain.end()
chain.tell(value)
"""

DISKCACHE = """
import diskcache
import chain

step = diskcache.Cache(str(chain.HERE / "cache")).memoize()(chain.step)
value = chain.first()
chain.begin()
for number in chain.NUMBERS:
    value = step(number, value)
chain.end()
chain.tell(value)
"""

REDUN = """
import logging
import chain
from redun import Scheduler, task
from redun.config import Config

redun_namespace = "rerun"

@task(version="1")
def step(number, value):
    return chain.step(number, value)

@task(version="1")
def whole(value):
    for number in chain.NUMBERS:
        value = step(number, value)
    return value

logging.getLogger("redun").setLevel(logging.ERROR)
scheduler = Scheduler(config=Config({"backend": {"db_uri": f"sqlite:///{chain.HERE}/redun.db"}}))
scheduler.load()
value = chain.first()
chain.begin()
value = scheduler.run(whole(value))
chain.end()
chain.tell(value)
"""

DVC = """
import json, logging, os, subprocess, sys
from pathlib import Path
import chain

os.chdir(chain.HERE)
if not Path("dvc.yaml").exists():
    Path("stage.py").write_text('''
import json, sys
import chain
from pathlib import Path
number, source, target = sys.argv[1:]
Path(target).write_text(json.dumps(chain.step(int(number), json.loads(Path(source).read_bytes()))))
''')
    files = ["input.json", *(f"{number}.json" for number in chain.NUMBERS)]
    stages = {
        f"step{n}": {"cmd": f"{sys.executable} stage.py {n} {files[n - 1]} {files[n]}",
                     "deps": ["stage.py", files[n - 1]], "outs": [files[n]]}
        for n in chain.NUMBERS
    }
    Path("dvc.yaml").write_text(json.dumps({"stages": stages}))
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], check=True)
from dvc.repo import Repo

logging.getLogger("dvc").setLevel(logging.ERROR)
repo = Repo(".")
chain.begin()
repo.reproduce()
chain.end()
chain.tell(json.loads(Path(f"{chain.NUMBERS[-1]}.json").read_bytes()))
"""

TANGO = """
import chain
from tango import JsonFormat, Step
from tango.workspaces import LocalWorkspace

@Step.register("chain")
class Chain(Step):
    DETERMINISTIC = True
    CACHEABLE = True
    FORMAT = JsonFormat()
    VERSION = "1"

    def run(self, number: int, value: dict) -> dict:
        return chain.step(number, value)

workspace = LocalWorkspace(chain.HERE / "workspace")
value = chain.first()
chain.begin()
for number in chain.NUMBERS:
    value = Chain(number=number, value=value, step_name=f"step{number}")
value = value.result(workspace)
chain.end()
chain.tell(value)
"""

STORE_NAME = "sirev, the store"
CONTENDERS = {
    STORE_NAME: (None, STORE),
    "sirev, the runner": (None, RUNNER),
    "joblib.Memory": ("joblib==1.6.0", JOBLIB),
    "diskcache": ("diskcache==5.6.3", DISKCACHE),
    "redun": ("redun==0.44.1", REDUN),
    "DVC": ("dvc==3.67.1", DVC),
    "ai2-tango": ("ai2-tango==1.3.2", TANGO),
}
"""What to install, and the program."""
FLOOR = "import typer, rich"
FLOORS = {"pass": "pass", FLOOR: FLOOR}
ITERATE = [str(SIREV), "iterate", "--recipe", "tiny_smoke", "--method", "sft", "--set", "T=2"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", nargs="*", default=[], help="contenders, such as DVC; default: all")
    arguments = parser.parse_args()
    # As where they are installed: bytecode is kept, nobody asks for a newer version or sends statistics.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(DVC_NO_ANALYTICS="1", DVC_TEST="1", DO_NOT_TRACK="1")
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {load:.1f}; medians of {arguments.repeats}")
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # no repository: tango would ask git for the state of the one it is in
        commands = {name: [sys.executable, "-c", code] for name, code in FLOORS.items()}
        for number, (name, (package, program)) in enumerate(CONTENDERS.items()):
            if (not arguments.only or name in arguments.only) and (python := environment(package)):
                commands[name] = prepared(Path(scratch) / str(number), program, python)
        if not arguments.only:
            commands[f"sirev iterate, {iterated(Path(scratch))} stages"] = [*ITERATE, "--store", f"{scratch}/store"]
        show(measure(commands, arguments.repeats))
        for name, command in commands.items():
            if name in CONTENDERS and (Path(command[1]).parent / "computed").stat().st_size != STAGES:
                sys.exit(f"{name} computed a stage again")


def environment(package: str | None) -> str | None:
    """The Python that has the package (of sirev: this one); None, said, where it can't be installed."""
    if package is None:
        return sys.executable
    name = package.partition("==")[0]
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    version = [str(python), "-c", f"import importlib.metadata as m; print(m.version({name!r}))"]
    wrong = ""
    for wanted in (package, name):  # that version, else the newest
        if subprocess.run(version, capture_output=True).returncode:
            command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", wanted]
            wrong = subprocess.run(command, capture_output=True, text=True).stderr[-300:]
    found = subprocess.run(version, capture_output=True, text=True)
    if found.returncode:
        print(f"without {name}, since it can't be installed: {wrong}")
        return None
    if found.stdout.strip() != package.partition("==")[2]:
        print(f"{name} {found.stdout.strip()} instead of {package}")
    return str(python)


def prepared(folder: Path, program: str, python: str) -> list[str]:
    """The command of a program whose chain has been computed, and found once."""
    folder.mkdir()
    drawing = random.Random(0)
    words = ("eggs", "robes", "Janet", "has", "gives", "12", "7", "left", "so", "then")
    rows = [{"id": f"gsm8k/{i:05}", "text": " ".join(drawing.choice(words) for _ in range(38))} for i in range(480)]
    (folder / "input.json").write_text(json.dumps({"stage": 0, "rows": rows}))
    (folder / "chain.py").write_text(CHAIN)
    (folder / "program.py").write_text(program)
    turned = [{"id": row["id"], "text": row["text"][STAGES:] + row["text"][:STAGES]} for row in rows]
    expected = hashlib.sha256(json.dumps({"stage": STAGES, "rows": turned}, sort_keys=True).encode()).hexdigest()
    command = [python, str(folder / "program.py")]
    for _ in range(2):
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode or json.loads(told.stdout.splitlines()[-1])[1] != expected:
            sys.exit(f"{command}: {told.stdout}{told.stderr}")
    return command


def iterated(scratch: Path) -> int:
    """Compute what `sirev iterate` is to find; how many stages it has."""
    told = subprocess.run([*ITERATE, "--store", f"{scratch}/store"], capture_output=True, text=True)
    if told.returncode:
        sys.exit(told.stderr)
    from sirev.store.store import Store

    return sum(len(run.pins) for run in Store(scratch / "store").runs.all())


@dataclass(frozen=True)
class Round:
    """Seconds of one process: wall, CPU, and of the whole chain where the process tells."""

    wall: float
    cpu: float
    chain: float | None


def measure(commands: dict[str, list[str]], repeats: int) -> dict[str, list[Round]]:
    """Name -> its rounds; each round runs every command once."""
    found: dict[str, list[Round]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            began = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            assert process.stdout is not None
            with process.stdout as output:
                told = output.read()
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                sys.exit(f"{name} failed")
            chain = json.loads(told.splitlines()[-1])[0] if name in CONTENDERS else None
            found[name].append(Round(wall, used.ru_utime + used.ru_stime, chain))
    return found


def show(found: dict[str, list[Round]]) -> None:
    """A row each, with the ratios to the floor and to sirev's store."""
    wall = {name: statistics.median(one.wall for one in rounds) for name, rounds in found.items()}
    print(f"{'':32}{'wall, s':>9}{'min':>8}{'CPU, s':>8}{'x floor':>9}{'x store':>9}{'a stage, ms':>13}")
    for name, rounds in found.items():
        cpu, least = statistics.median(one.cpu for one in rounds), min(one.wall for one in rounds)
        ratios = [f"{wall[name] / wall[other]:9.2f}" if other in wall else f"{'':9}" for other in (FLOOR, STORE_NAME)]
        chains = [one.chain for one in rounds if one.chain is not None]
        stage = f"{statistics.median(chains) / STAGES * 1e3:13.2f}" if chains else ""
        print(f"{name:32}{wall[name]:9.3f}{least:8.3f}{cpu:8.3f}{''.join(ratios)}{stage}")


if __name__ == "__main__":
    main()
