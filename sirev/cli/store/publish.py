"""`sirev store publish`: a model, and optionally its answers, on the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from sirev.api.publish import publish
from sirev.printing import out, say, warn


def publish_model(model: str, repository: str, completions: bool, base: str | None, private: bool, path: Path | None) -> None:
    """Publish, and print the addresses of the pages."""
    say(f"sirev: publishing {model} as {repository} ...")
    done = publish(model, repository, completions=completions, base=base, private=private or None, store=path, on_warning=warn)
    for made in done:
        out(f"{made.page}: {'published' if made.changed else 'there already, unchanged'}, commit {made.commit[:12]}")
