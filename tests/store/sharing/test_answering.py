"""The first answer of a shared store, from a Hub that takes its time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sirev.errors import BadInput
from sirev.store.sharing import answering
from sirev.store.sharing.answering import await_answer
from sirev.store.sharing.backend import RemoteFailed
from sirev.store.sharing.remote import Remote
from tests.hub_server import HubServer

pytestmark = pytest.mark.usefixtures("impatient")
URL = "hf://datasets/team/study"


@pytest.fixture
def late(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Whether the Hub answers: nothing, until this is set."""
    answers = threading.Event()
    hub_server.add("datasets/team/study")

    def hold(method: str, path: str) -> None:
        answers.wait()

    hub_server.fault = hold
    monkeypatch.setattr(answering, "MOMENT_SECONDS", 0.1)
    yield answers
    answers.set()


def test_one_that_does_not_answer_is_given_up_soon(late: threading.Event) -> None:
    said: list[str] = []
    with pytest.raises(RemoteFailed, match="hf://datasets/team/study did not answer within"):
        await_answer(Remote(URL), said.append, 0.2)
    assert said == ["asking hf://datasets/team/study for what it has"]


def test_one_that_answers_late_is_waited_for(late: threading.Event) -> None:
    await_answer(Remote(URL), lambda text: late.set())


@pytest.fixture
def long_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No message on a slow machine."""
    monkeypatch.setattr(answering, "MOMENT_SECONDS", 600.0)


@pytest.mark.usefixtures("long_moment")
def test_a_refusal_is_an_answer(hub_server: HubServer) -> None:
    with pytest.raises(BadInput, match="does not exist, or you may not see it"):
        await_answer(Remote("hf://datasets/team/absent"), pytest.fail)


@pytest.mark.usefixtures("long_moment")
def test_a_place_with_nothing_in_it_answers(tmp_path_factory: pytest.TempPathFactory) -> None:
    await_answer(Remote(str(tmp_path_factory.mktemp("shared") / "new")), pytest.fail)


@pytest.mark.usefixtures("long_moment")
def test_an_empty_bucket_answers_without_listing_what_is_beside_it(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Remote(bucket)
    monkeypatch.setattr(type(remote.backend), "occupied", pytest.fail)
    await_answer(remote, pytest.fail)


@pytest.mark.usefixtures("long_moment")
def test_a_bucket_that_is_not_there_is_refused(bucket: str) -> None:
    with pytest.raises(BadInput, match="there is no bucket"):
        await_answer(Remote("s3://no-such-bucket/store"), pytest.fail)
