"""The check of a whole run by the command line: a recipe with a pretrained model, killed once, resumed, and replayed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from sirev.machine.availability import base_model
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.vllm_build import why_no_vllm
from sirev.processes.spawning import in_spawner, python, start
from sirev.recipe import load_recipe
from sirev.store.runs import step_title
from sirev.study.step_names import training_step

RECIPE = "smollm2_check"
"""SmolLM2-135M on twelve problems: SFT, SFT, DPO, with an adapter; 270 MB to download."""
_KILLED_AFTER = training_step(2)
"""The step after which the run is killed."""
_COUNTS = re.compile(r"(\d+) steps? cached, (\d+) computed")


def whole_run(bench: Bench) -> Notes:
    """Check that the recipe finishes after being killed once, and that a replay computes nothing."""
    settings = [] if not why_no_vllm(on_gpu=bench.on_gpu) else ["engine.name=transformers", "engine.context=null"]
    settings += ["training.dtype=bfloat16", "engine.dtype=bfloat16"] if bench.on_gpu else []
    missing = [finding for finding in base_model(load_recipe(RECIPE, settings)) if not finding.well]
    if missing:
        return Notes(skipped=missing[0].line())
    bench.clear()  # the run's children need the GPU's memory, which those of earlier checks may still hold
    notes, log = Notes(), bench.logs / "whole_run.log"
    words = ["iterate", "--recipe", RECIPE, "--store", str(bench.folder / "store")]
    words += [word for setting in settings for word in ("--set", setting)]
    status, told = _sirev(bench, words, log, killed_after=f"{step_title(_KILLED_AFTER)}  done")
    notes.expect(status == -signal.SIGKILL, f"it ended on its own, with exit status {status}, before it was killed")
    status, told = _sirev(bench, words, log)
    cached, computed = _counts(told)
    notes.expect(status == 0, f"after it was killed it ended with exit status {status}: {_last(told)}")
    notes.expect(cached > 0, "it did not continue where it was killed, but started over")
    notes.found.append(f"killed after {_KILLED_AFTER}, it computed {computed} more steps")
    status, told = _sirev(bench, words, log)
    notes.expect(status == 0 and _counts(told)[1] == 0, f"a replay does not find everything: {_last(told)}")
    return notes


def _counts(told: str) -> tuple[int, int]:
    """The numbers of cached and of computed steps, from the last summary in a command's output; (0, -1) without one."""
    found = _COUNTS.findall(told)
    return (int(found[-1][0]), int(found[-1][1])) if found else (0, -1)


def _last(told: str) -> str:
    return next((line for line in reversed(told.splitlines()) if line.strip()), "it said nothing")


def _sirev(bench: Bench, words: list[str], log: Path, killed_after: str = "") -> tuple[int, str]:
    """The exit status and output of a command, which is killed as soon as it prints `killed_after`."""
    code = f"import runpy, sys\nsys.argv[1:] = {words!r}\nrunpy.run_module('sirev', run_name='__main__', alter_sys=True)"
    settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "bufsize": 1}
    process = in_spawner(lambda: start(python(code), {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}, **settings))
    bench.also_ends(process.kill)
    told = ""
    assert process.stdout is not None
    with log.open("a", encoding="utf-8") as file:
        for line in process.stdout:
            told += line
            file.write(line)
            if killed_after and killed_after in line:
                process.kill()
    return int(process.wait()), told
