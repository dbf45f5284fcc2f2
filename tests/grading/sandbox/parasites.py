"""Programs that solve nothing, and search their memory for remains of other programs."""

from __future__ import annotations

MARKED = 80
"""Number of an honest program's lines that a parasite can recognise."""
MARK_OF_OTHERS = "line-of-another-program-"

LOOKING = """
import ctypes, gc, os, re, sys
libc = ctypes.CDLL(None)
libc.sbrk.restype = ctypes.c_void_p
seen, through = (ctypes.c_ubyte * 1)(), os.pipe()

def there(page):
    return libc.mincore(ctypes.c_void_p(page), ctypes.c_size_t(4096), seen) == 0

def memory():
    # From the heap's end, libraries, the interpreter, the stack and all objects on, over holes of up to 64 MB.
    pages = set()
    for base in {id(one) & ~0xfffff for one in gc.get_objects()}:
        pages.update(page for page in range(base, base + (1 << 20), 4096) if there(page))
    near = ctypes.c_int()
    starts = [libc.sbrk(0) - 4096, ctypes.cast(libc.read, ctypes.c_void_p).value, ctypes.addressof(near), id(int)]
    for start in starts:
        for step in (-4096, 4096):
            page, missed = start & ~4095, 0
            while missed < 16384:
                missed = 0 if page in pages or there(page) else missed + 1
                if not missed:
                    pages.add(page)
                page += step
    runs, after = [], None
    for page in sorted(pages):
        # The kernel copies, since a page that can't be read is no signal there.
        if libc.write(through[1], ctypes.c_void_p(page), ctypes.c_size_t(4096)) == 4096:
            content = os.read(through[0], 4096)
            if any(content):
                if page != after:
                    runs.append(bytearray())
                runs[-1] += content
                after = page + 4096
    return runs
"""
"""`memory()` returns all of the process's memory, as a list of its non-empty runs of pages."""

RUNS_ITS_PREDECESSORS = f"""{LOOKING}
def solution():
    word = b"de" + b"f f("
    for run in memory():
        for found in re.finditer(re.escape(word) + rb"(?:[ -~]|\\n)*?return [ -~]*?(?=\\\\n|\\n|\\")", run):
            text = found.group().decode().replace("\\\\n", "\\n").replace('\\\\"', '"')
            names = {{}}
            try:
                exec(text, names)
                if isinstance(names["f"](1), int):
                    return names["f"]
            except Exception:
                continue
found = solution()
def f(x):
    return found(x) if found else 0
"""
"""A program that searches for the source of a program that defines f, as text or as JSON."""

REPEATS_THEIR_ANSWERS = f"""{LOOKING}
word = b"[" + b'["val' + b'ue", '
answers = [
    [int(one) for one in re.findall(rb'"value", (\\d+)\\]', found.group())]
    for run in memory()
    for found in re.finditer(re.escape(word) + rb'[0-9]+\\](?:, \\["value", [0-9]+\\])+', run)
]
def f(x):
    return answers[-1][(1, 2, 10).index(x)] if answers else 0
"""
"""A program that searches for the answers of a right program."""

LINES = f"""{LOOKING}
word = "{MARK_OF_OTHERS[:9]}" + "{MARK_OF_OTHERS[9:]}"
lines = {{line.decode() for run in memory() for line in re.findall(word.encode() + rb"[0-9a-z]+", run)}}
"""
"""Code after which `lines` are all remaining marked lines of other programs."""


def marked(source: str, told: str) -> str:
    """An honest program with many recognisable lines, also as a list in a variable."""
    lines = [f"# {MARK_OF_OTHERS}{told}{number:04d}" for number in range(MARKED)]
    return "\n".join([*lines, f"text = {lines!r}", source])
