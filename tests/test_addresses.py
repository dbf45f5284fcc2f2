from __future__ import annotations

import pytest

from sirev.addresses import KEY, Address, without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://user:s3@host:80/v1", "http://host:80/v1"),
        ("http://s3@host", "http://host"),
        ("http://a:s3@b@host/v1", "http://host/v1"),
        ("https://host/v1?token=s3&x=1#k=s3", "https://host/v1"),
        ("is it http://host/v1?", "is it http://host/v1?"),
        ("no https://u:s3@h/a, nor s3a://k:s3@b/c?X-Amz-Signature=s3.", "no https://h/a, nor s3a://b/c"),
        ("hf://datasets/o/n", "hf://datasets/o/n"),
        ("http://host/a@b/v1", "http://host/a@b/v1"),
        ("file:///a?b@c", "file:///a?b@c"),
        ("me@example.org/a?b", "me@example.org/a?b"),
        ("/a?b#c", "/a?b#c"),
        ("--set engine.url=user:s3@h/v1: engine.url: user:s3@h/v1: no", "--set engine.url=... engine.url: ... no"),
        ("--set engine.url=http://user:s3/x@h/v1", "--set engine.url=..."),
    ],
)
def test_what_lets_in_is_not_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_an_address_knows_what_lets_in_and_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "k3y")
    found = Address.of("https://us%40er:s3%2F@host:8000/v1?token=s3")
    assert found.url == "https://host:8000/v1"
    assert found.headers == {"Authorization": "Basic dXNAZXI6czMv"}  # us@er:s3/
    assert found.query == {"token": "s3"}
    assert "s3" not in repr(found)
    assert Address.of("http://host/v1").headers == {"Authorization": "Bearer k3y"}
    monkeypatch.delenv(KEY)
    assert Address.of("http://host/v1") == Address("http://host/v1")
