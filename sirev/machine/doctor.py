"""Inspection of this machine, in general and for a recipe."""

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
from pathlib import Path
from typing import TYPE_CHECKING

from sirev.execution.children import gpu, gpu_device
from sirev.execution.footprint import Footprint, footprint, lean
from sirev.execution.scratch import SCRATCH, nearest_there, shared_scratch
from sirev.execution.task_lengths import TaskLengths, lengths_of
from sirev.extras import install_command
from sirev.machine import availability
from sirev.machine.findings import Finding, Need, Remedy, gigabytes
from sirev.machine.gpu import batch_invariance, compiler, no_gpu, unusable, usable
from sirev.machine.training_packages import training_packages
from sirev.machine.trial import import_trouble
from sirev.machine.vllm_build import for_cpus_alone, for_gpus_alone, vllm_version
from sirev.processes.spawning import FURTHER, hidden_by, kept_back, one_gpu
from sirev.processes.torch_gpu import torch_gpu
from sirev.recipe import Recipe
from sirev.recipe.sections import Engine, ProgramGrader, TaskSuite
from sirev.shipped import checkout
from sirev.store.provenance import versions
from sirev.store.store import Store

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_LEAST = 0.5e9
"""Bytes of scratch that any recipe may take. Less free space does not make sirev refuse a run, since it may change."""
PACKAGE = "package"
"""The first word of findings about the two dozen packages that sirev requires."""


def examine(recipe: Recipe | None, store: Store, trainings: int = 1) -> Iterator[Finding]:
    """Inspect everything, in the order of importance; the store needs room for the models of all `trainings`."""
    yield _python()
    yield from _packages(recipe)
    yield from findings(recipe, store, scratch=shared_scratch(), trainings=trainings)
    yield from _environment()
    if recipe is not None and recipe.engine.name == "server":
        # Only here: a run waits for a server that is not up yet (engine.patience_minutes).
        yield availability.server(str(recipe.engine.url))


def _environment() -> Iterator[Finding]:
    if names := kept_back():
        told = f"{', '.join(names)}: set, and not passed to the processes that train and sample"
        yield Finding("environment", told, False, False, (Remedy("pass them by name", f"{FURTHER}={','.join(names)}"),))


def findings(
    recipe: Recipe | None,
    store: Store,
    needs: Collection[Need] | None = None,
    scratch: Path | None = None,
    trainings: int = 1,
) -> Iterator[Finding]:
    """Inspect the needs of a recipe's steps: all of them, or only `needs`.

    With `needs`, local files are not inspected: a run finds moved ones, reads data first, and reports the rest itself.
    `scratch` is the result of `sirev.execution.scratch.shared_scratch`; the store needs room for the models of all `trainings`.
    """
    size = footprint(recipe) if recipe is not None else None
    trains = needs is None or "training" in needs
    hub_only = needs is not None
    looks: list[tuple[Need, Callable[[], Iterator[Finding]]]] = [
        ("libraries", partial(_libraries, recipe)),
        ("gpu", partial(_gpu, recipe, size if size is None or trains else size.untrained())),
        ("engine", partial(_engine, recipe, trial=trains)),
        ("training", partial(_training, recipe)),
        ("training", partial(_store, store, size, trainings)),
        ("training", partial(_scratch, size, scratch)),
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
    """Findings about sirev's required packages and the installed ones of training; `_libraries` reports the missing ones."""
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
    """The requirements of sirev, or those that an extra adds, from the metadata of the installed package."""
    from packaging.requirements import Requirement

    def applies(wanted: Requirement, extra: str) -> bool:
        return wanted.marker is None or wanted.marker.evaluate({"extra": extra})

    found = [Requirement(line) for line in metadata.requires("sirev") or []]
    return [one for one in found if applies(one, extra) and not (extra and applies(one, ""))]


def _pins() -> dict[str, str]:
    """Normalised name -> version in a checkout's constraints.txt for this machine; empty for an installed package."""
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
    """The packages of extras that are not installed, sorted."""
    names = (wanted.name for extra in extras for wanted in _requirements(extra))
    return sorted({name for name in names if _version(name) is None})


def _extras(recipe: Recipe | None) -> tuple[str, ...]:
    """The extras that a recipe's steps need; each includes `train`."""
    engine = recipe.engine.name if recipe is not None else ""
    paged = recipe is not None and recipe.training.optimizer == "paged_adamw_8bit"
    return (*(("full",) if paged else ()), *((engine,) if engine in ("server", "vllm") else ())) or ("train",)


def _libraries(recipe: Recipe | None) -> Iterator[Finding]:
    """A finding about missing libraries for training, sampling and embedding, with one command for all that a recipe needs."""
    if not _missing("train"):
        return
    missing = ", ".join(_missing("train", *_extras(recipe)))
    aside = "" if recipe is not None else "; sirev iterate needs them"
    remedy = Remedy("install them", install_command(*_extras(recipe)))
    yield Finding("libraries", f"{missing} not installed{aside}", recipe is None, recipe is not None, (remedy,), True)


def _gpu(recipe: Recipe | None, size: Footprint | None) -> Iterator[Finding]:
    torch = _version("torch")
    seen = torch_gpu() if torch is not None and could_use_gpu() else None
    if not could_use_gpu():
        yield no_gpu(recipe, size, torch)
    elif seen is None:  # without torch, the driver is asked
        yield from _by_driver(recipe, size)
    elif seen.name is None:
        yield unusable(recipe, seen)
    else:
        yield from usable(recipe, seen)
        yield compiler(recipe)
        if recipe is not None and size is not None:
            yield gpu_memory_finding(recipe, size, seen.total)
    if torch is not None:
        yield from batch_invariance(recipe, seen)


def _by_driver(recipe: Recipe | None, size: Footprint | None) -> Iterator[Finding]:
    seen = gpu_in_use()
    if seen is None:
        remedies = (Remedy("check the driver", "nvidia-smi"),)
        yield Finding("GPU", "there, but nvidia-smi does not answer", True, False, remedies)
        return
    name, total, free = seen
    yield Finding("GPU", f"{name}, {total / 1e9:.0f} GB, {free / 1e9:.0f} GB free", True, False)
    if recipe is not None and size is not None:
        yield gpu_memory_finding(recipe, size, total)


def could_use_gpu() -> bool:
    """Whether there is a GPU for the installed torch, or for one that is still to be installed."""
    return gpu() or (_version("torch") is None and gpu_device())


def _torch_uses_gpu() -> bool:
    return could_use_gpu() and _version("torch") is not None and torch_gpu().name is not None


def gpu_memory_finding(recipe: Recipe, size: Footprint, total: float) -> Finding:
    """The finding about a GPU of `total` bytes. A recipe that does not fit even with half of the activations can't run."""
    held = {"train": size.to_train, "sample": size.to_sample}
    told = [f"{taken / 1e9:.1f} GB to {work}" for work, taken in held.items() if taken]
    found = f"about {' and '.join(told) or 'nothing'}, of {total / 1e9:.0f} GB"
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
    # Bytes per token are exact, and tokens per part are an upper bound. If a task's lengths are known, half of it is certain:
    # 3,072 for the paper's recipes, and the fullest part of a thousand simulated batches has 5,000 or more. Examples of other
    # data may all be short.
    known = lengths_of(recipe.task.name, {}) != TaskLengths()
    certain = size.to_train - size.training["activations"] / (2 if known else 1)
    if recipe.training.optimizer.startswith("paged"):  # its states can move to the host's memory
        certain -= size.training["optimizer"]
    hopeless = certain > total or (size.to_sample > 0 and size.room(total) == 0) or size.to_sample > 2 * total
    return Finding("GPU memory", found, size.fits(total), hopeless, tuple(remedies))


def visible_gpus() -> int:
    """The number of NVIDIA GPUs that this process may use."""
    if hidden_by():
        return 0
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return len(chosen.split(",")) if chosen else len(gpu_memory())


def gpu_in_use() -> tuple[str, float, float] | None:
    """Name, bytes and free bytes of the one GPU that child processes get; None if there is none or the driver does not answer."""
    return next(iter(gpu_memory(one_gpu()["CUDA_VISIBLE_DEVICES"])), None)


def gpu_memory(which: str = "") -> list[tuple[str, float, float]]:
    """Name, bytes and free bytes of each NVIDIA GPU, from the driver; empty if it does not answer.

    `which` is the number or the UUID of a single GPU.
    """
    command = ["nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    command += ["-i", which] if which else []
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        rows = [line.rsplit(",", 2) for line in out.splitlines() if line.strip()]
        return [(name.strip(), float(total) * 2**20, float(free) * 2**20) for name, total, free in rows]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def _engine(recipe: Recipe | None, *, trial: bool) -> Iterator[Finding]:
    """Findings about the engine. With `trial`, a child process imports vLLM with its kernels, which takes half a minute."""
    if recipe is not None and _missing("train"):  # `_libraries` reports the engine's too
        return
    needed = recipe is not None and recipe.engine.name == "vllm"
    if recipe is not None and recipe.engine.name == "server":
        version = _version("openai")
        yield Finding("openai", version or "not installed", version is not None, True, (_install("server"),))
    slow = Remedy("sample without it, slowly", f"--set engine=transformers{_few_at_a_time(recipe)}")
    if util.find_spec("vllm") is None:
        if recipe is None or needed:
            found = "not installed" if needed else "not installed; recipes with the engine vllm need it"
            yield Finding("vLLM", found, not needed, needed, (_install("vllm"), slow), True)
        return
    version = vllm_version() or "of unknown version"
    if needed and for_cpus_alone() and _torch_uses_gpu():
        own = Remedy("install the one for GPUs in a separate environment", _install("vllm").command)
        yield Finding("vLLM", f"{version}, for CPUs only", False, True, (own, slow))
        return
    if needed and for_gpus_alone() and not _torch_uses_gpu():
        yield Finding("vLLM", f"{version}, a build for GPUs only", False, True, (slow,))
        return
    reason = import_trouble("from sirev.engines.vllm_kernels import load_vllm; load_vllm()") if needed and trial else ""
    found = f"{version} can't be imported: {reason}" if reason else version
    remedies = (Remedy("install the vLLM that goes with this torch", _install("vllm").command), slow)
    yield Finding("vLLM", found, not reason, needed, remedies)


def _few_at_a_time(recipe: Recipe | None) -> str:
    """A further `--set` for the engine transformers, if whole shards of a recipe's answers don't fit on the GPU; else empty."""
    if recipe is None or not could_use_gpu() or _version("torch") is None or not (total := torch_gpu().total):
        return ""
    settings = {"name": "transformers", "dtype": recipe.engine.dtype, "batch_size": None}
    by_transformers = footprint(recipe.model_copy(update={"engine": Engine.model_validate(settings)}))
    if by_transformers is None or by_transformers.samples_on(total) or not (few := by_transformers.room(total)):
        return ""
    return f" --set engine.batch_size={few}"


def _training(recipe: Recipe | None) -> Iterator[Finding]:
    """Findings about packages of training settings; if training's libraries are missing, `_libraries` reports those first."""
    if recipe is not None and not _missing("train"):
        yield from training_packages(recipe, _torch_uses_gpu())


def _version(name: str) -> str | None:
    return versions((name,)).get(name)


def _store(store: Store, size: Footprint | None, trainings: int) -> Iterator[Finding]:
    place = nearest_there(store.path.absolute())
    remedies = (Remedy("name another folder", "--store DIR"),)
    if not place.is_dir() or not os.access(place, os.W_OK):
        yield Finding("store", f"{store.path} can't be written (replays and reports still work)", False, False, remedies)
        return
    free = shutil.disk_usage(place).free
    model = size.model if size else 0
    wanted = trainings * model
    found = f"{store.path}, {gigabytes(free)} free"
    if wanted >= _LEAST:
        found += f"; each model takes {gigabytes(model)}"
        found += f", and the {trainings} still to be trained take {gigabytes(wanted)}" if trainings > 1 else ""
    short = wanted >= _LEAST and free < wanted
    yield Finding("store", found, not short, short, remedies)


def _scratch(size: Footprint | None, shared: Path | None) -> Iterator[Finding]:
    folder = shared or Path(tempfile.gettempdir())
    free = shutil.disk_usage(nearest_there(folder)).free
    wanted = max(size.scratch if size else 0, _LEAST)
    remedy = Remedy(f"name a folder with {gigabytes(wanted)}", f"export {SCRATCH if shared else 'TMPDIR'}=FOLDER")
    found = f"{folder}, {gigabytes(free)} free; checkpoints of a training take up to {gigabytes(wanted)}"
    yield Finding("scratch", found, free >= wanted, wanted > _LEAST, (remedy,))


def _sandbox(recipe: Recipe | None) -> Iterator[Finding]:
    """The finding about the sandbox's best tier, by trial. A recipe that runs programs needs the tier in its graders."""
    from sirev.grading.sandbox import SAYS, TIERS, NoWorker, best_tier

    wanted = least_tier(recipe) if recipe is not None else None
    remedies = (
        Remedy("see what each tier needs in docs/sandbox.md"),
        Remedy("run programs unconfined, preferably in a virtual machine", "--allow-unsafe-code"),
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
    """The strictest sandbox tier that a recipe's graders ask for; None if it runs no programs."""
    suites = [suite.grader for suite in recipe.evaluation.ood.values() if isinstance(suite, TaskSuite)]
    graders = (recipe.training.grader, recipe.evaluation.grader, *suites)
    return min((grader.sandbox for grader in graders if isinstance(grader, ProgramGrader)), default=None)
