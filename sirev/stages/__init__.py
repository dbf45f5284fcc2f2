"""The stages, one module with a `STAGE` each."""

from importlib import import_module
from pkgutil import iter_modules

from sirev.stages.stage import Stage

_MODULES = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
_FOUND: list[Stage] = [module.STAGE for module in _MODULES if hasattr(module, "STAGE")]

STAGES = {stage.name: stage for stage in sorted(_FOUND, key=lambda stage: stage.place)}
"""All stages by name, sorted by `Stage.place`."""
