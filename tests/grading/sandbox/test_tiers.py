from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sirev.grading.sandbox import SAYS, TIERS, Found, Limits, NoWorker, Program, Question, Tier, best_tier, pool, run, tiers
from sirev.grading.sandbox.tiers import trouble

ROOT = str(Path(__file__).resolve().parents[3])
linux = pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's")


def must_offer(tier: Tier) -> None:
    """Skip the test where this machine does not offer the tier."""
    why = trouble(tier)
    if why:
        pytest.skip(f"no tier {tier} here: {why}")


def test_the_best_tier_is_the_first_without_trouble() -> None:
    found = best_tier()
    better = TIERS[: TIERS.index(found.tier)]
    assert trouble(found.tier) is None
    assert list(found.refused) == list(better)
    assert all(trouble(tier) == found.refused[tier] for tier in better)
    assert set(SAYS) == set(TIERS)


def test_why_is_one_line_and_empty_for_the_best() -> None:
    assert Found("A", {}).why == ""
    found = Found("C", {"A": "unshare: Operation not permitted", "B": "Landlock: Function not implemented"})
    assert found.why == "no tier A: unshare: Operation not permitted; no tier B: Landlock: Function not implemented"


def test_a_worker_that_does_not_start_is_no_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "BOOT", "raise SystemExit")
    assert trouble("C") == "the worker ended before it began"
    with pytest.raises(NoWorker, match="no program can be run here: the worker ended before it began"):
        best_tier.__wrapped__()
    with pytest.raises(NoWorker):
        list(run([Program((), ())], Limits(1), workers=1, tier="C"))


def test_a_worker_that_writes_nonsense_is_no_tier(monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("hello", "\\0\\0\\0\\2{}", "\\0\\0\\0\\4null", "\\xff\\xff\\xff\\xff", "\\0\\0\\0\\2[]"):
        monkeypatch.setattr(pool, "BOOT", f"import os; os.write(1, b'{said}')")
        assert trouble("C")


def test_elsewhere_than_on_linux_there_is_tier_c_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers.sys, "platform", "darwin")
    assert trouble("A") == trouble("B") == "only Linux has what it needs, and this is darwin"


@linux
@pytest.mark.parametrize("tier", ["A", "B"])
@pytest.mark.parametrize(
    ("nothing", "trials"),
    [
        ("confine.kernel.Filter.set = lambda self, pid: None", ["no network", "no process"]),
        ("confine.filter_for = lambda machine: (bytes([6, 0, 0, 0, 0, 0, 0xff, 0x7f]), [])", ["no network", "no process"]),
    ],
)
def test_a_filter_that_filters_nothing_is_found_out(
    tier: Tier, nothing: str, trials: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    must_offer(tier)
    monkeypatch.setattr(pool, "BOOT", with_change(nothing))
    found = trouble(tier)
    assert found is not None
    assert all(f"{trial}: it ended as" in found for trial in trials)
    assert "a program runs" not in found


@linux
def test_rules_for_files_that_rule_nothing_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    must_offer("B")
    monkeypatch.setattr(pool, "BOOT", with_change("confine.kernel.landlock = lambda rules: None"))
    assert "no foreign file is read: it ended as 'done'" in (trouble("B") or "")


@linux
def test_a_process_that_stays_in_the_old_namespace_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    must_offer("A")
    monkeypatch.setattr(pool, "BOOT", with_change("confine._become_first_process = lambda: None"))
    assert trouble("A") is not None


def with_change(change: str) -> str:
    """A worker that has lost a layer."""
    begin = "import sirev.grading.sandbox.worker as w; "
    assert begin in pool.BOOT
    return pool.BOOT.replace(begin, f"{begin}from sirev.grading.sandbox import confine\n{change}\n")


REFUSING = f"""
import json, struct, sys
sys.path.insert(0, {ROOT!r})
from sirev.grading.sandbox import best_tier, kernel
from sirev.grading.sandbox.syscalls import ARCHITECTURES

numbers = {{**ARCHITECTURES[kernel.machine()][1], "mount_setattr": 442, "landlock_create_ruleset": 444}}
call, refusal = numbers[sys.argv[1]], 0x00050000 | int(sys.argv[2])
first = int(sys.argv[3]) if sys.argv[3:] else None  # refuse the call with this first argument alone
code = [(0x20, 0, 0, 0), (0x15, 0, 1 if first is None else 3, call)]
if first is not None:
    code += [(0x20, 0, 0, 16), (0x15, 0, 1, first)]
code += [(0x06, 0, 0, refusal), (0x06, 0, 0, 0x7FFF0000)]
kernel.no_new_privileges()
kernel.Filter(b"".join(struct.pack("=HBBI", *one) for one in code), []).set(0)
found = best_tier()
print(json.dumps([found.tier, found.refused, found.why]))
"""


def found_without(*refused: object, user: int | None = None, python: str = sys.executable) -> tuple[str, dict[str, str]]:
    """The tier of a machine whose kernel refuses a call: (name, errno, and of which first argument)."""
    told = [python, "-c", REFUSING, *map(str, refused)]
    said = subprocess.run(told, capture_output=True, text=True, timeout=120, user=user, cwd="/")
    assert said.returncode == 0, said.stderr
    tier, why, line = json.loads(said.stdout)
    assert "\n" not in line
    return tier, why


@linux
@pytest.mark.parametrize(
    ("call", "number", "said"),
    [
        ("unshare", errno.EPERM, "unshare: Operation not permitted"),
        ("unshare", errno.ENOSPC, "unshare: No space left on device"),  # user.max_user_namespaces is 0
        ("mount", errno.EPERM, "Operation not permitted"),
        ("pivot_root", errno.EINVAL, "pivot_root: Invalid argument"),
        ("mount_setattr", errno.ENOSYS, "mount_setattr: Function not implemented"),
    ],
)
def test_without_namespaces_it_is_tier_b_and_the_refusal_is_named(call: str, number: int, said: str) -> None:
    must_offer("B")
    tier, refused = found_without(call, number)
    assert tier == "B"
    assert list(refused) == ["A"]
    assert said in refused["A"]
    assert "worker" not in refused["A"]


@linux
@pytest.mark.parametrize(
    ("call", "number", "first", "said"),
    [
        ("landlock_create_ruleset", errno.ENOSYS, [], "Landlock: Function not implemented"),
        ("landlock_create_ruleset", errno.EOPNOTSUPP, [], "Landlock: Operation not supported"),
        ("prctl", errno.EINVAL, [22], "prctl(PR_SET_SECCOMP): Invalid argument"),
    ],
)
def test_without_landlock_or_filters_it_is_tier_c_and_the_refusal_is_named(
    call: str, number: int, first: list[int], said: str
) -> None:
    must_offer("B")
    tier, refused = found_without(call, number, *first)
    assert tier == "C"
    assert list(refused) == ["A", "B"]
    assert said in refused["A"]
    assert said in refused["B"]


def system_python() -> str:
    """An interpreter that every user can read, new enough; skips the test where there is none."""
    for path in ("/usr/bin/python3", "/usr/local/bin/python3"):
        version = [path, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        if os.path.exists(path) and subprocess.run(version, user=65534, cwd="/").returncode == 0:
            return path
    pytest.skip("no interpreter for all users")


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's tier is what all the other tests look at")
@pytest.mark.parametrize(
    ("refused", "offered"),
    [
        (["landlock_create_ruleset", 0, 12345], "A"),
        (["unshare", errno.EPERM], "B"),
        (["landlock_create_ruleset", errno.ENOSYS], "C"),
    ],
)
def test_an_ordinary_user_has_the_same_tiers(refused: list[Any], offered: str) -> None:
    must_offer("A")
    assert found_without(*refused, user=65534, python=system_python())[0] == offered


@linux
@pytest.mark.parametrize("tier", ["A", "B", "C"])
def test_who_a_program_is(tier: Tier) -> None:
    must_offer(tier)
    asked = ("os.getuid()", "os.getgid()", "os.getgroups()", "os.getcwd()", "dict(os.environ)", "os.getpid()", "os.getppid()")
    with pool.Pool(tier, Limits(2), 1) as workers:
        ((_, found),) = workers.run([Program(("import os",), tuple(Question("value", one) for one in asked))])
        root_kept = workers.root_kept
    assert found.ended == "done"
    uid, gid, groups, folder, environment, pid, parent = found.answers
    if os.geteuid() != 0 or root_kept:
        assert (uid, gid) == (os.getuid(), os.getgid())
    else:
        assert uid not in (0, os.getuid())
        assert (gid, groups) == (uid, [])
    assert not (root_kept and tier == "A")
    assert folder == "/"
    assert environment == pool.ENVIRONMENT
    assert (parent == 1) == (tier == "A")
    assert pid != os.getpid()


@linux
@pytest.mark.parametrize("tier", ["A", "B"])
def test_a_program_has_no_capabilities_and_gains_none(tier: Tier) -> None:
    must_offer(tier)
    ask = (
        "import ctypes, struct\nlibc = ctypes.CDLL(None)\n"
        "def held():\n"
        "    got = ctypes.create_string_buffer(24)\n"
        "    assert libc.syscall({'x86_64': 125, 'aarch64': 90}[__import__('platform').machine()],\n"
        "        struct.pack('=Ii', 0x20080522, 0), got) == 0\n"
        "    return got.raw\n"
    )
    ((_, found),) = run([Program((ask,), (Question("value", "held()"),))], Limits(2), workers=1, tier=tier)
    assert (found.ended, found.answers) == ("done", (bytes(24),))


@linux
@pytest.mark.parametrize("tier", ["A", "B"])
def test_what_of_this_machine_is_there(tier: Tier, tmp_path: Path) -> None:
    must_offer(tier)
    (tmp_path / "secret").write_text("secret")
    reading = (
        "def reads(path):\n    try:\n        return open(path).read()\n    except OSError as error:\n        return error.errno\n"
    )
    asked = [
        f"reads({str(tmp_path / 'secret')!r})",
        "reads('/etc/passwd')",
        "reads('/proc/1/environ')",
        "reads('/proc/self/maps')",
    ]
    program = Program((reading,), tuple(Question("value", one) for one in asked))
    ((_, found),) = run([program], Limits(2), workers=1, tier=tier)
    assert found.ended == "done"
    assert set(found.answers) == {errno.ENOENT if tier == "A" else errno.EACCES}
