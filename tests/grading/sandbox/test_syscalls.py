"""The filter of system calls, run here by an interpreter of its own for every call there is, on both kinds of machine."""

from __future__ import annotations

import os
import re
import struct
from functools import cache
from pathlib import Path

import pytest

from sirev.grading.sandbox.syscalls import ALLOWED, ARCHITECTURES, FORBIDDEN, REFUSED, filter_for

ME = 4321
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, EACCES, ENOTTY, ENOSYS = (0x00050000 | number for number in (1, 13, 25, 38))
DECIDED_BY_ARGUMENTS = {"kill", "tgkill", "clone", "open", "openat", "prctl", "prlimit64", "fcntl", "ioctl"}
THREAD = 0x3D0F00
"""The flags that pthread_create calls clone with: CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD, _SYSVSEM, _SETTLS and so on."""

machines = pytest.mark.parametrize("machine", list(ARCHITECTURES))


@cache
def laid_out(machine: str) -> list[tuple[int, int, int, int]]:
    """The instructions of the filter for process ME."""
    code, places = filter_for(machine)
    held = bytearray(code)
    for place in places:
        struct.pack_into("=I", held, place, ME)
    return list(struct.iter_unpack("=HBBI", held))


def answer(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the filter for process ME says to a call, as the kernel runs it. IndexError for a jump out of the program."""
    instructions = laid_out(machine)
    known = ARCHITECTURES[machine][0] if architecture is None else architecture
    padded = [argument % 2**64 for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("<IIQ6Q", number, known, 0, *padded)
    at = accumulator = 0
    while True:
        operation, if_true, if_false, constant = instructions[at]
        at += 1
        match operation:
            case 0x20:  # load a word
                (accumulator,) = struct.unpack_from("<I", data, constant)
            case 0x54:  # and
                accumulator &= constant
            case 0x05:  # jump
                at += constant
            case 0x15:  # jump if equal
                at += if_true if accumulator == constant else if_false
            case 0x35:  # jump if greater or equal
                at += if_true if accumulator >= constant else if_false
            case 0x45:  # jump if any bit is set
                at += if_true if accumulator & constant else if_false
            case 0x06:  # return
                return int(constant)
            case _:
                raise AssertionError(f"no such operation: {operation:#x}")


def number(machine: str, name: str) -> int:
    return ARCHITECTURES[machine][1][name]


@machines
def test_every_number_is_answered_as_its_set_says(machine: str) -> None:
    numbers = ARCHITECTURES[machine][1]
    names = {number: name for name, number in numbers.items()}
    rules = {**dict.fromkeys(ALLOWED, ALLOW), **dict.fromkeys(FORBIDDEN, KILL), **dict.fromkeys(REFUSED, EACCES)}
    for called in range(601):
        name = names.get(called)
        if name not in DECIDED_BY_ARGUMENTS:
            assert answer(machine, called) == rules.get(name or "", ENOSYS), (called, name)


@machines
def test_numbers_that_no_kernel_has_do_not_exist(machine: str) -> None:
    x32 = [0x40000000 + called for called in range(601)]
    for called in (*x32, 1000, 2**16, 2**31, 2**31 + 59, 2**32 - 1):
        assert answer(machine, called) == ENOSYS


@machines
def test_the_numbers_of_another_architecture_end_the_program(machine: str) -> None:
    i386, arm, mine = 0x40000003, 0x40000028, ARCHITECTURES[machine][0]
    others = [i386, arm, 0, 2**32 - 1, mine ^ 0x80000000, *(other for other, _ in ARCHITECTURES.values() if other != mine)]
    for other in others:
        assert {answer(machine, called, architecture=other) for called in range(601)} == {KILL}


@machines
@pytest.mark.parametrize("name", ["kill", "tgkill"])
def test_a_program_may_signal_itself_alone(machine: str, name: str) -> None:
    call = number(machine, name)
    assert answer(machine, call, ME, 9) == ALLOW
    for other in (0, 1, ME - 1, ME + 1, -1, -ME, 2**31, 0x5A17AB1E):
        assert answer(machine, call, other, 0) == KILL
    assert answer(machine, number(machine, "tkill"), ME) == KILL


@machines
def test_the_number_of_the_process_is_put_in_wherever_it_is_asked_for(machine: str) -> None:
    code, places = filter_for(machine)
    words = [struct.unpack_from("=I", code, 8 * i + 4)[0] for i in range(len(code) // 8)]
    assert sorted(places) == [8 * i + 4 for i, word in enumerate(words) if word == 0x5A17AB1E]
    assert len(places) == 3


@machines
def test_clone_makes_threads_and_nothing_else(machine: str) -> None:
    call = number(machine, "clone")
    sigchld, vfork, thread = 17, 0x4000 | 0x100 | 17, 0x10000
    assert answer(machine, call, THREAD) == ALLOW
    assert answer(machine, call, thread) == ALLOW
    assert answer(machine, call, THREAD | 2**40) == ALLOW  # the kernel looks at the low half alone
    for flags in (0, sigchld, vfork, THREAD & ~thread, 2**48 | sigchld):
        assert answer(machine, call, flags) == KILL
    for namespace in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(machine, call, THREAD | namespace) == KILL
        assert answer(machine, call, namespace | sigchld) == KILL
    assert answer(machine, 435, THREAD) == ENOSYS  # clone3, whose flags lie in memory: libraries fall back to clone
    for name in ("fork", "vfork", "execve", "execveat", "unshare", "setns"):
        if name in ARCHITECTURES[machine][1]:
            assert answer(machine, number(machine, name)) == KILL


@machines
def test_prctl_names_threads_and_memory_alone(machine: str) -> None:
    call = number(machine, "prctl")
    assert {option for option in range(80) if answer(machine, call, option) == ALLOW} == {15, 16}
    assert answer(machine, call, 0x53564D41) == ALLOW
    set_pdeathsig, set_dumpable, set_seccomp, set_no_new_privs, set_ptracer = 1, 4, 22, 38, 0x59616D61
    for option in (set_pdeathsig, set_dumpable, set_seccomp, set_no_new_privs, set_ptracer):
        assert answer(machine, call, option, 0) == EPERM


@machines
def test_limits_are_read_and_set_of_itself_alone(machine: str) -> None:
    call = number(machine, "prlimit64")
    assert answer(machine, call, 0) == answer(machine, call, ME) == ALLOW
    assert answer(machine, call, 1) == answer(machine, call, ME + 1) == answer(machine, call, -1) == EPERM


@machines
def test_fcntl_sends_nobody_signals_and_takes_no_leases(machine: str) -> None:
    call = number(machine, "fcntl")
    killed = {command for command in range(1100) if answer(machine, call, 0, command) == KILL}
    assert killed == {8, 10, 15, 1024, 1026}
    assert answer(machine, call, 8, 3) == ALLOW  # the descriptor's number is nothing to it
    assert answer(machine, call, 0, 2**32 + 8) == KILL  # the kernel looks at the low half alone


@machines
def test_ioctl_asks_about_terminals_and_sets_flags_alone(machine: str) -> None:
    call = number(machine, "ioctl")
    allowed = {command for command in range(0x5300, 0x5500) if answer(machine, call, 0, command) == ALLOW}
    assert allowed == {0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451}
    tiocsti, tioclinux, fs_ioc_setflags = 0x5412, 0x541C, 0x40086602
    for command in (tiocsti, tioclinux, fs_ioc_setflags, 0, 2**32 - 1):
        assert answer(machine, call, 0, command) == ENOTTY


def test_the_three_sets_share_nothing() -> None:
    assert not ALLOWED & FORBIDDEN
    assert not ALLOWED & REFUSED
    assert not FORBIDDEN & REFUSED
    assert not (ALLOWED | FORBIDDEN | REFUSED) & DECIDED_BY_ARGUMENTS


def test_every_name_has_a_number_and_every_number_a_rule() -> None:
    tables = [set(numbers) for _, numbers in ARCHITECTURES.values()]
    assert set.union(*tables) == ALLOWED | FORBIDDEN | REFUSED | DECIDED_BY_ARGUMENTS
    assert all(table >= DECIDED_BY_ARGUMENTS - {"open"} for table in tables)  # aarch64 has openat alone


def test_no_two_names_with_different_rules_share_a_number() -> None:
    for _, numbers in ARCHITECTURES.values():
        for rule in (ALLOWED, FORBIDDEN, REFUSED, DECIDED_BY_ARGUMENTS):
            mine = {numbers[name] for name in numbers if name in rule}
            assert not mine & {numbers[name] for name in numbers if name not in rule}


REACHING = """
    socket connect bind sendto fork execve ptrace mount unshare setns bpf io_uring_setup perf_event_open userfaultfd keyctl
    process_vm_writev pidfd_getfd shmget memfd_create setsid setpgid setuid seccomp sched_setaffinity unlink unlinkat mkdir
    rename chmod fchmod chown truncate ftruncate link symlink mknod setxattr utimensat flock
"""


def test_nothing_that_reaches_beyond_the_process_is_allowed() -> None:
    assert not ALLOWED & set(REACHING.split())


@machines
def test_a_filter_is_a_program_that_the_kernel_takes(machine: str) -> None:
    code, _ = filter_for(machine)
    instructions = list(struct.iter_unpack("=HBBI", code))
    assert len(instructions) <= 4096
    assert instructions[-1][0] == 0x06
    for at, (operation, if_true, if_false, constant) in enumerate(instructions):
        if operation in (0x15, 0x35, 0x45):
            assert at + 1 + max(if_true, if_false) < len(instructions)
        elif operation == 0x05:
            assert at + 1 + constant < len(instructions)
        elif operation == 0x20:
            assert constant % 4 == 0
            assert constant < 64


@machines
def test_few_steps_lead_to_an_answer(machine: str) -> None:
    # The kernel runs a new filter for every number there is, and each program gets a new one.
    assert len(filter_for(machine)[0]) // 8 < 600


def headers(path: str) -> dict[str, int]:
    """Name -> number of the calls in one of the kernel's headers; skips the test where it is not installed."""
    if not Path(path).is_file():
        pytest.skip(f"no {path}")
    found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", Path(path).read_text(), re.MULTILINE)
    return {name: int(number) for name, number in found}


@pytest.mark.parametrize(
    ("machine", "path"),
    [("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), ("aarch64", "/usr/include/asm-generic/unistd.h")],
)
def test_the_numbers_are_the_kernels(machine: str, path: str) -> None:
    kernels = headers(path)
    if "fstatat" in kernels:  # the generic header's word for what 64-bit machines call newfstatat
        kernels["newfstatat"] = kernels["fstatat"]
    ours = ARCHITECTURES[machine][1]
    younger = ours.keys() - kernels.keys()
    assert all(ours[name] > 440 for name in younger)
    assert {name: ours[name] for name in ours.keys() - younger} == {name: kernels[name] for name in ours.keys() - younger}
    # None of the sets' calls is without a number where the kernel has one.
    assert kernels.keys() & (ALLOWED | FORBIDDEN | REFUSED | DECIDED_BY_ARGUMENTS) <= ours.keys()


@machines
def test_what_is_not_opened_for_writing_is_not_truncated(machine: str) -> None:
    """Landlock 1 and 2 know no truncation, and these flags need no right to write there."""
    for name, at in (("open", 1), ("openat", 2)):
        if name not in ARCHITECTURES[machine][1]:
            continue
        for access, said in ((os.O_RDONLY, EACCES), (os.O_WRONLY, ALLOW), (os.O_RDWR, ALLOW), (3, EACCES)):
            assert answer(machine, number(machine, name), *[0] * at, access | os.O_TRUNC | os.O_CREAT) == said
            assert answer(machine, number(machine, name), *[0] * at, access | os.O_CREAT) == ALLOW
