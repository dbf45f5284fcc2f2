from __future__ import annotations

import os
import signal
import threading

import pytest

from sirev.processes import termination
from sirev.processes.termination import EXIT_STATUSES, Terminated, terminable, terminated_status

pytestmark = pytest.mark.usefixtures("never_asked")


@pytest.mark.parametrize("number", EXIT_STATUSES)
def test_a_signal_raises_terminated_and_its_status_is_known(number: signal.Signals) -> None:
    with pytest.raises(Terminated), terminable():
        os.kill(os.getpid(), number)
    assert terminated_status() == EXIT_STATUSES[number]


def test_the_handlers_of_before_are_back_after_the_block() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: heard.append(number))
    try:
        with pytest.raises(Terminated), terminable():
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert heard == [signal.SIGUSR2]


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminable():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert terminated_status() is None


def test_a_signal_soon_after_another_is_the_same_request_and_a_late_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminable():
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGTERM)
        monkeypatch.setattr(termination, "AGAIN_SECONDS", 0.0)
        with pytest.raises(Terminated):
            os.kill(os.getpid(), signal.SIGTERM)


def test_outside_the_main_thread_it_changes_nothing() -> None:
    before = {number: signal.getsignal(number) for number in EXIT_STATUSES}
    seen: list[object] = []

    def work() -> None:
        with terminable():
            seen.append({number: signal.getsignal(number) for number in EXIT_STATUSES})

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
