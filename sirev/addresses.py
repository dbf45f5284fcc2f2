"""Addresses with credentials: used in full, shown and recorded without the credentials."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

KEY = "SIREV_API_KEY"
"""The environment variable with a server's key. Not OPENAI_API_KEY: a key for OpenAI must not be sent to a server that a recipe
names."""
_ADDRESS = re.compile(
    r"(?<!\bfile)://"
    # A user and a colon that no port follows: the password reaches to the last @, since it may have slashes.
    # Without a colon, the text after the first slash is not a secret: hf://datasets/o/n@main, s3://b/k@2.
    r"""(?:[^\s/?#:"'\[]*:(?!\d*(?:[/?#\s]|\Z))(?:(?!://)\S)*@|[^\s/?#]*@)?"""
    # From here on everything matches, so that no part of a text is scanned twice.
    r"(?P<place>(?:(?!://)[^\s?#])*)(?P<query>\?[^\s#]*)?(?P<fragment>#\S*)?"
)
_SETTING = re.compile(r"(\burl\s*[=:]\s*)(\S+)")


def without_credentials(text: str) -> str:
    """The text without the user, password, query and fragment of each URL: safe to publish.

    A query or fragment with = or @ is removed whole, since tokens and signatures have many names there. file: URLs stay as they
    are. A setting `url` with an @ elsewhere is removed whole: it is mistyped, and any part of it may be the password.
    """
    text = _ADDRESS.sub(_shown, text) if "://" in text else text
    return _SETTING.sub(lambda found: f"{found[1]}..." if "@" in found[2] else found[0], text) if "url" in text else text


def _shown(found: re.Match[str]) -> str:
    harmless = (part for part in (found["query"], found["fragment"]) if part and "=" not in part and "@" not in part)
    return f"://{found['place']}{''.join(harmless)}"


@dataclass(frozen=True)
class Address:
    """Address of a server, split into a URL that may be shown and the credentials."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """The address of a URL: its user and password as basic authentication, else the key in the environment as a bearer token.

        Raises ValueError if the URL has no host or an invalid port.
        """
        parts = urlsplit(url)
        if parts.hostname is None or parts.port == 0:  # `parts.port` raises ValueError too, if it is not a number
            raise ValueError("no host, or no port")
        user, at, host = parts.netloc.rpartition("@")
        headers = {}
        if at:
            headers["Authorization"] = f"Basic {base64.b64encode(unquote(user).encode()).decode()}"
        elif key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        return cls(urlunsplit((parts.scheme, host, parts.path, "", "")), headers, dict(parse_qsl(parts.query)))
