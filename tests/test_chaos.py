"""Commands of all kinds on one store, three at a time, killed, ended and halted at random moments: nothing is lost or differs."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import sirev
from tests.commands import of_session
from tests.conftest import SIREV, Study, eventually, semantic_digests
from tests.store.soundness import assert_sound

PACKAGE = str(Path(sirev.__file__).parent)

AT_ONCE = 3
OTHER = ("--method", "sft", "--set", "T=2")
"""A second study, which shares steps with the first."""
ITERATE = (
    *(("iterate", "tiny_smoke", "--method", method) for method in ("sft", "dpo", "sft-dpo")),
    ("iterate", "tiny_smoke", *OTHER),
    ("iterate", "tiny_smoke", "--method", "sft", "--remote", "REMOTE"),
)
"""What is to come to its end, or to be ended by a signal; everything else may also find nothing to do, in a line."""
BESIDE = (
    ("store", "gc", "--dry-run"),
    ("store", "gc", "--yes"),
    ("store", "gc", "--yes", "--keep-models", "best"),
    ("store", "verify", "--repair"),
    ("store", "push", "REMOTE", "tiny_smoke"),
    ("store", "pull", "REMOTE", "tiny_smoke"),
    ("store", "export", "RUN", "ARCHIVE"),
    ("store", "import", "ARCHIVE"),
    ("store", "ls"),
    ("report", "tiny_smoke"),
    ("report", "html", "tiny_smoke", "--output", "PAGE"),
)
ENDINGS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGSTOP)
STATUS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}


@dataclass
class Command:
    """A command under way, and what was done to it."""

    words: tuple[str, ...]
    process: subprocess.Popen[str]
    ends: float
    """When a signal is due."""
    signal: signal.Signals | None
    halted: float | None = None

    def disturb(self) -> None:
        """Send the signal if it is due; a halted command goes on after a second."""
        now = time.monotonic()
        if self.halted is not None and now > self.halted + 1:
            self._send(signal.SIGCONT)
            self.halted, self.signal = None, None
        elif self.halted is None and self.signal is not None and now > self.ends:
            self._send(self.signal)
            if self.signal == signal.SIGSTOP:
                self.halted = now
            else:
                self.ends = float("inf")

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number) if number == signal.SIGINT else self.process.send_signal(number)

    def check(self) -> str:
        """How it ended, in a word; an error unless that is one of the ways in which it may."""
        _, stderr = self.process.communicate(timeout=300)
        status, asked = self.process.returncode, self.signal
        # Python itself answers a Ctrl-C that comes before it has found sirev.
        assert "Traceback" not in stderr or (asked == signal.SIGINT and PACKAGE not in stderr), (self.words, stderr)
        assert eventually(lambda: not of_session(self.process.pid)), (self.words, of_session(self.process.pid))
        allowed = {0} | ({-signal.SIGKILL} if asked == signal.SIGKILL else {STATUS[asked]} if asked in STATUS else set())
        if asked in STATUS:
            allowed.add(-asked)  # it came before the handlers were set
        if self.words[0] != "iterate" or "--remote" in self.words:  # there may be nothing to show, or nowhere to pull from, yet
            allowed |= {1, 2}
        assert status in allowed, (self.words, asked, status, stderr)
        return f"{' '.join(self.words[:2])}: {'as asked' if status == 0 else status}"


def commands(rng: random.Random, store: Path, folder: Path) -> Iterator[Command]:
    """Commands without end, each in a process group of its own."""
    for number in range(1_000_000):
        words = rng.choice(ITERATE if rng.random() < 0.5 else BESIDE)
        runs = [path.stem for path in (store / "runs").glob("*.json")]
        values = {
            "REMOTE": str(folder / "remote"),
            "RUN": rng.choice(runs) if runs else "tiny_smoke",
            "ARCHIVE": str(folder / f"{rng.randrange(3)}.tar.zst"),
            "PAGE": str(folder / f"{number}.html"),
        }
        call = [str(SIREV), *(values.get(word, word) for word in words), "--store", str(store)]
        process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
        due = time.monotonic() + rng.uniform(0.3, 8.0)
        yield Command(words, process, due, rng.choice(ENDINGS) if rng.random() < 0.5 else None)


def survives_chaos(expected: dict[str, str], folder: Path, seconds: float, seed: int) -> Counter[str]:
    """Chaos for so long; then every step has the digest of the undisturbed run, and store and shared store are whole."""
    rng = random.Random(seed)
    store = folder / "store"
    source = commands(rng, store, folder)
    under_way: list[Command] = []
    ended: Counter[str] = Counter()
    until = time.monotonic() + seconds
    try:
        while under_way or time.monotonic() < until:
            while len(under_way) < AT_ONCE and time.monotonic() < until:
                under_way.append(next(source))
            for command in under_way:
                command.disturb()
            for command in [one for one in under_way if one.process.poll() is not None]:
                under_way.remove(command)
                ended[command.check()] += 1
            time.sleep(0.02)
    finally:
        for command in under_way:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(command.process.pid, signal.SIGKILL)
            command.process.communicate()
    sirev.iterate("tiny_smoke", store=store)
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["T=2"], store=store)
    subprocess.run([str(SIREV), "store", "verify", "--store", str(store)], check=True, capture_output=True, timeout=600)
    assert {step: digest for step, digest in semantic_digests(sirev.Store(store)).items() if step in expected} == expected
    assert_sound(store)
    if (folder / "remote" / "sirev-store.json").exists():
        subprocess.run([str(SIREV), "store", "verify", "--store", str(folder / "remote")], check=True, timeout=600)
    return ended


@pytest.fixture(scope="module")
def undisturbed(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run and step -> digest, of both studies."""
    store = shutil.copytree(smoke.store.path, tmp_path_factory.mktemp("undisturbed") / "store")
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["T=2"], store=store)
    return semantic_digests(sirev.Store(store))


@pytest.mark.slow
def test_twenty_seconds_of_chaos_lose_nothing(undisturbed: dict[str, str], tmp_path: Path) -> None:
    assert survives_chaos(undisturbed, tmp_path, seconds=20, seed=0).total() > AT_ONCE


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1])
def test_ten_minutes_of_chaos_lose_nothing(undisturbed: dict[str, str], tmp_path: Path, seed: int) -> None:
    ended = survives_chaos(undisturbed, tmp_path, seconds=600, seed=seed)
    print("\n".join(f"{count:5} {words}" for words, count in sorted(ended.items())))  # for benchmarks/README.md
