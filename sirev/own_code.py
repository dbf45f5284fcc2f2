"""The user's own code, named "package.module:Name" or "path/to/file.py:Name": its source files and its import.

A store never causes an import of such code: see docs/security.md.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sirev.errors import BadInput


def source_files(name: str) -> Iterator[Path]:
    """Possible files of a module's source: in the current folder, then on Python's path."""
    module = name.rpartition(":")[0]
    if module.endswith(".py"):
        yield Path(module)
    elif module:
        here = Path(*module.split("."))
        yield from (here.with_suffix(".py"), here / "__init__.py")
        with contextlib.suppress(ImportError, ValueError):
            if (spec := importlib.util.find_spec(module)) and spec.origin:
                yield Path(spec.origin)


def keyed_name(name: str) -> str:
    """The name as part of a key: without a file's path, since its content is keyed."""
    module, _, attribute = name.rpartition(":")
    return attribute if module.endswith(".py") else name


def load(name: str, kind: str) -> tuple[ModuleType, str]:
    """Import the module of `name`; return it and the object's name. `kind` is for messages, such as "task class".

    Raises BadInput if the name is malformed or the import fails.
    """
    module, _, attribute = name.rpartition(":")
    if not module or not attribute:
        example = kind.rpartition(" ")[2]
        example = example.capitalize() if example == "class" else example
        raise BadInput(f'{name}: a {kind} is named "package.module:{example}" or "path/to/file.py:{example}"')
    # Python's bytecode cache misses an edit within a second that keeps the size, so user code is compiled each time.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        if module.endswith(".py"):
            return _module_of_file(Path(module)), attribute
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.append(here)  # last, so that the user's folders shadow no installed package
        return importlib.import_module(module), attribute
    except Exception as error:
        raise BadInput(f"{name}: {module} can't be imported: {raised(error)}") from None
    finally:
        sys.dont_write_bytecode = before


def raised(error: BaseException) -> str:
    """An exception from user code, on one line."""
    kind = type(error).__name__
    return f"{kind}: {' '.join(str(error).split()) or kind}"


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError("no such file")
    name = f"sirev_own_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
