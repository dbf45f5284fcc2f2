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
_ADDRESS = re.compile(
    r"(?<!\bfile)://"
    # A user, then a colon without a port's digits and a slash after it: a password follows, which goes on to the last @, as one
    # with a slash in it does. Without a colon, what stands after the first slash is no secret: hf://datasets/o/n@main, s3://b/k@2.
    r"""(?:[^\s/?#:"'\[]*:(?!\d*(?:[/?#\s]|\Z))(?:(?!://)\S)*@|[^\s/?#]*@)?"""
    # From here on everything matches, so that no part of a text is looked at twice.
    r"(?P<place>(?:(?!://)[^\s?#])*)(?P<query>\?[^\s#]*)?(?P<fragment>#\S*)?"
)
_SETTING = re.compile(r"(\burl\s*[=:]\s*)(\S+)")


def without_credentials(text: str) -> str:
    """A text with the user, password, query and fragment of each URL in it left out: what may be read by anybody.

    A query is left out whole, since tokens and signatures have many names there. Files' URLs have none of these. A setting
    `url` that has an @ elsewhere is left out whole: it is mistyped, and nobody knows which part is the password.
    """
    text = _ADDRESS.sub(_shown, text) if "://" in text else text
    return _SETTING.sub(lambda found: f"{found[1]}..." if "@" in found[2] else found[0], text) if "url" in text else text


def _shown(found: re.Match[str]) -> str:
    harmless = (part for part in (found["query"], found["fragment"]) if part and "=" not in part and "@" not in part)
    return f"://{found['place']}{''.join(harmless)}"


@dataclass(frozen=True)
class Address:
    """Where a server is, as it may be shown, and apart from it what it takes to be let in."""

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """The address of a URL: its user and password as basic authentication, else the key of the environment as a token.

        Raises ValueError where the URL has no host or a port that is none.
        """
        parts = urlsplit(url)
        if parts.hostname is None or parts.port == 0:  # asking for a port that is no number raises ValueError too
            raise ValueError("no host, or no port")
        user, at, host = parts.netloc.rpartition("@")
        headers = {}
        if at:
            headers["Authorization"] = f"Basic {base64.b64encode(unquote(user).encode()).decode()}"
        elif key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        return cls(urlunsplit((parts.scheme, host, parts.path, "", "")), headers, dict(parse_qsl(parts.query)))
