"""The card of a static Space that shows a page: its front matter is what the Hub sets the Space up by."""

from __future__ import annotations

from sirev.store.sharing.hub_card import TAG, card_bytes, made_by

_TITLE = 60
"""Characters of a title on the Hub's own pages."""


def space_card(title: str, about: str) -> bytes:
    """The README.md of a Space with this title; `about` is the page in a line."""
    from huggingface_hub import SpaceCardData

    colours = {"colorFrom": "indigo", "colorTo": "green"}
    data = SpaceCardData(
        title=title[:_TITLE], emoji="📈", sdk="static", app_file="index.html", pinned=False, tags=[TAG], **colours
    )
    return card_bytes(data, f"# {title}", about, made_by())
