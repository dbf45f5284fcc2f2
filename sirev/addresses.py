"""Addresses with credentials in them: used as they are, shown and recorded without."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

KEY = "SIREV_API_KEY"
"""The environment variable with a server's key. Not OPENAI_API_KEY: a key that is meant for somebody else must not go to whatever
server a recipe names."""
_CREDENTIALS = re.compile(r"\b(?!file:)([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s/?#]*@)?([^\s?#]*)(?:\?[^\s#]*=[^\s#]*)?(?:#\S*=\S*)?")
_MISTYPED = re.compile(r"(\burl\s*[=:]\s*)\S*@\S*")


def without_credentials(text: str) -> str:
    """A text with the user, password, query and fragment of each URL in it left out: what may be read by anybody.

    A query is left out whole, since tokens and signatures have many names there. Files' URLs have none of these. A setting
    `url` that has an @ elsewhere is left out whole: it is mistyped, and nobody knows which part is the password.
    """
    text = _CREDENTIALS.sub(r"\1\2", text) if "://" in text else text
    return _MISTYPED.sub(r"\1...", text) if "url" in text else text


@dataclass(frozen=True)
class Address:
    """Where a server is, as it may be shown, and apart from it what it takes to be let in."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """The address of a URL: its user and password as basic authentication, else the key of the environment as a token."""
        parts = urlsplit(url)
        user, at, host = parts.netloc.rpartition("@")
        headers = {}
        if at:
            headers["Authorization"] = f"Basic {base64.b64encode(unquote(user).encode()).decode()}"
        elif key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        return cls(urlunsplit((parts.scheme, host, parts.path, "", "")), headers, dict(parse_qsl(parts.query)))
