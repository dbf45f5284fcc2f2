"""Worked examples for few-shot rationales: everyday questions written for sirev, not taken from CommonsenseQA or a paper.

Each letter is right once, so that a base model sees no favourite. Like a template, they are never edited: keys only hold the
few-shot template's name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A question with five options, the reasoning towards one of them, and its letter."""

    stem: str
    options: tuple[str, ...]
    reasoning: str
    letter: str


EXAMPLES = (
    Example(
        "Marta's bread dough has not risen after two hours in a cold kitchen. What should she do first?",
        ("add more salt", "bake it at once", "move it somewhere warm", "slice it", "put it in the freezer"),
        "Dough rises because yeast makes gas, and yeast works slowly when it is cold. The kitchen is cold, so warmth is what "
        "is missing. Salt and freezing would slow the yeast further, and baking now would give a flat loaf.",
        "C",
    ),
    Example(
        "Where would you most likely look for a spare button that came with a new coat?",
        ("in the coat's inside pocket", "on a roof", "in a fuel tank", "at the post office", "under a bridge"),
        "Makers add a spare button so that the owner can mend the coat, so they leave it on the coat or with it. It usually "
        "hangs in a small bag on the label or in an inside pocket. The other places have nothing to do with the coat.",
        "A",
    ),
    Example(
        "The street lamps went on while the children were still playing outside. What did this tell them?",
        ("it had begun to rain", "school was starting", "the shops were open", "dinner was burnt", "it was getting dark"),
        "Street lamps are switched on when there is too little daylight to see by. So the lamps showed that evening had come. "
        "Rain, school, shops and dinner do not switch on the lamps.",
        "E",
    ),
    Example(
        "Why might a cyclist ring a bell on a narrow path?",
        ("to cool the brakes", "to warn a walker ahead", "to tighten the chain", "to save time on sleep", "to mend a tyre"),
        "A bell makes a sound that other people notice. On a narrow path a walker ahead may step into the way without knowing "
        "that a bicycle is coming. Ringing tells the walker, while it does nothing for brakes, chain or tyres.",
        "B",
    ),
    Example(
        "Paul wants to read in bed without waking his brother in the same room. What would help him most?",
        ("a louder radio", "an open curtain at noon", "a heavier blanket", "a small clip-on lamp", "a bowl of soup"),
        "To read at night Paul needs light, but a bright room would wake his brother. A small lamp clipped to the book lights "
        "only the page. A radio would be noisy, and a blanket or soup gives no light.",
        "D",
    ),
)
