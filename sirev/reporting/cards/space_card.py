"""The card of a static Space that shows a page. The Hub configures the Space by its front matter."""

from __future__ import annotations

from sirev.store.sharing.hub_card import TAG, card_bytes, made_by

_TITLE = 60
"""Longest title on the Hub's pages, in characters."""


def space_card(title: str, about: str) -> bytes:
    """The README.md of a Space. `about` describes the page in a line."""
    from huggingface_hub import SpaceCardData

    colours = {"colorFrom": "indigo", "colorTo": "green"}
    data = SpaceCardData(
        title=title[:_TITLE], emoji="📈", sdk="static", app_file="index.html", pinned=False, tags=[TAG], **colours
    )
    return card_bytes(data, f"# {title}", about, made_by())
