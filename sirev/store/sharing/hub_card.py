"""Cards: README.md files for the Hugging Face Hub, and the one of a data set that holds a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sirev import __version__
from sirev.quoting import as_typed
from sirev.store.sharing.backend import Missing, Upload, patiently
from sirev.store.sharing.remote import Remote
from sirev.store.untrusted_files import META_BYTES

TAG = "sirev"
"""The tag of all published repositories."""
STORE_TAG = "sirev-store"
"""The tag of a data set that holds a store."""

CARD = "README.md"
_OURS = b"<!-- `sirev store push` writes this page; without this line it leaves the page alone. -->"


def card_bytes(data: Any, *parts: str) -> bytes:
    """The bytes of a README.md: front matter from huggingface_hub's card `data`, then the parts that are not blank."""
    body = "\n\n".join(part.strip() for part in parts if part.strip())
    return f"---\n{data.to_yaml()}\n---\n\n{body}\n".encode()


def commands_block(*commands: str) -> str:
    """A Markdown block of shell commands."""
    return "\n".join(["```sh", *commands, "```"])


def made_by() -> str:
    """The last line of a card."""
    return f"Published by sirev {__version__}."


def store_card(remote: Remote, run_ids: Sequence[str]) -> list[Upload]:
    """The upload of a shared store's card with these runs, as a list.

    Empty where the place shows no card, where the card is up to date, or where the user has written another.
    """
    if not remote.backend.shows_card:
        return []
    try:
        there = patiently(lambda: remote.backend.read(CARD, META_BYTES))
    except Missing:
        there = None
    made = _store_card(remote.url, run_ids)
    return [] if there == made or (there is not None and _OURS not in there) else [Upload(CARD, made, len(made))]


def _store_card(url: str, run_ids: Sequence[str]) -> bytes:
    from huggingface_hub import DatasetCardData

    name = url.rpartition("/")[2]
    return card_bytes(
        DatasetCardData(pretty_name=name, tags=[TAG, STORE_TAG], viewer=False),
        _OURS.decode(),
        f"# {name}",
        "Runs of sirev, which trains language models on their own answers and says whether that is progress or regress: models, "
        "completions, grades and statistics, each file named by its sha256 and checked as it is pulled.",
        "## Pull",
        commands_block(as_typed("sirev", "store", "pull", url), as_typed("sirev", "store", "pull", url, "--keep-models", "none")),
        "The second leaves the models out, which a report does not need.",
        "## Report",
        commands_block(
            as_typed("sirev", "report", "--run", run_ids[0]),
            as_typed("sirev", "report", "html", "--run", run_ids[0], "-o", "report.html"),
        ),
        "No GPU and no torch is needed. `sirev store verify --recompute 20` checks every byte and computes 20 steps again.",
        "## Runs",
        "\n".join(f"- `{run_id}`" for run_id in run_ids),
        made_by(),
    )
