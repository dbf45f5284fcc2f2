"""A private root for a worker: the system's libraries and the interpreter, read-only, and nothing else of this machine.

No home, no store, no /proc, no /tmp: a missing file can't be read, whatever the other layers let through.
"""

from __future__ import annotations

import os
import stat
import sys
import sysconfig

from sirev.grading.sandbox import kernel

SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/nix/store", "/gnu/store")
"""Places of shared libraries and time zones. Not /etc as a whole: it holds keys and names."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_BASE = "/tmp"  # any folder that every system has; its contents are hidden only until the root changes
_OLD = ".old-root"


def readable() -> list[str]:
    """The paths that a program may read: the libraries of the system and of the interpreter, also under their real paths.

    Not all of `sys.prefix`: a project may be its own virtual environment, and a home an interpreter's prefix.
    """
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    own |= {os.path.join(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix)}
    named = [*SYSTEM, *sorted(own)]
    wanted = [path for path in dict.fromkeys([*named, *map(os.path.realpath, named)]) if os.path.exists(path)]
    return [path for path in wanted if path != "/"]


def enter_private_root(paths: list[str]) -> None:
    """Enter a root made of these paths and `DEVICES`, in this process's own mount namespace; it becomes the working directory."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("sirev", _BASE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=1m")
    os.chdir(_BASE)
    os.mkdir(_OLD)
    kernel.pivot_root(".", _OLD)
    os.chdir("/")
    for path in [*_outermost(paths), *DEVICES]:
        _bring(path)
    kernel.detach(f"/{_OLD}")
    os.rmdir(f"/{_OLD}")


def _outermost(paths: list[str]) -> list[str]:
    """The paths that don't lie below another one; symbolic links are kept, since they differ from their targets."""
    found: list[str] = []
    for path in sorted(paths, key=len):
        if not any(path.startswith(f"{outer}/") for outer in found):
            found.append(path)
    return found


def _bring(path: str) -> None:
    """Bind a path of the old root to its place in the new one; at a link, copy only the link: its target is brought too."""
    place = ""
    for part in path.strip("/").split("/"):
        place = f"{place}/{part}"
        try:
            kind = os.lstat(f"/{_OLD}{place}").st_mode
        except OSError:
            return
        if stat.S_ISLNK(kind):
            if not os.path.lexists(place):
                os.symlink(os.readlink(f"/{_OLD}{place}"), place)
            return
        if stat.S_ISDIR(kind):
            if not os.path.isdir(place):
                os.mkdir(place, 0o755)
        else:
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o444))
    kernel.mount(f"/{_OLD}{path}", path, None, kernel.MS_BIND | kernel.MS_REC)
    kernel.make_read_only(path)
