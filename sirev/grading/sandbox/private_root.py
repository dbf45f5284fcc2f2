"""A root of its own for a worker: the system's libraries and the interpreter, read-only, and nothing else of this machine.

No home, no store, no /proc, no /tmp: what is not there can't be read, whatever the other layers let through.
"""

from __future__ import annotations

import os
import stat
import sys
import sysconfig

from sirev.grading.sandbox import kernel

SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/nix/store", "/gnu/store")
"""Where shared libraries and time zones are. Not /etc as a whole: it holds keys and names."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_BASE = "/tmp"  # any folder that every system has; what lies below it is hidden for a moment and comes back
_OLD = ".old-root"


def readable() -> list[str]:
    """The folders and files that a program may read: the system's and the interpreter's libraries, by their real names too.

    Not all of `sys.prefix`: a project may be its own virtual environment, and a home an interpreter's prefix.
    """
    own = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    own |= {os.path.join(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix)}
    named = [*SYSTEM, *sorted(own)]
    wanted = [path for path in dict.fromkeys([*named, *map(os.path.realpath, named)]) if os.path.exists(path)]
    return [path for path in wanted if path != "/"]


def enter_private_root(paths: list[str]) -> None:
    """Make a root of these paths and of `DEVICES`, in a mount namespace that is this process's own; the present folder is it."""
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
    """Those that don't lie below another one; symbolic links are kept, since they are not what they lead to."""
    found: list[str] = []
    for path in sorted(paths, key=len):
        if not any(path.startswith(f"{outer}/") for outer in found):
            found.append(path)
    return found


def _bring(path: str) -> None:
    """Put a path of the old root at its place in the new one; of a link on its way the link: what it leads to comes as well."""
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
